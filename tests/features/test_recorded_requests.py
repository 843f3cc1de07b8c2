"""What recordings show as accepted is sent as the user said it, over that protocol and to that model."""

import json
from typing import Any

import httpx
import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from llama_index.core.base.llms.types import ChatMessage, MessageRole

from langchain_qwen import ChatQwen
from llama_index_qwen import Qwen
from qwen_core.errors import BadRequestError, UnsupportedFeatureError
from qwen_emulator import Emulator


@tool
def search(query: str) -> str:
    """Search the archive."""
    return query


def roles(emulator: Emulator) -> list[str]:
    return [message["role"] for message in emulator.last_request.body["messages"]]


def test_conversation_that_ends_with_an_answer_reaches_qwen_turbo(qwen_emulator: Emulator) -> None:
    fields: dict[str, Any] = {"model": "qwen-turbo", "api_key": "k", "base_url": qwen_emulator.base_url}
    ChatQwen(protocol="openai", **fields).invoke([HumanMessage("How wide?"), AIMessage("Step: measure.")])
    assert roles(qwen_emulator) == ["user", "assistant"]
    history = [ChatMessage("How wide?"), ChatMessage("Step: measure.", role=MessageRole.ASSISTANT)]
    Qwen(protocol="openai", **fields).chat(history)
    assert roles(qwen_emulator) == ["user", "assistant"]


def test_required_choice_and_tool_named_search_reach_qwen_plus(qwen_emulator: Emulator) -> None:
    model = ChatQwen(model="qwen-plus", api_key="k", base_url=qwen_emulator.base_url, protocol="openai")
    answer = model.bind_tools([search], tool_choice="any").invoke("search for socks")
    assert [call["name"] for call in answer.tool_calls] == ["search"]
    body = qwen_emulator.last_request.body
    assert body["tool_choice"] == "required"
    assert body["tools"][0]["function"]["name"] == "search"


def test_frequency_penalty_reaches_qwen_turbo_on_the_native_protocol(qwen_emulator: Emulator) -> None:
    fields: dict[str, Any] = {"api_key": "k", "base_url": qwen_emulator.base_url, "protocol": "dashscope"}
    ChatQwen(model="qwen-turbo", frequency_penalty=0.5, **fields).invoke("hi")
    assert qwen_emulator.last_request.parameters["frequency_penalty"] == 0.5
    with pytest.raises(UnsupportedFeatureError, match="extra_body"):
        ChatQwen(model="qwen3-max", frequency_penalty=0.5, **fields).invoke("hi")


@pytest.mark.filterwarnings("default:The conversation has no user message")
@pytest.mark.parametrize("protocol", ["openai", "dashscope"])
def test_trimmed_history_without_a_user_message_is_answered(protocol: Any, qwen_emulator: Emulator) -> None:
    call = AIMessage("", tool_calls=[{"name": "add", "args": {"a": 1}, "id": "c1"}])
    model = ChatQwen(api_key="k", base_url=qwen_emulator.base_url, protocol=protocol)
    with pytest.warns(UserWarning, match="no user message"):
        answer = model.invoke([SystemMessage("A"), call, ToolMessage("3", tool_call_id="c1")])
    assert answer.content


PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAAFklEQVR4nGP4z8BAEiJN9aiGUQ1DSgMAvxUBIUIcYnEAAAAASUVORK5CYII="
)
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.mark.parametrize(("model", "image", "note"), [
    ("qwen-plus", PNG, "[image omitted: qwen-plus reads text only]"),
    ("qwen-plus", DOT, "[image omitted: The image has 1×1 pixels"),
    ("qwen3.7-plus", DOT, "[image omitted: The image has 1×1 pixels"),
    ("qwen3.7-plus", "AAAA", "[image omitted: The image is invalid"),
])  # fmt: skip
def test_tool_image_that_cannot_be_sent_becomes_a_note(
    model: str, image: str, note: str, qwen_emulator: Emulator
) -> None:
    call = AIMessage("", tool_calls=[{"name": "shot", "args": {}, "id": "c1"}])
    block = {"type": "image", "base64": image, "mime_type": "image/png"}
    result = ToolMessage([{"type": "text", "text": "done"}, block], tool_call_id="c1")
    chat = ChatQwen(model=model, api_key="k", base_url=qwen_emulator.base_url)
    with pytest.warns(UserWarning, match="note was\\s+sent instead"):
        assert chat.invoke([HumanMessage("take a screenshot"), call, result]).content
    assert note in json.dumps(qwen_emulator.last_request.body, ensure_ascii=False)
    with pytest.raises(BadRequestError, match="1×1 pixels"):
        chat.invoke([HumanMessage([{**block, "base64": DOT}])])


def test_previous_response_id_continues_a_stored_response() -> None:
    """The Responses API gets the id and what is new, without tools that nobody gave."""
    bodies: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append((str(request.url), json.loads(request.content)))
        item = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Later."}]}
        body = {
            "id": "resp_2",
            "object": "response",
            "status": "completed",
            "model": "qwen3.7-plus",
            "output": [item],
        }
        return httpx.Response(200, json=body)

    client = httpx.Client(transport=httpx.MockTransport(answer))
    model = ChatQwen(model="qwen3.7-plus", api_key="k", protocol="openai", http_client=client)
    history = [SystemMessage("A"), HumanMessage("When?"), AIMessage("Now."), HumanMessage("And then?")]
    assert model.invoke(history, previous_response_id="resp_1").text == "Later."
    ((url, body),) = bodies
    assert url.endswith("/responses")
    assert body == {
        "model": "qwen3.7-plus",
        "input": [{"role": "user", "content": "And then?"}],
        "previous_response_id": "resp_1",
    }
    with pytest.raises(UnsupportedFeatureError, match="previous_response_id"):
        model.model_copy(update={"protocol": "dashscope"}).invoke(history, previous_response_id="resp_1")


@pytest.mark.parametrize("framework", [ChatQwen, Qwen])
@pytest.mark.parametrize("stop", [[104307], [[104307, 99]], ["a"], "a"])
def test_stop_takes_token_ids(framework: Any, stop: Any, qwen_emulator: Emulator) -> None:
    model = framework(model="qwen-plus", api_key="k", base_url=qwen_emulator.base_url, stop=stop)
    model.invoke("hi") if isinstance(model, ChatQwen) else model.complete("hi")
    assert qwen_emulator.last_request.parameters["stop"] == ([stop] if isinstance(stop, str) else stop)


LISTED = [
    {"name": "town", "type": "string", "description": "Where", "required": True},
    {"name": "day", "type": "string"},
]


def test_list_of_tool_parameters_becomes_an_object_schema(qwen_emulator: Emulator) -> None:
    """Qwen-Agent has parameters as a list, which qwen-max accepted over the native protocol (2026-03)."""
    definition = {"type": "function", "function": {"name": "sky", "description": "The sky.", "parameters": LISTED}}
    model = ChatQwen(model="qwen-max", api_key="k", base_url=qwen_emulator.base_url)
    model.bind_tools([definition]).invoke("What is the sky like?")
    assert qwen_emulator.last_request.parameters["tools"][0]["function"]["parameters"] == {
        "type": "object",
        "properties": {"town": {"type": "string", "description": "Where"}, "day": {"type": "string"}},
        "required": ["town"],
    }


@pytest.mark.parametrize("parameters", [["town"], "town", [{"type": "string"}]])
def test_other_tool_parameters_are_refused_by_name(parameters: Any) -> None:
    definition = {"type": "function", "function": {"name": "sky", "description": "", "parameters": parameters}}
    with pytest.raises(UnsupportedFeatureError, match="'sky' must be a JSON schema"):
        ChatQwen(api_key="k").bind_tools([definition]).invoke("x")
