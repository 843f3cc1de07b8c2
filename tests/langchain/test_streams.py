"""Streaming: deltas, and usage and metadata once."""

import asyncio
import gc
import time
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.load import dumpd
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, message_chunk_to_message
from langchain_core.messages.tool import tool_call
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import RunnableLambda

from langchain_qwen import ChatQwen
from langchain_qwen.errors import IncompleteStreamError, UnsupportedFeatureError
from langchain_qwen.output import to_chunk, to_result
from langchain_qwen.pydantic_internals import QwenMessageChunk
from qwen_core.types.events import TextDelta
from qwen_core.types.messages import Message, ReasoningPart, TextPart, ToolCallPart
from qwen_core.types.responses import ChatResponse, Choice
from qwen_core.types.usage import Usage
from qwen_emulator import Emulator, Reply, ToolCall, faults
from tests.langchain.conftest import MakeModel, deltas, total

USAGE = {"input_tokens": 30, "output_tokens": 20, "cached_tokens": 10, "reasoning_tokens": 5}
ANSWER = Reply(text=["Hel", "lo", " ", "ha", "ha"], reasoning=["Let me", " see."], usage=USAGE)


async def collect(model: ChatQwen, mode: str) -> list[AIMessageChunk]:
    if mode == "stream":
        return list(model.stream("hi"))
    return [chunk async for chunk in model.astream("hi")]


@pytest.mark.parametrize("mode", ["stream", "astream"])
async def test_stream_yields_deltas_and_usage_once(service: Emulator, make: MakeModel, mode: str) -> None:
    service.reply(ANSWER)
    chunks = await collect(make(enable_thinking=True), mode)
    assert [chunk.content for chunk in chunks if chunk.content] == ["Hel", "lo", " ", "ha", "ha"]
    *others, last = chunks
    for chunk in others:
        assert chunk.response_metadata == {"model_provider": "qwen"}
        assert chunk.usage_metadata is None and chunk.chunk_position is None
    assert last.chunk_position == "last" and last.content == ""
    whole = total(chunks)
    assert whole.content == "Hello haha"
    assert whole.additional_kwargs["reasoning_content"] == "Let me see."
    assert whole.usage_metadata == {
        "input_tokens": 30,
        "output_tokens": 20,
        "total_tokens": 50,
        "input_token_details": {"cache_read": 10},
        "output_token_details": {"reasoning": 5},
    }
    metadata = whole.response_metadata
    assert metadata["model_name"] == "qwen-plus" and metadata["finish_reason"] == "stop"
    assert metadata["request_id"] and metadata["model_provider"] == "qwen"


def test_fast_text_chunk_equals_pydantics_and_shares_no_state() -> None:
    chunk, other = to_chunk(TextDelta("Hello")), to_chunk(TextDelta("Hello"))
    message = QwenMessageChunk(content="Hello", response_metadata={"model_provider": "qwen"})
    made = ChatGenerationChunk(message=message)
    assert chunk == made and chunk.text == made.text == "Hello"
    for copied, new in ((chunk, made), (chunk.message, made.message)):
        assert type(copied) is type(new) and copied.model_fields_set == new.model_fields_set
        assert copied.model_dump() == new.model_dump() and dumpd(copied) == dumpd(new)
        assert copied.__pydantic_private__ == new.__pydantic_private__
    mutable = {name: value for name, value in vars(chunk.message).items() if isinstance(value, dict | list)}
    assert mutable and not [name for name, value in mutable.items() if vars(other.message)[name] is value]


