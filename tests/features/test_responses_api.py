"""Built-in (server-side) tools over the Responses API: selected, encoded, streamed, shown as content blocks."""

import asyncio
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, CitationBlock
from pydantic import BaseModel

from langchain_qwen import ChatQwen
from llama_index_qwen import Qwen
from qwen_core.errors import (
    ContentFilterError,
    IncompleteStreamError,
    QwenError,
    QwenWarning,
    UnsupportedFeatureError,
)
from qwen_core.models.catalogue import resolve
from qwen_core.protocols.openai_responses import OpenAIResponses
from qwen_core.protocols.openai_responses.encode import IGNORED_PARAMETERS, REFUSED_PARAMETERS
from qwen_core.protocols.stream_parser import StreamParser, parse_body
from qwen_core.types.accumulator import accumulate
from qwen_core.types.messages import AudioPart, FilePart, ImagePart, Message, Part, TextPart
from qwen_core.types.parameters import sent_parameters
from qwen_core.types.requests import ChatRequest
from qwen_emulator import Emulator, Failure, Reply, SearchResult, ToolCall
from tests.features.conftest import KEY, Way, collected

SAMPLES = Path(__file__).parent / "samples"
SOURCE = SearchResult("Sky", "https://a.example/sky")
SEARCH = {"type": "web_search"}
CODE = {"type": "code_interpreter"}
CITED = Reply(["Blue", "[1] ", "sky."], reasoning="Look it up.", search_results=[SOURCE])


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


def make(emulator: Emulator, **fields: Any) -> ChatQwen:
    return ChatQwen(**{"api_key": KEY, "base_url": emulator.base_url, "model": "qwen3.8-max", **fields})


def respond(way: Way, model: Any, messages: Any) -> AIMessage:
    """Return the response to these messages over the given surface."""
    if way == "whole":
        return cast(AIMessage, model.invoke(messages))
    if way == "stream":
        return cast(AIMessage, reduce(add, model.stream(messages)))
    if way == "async_whole":
        return cast(AIMessage, asyncio.run(model.ainvoke(messages)))
    return cast(AIMessage, reduce(add, asyncio.run(collected(model.astream(messages)))))


@pytest.mark.parametrize("version", ["v0", "v1"])
def test_web_search_tool_uses_the_responses_api(version: str, way: Way, qwen_emulator: Emulator) -> None:
    qwen_emulator.reply(CITED)
    message = respond(
        way, make(qwen_emulator, output_version=version).bind_tools([SEARCH]), "Why is the sky blue?"
    )
    request = qwen_emulator.last_request
    assert request.path.endswith("/compatible-mode/v1/responses")
    assert request.body["tools"] == [SEARCH]
    assert request.body["input"] == [{"role": "user", "content": "Why is the sky blue?"}]
    blocks = {str(block["type"]): cast(dict[str, Any], block) for block in message.content_blocks}
    assert blocks.keys() == {"reasoning", "server_tool_call", "text"}
    assert blocks["reasoning"]["reasoning"] == "Look it up."
    assert (blocks["server_tool_call"]["name"], message.text) == ("web_search", "Blue[1] sky.")
    assert blocks["server_tool_call"]["args"]["action"]["query"] == "Why is the sky blue?"
    note = blocks["text"]["annotations"][0]
    assert (note["url"], note["start_index"], note["end_index"]) == (SOURCE.url, 4, 7)
    assert message.usage_metadata is not None and message.usage_metadata["output_token_details"]["reasoning"] > 0
    assert message.response_metadata["token_usage"]["x_tools"] == {"web_search": {"count": 1}}
    assert (message.response_metadata["finish_reason"], message.tool_calls) == ("stop", [])


def test_code_interpreter_returns_server_tool_result_block(way: Way, qwen_emulator: Emulator) -> None:
    qwen_emulator.reply(Reply("7", code="3 + 4"))
    message = respond(way, make(qwen_emulator).bind_tools([CODE]), "What is 3 + 4?")
    call, result = (block for block in message.content_blocks if str(block["type"]).startswith("server_tool"))
    assert call["type"] == "server_tool_call" and call["args"] == {"code": "3 + 4"}
    assert result["type"] == "server_tool_result"
    assert (result["tool_call_id"], result["status"]) == (call["id"], "success")


