"""Streamed tool calls and content blocks on every LangChain surface."""

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.language_models._compat_bridge import chunks_to_events
from langchain_core.messages import AIMessage, AIMessageChunk, message_chunk_to_message
from langchain_core.outputs import ChatGenerationChunk
from langchain_tests.utils.stream_lifecycle import assert_valid_event_stream

from langchain_qwen import ChatQwen
from langchain_qwen.pydantic_internals import QwenMessageChunk
from qwen_emulator import Emulator, Reply, ToolCall
from tests.langchain.conftest import MakeModel, deltas, total

pytestmark = pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")

CUT = '{"path": "/tm'


def fragment(arguments: str | None = None, **fields: Any) -> dict[str, Any]:
    """Return one tool call fragment of the OpenAI-compatible protocol. ``name`` belongs to its function."""
    function = {} if "name" not in fields else {"name": fields.pop("name")}
    return {**fields, "function": {**function, "arguments": arguments}}


def calls(*given: dict[str, Any]) -> dict[str, Any]:
    """Return a delta with these tool call fragments."""
    return {"content": None, "tool_calls": list(given)}


CITY, WEATHER_CALLS = '{"city": "New York"}', [("get_weather", {"city": "New York"})]
TWO = [("f", {"a": 1}), ("g", {"b": 2})]
HALVES = (CITY[:9], CITY[9:])

# Fragments that a server sends, the valid tool calls, and the arguments of invalid ones.
FRAGMENTS: dict[str, tuple[list[dict[str, Any]], list[tuple[str, dict[str, Any]]], list[str]]] = {
    "as documented": (
        [
            calls(fragment("", index=0, id="c1", name="get_weather")),
            calls(fragment(HALVES[0], index=0, id="")),
            calls(fragment(HALVES[1], index=0, id="")),
        ],
        WEATHER_CALLS,
        [],
    ),
    "id and name repeated": (
        [calls(fragment(half, index=0, id="c1", name="get_weather")) for half in HALVES],
        WEATHER_CALLS,
        [],
    ),
    "name null, then empty": (
        [
            calls(fragment("", index=0, id="c1", name="get_weather")),
            calls(fragment(HALVES[0], index=0, id=None, name=None)),
            calls(fragment(HALVES[1], index=0, id=None, name="")),
        ],
        WEATHER_CALLS,
        [],
    ),
    "index missing": (
        [calls(fragment("", id="c1", name="get_weather")), *(calls(fragment(half)) for half in HALVES)],
        WEATHER_CALLS,
        [],
    ),
    "index drifts": (
        [calls(fragment(HALVES[0], index=1, id="c1", name="get_weather")), calls(fragment(HALVES[1], index=0))],
        WEATHER_CALLS,
        [],
    ),
    "index equal for two calls": (
        [
            calls(fragment('{"a": 1}', index=0, id="c1", name="f")),
            calls(fragment('{"b": 2}', index=0, id="c2", name="g")),
        ],
        TWO,
        [],
    ),
    "index huge": ([calls(fragment(CITY, index=200_000, id="c1", name="get_weather"))], WEATHER_CALLS, []),
    "no ids": ([calls(fragment(CITY, index=0, name="get_weather"))], WEATHER_CALLS, []),
    "two calls in one chunk": (
        [
            calls(
                fragment('{"a": 1}', index=0, id="c1", name="f"), fragment('{"b": 2}', index=1, id="c2", name="g")
            )
        ],
        TWO,
        [],
    ),
    "two calls interleaved": (
        [
            calls(fragment('{"a"', index=0, id="c1", name="f"), fragment('{"b"', index=1, id="c2", name="g")),
            calls(fragment(": 2}", index=1, id=""), fragment(": 1}", index=0, id="")),
        ],
        TWO,
        [],
    ),
    "split inside an escape": (
        [calls(fragment('{"city": "\\u674', index=0, id="c1", name="f")), calls(fragment('e"}', index=0))],
        [("f", {"city": "李"})],
        [],
    ),
    "no arguments": ([calls(fragment("", index=0, id="c1", name="f"))], [("f", {})], []),
    "arguments null": ([calls(fragment(None, index=0, id="c1", name="f"))], [("f", {})], []),
    "valid JSON followed by more fragments": (
        [calls(fragment('{"a":1', index=0, id="c1", name="f")), calls(fragment("0}", index=0))],
        [("f", {"a": 10})],
        [],
    ),
    "not JSON": ([calls(fragment("{city: Rome}", index=0, id="c1", name="f"))], [], ["{city: Rome}"]),
    "not an object": ([calls(fragment("[1]", index=0, id="c1", name="f"))], [], ["[1]"]),
    "incomplete arguments": ([calls(fragment(CUT, index=0, id="c1", name="f"))], [], [CUT]),
}