def test_fast_message_equals_pydantics_and_shares_no_state() -> None:
    call = ToolCallPart("call_1", "look_up", '{"word": "Nile"}')
    said = Message("assistant", (ReasoningPart("Hm."), TextPart("Hello"), call))
    usage = Usage(input_tokens=3, output_tokens=2, total_tokens=5, raw={"total_tokens": 5})
    response = ChatResponse(choices=(Choice(message=said, finish_reason="tool_calls"),), usage=usage, model="m")
    result, other = to_result(response), to_result(response)
    message = result.generations[0].message
    assert isinstance(message, AIMessage)
    given = (
        "content",
        "additional_kwargs",
        "tool_calls",
        "invalid_tool_calls",
        "response_metadata",
        "usage_metadata",
    )
    remade = AIMessage(**{name: getattr(message, name) for name in given})
    generation = ChatGeneration(message=remade, generation_info=result.generations[0].generation_info)
    made = ChatResult(generations=[generation], llm_output=result.llm_output)
    assert result == made == other and message.tool_calls and message.text == "Hello"
    pairs = ((result, made), (result.generations[0], made.generations[0]), (message, remade))
    for copied, new in pairs:
        assert type(copied) is type(new) and copied.model_fields_set == new.model_fields_set
        assert copied.model_dump() == new.model_dump() and dumpd(copied) == dumpd(new)
    mutable = {name: value for name, value in vars(message).items() if isinstance(value, dict | list)}
    others = vars(other.generations[0].message)
    assert mutable and not [name for name, value in mutable.items() if others[name] is value]


def test_changing_a_chunk_does_not_change_others() -> None:
    chunk, other = to_chunk(TextDelta("Hello")).message, to_chunk(TextDelta("Hello")).message
    names, dumped = set(other.model_fields_set), other.model_dump()
    chunk.id = "run-1"
    chunk.note = "mine"  # type: ignore[attr-defined]
    chunk.additional_kwargs["kept"] = chunk
    assert isinstance(chunk, AIMessageChunk)
    chunk.tool_calls.append(tool_call(name="f", args={}, id="1"))
    changed = chunk.model_copy(update={"content": "Bye", "name": "x"})
    assert (changed.content, changed.id, chunk.content) == ("Bye", "run-1", "Hello")
    assert other.model_fields_set == names and other.model_dump() == dumped
    assert to_chunk(TextDelta("Hello")).message.model_dump() == dumped


async def test_summed_stream_equals_invoke(service: Emulator, make: MakeModel) -> None:
    model = make(enable_thinking=True)
    answer = Reply(text="Hello", reasoning="Hm.", tool_calls=[ToolCall("f", {"a": 1}, "c1")], usage=USAGE)
    service.reply(*[answer] * 4)
    messages = [
        model.invoke("hi"),
        await model.ainvoke("hi"),
        message_chunk_to_message(total(list(model.stream("hi")))),
        message_chunk_to_message(total([chunk async for chunk in model.astream("hi")])),
    ]
    for message in messages:
        assert type(message) is AIMessage
        assert (message.content, message.tool_calls) == (messages[0].content, messages[0].tool_calls)  # type: ignore[attr-defined]
        assert message.additional_kwargs == {"reasoning_content": "Hm."}
        assert message.usage_metadata == messages[0].usage_metadata  # type: ignore[attr-defined]
        assert message.response_metadata["finish_reason"] == "tool_calls"


@pytest.mark.parametrize(
    "fault",
    [faults.usage_everywhere, faults.choices_empty, faults.doubled_finish, faults.byte_by_byte, faults.comments],
)
def test_unusual_streams_give_the_same_message(service: Emulator, fault: Callable[[Reply], Any]) -> None:
    service.reply(ANSWER, fault(ANSWER))
    model = ChatQwen(enable_thinking=True, protocol="openai")
    plain, odd = total(list(model.stream("hi"))), total(list(model.stream("hi")))
    assert (odd.content, odd.usage_metadata) == (plain.content, plain.usage_metadata)
    assert odd.response_metadata.keys() == plain.response_metadata.keys()


