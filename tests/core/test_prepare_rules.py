"""What the package itself makes of a request is never refused: efforts, budgets, choices, switches, limits."""

from typing import Any

import pytest

from qwen_core.models.catalogue import all_models, resolve
from qwen_core.prepare.for_model import adapt
from qwen_core.types.messages import Message, TextPart, Tool
from qwen_core.types.requests import ChatRequest

USER = Message("user", (TextPart("hi"),))
F, G = Tool("f"), Tool("g")
SEARCH = ({"type": "web_search"},)


def adapted(model: str, protocol: Any = "openai", **fields: Any) -> tuple[ChatRequest, tuple[str, ...]]:
    return adapt(ChatRequest(model=model, messages=(USER,), **fields), resolve(model), protocol)


@pytest.mark.parametrize("effort", ["minimal", "low", "medium", "high"])
@pytest.mark.parametrize("limit", [1, 2, 2000, 4096, 4097, 100_000])
@pytest.mark.parametrize("model", ["qwen3.7-max", "qwen-plus", "qwen3.5-plus"])
def test_budget_of_an_effort_stays_below_max_completion_tokens(model: str, effort: str, limit: int) -> None:
    request, _ = adapted(model, reasoning_effort=effort, max_completion_tokens=limit)
    assert request.thinking_budget is None or 0 < request.thinking_budget < limit
    assert request.enable_thinking is True


def test_lowered_budget_warns_and_a_budget_of_the_caller_is_sent() -> None:
    _, (warning,) = adapted("qwen3.7-max", reasoning_effort="low", max_completion_tokens=2000)
    assert "thinking_budget of 4096" in warning and "1000 was sent" in warning
    request, _ = adapted("qwen3.7-max", thinking_budget=5000, max_completion_tokens=2000)
    assert (request.thinking_budget, request.max_completion_tokens) == (5000, 2000)


@pytest.mark.parametrize("model", ["qwen3.7-plus", "qwen3.8-max", "qwen3-32b", "glm-5.2", "deepseek-v4-pro"])
def test_several_choices_switch_default_thinking_off(model: str) -> None:
    request, warnings = adapted(model, n=2)
    assert request.enable_thinking is False
    assert len(warnings) == 1 and "n=2 is accepted only without thinking" in warnings[0]


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("qwen3.7-plus", {"n": 2, "enable_thinking": True}),
        ("qwen3.7-plus", {"n": 2, "extra_body": {"enable_thinking": True}}),
        ("qwen3.8-max", {"n": 2, "reasoning_effort": "low"}),
        ("qwen3.7-plus", {"n": 1}),
        ("qwen-plus", {"n": 2}),
        ("qwen-max", {"n": 2}),
    ],
)
def test_several_choices_leave_requested_or_absent_thinking_alone(model: str, fields: dict[str, Any]) -> None:
    request, warnings = adapted(model, **fields)
    assert request.enable_thinking is fields.get("enable_thinking")
    assert warnings == ()


@pytest.mark.parametrize("model", ["MiniMax/MiniMax-M3", "MiniMax-M3"])
@pytest.mark.parametrize(
    ("fields", "thinking"),
    [
        ({"enable_thinking": False}, {"type": "disabled"}),
        ({"enable_thinking": True}, {"type": "adaptive"}),
        ({"reasoning_effort": "none"}, {"type": "disabled"}),
        ({"enable_thinking": False, "extra_body": {"thinking": {"type": "x"}}}, {"type": "x"}),
        ({}, None),
    ],
)
def test_thinking_switch_of_minimax_is_its_own(model: str, fields: dict[str, Any], thinking: object) -> None:
    request, _ = adapted(model, **fields)
    assert (request.extra_body or {}).get("thinking") == thinking
    assert request.enable_thinking is None and request.thinking_budget is None


@pytest.mark.parametrize("model", ["ZHIPU/GLM-5.3", "ZHIPU/GLM-5.3-Flash", "glm-5.3"])
def test_glm_5_3_is_never_told_not_to_think_and_clears_thinking(model: str) -> None:
    request, (warning,) = adapted(model, enable_thinking=False)
    assert request.enable_thinking is None and "always thinks" in warning
    request, _ = adapted(model, preserve_thinking=True)
    assert request.extra_body == {"clear_thinking": False}


