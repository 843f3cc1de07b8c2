"""Requests as the chat templates of open models take them: messages, reasoning, efforts, prefixes, strict."""

import json
import warnings
from typing import Any

import httpx
import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

from langchain_qwen import ChatQwen
from llama_index_qwen import Qwen
from qwen_core.errors import QwenWarning
from qwen_emulator import Emulator
from tests.self_hosted.test_chat import chain_model, get_time, get_weather, index_model, total

QWEN38 = "Qwen/Qwen3.8-27B"
ROLES = {
    "two at the beginning": ("ssu", "su", None),
    "one in the middle": ("suasu", "suauu", "was sent as a user message"),
    "two at the beginning, one in the middle": ("ssuasu", "suauu", "was sent as a user message"),
    "behind a user": ("us", "uu", None),
    "system alone": ("s", "u", None),
    "no user": ("sa", "sau", "replies to users only"),
    "none": ("u", "u", None),
}
MESSAGES: dict[str, type[BaseMessage]] = {"s": SystemMessage, "u": HumanMessage, "a": AIMessage}


@pytest.mark.parametrize(("given", "expected", "warning"), ROLES.values(), ids=ROLES)
def test_system_messages_are_sent_as_one_at_the_beginning(
    service: Emulator, server: str, given: str, expected: str, warning: str | None
) -> None:
    history = [MESSAGES[role](content=f"{role}{index}") for index, role in enumerate(given)]
    roles = {"s": "system", "u": "user", "a": "assistant"}
    index_history = [ChatMessage(str(message.content), role=roles[message.content[0]]) for message in history]
    for call in (
        lambda: chain_model(service, server).invoke(history),
        lambda: index_model(service, server).chat(index_history),
    ):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
        sent = service.last_request.messages
        assert "".join(message["role"][0] for message in sent) == expected
        texts = "\n".join(message["content"] for message in sent)
        assert texts.split("\n")[: len(history)] == [message.content for message in history]
        assert [warning in str(one.message) for one in caught if warning] == ([True] if warning else [])


def test_conversation_without_user_message_gets_one(service: Emulator) -> None:
    call = {"name": "get_weather", "args": {"city": "Rome"}, "id": "c1"}
    history = [SystemMessage("s"), AIMessage("", tool_calls=[call]), ToolMessage("Sunny", tool_call_id="c1")]
    with pytest.warns(QwenWarning, match="none from a user"):
        chain_model(service, "vllm").bind_tools([get_weather]).invoke(history)
    assert [message["role"] for message in service.last_request.messages] == [
        "system",
        "user",
        "assistant",
        "tool",
    ]


HISTORY = [
    HumanMessage("a"),
    AIMessage("b", additional_kwargs={"reasoning_content": "R"}),
    HumanMessage("c"),
]


@pytest.mark.parametrize("preserve", [None, True, False])
def test_reasoning_of_earlier_turns_is_left_to_the_chat_template(
    service: Emulator, server: str, preserve: bool | None
) -> None:
    chain_model(service, server, model=QWEN38, preserve_thinking=preserve).invoke(HISTORY)
    body, earlier = service.last_request.body, service.last_request.messages[1]
    key = "reasoning" if server in ("vllm", "ollama") else "reasoning_content"
    assert {name: earlier[name] for name in earlier if name.startswith("reasoning")} == (
        {} if preserve is False else {key: "R"}
    )
    template = {} if server == "ollama" or preserve is None else {"preserve_thinking": preserve}
    assert body.get("chat_template_kwargs", {}) == template


@pytest.mark.parametrize(
    ("effort", "sent"),
    [
        ("minimal", "low"),
        ("low", "low"),
        ("medium", "medium"),
        ("high", "xhigh"),
        ("max", "xhigh"),
        ("odd", "odd"),
    ],
)
def test_reasoning_effort_gets_a_name_that_the_template_knows(service: Emulator, effort: str, sent: str) -> None:
    for model in (
        chain_model(service, "vllm", model=QWEN38, reasoning_effort=effort),
        index_model(service, "sglang", model=QWEN38, reasoning_effort=effort),
    ):
        model.invoke("Hi") if isinstance(model, ChatQwen) else model.complete("Hi")
        assert service.last_request.body["reasoning_effort"] == sent
    chain_model(service, "vllm", model="Qwen/unknown", reasoning_effort="high").invoke("Hi")
    assert service.last_request.body["reasoning_effort"] == "high"


PREFIX = [HumanMessage("?"), AIMessage("The capital is", additional_kwargs={"partial": True})]


