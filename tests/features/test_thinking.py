"""Thinking on every surface: the parameters sent, and reasoning returned as reasoning."""

import warnings
from typing import Any

import pytest

from qwen_core.errors import QwenWarning
from qwen_core.models.catalogue import resolve
from qwen_core.prepare.for_model import adapt
from qwen_core.protocols.messages import encode_messages
from qwen_core.protocols.openai_chat.encode import encode_content
from qwen_core.types.messages import Message, ReasoningPart, TextPart, ToolCallPart
from qwen_core.types.requests import ChatRequest
from qwen_emulator import Emulator, Reply
from tests.features.conftest import Ask

THOUGHT = Reply(text="Rayleigh scattering.", reasoning="Short waves scatter more.")

OPTIONAL_ON, OPTIONAL_OFF, ALWAYS, NEVER = "qwen3.7-plus", "qwen-plus", "qwq-plus", "qwen-max"
EFFORTS, OPEN = "qwen3.8-max", "qwen3-32b"


@pytest.mark.parametrize("model", [OPTIONAL_ON, OPTIONAL_OFF, ALWAYS, EFFORTS, OPEN])
def test_enable_thinking_returns_reasoning_beside_text(model: str, ask: Ask, qwen_emulator: Emulator) -> None:
    qwen_emulator.reply(THOUGHT)
    seen = ask(model=model, enable_thinking=True)
    assert (seen.text, seen.reasoning, seen.finish_reason) == (THOUGHT.text, THOUGHT.reasoning, "stop")
    assert seen.reasoning_tokens
    assert not seen.empty_after_thinking


@pytest.mark.parametrize("model", [ALWAYS, OPEN])
def test_stream_only_model_is_streamed_for_complete_calls(model: str, ask: Ask, qwen_emulator: Emulator) -> None:
    seen = ask(model=model)
    assert seen.text and seen.reasoning
    assert qwen_emulator.last_request.stream


@pytest.mark.parametrize("finish_reason", ["stop", "length"])
def test_empty_response_after_thinking_is_flagged(finish_reason: str, ask: Ask, qwen_emulator: Emulator) -> None:
    qwen_emulator.reply(Reply(text="", reasoning="Round and round.", finish_reason=finish_reason))
    seen = ask(enable_thinking=True)
    assert (seen.text, seen.reasoning) == ("", "Round and round.")
    assert (seen.finish_reason, seen.empty_after_thinking) == (finish_reason, True)
    assert seen.reasoning_tokens


def test_enable_thinking_with_enable_search(ask: Ask, qwen_emulator: Emulator) -> None:
    seen = ask(enable_thinking=True, enable_search=True)
    assert seen.text and seen.reasoning
    assert qwen_emulator.last_request.parameters["enable_search"] is True


def test_enable_thinking_with_json_object(ask: Ask, qwen_emulator: Emulator) -> None:
    seen = ask(
        "Paris in JSON",
        model=OPTIONAL_ON,
        enable_thinking=True,
        extra_body={"response_format": {"type": "json_object"}},
    )
    assert seen.text.startswith("{") and seen.reasoning


