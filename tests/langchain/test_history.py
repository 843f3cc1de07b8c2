"""Message histories in every form LangChain produces, and the messages that are sent."""

import json
from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)

from langchain_qwen import ChatQwen
from langchain_qwen.errors import UnsupportedFeatureError
from qwen_core.errors import QwenWarning
from qwen_emulator import Emulator, Reply, ToolCall
from tests.langchain.conftest import MakeModel, total

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAAFklEQVR4nGO4IydHEmIY1TCqYfhqAACaMxgQdGu1YAAAAABJRU5ErkJggg=="
)
IMAGE_URL = f"data:image/png;base64,{PNG}"
IMAGE = {"type": "image_url", "image_url": {"url": IMAGE_URL}}
ASK = HumanMessage("What is the weather in Rome?")
RESULT = ToolMessage("Sunny.", tool_call_id="c1")
CALL = {"name": "get_weather", "args": {"city": "Rome"}, "id": "c1"}
SENT_CALL = {
    "id": "c1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": {"city": "Rome"}},
}

ANSWERS: dict[str, AIMessage] = {
    "v0": AIMessage("Let me look.", tool_calls=[CALL], additional_kwargs={"reasoning_content": "Hm."}),
    "v1": AIMessage(
        [
            {"type": "reasoning", "reasoning": "Hm."},
            {"type": "text", "text": "Let me look."},
            {"type": "tool_call", **CALL},
        ],
        response_metadata={"output_version": "v1", "model_provider": "qwen"},
    ),
    "v1 with tool calls in content and attribute": AIMessage(
        content_blocks=[
            {"type": "reasoning", "reasoning": "Hm.", "index": "lc_rs_0"},
            {"type": "text", "text": "Let me look.", "index": "lc_txt_0"},
            {"type": "tool_call", "name": "get_weather", "args": {"city": "Rome"}, "id": "c1"},
        ]
    ),
    "OpenAI": AIMessage(
        "Let me look.",
        additional_kwargs={
            "reasoning_content": "Hm.",
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "get_weather", "arguments": '{"city": "Rome"}'},
                }
            ],
        },
    ),
    "OpenAI Responses": AIMessage(
        [
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]},
            {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"query": "Rome"}},
            {"type": "text", "text": "Let me look.", "id": "msg_1", "annotations": []},
            {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "get_weather", "arguments": "{}"},
        ],
        tool_calls=[CALL],
        response_metadata={"model_provider": "openai"},
    ),
    "Gemini": AIMessage(
        [
            {"type": "thinking", "thinking": "Hm."},
            {"type": "executable_code", "executable_code": "1 + 1", "language": "PYTHON"},
            {"type": "code_execution_result", "code_execution_result": "2", "outcome": 1},
            {"type": "text", "text": "Let me look."},
        ],
        tool_calls=[CALL],
        response_metadata={"model_provider": "google_genai"},
    ),
    "Bedrock": AIMessage(
        [
            {"type": "reasoning_content", "reasoning_content": {"text": "Hm.", "signature": "s"}},
            {"type": "text", "text": "Let me look."},
            {"type": "tool_use", "id": "c1", "name": "get_weather", "input": {"city": "Rome"}},
        ],
        tool_calls=[CALL],
        response_metadata={"model_provider": "bedrock_converse"},
    ),
    "Anthropic": AIMessage(
        [
            {"type": "thinking", "thinking": "Hm.", "signature": "s"},
            {"type": "text", "text": "Let me look."},
            {"type": "tool_use", "id": "c1", "name": "get_weather", "input": {"city": "Rome"}},
        ],
        tool_calls=[CALL],
    ),
}


def sent(service: Emulator, model: ChatQwen, *messages: BaseMessage) -> list[dict[str, Any]]:
    """Return the sent messages, with tool call arguments parsed."""
    model.invoke(list(messages))
    found = json.loads(json.dumps(service.last_request.messages))
    for message in found:
        for call in message.get("tool_calls") or ():
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
            call.pop("index", None)
    return list(found)


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_assistant_message_in_every_format_is_sent(service: Emulator, model: ChatQwen, answer: AIMessage) -> None:
    _, assistant, result = sent(service, model, ASK, answer, RESULT)
    assert texts(assistant["content"]) == ["Let me look."]
    assert assistant["reasoning_content"] == "Hm."
    assert assistant["tool_calls"] == [SENT_CALL]
    assert result["tool_call_id"] == "c1" and texts(result["content"]) == ["Sunny."]


