"""Tool calls in any fragmentation: one table of cases (checklist 5, 8)."""

import json
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ToolCallBlock
from pydantic import SecretStr

from llama_index_qwen import Qwen, UnusableAnswerError
from qwen_core.errors import QwenWarning
from qwen_emulator import Emulator, RawReply
from tests.llama_index.conftest import KEY, raw

Fragment = dict[str, Any]
Calls = list[tuple[str, dict[str, Any]]]

TOOL = {"type": "function", "function": {"name": "f", "description": "", "parameters": {"type": "object"}}}
ABSENT = object()


def fragment(arguments: Any = "", *, id: Any = ABSENT, name: Any = ABSENT, index: Any = ABSENT) -> Fragment:
    function = {"name": name, "arguments": arguments}
    made = {"id": id, "index": index, "type": "function", "function": _present(function)}
    return _present(made)


def _present(fields: Fragment) -> Fragment:
    return {key: value for key, value in fields.items() if value is not ABSENT}


F, G = ("f", {"a": 1}), ("g", {"b": 2})

# Each row: the fragments by chunk, and the tool calls they form.
CASES: dict[str, tuple[list[list[Fragment]], Calls]] = {
    "as documented": (
        [[fragment('{"a"', id="c0", name="f", index=0)], [fragment(":1}", id="", index=0)]],
        [F],
    ),
    "id and name repeated": (
        [[fragment('{"a"', id="c0", name="f", index=0)], [fragment(":1}", id="c0", name="f", index=0)]],
        [F],
    ),
    "id and name null": (
        [[fragment('{"a"', id="c0", name="f", index=0)], [fragment(":1}", id=None, name=None, index=0)]],
        [F],
    ),
    "id and name empty": (
        [[fragment('{"a"', id="c0", name="f", index=0)], [fragment(":1}", id="", name="", index=0)]],
        [F],
    ),
    "no ids": ([[fragment('{"a"', name="f", index=0)], [fragment(":1}", index=0)]], [F]),
    "no index": (
        [
            [fragment('{"a"', id="c0", name="f")],
            [fragment(":1}")],
            [fragment('{"b":', id="c1", name="g")],
            [fragment("2}")],
        ],
        [F, G],
    ),
    "drifting index": (
        [[fragment('{"a"', id="c0", name="f", index=1)], [fragment(":1}", id="", index=0)]],
        [F],
    ),
    "two calls at one index": (
        [
            [fragment('{"a":1}', id="c0", name="f", index=0)],
            [fragment('{"b"', id="c1", name="g", index=0)],
            [fragment(":2}", id="", index=0)],
        ],
        [F, G],
    ),
    "huge index": ([[fragment('{"a":1}', id="c0", name="f", index=200000)]], [F]),
    "two calls in one chunk": (
        [[fragment('{"a":1}', id="c0", name="f", index=0), fragment('{"b":2}', id="c1", name="g", index=1)]],
        [F, G],
    ),
    "interleaved calls": (
        [
            [fragment('{"a"', id="c0", name="f", index=0)],
            [fragment('{"b"', id="c1", name="g", index=1)],
            [fragment(":1}", index=0)],
            [fragment(":2}", index=1)],
        ],
        [F, G],
    ),
    "arguments null, then text": (
        [[fragment(None, id="c0", name="f", index=0)], [fragment('{"a":1}', index=0)]],
        [F],
    ),
    "split inside a string": (
        [[fragment('{"city":"New ', id="c0", name="f", index=0)], [fragment('York City"}', index=0)]],
        [("f", {"city": "New York City"})],
    ),
    "split inside an escape": (
        [
            [fragment('{"s":"a\\', id="c0", name="f", index=0)],
            [fragment("n\\u4e", index=0)],
            [fragment('2d"}', index=0)],
        ],
        [("f", {"s": "a\n中"})],
    ),
    "valid JSON before the last fragment": (
        [[fragment('{"a":1', id="c0", name="f", index=0)], [fragment("0}", index=0)]],
        [("f", {"a": 10})],
    ),
    "no arguments": ([[fragment("", id="c0", name="f", index=0)]], [("f", {})]),
    "arguments as an object": ([[fragment({"a": 1}, id="c0", name="f", index=0)]], [F]),
}

BROKEN: dict[str, tuple[str, str]] = {
    "not JSON": ('{"a": oops}', "tool_calls"),
    "not an object": ("[1]", "tool_calls"),
    "truncated": ('{"path": "/", "recursive": tr', "length"),
    "truncated to valid JSON": ("", "length"),
}