THINKING_CASES: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    # model, fields set, fields sent, text of the warning
    (OPTIONAL_ON, {}, {}, ""),
    (OPTIONAL_ON, {"enable_thinking": False}, {"enable_thinking": False}, ""),
    (OPTIONAL_OFF, {"thinking_budget": 99}, {"thinking_budget": 99}, ""),
    (NEVER, {"enable_thinking": True}, {}, "cannot think"),
    (NEVER, {"enable_thinking": False}, {}, ""),
    (NEVER, {"thinking_budget": 99}, {}, "cannot think"),
    (NEVER, {"reasoning_effort": "low"}, {}, "cannot think"),
    (NEVER, {"reasoning_effort": "none"}, {}, ""),
    (ALWAYS, {"enable_thinking": False}, {}, "always thinks"),
    (ALWAYS, {"enable_thinking": True}, {"enable_thinking": True}, ""),
    (ALWAYS, {"reasoning_effort": "none"}, {}, "always thinks"),
    (ALWAYS, {"reasoning_effort": "low"}, {"thinking_budget": 4096}, ""),
    (EFFORTS, {"reasoning_effort": "low"}, {"reasoning_effort": "low"}, ""),
    (EFFORTS, {"reasoning_effort": "none"}, {"reasoning_effort": "none"}, ""),
    (EFFORTS, {"thinking_budget": 99}, {"thinking_budget": 99}, ""),
    (EFFORTS, {"reasoning_effort": "low", "thinking_budget": 99}, {"reasoning_effort": "low"}, "not both"),
    (EFFORTS, {"reasoning_effort": "low", "enable_thinking": False}, {"enable_thinking": False}, "contradicts"),
    (OPTIONAL_OFF, {"reasoning_effort": "none"}, {"enable_thinking": False}, ""),
    (OPTIONAL_OFF, {"reasoning_effort": "low"}, {"enable_thinking": True, "thinking_budget": 4096}, ""),
    (OPTIONAL_OFF, {"reasoning_effort": "high"}, {"enable_thinking": True}, ""),
    (OPTIONAL_OFF, {"enable_thinking": False, "thinking_budget": 99}, {"enable_thinking": False}, "has no effect"),
    (EFFORTS, {"preserve_thinking": False}, {"preserve_thinking": False}, ""),
    ("some-model", {"reasoning_effort": "low"}, {"reasoning_effort": "low"}, ""),
]  # fmt: skip
FIELDS = ("enable_thinking", "thinking_budget", "reasoning_effort", "preserve_thinking")


@pytest.mark.parametrize(("model", "asked", "sent", "warning"), THINKING_CASES)
def test_thinking_parameters_are_prepared(
    model: str, asked: dict[str, Any], sent: dict[str, Any], warning: str
) -> None:
    request = ChatRequest(model=model, messages=(Message("user", (TextPart("hi"),)),), **asked)
    changed, said = adapt(request, resolve(model))
    assert {name: value for name in FIELDS if (value := getattr(changed, name)) is not None} == sent
    assert [warning in text for text in said] == ([True] if warning else [])
    assert [getattr(request, name) for name in FIELDS] == [asked.get(name) for name in FIELDS]


@pytest.mark.parametrize(("model", "asked", "sent", "warning"), THINKING_CASES[1::3])
def test_thinking_parameters_are_sent(
    model: str,
    asked: dict[str, Any],
    sent: dict[str, Any],
    warning: str,
    ask: Ask,
    qwen_emulator: Emulator,
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", QwenWarning)
        ask(model=model, **asked)
    parameters = qwen_emulator.last_request.parameters
    assert {name: parameters[name] for name in FIELDS if name in parameters} == sent


ROUND = (
    Message("user", (TextPart("q1"),)),
    Message("assistant", (ReasoningPart("old"), TextPart("a1"))),
    Message("user", (TextPart("q2"),)),
    Message("assistant", (ReasoningPart("because"), ToolCallPart("c1", "f", "{}"))),
    Message("tool", (TextPart("42"),), tool_call_id="c1"),
)


@pytest.mark.parametrize(
    ("model", "preserve", "replayed"),
    [
        (OPTIONAL_ON, None, ["because"]),
        (OPTIONAL_ON, True, ["old", "because"]),
        (EFFORTS, None, ["old", "because"]),
        (EFFORTS, False, ["because"]),
    ],
)
def test_preserve_thinking_decides_replayed_reasoning_content(
    model: str, preserve: bool | None, replayed: list[str]
) -> None:
    request = ChatRequest(model=model, messages=ROUND, preserve_thinking=preserve)
    sent = encode_messages(request, resolve(model), encode_content)
    assert [message.reasoning_content for message in sent if message.reasoning_content] == replayed
    assert all("because" not in str(message.content) and "old" not in str(message.content) for message in sent)