def texts(content: Any) -> list[str]:
    """Return the texts of a message content; the native protocol may have a list."""
    if isinstance(content, str):
        return [content]
    return [part["text"] for part in content if "text" in part]


def test_past_reasoning_content_is_sent_only_with_preserve_thinking(service: Emulator, make: MakeModel) -> None:
    messages = [ASK, AIMessage("It is so.", additional_kwargs={"reasoning_content": "Hm."}), HumanMessage("Why?")]
    assert "reasoning_content" not in sent(service, make(), *messages)[1]
    assert sent(service, make(preserve_thinking=True), *messages)[1]["reasoning_content"] == "Hm."


@pytest.mark.parametrize("output_version", ["v0", "v1"])
def test_response_message_can_be_sent_back_as_history(
    service: Emulator, make: MakeModel, output_version: str
) -> None:
    model = make(output_version=output_version, enable_thinking=True)
    reply = Reply("Let me look.", reasoning="Hm.", tool_calls=[ToolCall("get_weather", {"city": "Rome"}, "c1")])
    service.reply(reply, reply)
    for answer in (model.invoke([ASK]), total(model.stream([ASK]))):
        _, assistant, _ = sent(service, model, ASK, answer, RESULT)
        assert texts(assistant["content"]) == ["Let me look."]
        assert assistant["reasoning_content"] == "Hm."
        assert assistant["tool_calls"] == [SENT_CALL]


UNNAMED: Any = {"type": "non_standard", "value": {"type": "input_image", "image_url": IMAGE_URL}}

CONTENTS: dict[str, tuple[BaseMessage, Any]] = {
    "no text": (HumanMessage([{"type": "text", "text": None}, {"type": "text", "text": "a"}]), "\na"),
    "text": (HumanMessage("hi"), "hi"),
    "texts": (HumanMessage(["a", {"type": "text", "text": "b"}]), "a\nb"),
    "developer": (ChatMessage(role="developer", content="hi"), "hi"),
    "cache_control": (
        SystemMessage([{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]),
        [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}],
    ),
    "image_url": (HumanMessage(["Look.", IMAGE]), [{"type": "text", "text": "Look."}, IMAGE]),
    "v1 image": (HumanMessage([{"type": "image", "base64": PNG, "mime_type": "image/png"}]), [IMAGE]),
    "v0 image": (
        HumanMessage([{"type": "image", "source_type": "base64", "data": PNG, "mime_type": "image/png"}]),
        [IMAGE],
    ),
    "Anthropic image": (
        HumanMessage(
            [{"type": "image", "source": {"type": "base64", "data": PNG, "media_type": "image/png"}}],
        ),
        [IMAGE],
    ),
    "image with limits": (
        HumanMessage([{"type": "image", "url": IMAGE_URL, "extras": {"max_pixels": 65536}}]),
        [{**IMAGE, "max_pixels": 65536}],
    ),
    "video": (
        HumanMessage([{"type": "video", "url": "https://x.example/a.mp4"}]),
        [{"type": "video_url", "video_url": {"url": "https://x.example/a.mp4"}}],
    ),
    "audio as a file": (
        HumanMessage([{"type": "file", "base64": "AAAA", "mime_type": "audio/wav"}]),
        [{"type": "input_audio", "input_audio": {"data": "data:;base64,AAAA", "format": "wav"}}],
    ),
    "image as a file": (HumanMessage([{"type": "file", "base64": PNG, "mime_type": "image/png"}]), [IMAGE]),
    "non_standard block": (HumanMessage(content_blocks=[UNNAMED]), [IMAGE]),
    "plain text in base64": (
        HumanMessage([{"type": "text-plain", "base64": "aMOp", "mime_type": "text/plain"}]),
        "hé",
    ),
    "plain text": (HumanMessage([{"type": "text-plain", "text": "hé", "mime_type": "text/plain"}]), "hé"),
    "plain text at a URL": (
        HumanMessage([{"type": "text-plain", "url": "https://x.example/a.txt", "mime_type": "text/plain"}]),
        [{"type": "file", "file": {"file_url": "https://x.example/a.txt"}}],
    ),
    "OpenAI refusal": (AIMessage([{"type": "refusal", "refusal": "No."}]), "No."),
    "OpenAI audio": (
        HumanMessage([{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}]),
        [{"type": "input_audio", "input_audio": {"data": "data:;base64,AAAA", "format": "wav"}}],
    ),
}