def test_function_tools_beside_built_in_tools(way: Way, qwen_emulator: Emulator) -> None:
    qwen_emulator.reply(
        Reply(
            reasoning="Ask.",
            tool_calls=[ToolCall("weather", {"city": "Paris"}, "c1"), ToolCall("weather", {"city": "Rome"}, "c2")],
        ),
        CITED,
    )
    model = make(qwen_emulator).bind_tools([weather, SEARCH], parallel_tool_calls=True)
    question = HumanMessage("The weather in Paris and Rome?")
    message = respond(way, model, [question])
    assert [(call["id"], call["args"]) for call in message.tool_calls] == [
        ("c1", {"city": "Paris"}),
        ("c2", {"city": "Rome"}),
    ]
    assert message.response_metadata["finish_reason"] == "tool_calls"
    results = [ToolMessage("sunny", tool_call_id=call["id"]) for call in message.tool_calls]
    assert respond(way, model, [question, message, *results]).text == "Blue[1] sky."
    body = qwen_emulator.last_request.body
    kinds = [item.get("type", item.get("role")) for item in body["input"]]
    assert kinds == ["user", "reasoning", "function_call", "function_call", *["function_call_output"] * 2]
    assert body["input"][1]["summary"] == [{"type": "summary_text", "text": "Ask."}]
    assert body["input"][4] == {"type": "function_call_output", "call_id": "c1", "output": "sunny"}
    assert [tool["type"] for tool in body["tools"]] == ["web_search", "function"]
    assert body["tools"][1]["name"] == "weather" and body["parallel_tool_calls"] is True


@pytest.mark.filterwarnings("ignore:.*is in beta")
def test_astream_events_shows_server_tool_calls(qwen_emulator: Emulator) -> None:
    qwen_emulator.reply(CITED)
    model = make(qwen_emulator).bind_tools([SEARCH])

    async def run() -> list[Any]:
        return await collected(cast(Any, model).astream_events("Why?", version="v3"))

    events = asyncio.run(run())
    finished = [event["content"] for event in events if event["event"] == "content-block-finish"]
    assert [block["type"] for block in finished] == ["reasoning", "text", "server_tool_call"]
    for kind in ("content-block-start", "content-block-finish"):
        assert [event["index"] for event in events if event["event"] == kind] == [0, 1, 2]


def test_server_tool_response_is_replayed_as_assistant_message(qwen_emulator: Emulator) -> None:
    qwen_emulator.reply(CITED, "Yes.")
    model = make(qwen_emulator, output_version="v1").bind_tools([SEARCH])
    first = model.invoke("Why?")
    model.invoke([HumanMessage("Why?"), first, HumanMessage("Sure?")])
    answers = [item for item in qwen_emulator.last_request.body["input"] if item.get("role") == "assistant"]
    assert answers == [{"role": "assistant", "content": "Blue[1] sky."}]


@pytest.mark.parametrize("streamed", [False, True])
def test_llama_index_accepts_built_in_tools(streamed: bool, qwen_emulator: Emulator) -> None:
    qwen_emulator.reply(CITED)
    llm = Qwen(api_key=KEY, base_url=qwen_emulator.base_url, model="qwen3.8-max")
    messages = [ChatMessage(role="user", content="Why?")]
    response = (
        list(llm.stream_chat(messages, tools=[SEARCH]))[-1] if streamed else llm.chat(messages, tools=[SEARCH])
    )
    assert response.message.content == "Blue[1] sky."
    citations = [block for block in response.message.blocks if isinstance(block, CitationBlock)]
    assert citations[0].additional_location_info == {"index": 1, "start_index": 4, "end_index": 7}
    assert response.raw["server_tools"][0]["type"] == "web_search_call"


class Colour(BaseModel):
    """A colour."""

    name: str


@pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning")
@pytest.mark.parametrize("streaming", [False, True])
def test_llama_index_agent_combines_built_in_tools_with_its_own(streaming: bool, qwen_emulator: Emulator) -> None:
    def paint(colour: str) -> str:
        """Paint."""
        return f"It is {colour} now."

    qwen_emulator.reply(Reply(tool_calls=[ToolCall("paint", {"colour": "blue"})]), CITED)
    llm = Qwen(api_key=KEY, base_url=qwen_emulator.base_url, model="qwen3.7-plus", built_in_tools=[SEARCH])
    agent = FunctionAgent(tools=[paint], llm=llm, streaming=streaming, output_cls=Colour)

    async def run() -> Any:
        return await agent.run("Paint the sky.")

    answer = asyncio.run(run())
    assert str(answer) == "Blue[1] sky." and answer.get_pydantic_model(Colour) is not None
    assert any(isinstance(block, CitationBlock) for block in answer.response.blocks)
    *steps, last = qwen_emulator.requests
    assert [[tool["type"] for tool in step.body["tools"]] for step in steps] == [["web_search", "function"]] * 2
    assert "tools" not in last.body and last.body["response_format"]["type"] == "json_schema"


def test_built_in_tools_refuse_functions_and_hide_secrets() -> None:
    with pytest.raises(ValueError, match="Pass others to an agent"):
        Qwen(built_in_tools=[{"type": "function", "function": {"name": "f"}}])
    mcp = {"type": "mcp", "server_label": "a", "headers": {"Authorization": KEY}}
    llm = Qwen(built_in_tools=[mcp])
    assert KEY not in repr(llm) + str(llm.to_dict()) + str(llm.to_payload())


def test_built_in_tools_are_refused_on_dashscope_protocol(qwen_emulator: Emulator) -> None:
    with pytest.raises(UnsupportedFeatureError, match="Built-in tools are not available"):
        make(qwen_emulator, protocol="dashscope").bind_tools([SEARCH]).invoke("Why?")
    assert qwen_emulator.requests == []


REFUSALS: list[list[dict[str, Any]]] = [
    [{"type": "web_extractor"}],
    [{"type": "file_search", "vector_store_ids": []}],
    [{"type": "mcp", "server_label": "a"}],
    [{"type": "time_machine"}],
]


@pytest.mark.parametrize("tools", REFUSALS)
def test_invalid_built_in_tools_raise_the_services_error(
    tools: list[dict[str, Any]], qwen_emulator: Emulator
) -> None:
    with pytest.raises(QwenError) as caught:
        make(qwen_emulator).bind_tools(tools).invoke("Why?")
    assert caught.value.status_code == 400


ACCEPTED: list[list[dict[str, Any]]] = [
    [SEARCH, {"type": "web_extractor"}],
    [{"type": "file_search", "vector_store_ids": ["a"]}],
    [{"type": "mcp", "server_protocol": "sse", "server_label": "a", "server_url": "https://a.example"}],
    [{"type": "image_search"}],
]


@pytest.mark.parametrize("tools", ACCEPTED)
def test_every_built_in_tool_is_sent(tools: list[dict[str, Any]], qwen_emulator: Emulator) -> None:
    assert make(qwen_emulator).bind_tools(tools).invoke("hi").text
    assert qwen_emulator.last_request.body["tools"] == tools


FIELDS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"temperature": 0.5}, {"temperature": 0.5}),
    ({"top_p": 0.5}, {"top_p": 0.5}),
    ({"max_tokens": 99}, {"max_output_tokens": 99}),
    ({"max_completion_tokens": 99}, {"max_output_tokens": 99}),
    ({"enable_thinking": False}, {"enable_thinking": False}),
    ({"reasoning_effort": "low"}, {"reasoning": {"effort": "low"}}),
    ({"extra_body": {"store": False}}, {"store": False}),
    ({"enable_search": True}, {"tools": [CODE, SEARCH]}),
    ({"tool_choice": "none"}, {"tool_choice": "none"}),
    ({"tool_choice": "f"}, {"tool_choice": {"type": "function", "name": "f"}}),
]


def encoded(**fields: Any) -> Any:
    request = ChatRequest(
        **{
            "model": "qwen3.8-max",
            "messages": (Message("user", (TextPart("hi"),)),),
            "server_tools": (CODE,),
            **fields,
        }
    )
    return OpenAIResponses().encode_chat(request, resolve("qwen3.8-max"), False)


@pytest.mark.parametrize(("fields", "sent"), FIELDS)
def test_responses_api_field_is_encoded(fields: dict[str, Any], sent: dict[str, Any]) -> None:
    body = msgspec.json.decode(encoded(**fields).body)
    assert {**body, **sent} == body
    assert "stream" not in body