def test_kimi_k3_accepts_the_switch() -> None:
    request, warnings = adapted("kimi-k3", enable_thinking=False)
    assert (request.enable_thinking, warnings) == (False, ())


@pytest.mark.parametrize(
    ("model", "effort", "sent"),
    [
        ("qwen3.8-max", "high", "xhigh"),
        ("qwen3.8-max", "max", "xhigh"),
        ("qwen3.8-flash", "minimal", "low"),
        ("qwen3.8-max", "low", "low"),
        ("qwen3.8-max", "ultra", "ultra"),
        ("deepseek-v4.1-flash", "ultra", "max"),
        ("deepseek-v4-pro", "high", "high"),
        ("glm-5.1", "max", "max"),
        ("kimi-k3", "max", "max"),
    ],
)
def test_effort_names_with_the_same_meaning_are_translated(model: str, effort: str, sent: str) -> None:
    assert adapted(model, reasoning_effort=effort)[0].reasoning_effort == sent


@pytest.mark.parametrize(
    ("model", "fields", "warned"),
    [
        # the chat API
        ("deepseek-v4-pro", {"max_tokens": 9}, "max_tokens limits reasoning and answer"),
        ("glm-5.3", {"max_tokens": 9}, "max_tokens limits reasoning and answer"),
        ("ZHIPU/GLM-5.3", {"max_tokens": 9}, "max_tokens limits reasoning and answer"),
        ("vanchin/deepseek-v4.1-flash", {"max_tokens": 9, "enable_thinking": True}, "max_tokens limits reasoning"),
        ("deepseek-v4-pro", {"max_tokens": 9, "enable_thinking": False}, None),
        ("deepseek-v4-pro", {"max_completion_tokens": 9}, None),
        ("qwen3.7-plus", {"max_tokens": 9}, None),
        ("qwen3.8-max", {"max_tokens": 9}, None),
        # the Responses API
        ("qwen3.8-max", {"max_tokens": 9, "server_tools": SEARCH}, "max_tokens limits reasoning and answer"),
        ("qwen3.8-max", {"max_completion_tokens": 9, "server_tools": SEARCH}, None),
        ("qwen3.7-plus", {"max_tokens": 9, "server_tools": SEARCH}, None),
        ("qwen3.7-plus", {"max_completion_tokens": 9, "server_tools": SEARCH}, "limits only the answer"),
        ("qwen3.7-plus", {"max_completion_tokens": 9, "previous_response_id": "r"}, "limits only the answer"),
    ],
)
def test_limits_that_bound_something_else_are_named(
    model: str, fields: dict[str, Any], warned: str | None
) -> None:
    _, warnings = adapted(model, **fields)
    assert [warned in warning for warning in warnings] == ([True] if warned else [])  # type: ignore[operator]


def test_required_tool_choice_is_sent_where_it_was_recorded() -> None:
    assert adapted("qwen-plus", tools=(F,), tool_choice="required")[0].tool_choice == "required"
    for model, protocol in (("qwen-plus", "dashscope"), ("qwen3-max", "openai")):
        assert adapted(model, protocol, tools=(F,), tool_choice="required")[0].tool_choice == "f"
    thinking = adapted("qwen-plus", tools=(F,), tool_choice="required", enable_thinking=True)[0]
    assert thinking.tool_choice == "auto"
    request, (warning,) = adapted("qwen-plus", tools=(F, G), tool_choice="required")
    assert request.tool_choice == "auto"
    assert 'extra_body={"tool_choice": "required"}' in warning


def test_no_switch_is_sent_that_the_family_refuses() -> None:
    """No model of the catalog that always thinks, or has a switch of its own, gets enable_thinking=False."""
    for model in all_models():
        profile = resolve(model)
        for wanted in (True, False):
            request, _ = adapted(model, enable_thinking=wanted)
            if profile.thinking == "always" or profile.thinking_switch != "enable_thinking":
                assert request.enable_thinking is not False
            if profile.thinking == "none":
                assert request.enable_thinking is None