Way = Callable[[ChatQwen], AIMessage]


def sum_stepwise(model: ChatQwen) -> AIMessage:
    return total(model.stream("hi"))


def sum_at_once(model: ChatQwen) -> AIMessage:
    first, *others = model.stream("hi")
    summed = first + others
    assert isinstance(summed, AIMessageChunk)
    return summed


def invoke_streamed(model: ChatQwen) -> AIMessage:
    message = model.invoke("hi", stream=True)
    assert type(message) is AIMessage
    return message


def from_stream_events(model: ChatQwen) -> AIMessage:
    return model.stream_events("hi", version="v3").output


WAYS: list[Way] = [sum_stepwise, sum_at_once, invoke_streamed, from_stream_events]


@pytest.mark.parametrize("output_version", ["v0", "v1"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("given", "valid", "invalid"), FRAGMENTS.values(), ids=FRAGMENTS)
def test_tool_call_fragments_are_assembled(
    service: Emulator,
    given: list[dict[str, Any]],
    valid: list[tuple[str, dict[str, Any]]],
    invalid: list[str],
    way: Way,
    output_version: str,
) -> None:
    service.reply(deltas(*given, finish_reason="tool_calls"))
    message = way(ChatQwen(protocol="openai", output_version=output_version))
    assert [(call["name"], call["args"]) for call in message.tool_calls] == valid
    assert [call["args"] for call in message.invalid_tool_calls] == invalid
    assert len({call["id"] for call in message.tool_calls} - {None, ""}) == len(valid)
    blocks = [block for block in message.content_blocks if block["type"] in ("tool_call", "tool_call_chunk")]
    assert [(block["name"], block["args"]) for block in blocks] == valid
    broken = [block for block in message.content_blocks if block["type"] == "invalid_tool_call"]
    assert [block["args"] for block in broken] == invalid


def test_truncated_tool_call_stays_invalid_after_serialization(service: Emulator, make: MakeModel) -> None:
    whole, cut = ToolCall("read", {"path": "/a"}, "c1"), ToolCall("write", CUT, "c2")
    service.reply(Reply(tool_calls=[whole, cut], finish_reason="length"))
    message = total([AIMessageChunk(content=""), *make().stream("hi")])
    assert [call["id"] for call in message.tool_calls] == ["c1"]
    assert [call["args"] for call in message.invalid_tool_calls] == [CUT]
    for _ in range(2):
        message = AIMessageChunk(**message.model_dump())
        assert [call["id"] for call in message.tool_calls] == ["c1"]
        (invalid,) = message.invalid_tool_calls
        assert invalid["id"] == "c2" and json.loads(invalid["args"] or "") == CUT


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("arguments", [CUT, "", '{"path": "/tmp"'])
@pytest.mark.parametrize("output_version", ["v0", "v1"])
def test_truncated_tool_calls_are_invalid_tool_calls(
    service: Emulator, make: MakeModel, way: Way, arguments: str, output_version: str
) -> None:
    whole, cut = ToolCall("read", {"path": "/a"}, "c1"), ToolCall("write", arguments, "c2")
    service.reply(Reply(text="Now.", tool_calls=[whole, cut], finish_reason="length"))
    message = way(make(output_version=output_version))
    assert [call["id"] for call in message.tool_calls] == ["c1"]
    (invalid,) = message.invalid_tool_calls
    assert (invalid["id"], invalid["name"]) == ("c2", "write")
    assert (invalid["args"] or "") == arguments
    assert "truncated" in str(invalid["error"])
    assert message.text == "Now."


def test_finished_sum_is_an_ai_message_chunk(service: Emulator, make: MakeModel) -> None:
    service.reply(Reply("Hello there"))
    chunks = list(make().stream("hi"))
    assert type(total(chunks)) is AIMessageChunk
    assert type(total(chunks[:1])) is type(total(chunks[:2])) is QwenMessageChunk
    more = total([*chunks, AIMessageChunk(content="!"), *chunks])
    assert type(more) is AIMessageChunk and more.text == "Hello there!Hello there"


def test_unfinished_sum_converts_and_copies_like_ai_message_chunk(service: Emulator, make: MakeModel) -> None:
    service.reply(Reply(tool_calls=[ToolCall("f", CUT, "c1")], finish_reason="length"))
    first, *others = make().stream("hi")
    assert type(message_chunk_to_message(first)) is AIMessage
    for copied in (pickle.loads(pickle.dumps(first)), copy.deepcopy(first), first.model_copy()):
        whole = copied + others
        assert not whole.tool_calls and whole.invalid_tool_calls[0]["args"] == CUT


PARIS, ROME = ToolCall("get_weather", {"city": "Paris"}, "c1"), ToolCall("get_weather", {"city": "Rome"}, "c2")


def call_deltas(call: ToolCall, index: int) -> list[dict[str, Any]]:
    text = json.dumps(call.arguments)
    return [
        calls(fragment("", index=index, id=call.id, name=call.name)),
        calls(fragment(text[:5], index=index, id="")),
        calls(fragment(text[5:], index=index, id="")),
    ]


TEXT, MORE, THOUGHT = {"content": "Some "}, {"content": "text."}, {"content": None, "reasoning_content": "Hm."}
EMPTY = {"content": "", "reasoning_content": ""}
FIRST, SECOND = call_deltas(PARIS, 0), call_deltas(ROME, 1)
ORDERS: dict[str, list[dict[str, Any]]] = {
    "text": [TEXT, MORE],
    "reasoning, text": [EMPTY, THOUGHT, EMPTY, TEXT, MORE],
    "text, reasoning, text": [TEXT, THOUGHT, MORE],
    "reasoning, text, calls": [THOUGHT, TEXT, MORE, *FIRST, *SECOND],
    "calls, text": [*FIRST, *SECOND, TEXT, MORE],
    "text, call, text, call": [TEXT, *FIRST, MORE, *SECOND],
    "calls interleaved": [pair for both in zip(FIRST, SECOND, strict=True) for pair in both],
    "call and text in one delta": [{**FIRST[0], **TEXT}, *FIRST[1:], MORE],
    "reasoning after a call": [*FIRST, THOUGHT, TEXT, MORE, EMPTY],
}


@pytest.mark.parametrize("given", ORDERS.values(), ids=ORDERS)
def test_content_blocks_in_any_delta_order(service: Emulator, given: list[dict[str, Any]]) -> None:
    has = {name: any(delta.get(name) for delta in given) for name in ("content", "reasoning_content")}
    ids = [call["id"] for delta in given for call in delta.get("tool_calls", ()) if call["id"]]
    wanted = {("text", "Some text.")} if has["content"] else set()
    wanted |= {("reasoning", "Hm.")} if has["reasoning_content"] else set()
    wanted |= {("tool_call", call.arguments["city"]) for call in (PARIS, ROME) if call.id in ids}  # type: ignore[call-overload]
    reply = deltas(*given, finish_reason="tool_calls" if ids else "stop")
    service.reply(*[reply] * 4)
    plain, v1 = ChatQwen(protocol="openai"), ChatQwen(protocol="openai", output_version="v1")
    events = list(plain.stream_events("hi", version="v3"))
    assert_valid_event_stream(events)
    messages = [total(plain.stream("hi")), total(v1.stream("hi")), plain.stream_events("hi", version="v3").output]
    for message in messages:
        blocks = [block_value(block) for block in message.content_blocks]  # type: ignore[arg-type]
        assert len(blocks) == len(wanted) and set(blocks) == wanted
        assert [call["id"] for call in message.tool_calls] == ids


def block_value(block: dict[str, Any]) -> tuple[str, str]:
    kind = block["type"]
    return kind, block["args"]["city"] if kind == "tool_call" else block[kind]


def without_ids(message: AIMessage) -> dict[str, Any]:
    dumped = message.model_dump()
    metadata = {**dumped.pop("response_metadata"), "id": None, "request_id": None, "created": None}
    broken = [{**call, "error": None} for call in dumped.pop("invalid_tool_calls")]
    content = [{**block, "error": None} for block in dumped.pop("content")]
    return {**dumped, "id": None, "response_metadata": metadata, "invalid_tool_calls": broken, "content": content}


ANSWERS = {
    "text": Reply("Hello there"),
    "thought": Reply("Hello", reasoning="Let me see."),
    "calls": Reply("Now.", reasoning="Hm.", tool_calls=[PARIS, ROME]),
    "cut": Reply(tool_calls=[PARIS, ToolCall("f", CUT, "c3")], finish_reason="length"),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_native_stream_events_equal_langchains_bridge(
    service: Emulator, make: MakeModel, answer: Reply
) -> None:
    model = make(enable_thinking=True)
    service.reply(*[answer] * 4)
    native = model.stream_events("hi", version="v3")
    events: list[Any] = list(native)
    assert_valid_event_stream(events)
    stream = await model.astream_events("hi", version="v3")
    assert_valid_event_stream([event async for event in stream])
    chunks = (ChatGenerationChunk(message=chunk) for chunk in model.stream("hi"))
    bridged = list(chunks_to_events(chunks, message_id=events[0]["id"]))
    assert [shape(event) for event in events if wanted(event)] == [
        shape(event) for event in bridged if wanted(event)
    ]
    bridge = type(native)(message_id=None)
    for event in bridged:
        bridge.dispatch(event)
    assert without_ids(native.output) == without_ids(bridge.output) == without_ids(await stream.output)
    assert native.output.id and native.output.id.startswith("lc_run-")


def wanted(event: Any) -> bool:
    """Return whether the event is compared; argument deltas, which LangChain before 1.7 repeated, are not."""
    return (event.get("delta") or {}).get("type") not in ("tool-call-delta", "block-delta")


def shape(event: Any) -> tuple[Any, ...]:
    delta = event.get("delta") or {}
    content = event.get("content") or {}
    return event["event"], event.get("index"), delta, content.get("type"), content.get("id"), content.get("name")


def test_tool_call_parser_and_reasoning_parser_fields(service: Emulator) -> None:
    call = '<tool_call>\n{"name": "f", "arguments": {"city": "Rome"}}\n</tool_call>'
    text = f"<think>\nNeed weather.\n</think>\n\n{call}"
    service.reply(*[Reply(text)] * 3)
    tool = {"name": "f", "description": "F.", "parameters": {"type": "object", "properties": {}}}
    model = ChatQwen(protocol="openai", tool_call_parser="hermes", reasoning_parser="qwen3").bind_tools([tool])
    for message in (model.invoke("hi"), total(model.stream("hi"))):  # type: ignore[arg-type]
        assert message.content == ""
        assert message.additional_kwargs["reasoning_content"] == "Need weather."
        assert [(call["name"], call["args"]) for call in message.tool_calls] == [("f", {"city": "Rome"})]
        assert message.response_metadata["finish_reason"] == "tool_calls"
    message = ChatQwen(protocol="openai").bind_tools([tool]).invoke("hi")
    assert message.content == call  # a block at the beginning is reasoning without a parser, too
    assert message.additional_kwargs["reasoning_content"] == "Need weather."
    assert message.tool_calls == []
    assert not {"tool_call_parser", "reasoning_parser"} & service.last_request.body.keys()