def test_every_request_field_is_handled_by_the_responses_api() -> None:
    """Account for each field: sent, refused, warned of, or read here (``preserve_thinking``: the history)."""
    read_here = {"model", "messages", "tools", "server_tools", "tool_choice", "enable_search"}
    read_here |= {"preserve_thinking", "tool_call_parser", "reasoning_parser", "extra_body", "extra_headers"}
    read_here |= {"allow_local_files", "allow_private_media_urls", "show_progress", "repair_history"}
    assert {*sent_parameters("openai_responses"), *REFUSED_PARAMETERS, *IGNORED_PARAMETERS} | read_here == set(
        ChatRequest.__struct_fields__
    )


def test_responses_api_warns_of_ignored_fields_and_refuses_unsupported_ones() -> None:
    assert "top_k" in encoded(top_k=3).warnings[0]
    both = encoded(max_tokens=20, max_completion_tokens=99)
    assert "max_tokens" in both.warnings[0] and b'"max_output_tokens":99' in both.body
    with pytest.raises(UnsupportedFeatureError):
        encoded(response_format={"type": "json_object"})
    with pytest.raises(UnsupportedFeatureError):
        encoded(messages=(Message("assistant", (TextPart("a"),), partial=True),))


def test_cache_control_becomes_session_cache_header() -> None:
    marked = Message("user", (TextPart("hi", {"type": "ephemeral"}),))
    assert encoded(messages=(marked,)).headers == {"x-dashscope-session-cache": "enable"}
    assert encoded().headers == {}
    assert encoded(extra_headers={"X-A": "b"}).headers == {"X-A": "b"}


@pytest.mark.parametrize("name", ["nonstream.json", "function_call.json", "stream.sse"])
def test_responses_api_samples_are_decoded(name: str) -> None:
    protocol, profile = OpenAIResponses(), resolve("qwen3.8-max")
    payload = (SAMPLES / f"responses_{name}").read_bytes()
    if name.endswith("sse"):
        answer = parse_body(payload, protocol.stream_decoder(profile))
        reader = StreamParser(protocol.stream_decoder(profile))
        pieces = [event for byte in payload for event in reader.feed(bytes([byte]))]
        assert reader.done and reader.is_finished()
        assert accumulate([*pieces, *reader.close()]) == answer
    else:
        answer = protocol.decode_chat(payload, profile)
    assert answer.model == "qwen3.8-max"
    assert answer.usage is not None and answer.usage.reasoning_tokens == 110
    if name == "function_call.json":
        assert (answer.finish_reason, answer.tool_calls[0].arguments) == ("tool_calls", '{"city": "Hangzhou"}')
    else:
        assert (answer.finish_reason, answer.text) == ("stop", "Hello! How can I help?")
        assert answer.reasoning


REFUSED = {"type": "message", "content": [{"type": "refusal", "refusal": "I cannot."}]}
THOUGHT = {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]}


def test_responses_api_refusal_and_reasoning_text_are_decoded() -> None:
    body = {"object": "response", "id": "a", "status": "completed", "output": [THOUGHT, REFUSED]}
    protocol, profile = OpenAIResponses(), resolve("qwen3.8-max")
    answer = protocol.decode_chat(msgspec.json.encode(body), profile)
    assert (answer.reasoning, answer.text) == ("Hm.", "I cannot.")
    place = {"output_index": 1, "content_index": 0}
    events = [
        {"type": "response.reasoning_text.delta", "output_index": 0, "delta": "Hm."},
        {"type": "response.output_item.done", "output_index": 0, "item": THOUGHT},
        *({"type": "response.refusal.delta", **place, "delta": piece} for piece in ("I ", "cannot.")),
        {"type": "response.output_item.done", "output_index": 1, "item": REFUSED},
        {"type": "response.completed", "response": body},
    ]
    payload = b"".join(b"data: " + msgspec.json.encode(event) + b"\n\n" for event in events)
    streamed = parse_body(payload, protocol.stream_decoder(profile))
    assert (streamed.reasoning, streamed.text) == ("Hm.", "I cannot.")


def test_responses_api_empty_output_is_an_empty_response() -> None:
    body = {"object": "response", "id": "a", "status": "completed", "output": []}
    answer = OpenAIResponses().decode_chat(msgspec.json.encode(body), resolve("qwen3.8-max"))
    assert (answer.text, answer.finish_reason) == ("", "stop")