def test_stream_text_resumes_after_reasoning_and_tool_calls(service: Emulator) -> None:
    service.reply(
        deltas(
            {"content": "One "},
            {"reasoning_content": "hm"},
            {"content": "two "},
            {"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "f", "arguments": "{}"}}]},
            {"content": "", "reasoning_content": ""},
            {"content": "three"},
            finish_reason="tool_calls",
        )
    )
    whole = total(list(ChatQwen(protocol="openai").stream("hi")))
    assert whole.content == "One two three"
    assert whole.additional_kwargs["reasoning_content"] == "hm"
    assert whole.tool_calls == [{"type": "tool_call", "name": "f", "args": {}, "id": "c1"}]


@pytest.mark.parametrize("mode", ["stream", "astream"])
async def test_breaking_out_of_a_stream_closes_the_connection(
    make: MakeModel, service: Emulator, mode: str
) -> None:
    service.reply(faults.slow(Reply(text=["word "] * 200), 0.02))
    model = make()
    if mode == "stream":
        for _ in model.stream("hi"):
            break
    else:
        async for _ in model.astream("hi"):
            break
    gc.collect()
    for _ in range(100):
        if service.aborted_requests:
            break
        await asyncio.sleep(0.02)
    assert len(service.aborted_requests) == 1
    assert service.last_request.chunks_sent < 100


def test_stopping_after_the_last_chunk_reuses_the_connection(make: MakeModel, service: Emulator) -> None:
    model = make()
    stream = model.stream("hi")
    assert next(chunk for chunk in stream if chunk.chunk_position == "last")
    model.invoke("hi")
    first, second = service.requests
    assert first.connection == second.connection and not service.aborted_requests
    del stream


def test_first_chunk_arrives_before_the_last_is_sent(make: MakeModel, service: Emulator) -> None:
    service.reply(faults.slow(Reply(text=["word "] * 20), 0.02))
    began = time.monotonic()
    stream = make().stream("hi")
    next(stream)
    first = time.monotonic() - began
    list(stream)
    assert first < (time.monotonic() - began) / 2


def test_truncated_stream_raises_incomplete_stream_error_with_partial(make: MakeModel, service: Emulator) -> None:
    service.reply(faults.cut_after(Reply(text=["one ", "two ", "three"]), 2))
    seen: list[str] = []
    with pytest.raises(IncompleteStreamError) as caught:
        for chunk in make(max_retries=0).stream("hi"):
            seen.append(chunk.text)
    assert "".join(seen).startswith("one")
    assert caught.value.partial is not None and caught.value.partial.text == "".join(seen)


def test_stream_chunks_serialize_as_ai_message_chunk(model: ChatQwen, service: Emulator) -> None:
    service.reply("Hello")
    for chunk in model.stream("hi"):
        assert dumpd(chunk)["id"] == ["langchain", "schema", "messages", "AIMessageChunk"]


def test_n_returns_several_generations_but_cannot_stream(make: MakeModel, service: Emulator) -> None:
    service.reply(Reply(choices=[Reply("A"), Reply("B")]))
    result = make(n=2).generate([[HumanMessage("hi")]])
    assert [generation.text for generation in result.generations[0]] == ["A", "B"]
    first, second = (generation.message.response_metadata for generation in result.generations[0])
    assert first["token_usage"] == second["token_usage"] and first["token_usage"] is not second["token_usage"]
    with pytest.raises(UnsupportedFeatureError, match="n must be 1"):
        list(make(n=2).stream("hi"))


async def test_n_with_stream_false_inside_astream_events(make: MakeModel, service: Emulator) -> None:
    async def both(question: str) -> list[str]:
        result = await make(n=2).agenerate([[HumanMessage(question)]], stream=False)
        return [generation.text for generation in result.generations[0]]

    service.reply(Reply(choices=[Reply("A"), Reply("B")]))
    events = [event async for event in RunnableLambda(both).astream_events("hi", version="v2")]
    assert events[-1]["data"]["output"] == ["A", "B"]
    with pytest.raises(UnsupportedFeatureError, match="stream=False"):
        async for _ in make(n=2).astream("hi"):
            pass