def streamed(chunks: list[list[Fragment]], finish_reason: str) -> RawReply:
    deltas: list[dict[str, Any]] = [{"delta": {"content": None, "tool_calls": chunk}} for chunk in chunks]
    deltas.append({"delta": {}, "finish_reason": finish_reason})
    lines = [
        b"data: " + json.dumps({"id": "chatcmpl-1", "choices": [{"index": 0, **delta}]}).encode() + b"\n\n"
        for delta in deltas
    ]
    return RawReply(headers={"Content-Type": "text/event-stream"}, segments=[*lines, b"data: [DONE]\n\n"])


def selected(llm: Qwen, response: ChatResponse) -> Calls:
    selections = llm.get_tool_calls_from_response(response, error_on_no_tool_call=False)
    return [(selection.tool_name, selection.tool_kwargs) for selection in selections]


@pytest.fixture
def llm(service: Emulator) -> Qwen:
    """Return a model on the OpenAI-compatible protocol; the native one has its own table in the core tests."""
    return Qwen(api_key=SecretStr(KEY), base_url=service.base_url, protocol="openai")


@pytest.mark.parametrize(("chunks", "expected"), CASES.values(), ids=CASES.keys())
def test_tool_call_fragments_are_assembled(
    llm: Qwen, service: Emulator, chunks: list[list[Fragment]], expected: Calls
) -> None:
    service.reply(streamed(chunks, "tool_calls"))
    question = [ChatMessage(role="user", content="Call.")]
    received = list(llm.stream_chat(question, tools=[TOOL]))
    for chunk in received:
        selected(llm, chunk)  # agents call it on every chunk
    last = received[-1]
    assert selected(llm, last) == expected
    blocks = [block for block in last.message.blocks if isinstance(block, ToolCallBlock)]
    assert [(block.tool_name, block.tool_kwargs) for block in blocks] == expected
    listed = last.message.additional_kwargs["tool_calls"]
    assert [call["id"] for call in listed] == [block.tool_call_id for block in blocks]
    assert all(call["id"] for call in listed)
    assert raw(last)["finish_reason"] == "tool_calls"


@pytest.mark.parametrize(("arguments", "finish_reason"), BROKEN.values(), ids=BROKEN.keys())
def test_invalid_tool_call_arguments_are_invalid_tool_calls(
    llm: Qwen, service: Emulator, arguments: str, finish_reason: str
) -> None:
    service.reply(streamed([[fragment(arguments, id="c0", name="f", index=0)]], finish_reason))
    last = list(llm.stream_chat([ChatMessage(role="user", content="Call.")], tools=[TOOL]))[-1]
    assert "tool_calls" not in last.message.additional_kwargs
    assert not any(isinstance(block, ToolCallBlock) for block in last.message.blocks)
    (invalid,) = last.additional_kwargs["invalid_tool_calls"]
    assert (invalid["name"], invalid["arguments"]) == ("f", arguments)
    with pytest.raises(UnusableAnswerError, match="is invalid"):
        llm.get_tool_calls_from_response(last, error_on_no_tool_call=False)


def test_invalid_tool_call_beside_a_valid_one_warns(llm: Qwen, service: Emulator) -> None:
    calls = [fragment('{"a":1}', id="c0", name="f", index=0), fragment('{"b":', id="c1", name="g", index=1)]
    service.reply(streamed([calls], "tool_calls"))
    last = list(llm.stream_chat([ChatMessage(role="user", content="Call.")], tools=[TOOL]))[-1]
    assert [call["function"]["name"] for call in last.message.additional_kwargs["tool_calls"]] == ["f"]
    with pytest.warns(QwenWarning, match="g: The arguments are not JSON"):
        assert selected(llm, last) == [F]


def test_streamed_tool_call_arguments_grow(llm: Qwen, service: Emulator) -> None:
    pieces = ['{"ci', 'ty": "P', "aris", '", "n', '": 1', "2}"]
    chunks = [[fragment(pieces[0], id="c0", name="f", index=0)], *([fragment(p, index=0)] for p in pieces[1:])]
    service.reply(streamed(chunks, "tool_calls"))
    seen = [
        selected(llm, chunk)[0][1]
        for chunk in llm.stream_chat([ChatMessage(role="user", content="Call.")], tools=[TOOL])
    ]
    assert seen[:3] == [{}, {"city": "P"}, {"city": "Paris"}]
    assert seen[-1] == {"city": "Paris", "n": 12}
