"""The steps that adapt a request to a model: skipping one that has nothing to do changes nothing."""

import random
from typing import Any

from qwen_core.models.catalogue import resolve
from qwen_core.models.profile import ModelProfile
from qwen_core.prepare.for_model import STEPS, adapt, warn_undocumented_media
from qwen_core.types.messages import ImagePart, Message, TextPart, Tool, ToolCallPart, has_media
from qwen_core.types.requests import ChatRequest

CACHE = {"type": "ephemeral"}
MESSAGES = [
    Message("system", (TextPart("You are terse.", CACHE),)),
    Message("system", (TextPart("Write JSON."),)),
    Message("user", (TextPart("Hi"),)),
    Message("user", (ImagePart("https://x.example/y.png"), TextPart("What is it?"))),
    Message("assistant", (TextPart("Hello"),)),
    Message("assistant", (TextPart("Hel"),), partial=True),
    Message("assistant", (ToolCallPart("1", "t", "{}"),)),
    Message("tool", (TextPart("3"),), tool_call_id="1"),
]
TOOLS = [(), (Tool("t"),), (Tool("t", cache_control=CACHE), Tool("u"))]
MODELS = ["qwen-plus", "qwq-plus", "qwen-mt-plus", "qwen3-vl-plus", "my-own", "qwen3.7-max", "qwen-max"]
PARAMETERS: dict[str, list[Any]] = {
    "enable_thinking": [True, False],
    "thinking_budget": [100],
    "reasoning_effort": ["none", "low", "high"],
    "preserve_thinking": [True],
    "max_completion_tokens": [5],
    "enable_code_interpreter": [True],
    "tool_choice": ["auto", "required", "t", "none"],
    "response_format": [{"type": "json_object"}, {"type": "json_schema", "json_schema": {"schema": {}}}],
    "search_options": [{"forced_search": True}],
    "server_tools": [({"type": "web_search"},)],
}


def adapt_by_all_steps(request: ChatRequest, profile: ModelProfile) -> tuple[ChatRequest, tuple[str, ...]]:
    """Return what ``adapt`` would if it skipped no step but the one that is never called without media."""
    warnings: list[str] = []
    for step, _ in STEPS:
        if step is not warn_undocumented_media or has_media(request.messages):
            request = step(request, profile, warnings)
    return request, tuple(warnings)


def test_skipped_steps_change_nothing() -> None:
    choose = random.Random(18)
    for _ in range(5000):
        parameters: dict[str, Any] = {
            name: choose.choice(values) for name, values in PARAMETERS.items() if choose.random() < 0.25
        }
        request = ChatRequest(
            model=choose.choice(MODELS),
            messages=tuple(choose.choices(MESSAGES, k=choose.randint(0, 4))),
            tools=choose.choice(TOOLS),
            **parameters,
        )
        profile = resolve(request.model)
        assert adapt(request, profile) == adapt_by_all_steps(request, profile)