@pytest.mark.parametrize(("message", "wanted"), CONTENTS.values(), ids=CONTENTS)
def test_content_blocks_are_converted(service: Emulator, message: BaseMessage, wanted: Any) -> None:
    messages = [message] if isinstance(message, HumanMessage) else [message, HumanMessage("hi")]
    service.reply("Ok.")
    hears = "input_audio" in str(wanted)
    model = ChatQwen(model="qwen3.8-omni-flash" if hears else "qwen3.8-max", protocol="openai")
    found = sent(service, model, *messages)[0]
    assert found["content"] == wanted
    assert found["role"] == {"human": "user", "ai": "assistant"}.get(message.type, "system")


FOUND: list[str | dict[str, Any]] = [
    {"type": "json", "json": {"b": 1}},
    {"type": "search_result", "source": "x", "title": "t", "content": [{"type": "text", "text": "c"}]},
    {"type": "document", "source": {"type": "text", "data": "d", "media_type": "text/plain"}},
    {"type": "document", "content": "e"},
    {"type": "document", "text": "f"},
]


URL = "https://x.example/a.png"


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image_url", "image_url": {"url": URL, "detail": "high"}},
        {"type": "input_image", "image_url": URL, "detail": "low"},
        {"type": "image", "url": URL, "extras": {"detail": "high"}},
    ],
)
def test_image_detail_warns(service: Emulator, block: dict[str, Any]) -> None:
    model = ChatQwen(model="qwen3.7-plus", protocol="openai")
    with pytest.warns(QwenWarning, match="detail='(high|low)'.*vl_high_resolution_images"):
        model.invoke([HumanMessage([block])])
    model.invoke([HumanMessage([{"type": "image_url", "image_url": {"url": URL, "detail": "auto"}}])])
    assert [request.messages[0]["content"] for request in service.requests] == [
        [{"type": "image_url", "image_url": {"url": URL}}]
    ] * 2


def test_tool_messages_are_converted(service: Emulator) -> None:
    model = ChatQwen(model="qwen3.7-plus", protocol="openai")
    calls = [{**CALL, "id": f"c{number}"} for number in range(4)]
    results = [
        ToolMessage(["a", *FOUND], tool_call_id="c1"),
        ToolMessage("Boom.", tool_call_id="c0", status="error"),
        ToolMessage([IMAGE], tool_call_id="c2"),
        FunctionMessage(content="d", name="c3"),
    ]
    found = sent(service, model, ASK, AIMessage("", tool_calls=calls), *results, HumanMessage("Well?"))
    by_id = {message["tool_call_id"]: message["content"] for message in found if message["role"] == "tool"}
    assert by_id["c1"] == 'a\n{"b": 1}\nc\nd\ne\nf' and by_id["c0"] == "Boom." and by_id["c3"] == "d"
    assert [message["role"] for message in found[-3:]] == ["tool", "user", "user"]
    shown, asked = found[-2:]
    assert shown["content"][1:] == [IMAGE] and asked["content"] == "Well?"


@pytest.mark.parametrize("id", ["c1", None])
def test_tool_calls_with_the_same_id_get_distinct_ids(service: Emulator, model: ChatQwen, id: str | None) -> None:
    calls = [{**CALL, "id": id, "args": {"city": city}} for city in ("Rome", "Paris")]
    results = [ToolMessage(text, tool_call_id=id or CALL["name"]) for text in ("sunny", "rainy")]
    found = sent(service, model, ASK, AIMessage("", tool_calls=calls), *results)
    assert [call["function"]["arguments"]["city"] for call in found[1]["tool_calls"]] == ["Rome", "Paris"]
    ids = [call["id"] for call in found[1]["tool_calls"]]
    assert [message["tool_call_id"] for message in found[2:]] == ids and len(set(ids)) == 2


