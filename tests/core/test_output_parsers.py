"""Output parsers: reasoning and tool calls that a self-hosted server left in the text."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_core.models.catalogue import resolve
from qwen_core.protocols.openai_chat import OpenAICompatible
from qwen_core.protocols.output_parsers import FilteringDecoder, output_filters
from qwen_core.protocols.stream_parser import parse_body
from qwen_core.types.accumulator import accumulate
from qwen_core.types.events import ChoiceEnd, Event, Finish, ReasoningDelta, TextDelta, ToolCallDelta
from qwen_core.types.messages import Message, TextPart, Tool
from qwen_core.types.requests import ChatRequest
from qwen_core.types.responses import ChatResponse

SAMPLES = Path(__file__).parent / "samples" / "compatible"

NEAR = {"anyOf": [{"type": "string"}, {"type": "null"}]}
WEATHER = Tool(
    "get_weather",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}, "near": NEAR},
    },
)
STOP = Finish(choices=(ChoiceEnd("stop", "stop"),), id="a1")
BLOCK = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "New  York"}}\n</tool_call>'
ARGUMENTS = '{"city": "New  York"}'


def request(**fields: Any) -> ChatRequest:
    fields.setdefault("tools", (WEATHER,))
    return ChatRequest(model="m", messages=(Message("user", (TextPart("hi"),)),), **fields)


def run(given: Sequence[Event], **fields: Any) -> ChatResponse:
    events = list(given)
    for one in output_filters(request(**fields)):
        events = [new for event in events for new in one.add(event)]
    return accumulate(events)


def outcome(response: ChatResponse) -> tuple[str, str, list[tuple[str, str]], str | None]:
    calls = [(call.name, call.arguments) for call in response.tool_calls]
    return response.reasoning, response.text, calls, response.finish_reason


def read(sample: str, **fields: Any) -> ChatResponse:
    decoder = OpenAICompatible().stream_decoder(resolve("m"))
    return parse_body(
        (SAMPLES / sample).read_bytes(), FilteringDecoder(decoder, output_filters(request(**fields)))
    )


CALLS: dict[str, tuple[str, str, list[tuple[str, str]]]] = {
    "no tag": ("Hello. ", "Hello. ", []),
    "json": (BLOCK, "", [("get_weather", ARGUMENTS)]),
    "text before": (f"Let me look.\n\n{BLOCK}", "Let me look.", [("get_weather", ARGUMENTS)]),
    "text after": (f"{BLOCK}\nDone.", f"{BLOCK}\nDone.", []),
    "two calls": (f"{BLOCK}\n{BLOCK}", "", [("get_weather", ARGUMENTS)] * 2),
    "arguments as a string": (
        '<tool_call>{"name": "get_weather", "arguments": "{\\"city\\": \\"Rome\\"}"}</tool_call>',
        "",
        [("get_weather", '{"city": "Rome"}')],
    ),
    "closing tag inside a string": (
        '<tool_call>{"name": "get_weather", "arguments": {"city": "</tool_call>"}}</tool_call>',
        "",
        [("get_weather", '{"city": "</tool_call>"}')],
    ),
    "no closing tag": (BLOCK.removesuffix("</tool_call>"), "", [("get_weather", ARGUMENTS)]),
    "xml": (
        "<tool_call>\n<function=get_weather>\n<parameter=city>\n42\n</parameter>\n<parameter=days>\n3\n</parameter>\n"
        "</function>\n</tool_call>",
        "",
        [("get_weather", '{"city":"42","days":3}')],
    ),
    "xml with a null": (
        "<tool_call><function=get_weather><parameter=city>null</parameter><parameter=near>null</parameter>"
        "</function></tool_call>",
        "",
        [("get_weather", '{"city":"null","near":null}')],
    ),
    "truncated": (BLOCK[:50], BLOCK[:50], []),
    "unknown tool": (BLOCK.replace("get_w", "w"), BLOCK.replace("get_w", "w"), []),
    "tags mentioned in prose": ("Write <tool_call> first.", "Write <tool_call> first.", []),
    "incomplete tag at the end": ("a <tool", "a <tool", []),
}


@pytest.mark.parametrize(("text", "visible", "calls"), CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_tool_call_parser_extracts_calls_from_text(
    text: str, visible: str, calls: list[tuple[str, str]], size: int
) -> None:
    events: list[Event] = [TextDelta(text[start : start + size]) for start in range(0, len(text), size)]
    found = run([*events, STOP], tool_call_parser="hermes")
    assert outcome(found) == ("", visible, calls, "tool_calls" if calls else "stop")
    assert len({call.id for call in found.tool_calls}) == len(calls)


THOUGHTS: dict[str, tuple[str, str, str, str]] = {
    "tagged": ("qwen3", "<think>\nOne.\n\nTwo.\n</think>\n\nHello. ", "One.\n\nTwo.", "Hello. "),
    "empty": ("qwen3", "<think>\n\n</think>\n\nHello", "", "Hello"),
    "not at the beginning": ("qwen3", "A <think> b </think>", "", "A <think> b </think>"),
    "never closed": ("qwen3", "<think>\nOne. </thi", "One. </thi", ""),
    "no tag": ("qwen3", "Hello", "", "Hello"),
    "incomplete opening tag": ("qwen3", "<thinking>", "", "<thinking>"),
    "starts inside reasoning": ("qwen3-thinking", "One.\n</think>\n\nHello", "One.", "Hello"),
    "starts inside reasoning, with the tag": ("qwen3-thinking", "<think>One.</think>Hello", "One.", "Hello"),
}


@pytest.mark.parametrize(("parser", "text", "reasoning", "visible"), THOUGHTS.values(), ids=THOUGHTS)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_reasoning_parser_extracts_reasoning_from_text(
    parser: str, text: str, reasoning: str, visible: str, size: int
) -> None:
    events: list[Event] = [TextDelta(text[start : start + size]) for start in range(0, len(text), size)]
    assert outcome(run([*events, STOP], reasoning_parser=parser)) == (reasoning, visible, [], "stop")


@given(st.lists(st.integers(1, 30), max_size=20))
def test_output_parsers_do_not_depend_on_chunk_boundaries(sizes: list[int]) -> None:
    text = f"<think>\nIt is  so.\n</think>\n\nLet me look.\n{BLOCK}\n{BLOCK}"
    events: list[Event] = []
    for size in [*sizes, len(text)]:
        events += [TextDelta(text[:size])] if text else []
        text = text[size:]
    found = run([*events, STOP], reasoning_parser="qwen3", tool_call_parser="hermes")
    assert outcome(found) == ("It is  so.", "Let me look.", [("get_weather", ARGUMENTS)] * 2, "tool_calls")


def test_output_parsers_are_off_by_default() -> None:
    assert output_filters(request()) == []
    assert output_filters(request(tools=(), tool_call_parser="hermes")) == []


def test_tool_call_parser_ignores_streams_with_structured_tool_calls() -> None:
    proper = ToolCallDelta(0, "{}", "call_1", "get_weather")
    end = Finish(choices=(ChoiceEnd("tool_calls", "tool_calls"),))
    orders: list[list[Event]] = [[TextDelta(BLOCK), proper, end], [proper, TextDelta(BLOCK), end]]
    for events in orders:
        found = run(events, tool_call_parser="hermes")
        assert outcome(found) == ("", BLOCK, [("get_weather", "{}")], "tool_calls")
        assert [call.id for call in found.tool_calls] == ["call_1"]


def test_reasoning_parser_ignores_streams_with_structured_reasoning() -> None:
    found = run([ReasoningDelta("Hm."), TextDelta("<think>x</think>y"), STOP], reasoning_parser="qwen3-thinking")
    assert outcome(found) == ("Hm.", "<think>x</think>y", [], "stop")


def test_tool_call_parser_extracts_a_call_that_ends_the_reasoning() -> None:
    found = run([ReasoningDelta(f"I look it up.\n{BLOCK}"), STOP], tool_call_parser="hermes")
    assert outcome(found)[2:] == ([("get_weather", ARGUMENTS)], "tool_calls")
    pondered = run([ReasoningDelta(f"Shall I? {BLOCK} No."), STOP], tool_call_parser="hermes")
    assert outcome(pondered)[2:] == ([], "stop")
    answered = run([ReasoningDelta(BLOCK), TextDelta("It rains."), STOP], tool_call_parser="hermes")
    assert outcome(answered)[2:] == ([], "stop")


THINKING_DISABLED: list[dict[str, Any]] = [
    {"enable_thinking": False},
    {"reasoning_effort": "none"},
    {"extra_body": {"chat_template_kwargs": {"enable_thinking": False}}},
    {"extra_body": {"enable_thinking": False}},
]


@pytest.mark.parametrize("fields", THINKING_DISABLED)
def test_reasoning_parser_expects_no_reasoning_when_thinking_is_disabled(fields: dict[str, Any]) -> None:
    for text in ("Paris.", "<think>\n\n</think>\n\nParis."):
        found = run([TextDelta(text), STOP], reasoning_parser="qwen3-thinking", **fields)
        assert outcome(found) == ("", "Paris.", [], "stop")


def test_output_parsers_decode_recorded_samples() -> None:
    both = {"reasoning_parser": "qwen3", "tool_call_parser": "hermes"}
    hermes = read("hermes_tool_json_in_content.json", **both)
    assert outcome(hermes) == ("Need weather.", "", [("get_weather", '{"city": "Hangzhou"}')], "tool_calls")
    xml = read("vllm_tool_xml_in_content.json", **both)
    assert outcome(xml) == ("", "Let me look.", [("get_weather", '{"city":"Hangzhou"}')], "tool_calls")
    assert outcome(read("think_tags_content_stream.sse", **both)) == ("The user greets me.", "Hello!", [], "stop")