def test_interleaved_function_call_arguments_are_assembled() -> None:
    """Tell interleaved tool calls apart by output index."""
    decoder = OpenAIResponses().stream_decoder(resolve("qwen3.8-max"))
    items = [{"type": "function_call", "call_id": f"c{place}", "name": f"f{place}"} for place in (0, 1)]
    begun = [{"type": "response.output_item.added", "output_index": i, "item": items[i]} for i in (0, 1)]
    pieces = [(0, '{"a":'), (1, '{"b":'), (0, "1}"), (1, "2}")]
    kind = "response.function_call_arguments.delta"
    deltas = [{"type": kind, "output_index": place, "delta": piece} for place, piece in pieces]
    end = {"type": "response.completed", "response": {"id": "a", "status": "completed"}}
    events = [event for given in (*begun, *deltas, end) for event in decoder.feed(msgspec.json.encode(given))]
    answer = accumulate([*events, *decoder.close()])
    assert [(call.id, call.name, call.arguments) for call in answer.tool_calls] == [
        ("c0", "f0", '{"a":1}'),
        ("c1", "f1", '{"b":2}'),
    ]


PARTS: list[tuple[Part, dict[str, Any]]] = [
    (ImagePart("https://a.example/a.png"), {"type": "input_image", "image_url": "https://a.example/a.png"}),
    (
        AudioPart("https://a.example/a.wav", "wav"),
        {"type": "input_audio", "audio_url": "https://a.example/a.wav", "format": "wav"},
    ),
]


@pytest.mark.parametrize(("part", "item"), PARTS)
def test_responses_api_media_part_is_encoded(part: Part, item: dict[str, Any]) -> None:
    message = Message("user", (TextPart("What is it?"), part))
    (sent,) = msgspec.json.decode(encoded(messages=(message,)).body)["input"]
    assert sent["content"] == [{"type": "input_text", "text": "What is it?"}, item]


def test_responses_api_refuses_file_parts() -> None:
    with pytest.raises(UnsupportedFeatureError, match="File parts are not supported"):
        encoded(messages=(Message("user", (TextPart("Read."), FilePart(url="https://a.example/a.pdf"))),))


@pytest.mark.parametrize("streamed", [False, True])
def test_responses_api_truncation_gives_finish_reason_length(streamed: bool, qwen_emulator: Emulator) -> None:
    qwen_emulator.reply(Reply("One", finish_reason="length"))
    message = respond("stream" if streamed else "whole", make(qwen_emulator).bind_tools([SEARCH]), "hi")
    assert (message.text, message.response_metadata["finish_reason"]) == ("One", "length")


def test_responses_api_truncated_stream_raises_incomplete_stream_error(qwen_emulator: Emulator) -> None:
    payload = (SAMPLES / "responses_stream.sse").read_bytes()
    cut = payload[: payload.index(b"id:13")]
    with pytest.raises(IncompleteStreamError) as caught:
        parse_body(cut, OpenAIResponses().stream_decoder(resolve("qwen3.8-max")))
    assert caught.value.partial is not None and caught.value.partial.text == "Hello! How can I help?"


def test_responses_api_mid_stream_moderation_carries_partial(qwen_emulator: Emulator) -> None:
    qwen_emulator.reply(Failure.named("output_inspection", after_chunks=6, reply=Reply(["One ", "two"])))
    with pytest.raises(ContentFilterError) as caught:
        list(make(qwen_emulator, enable_thinking=False).bind_tools([SEARCH]).stream("hi"))
    assert caught.value.blocked == "output"
    assert caught.value.partial is not None and caught.value.partial.text == "One two"


def test_responses_api_failed_status_raises_an_error() -> None:
    error = {"code": "server_error", "message": "Sorry."}
    payload = msgspec.json.encode({"object": "response", "id": "a", "status": "failed", "error": error})
    with pytest.raises(QwenError, match="Sorry"):
        OpenAIResponses().decode_chat(payload, resolve("qwen3.8-max"))


def test_responses_api_encoding_warnings_reach_the_caller(qwen_emulator: Emulator) -> None:
    with pytest.warns(QwenWarning, match="top_k"):
        make(qwen_emulator, top_k=3).bind_tools([SEARCH]).invoke("hi")