def test_thinking_is_switched_off_for_a_prefix(service: Emulator, server: str) -> None:
    with pytest.warns(QwenWarning, match="Thinking was switched off"):
        chain_model(service, server).invoke(PREFIX)
    body = service.last_request.body
    expected = {} if server == "ollama" else {"enable_thinking": False}
    assert body.get("chat_template_kwargs", {}) == expected
    assert (body.get("reasoning_effort") == "none") is (server == "ollama")


def answer(**message: Any) -> httpx.MockTransport:
    """Return a server that gives this message, whole or as a stream of single characters."""

    def respond(request: httpx.Request) -> httpx.Response:
        fields: dict[str, Any] = {"id": "c", "model": "m"}
        if not json.loads(request.content).get("stream"):
            choice: dict[str, Any] = {
                "index": 0,
                "message": {"role": "assistant", **message},
                "finish_reason": "stop",
            }
            return httpx.Response(200, json={**fields, "choices": [choice]})
        deltas = [{name: letter} for name, text in message.items() for letter in text or ""]
        choices: list[dict[str, Any]] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
        choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
        events = "".join(f"data: {json.dumps({**fields, 'choices': [choice]})}\n\n" for choice in choices)
        text = (events + "data: [DONE]\n\n").encode()
        return httpx.Response(200, content=text, headers={"content-type": "text/event-stream"})

    return httpx.MockTransport(respond)


def scripted(server: str, **message: Any) -> tuple[ChatQwen, Qwen]:
    transport = answer(**message)
    fields: dict[str, Any] = {
        "model": "q",
        "base_url": "http://localhost:8080/v1",
        "server": server,
        "enable_thinking": False,
        "http_client": httpx.Client(transport=transport),
        "http_async_client": httpx.AsyncClient(transport=transport),
    }
    return ChatQwen(**fields), Qwen(**fields)


@pytest.mark.parametrize(("server", "removed"), [("llama.cpp", True), ("other", True), ("vllm", False)])
async def test_repeated_prefix_is_removed_from_complete_responses(server: str, removed: bool) -> None:
    chain, index = scripted(server, content="The capital is Paris.")
    expected = " Paris." if removed else "The capital is Paris."
    assert [chain.invoke(PREFIX).content, (await chain.ainvoke(PREFIX)).content] == [expected] * 2
    prefix = ChatMessage("The capital is", role="assistant", additional_kwargs={"partial": True})
    history = [ChatMessage("?"), prefix]
    assert [index.chat(history).message.content, (await index.achat(history)).message.content] == [expected] * 2
    # Streams hold the continuation alone, which may begin with the same words.
    assert total(chain.stream(PREFIX)).content == "The capital is Paris."
    chain, _ = scripted(server, content="The cap")
    assert chain.invoke(PREFIX).content == "The cap"


async def test_answer_that_arrives_as_reasoning_is_text_when_thinking_is_disabled(server: str) -> None:
    chain, index = scripted(server, content=None, reasoning_content="Hello")
    assert [chain.invoke("?").content, (await chain.ainvoke("?")).content] == ["Hello"] * 2
    streamed = [total(chain.stream("?")), total([chunk async for chunk in chain.astream("?")])]
    assert [message.content for message in streamed] == ["Hello"] * 2
    assert [index.complete("?").text, list(index.stream_complete("?"))[-1].text] == ["Hello"] * 2
    for text in ("Hi", " \nHi"):
        chain, _ = scripted(server, reasoning_content="Hm", content=text)
        for message in (chain.invoke("?"), total(chain.stream("?"))):
            assert (message.content, message.additional_kwargs["reasoning_content"]) == (text, "Hm")


class City(BaseModel):
    """A city."""

    name: str


def strict_of(service: Emulator) -> list[bool | None]:
    return [tool["function"].get("strict") for tool in service.last_request.body["tools"]]


def test_vllm_is_asked_to_hold_forced_calls_to_the_schema(service: Emulator, server: str) -> None:
    forced = True if server == "vllm" else None
    model = chain_model(service, server)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.bind_tools([get_weather, get_time], tool_choice="get_time").invoke("?")
        assert strict_of(service)[-1] is forced
        model.bind_tools([get_weather, get_time], tool_choice="any").invoke("?")
        assert strict_of(service) == [forced, forced]
        model.bind_tools([get_weather], tool_choice="any", strict=False).invoke("?")
        assert strict_of(service) == [False]
        model.bind_tools([get_weather]).invoke("?")
        assert strict_of(service) == [None]
        model.with_structured_output(City, method="function_calling").invoke("Name: Rome")
        assert strict_of(service) == [forced]
        tool = FunctionTool.from_defaults(get_weather)
        index_model(service, server).chat_with_tools([tool], "?", tool_required=True)
        assert strict_of(service) == [forced]
