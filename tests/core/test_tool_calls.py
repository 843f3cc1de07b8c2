"""Assembling tool calls from stream fragments, in every form that servers send."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_core.adapters.tool_arguments import parse_arguments
from qwen_core.errors import InvalidResponseError
from qwen_core.models.catalogue import resolve
from qwen_core.protocols.openai_chat import OpenAICompatible
from qwen_core.types.accumulator import accumulate
from qwen_core.types.events import Event

PROTOCOL = OpenAICompatible()
Fragment = tuple[Any, Any, Any, Any]  # id, index, name, arguments

# case -> chunks of fragments, and the tool calls (name, arguments) they form
CASES: dict[str, tuple[list[list[Fragment]], list[tuple[str, str]]]] = {
    "documented": ([[("a", 0, "f", "")], [("", 0, None, '{"x"')], [("", 0, None, ":1}")]], [("f", '{"x":1}')]),
    "id and name repeated": ([[("a", 0, "f", '{"x"')], [("a", 0, "f", ":1}")]], [("f", '{"x":1}')]),
    "empty name later": ([[("a", 0, "f", "{")], [("a", 0, "", "}")]], [("f", "{}")]),
    "null arguments first": ([[("a", 0, "f", None)], [(None, 0, None, "{}")]], [("f", "{}")]),
    "no index": ([[("a", None, "f", "{")], [(None, None, None, "}")]], [("f", "{}")]),
    "no index, two calls by id": (
        [[("a", None, "f", "{")], [("a", None, None, "}")], [("b", None, "g", "{}")]],
        [("f", "{}"), ("g", "{}")],
    ),
    "index drifts": ([[("a", 1, "f", "")], [("", 0, None, '{"a":')], [("", 0, None, "1}")]], [("f", '{"a":1}')]),
    "two calls at one index": (
        [[("a", 0, "f", '{"a":1}')], [("b", 0, "g", '{"b"')], [("", 0, None, ":2}")]],
        [("f", '{"a":1}'), ("g", '{"b":2}')],
    ),
    "huge index": ([[("a", 200000, "f", "{")], [("", 200000, None, "}")]], [("f", "{}")]),
    "two calls in one chunk": (
        [[("a", 0, "f", "{"), ("b", 1, "g", "{")], [("", 1, None, "}"), ("", 0, None, "}")]],
        [("f", "{}"), ("g", "{}")],
    ),
    "two complete calls without id or index": (
        [[(None, None, "f", "{}"), (None, None, "f", "{}")]],
        [("f", "{}")] * 2,
    ),
    "new id per fragment": ([[("a", 0, "f", "{")], [("b", 0, None, "}")]], [("f", "{}")]),
    "no ids, told apart by name": (
        [[(None, None, "f", "{}")], [(None, None, "g", "{}")]],
        [("f", "{}"), ("g", "{}")],
    ),
    "no ids, no index, the name repeated": ([[(None, None, "f", "{")], [(None, None, "f", "}")]], [("f", "{}")]),
    "equal fragments": (
        [[("a", 0, "f", '{"a":"')], *([("", 0, None, piece)] for piece in ("ha", "ha", '"}'))],
        [("f", '{"a":"haha"}')],
    ),
    "id in a later fragment": ([[(None, 0, "f", "{")], [("a", 0, None, "}")]], [("f", "{}")]),
    "arguments as an object": ([[("a", 0, "f", {"x": 1})]], [("f", '{"x":1}')]),
    "white space in arguments": (
        [[("a", 0, "f", '{"city": "New')], [("", 0, None, ' York"}')]],
        [("f", '{"city": "New York"}')],
    ),
    "growing integer": ([[("a", 0, "f", '{"a":1')], [("", 0, None, "0}")]], [("f", '{"a":10}')]),
}


def answer(chunks: list[list[Fragment]]) -> list[tuple[str, str, str]]:
    """Decode these chunks and return (id, name, arguments) of each tool call."""
    decoder = PROTOCOL.stream_decoder(resolve("qwen-plus"))
    events: list[Event] = []
    for chunk in chunks:
        calls = [
            {"id": id, "index": index, "function": {"name": name, "arguments": arguments}}
            for id, index, name, arguments in chunk
        ]
        events += decoder.feed(
            msgspec.json.encode({"id": "chatcmpl-1", "choices": [{"delta": {"tool_calls": calls}}]})
        )
    events += decoder.feed(b'{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}')
    events += decoder.close()
    return [(call.id, call.name, call.arguments) for call in accumulate(events).tool_calls]


@pytest.mark.parametrize("name", CASES)
def test_tool_call_fragments_are_assembled(name: str) -> None:
    chunks, wanted = CASES[name]
    calls = answer(chunks)
    assert [call[1:] for call in calls] == wanted
    assert len({call[0] for call in calls}) == len(calls)
    assert all(call[0] for call in calls)


def test_repeated_tool_call_id_and_name_are_emitted_once() -> None:
    decoder = PROTOCOL.stream_decoder(resolve("qwen-plus"))
    chunk = (
        b'{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"x"}}]}}]}'
    )
    first, second = *decoder.feed(chunk), *decoder.feed(chunk)
    assert (first.id, first.name) == ("a", "f")
    assert (second.id, second.name) == (None, None)


def test_too_many_tool_calls_raise_invalid_response_error() -> None:
    with pytest.raises(InvalidResponseError, match="tool calls"):
        answer([[(f"id{number}", number, "f", "")] for number in range(2000)])


@given(st.lists(st.text(max_size=5), max_size=8))
def test_tool_call_arguments_are_joined_from_fragments(pieces: list[str]) -> None:
    chunks: list[list[Fragment]] = [[("a", 0, "f", "")], *([("", 0, None, piece)] for piece in pieces)]
    assert answer(chunks)[0][2] == "".join(pieces)


@pytest.mark.parametrize(
    ("text", "truncated", "value"),
    [
        ('{"a": 1}', False, {"a": 1}),
        ("", False, {}),
        ("  ", False, {}),
        ("null", False, {}),
        ("", True, None),
        ('{"path": "/tm', True, None),
        ('{"path": "/tm', False, None),
        ("[1]", False, None),
        ('"text"', False, None),
        ('{"a": 1}{"b": 2}', False, None),
        ('{"a": "中"}', False, {"a": "中"}),
        ("[" * 100000, False, None),
    ],
)
def test_parse_arguments_accepts_only_complete_json_objects(
    text: str, truncated: bool, value: dict[str, Any] | None
) -> None:
    arguments, reason = parse_arguments(text, truncated=truncated)
    assert arguments == value
    assert (reason is None) == (value is not None)