def test_legacy_function_call_and_function_message_are_converted(service: Emulator, model: ChatQwen) -> None:
    def call(arguments: str) -> AIMessage:
        asked = {"name": "get_weather", "arguments": arguments}
        return AIMessage("", additional_kwargs={"function_call": asked})

    result = FunctionMessage(content="Sunny.", name="get_weather")
    rounds = [
        ASK,
        call('{"city": "Rome"}'),
        result,
        HumanMessage("And in Paris?"),
        call('{"city": "Paris"}'),
        result,
    ]
    found = sent(service, model, *rounds)
    calls = [message["tool_calls"][0] for message in found if message.get("tool_calls")]
    assert [call["function"]["arguments"]["city"] for call in calls] == ["Rome", "Paris"]
    results = [message["tool_call_id"] for message in found if message["role"] == "tool"]
    assert [call["id"] for call in calls] == results
    with pytest.warns(QwenWarning, match="sent as text"):
        found = sent(service, model, ASK, call("{Rome}"), result)
    assert found[1]["tool_calls"][0]["function"]["arguments"] == {"arguments": "{Rome}"}


def test_invalid_tool_call_in_history_is_sent_as_text_or_dropped(service: Emulator, model: ChatQwen) -> None:
    call = {"type": "invalid_tool_call", "id": "c1", "name": "f", "args": '{"a', "error": "cut"}
    broken = AIMessage("Now.", invalid_tool_calls=[call])
    with pytest.warns(QwenWarning, match="sent as text"):
        answered = sent(service, model, ASK, broken, ToolMessage("Error: not JSON", tool_call_id="c1"))
    assert answered[1]["tool_calls"][0]["function"] == {"name": "f", "arguments": {"arguments": '{"a'}}
    with pytest.warns(QwenWarning, match="left out"):
        unanswered = sent(service, model, ASK, broken, HumanMessage("Well?"))
    assert not unanswered[1].get("tool_calls") and texts(unanswered[1]["content"]) == ["Now."]


def test_content_blocks_of_list_content() -> None:
    content: list[str | dict[Any, Any]] = ["a", {"type": "tool_call", **CALL}, {"type": "audio", "base64": "AAAA"}]
    answer = AIMessage(
        content,
        tool_calls=[CALL],
        additional_kwargs={"audio": {"data": "AAAA", "format": "wav"}},
        response_metadata={"model_provider": "qwen"},
    )
    assert answer.content_blocks == [{"type": "text", "text": "a"}, *content[1:]]


def test_unicode_tool_call_arguments_are_not_escaped(service: Emulator, model: ChatQwen) -> None:
    model.invoke([ASK, AIMessage("", tool_calls=[{**CALL, "args": {"city": "北京"}}]), RESULT])
    assert "北京" in service.last_request.messages[1]["tool_calls"][0]["function"]["arguments"]


def test_langchain_internal_additional_kwargs_are_not_sent(service: Emulator, model: ChatQwen) -> None:
    note = HumanMessage("hi", additional_kwargs={"lc_source": "x", "lc_data": {"secret": 1}})
    (found,) = sent(service, model, note)
    assert found.keys() == {"role", "content"}


def test_unsupported_content_and_messages_are_refused(model: ChatQwen) -> None:
    with pytest.raises(UnsupportedFeatureError, match="holographic"):
        model.invoke([HumanMessage([{"type": "holographic", "data": "x"}])])
    with pytest.raises(UnsupportedFeatureError, match="not UTF-8 text"):
        model.invoke([HumanMessage([{"type": "text-plain", "base64": "////", "mime_type": "text/plain"}])])
    with pytest.raises(UnsupportedFeatureError, match="without text"):
        model.invoke([HumanMessage([{"type": "document", "title": "a"}])])
    with pytest.raises(UnsupportedFeatureError, match="RemoveMessage"):
        model.invoke([RemoveMessage(id="a")])
    with pytest.raises(UnsupportedFeatureError, match="Unknown role"):
        model.invoke([ChatMessage(role="pope", content="hi")])
