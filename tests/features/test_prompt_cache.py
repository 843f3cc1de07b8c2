"""The explicit context cache: cache_control on either protocol, at most four, with reads and writes counted."""

import asyncio
from typing import Any

import msgspec
import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, ModelRequest
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from llama_index.core.base.llms.types import CacheControl, CachePoint, ChatMessage, TextBlock

from langchain_qwen import ChatQwen
from langchain_qwen.middleware import QwenPromptCachingMiddleware
from llama_index_qwen import Qwen
from qwen_core.errors import QwenWarning
from qwen_core.models.catalogue import resolve
from qwen_core.prepare.for_model import adapt
from qwen_core.types.messages import Message, TextPart, Tool, cache_breakpoints
from qwen_core.types.requests import ChatRequest
from qwen_emulator import Emulator, RecordedRequest, Reply, ToolCall
from tests.features.conftest import KEY, Protocol

LONG = "You answer briefly. " * 300
MARK = {"type": "ephemeral"}


def marks(request: RecordedRequest) -> list[tuple[str, str]]:
    """Return role and text of every content part with cache_control in a request."""
    return [
        (message["role"], block["text"])
        for message in request.messages
        for block in (message["content"] if isinstance(message["content"], list) else [])
        if block.get("cache_control") == MARK
    ]


@pytest.fixture(params=["qwen-plus", "qwen3.7-plus"])
def model(request: pytest.FixtureRequest) -> str:
    """Return one model of each native endpoint."""
    return str(request.param)


def test_langchain_cache_control_is_sent_and_usage_counted(
    protocol: Protocol, model: str, qwen_emulator: Emulator
) -> None:
    chat = ChatQwen(api_key=KEY, base_url=qwen_emulator.base_url, protocol=protocol, model=model)
    system = SystemMessage([{"type": "text", "text": LONG, "cache_control": MARK}])
    first = chat.invoke([system, HumanMessage("hi")])
    second = chat.invoke([system, HumanMessage("and now?")])
    assert marks(qwen_emulator.last_request) == [("system", LONG)]
    for message, name in ((first, "cache_creation"), (second, "cache_read")):
        assert message.usage_metadata is not None
        assert message.usage_metadata["input_token_details"][name] > 1024  # type: ignore[literal-required]
    details = second.response_metadata["token_usage"]["prompt_tokens_details"]
    assert details["cache_type"] == "ephemeral"


def test_llama_index_cache_point_is_sent_and_usage_counted(
    protocol: Protocol, model: str, qwen_emulator: Emulator
) -> None:
    llm = Qwen(api_key=KEY, base_url=qwen_emulator.base_url, protocol=protocol, model=model)
    point = CachePoint(cache_control=CacheControl(type="ephemeral"))
    system = ChatMessage(role="system", blocks=[TextBlock(text=LONG), point])
    llm.chat([system, ChatMessage(role="user", content="hi")])
    response = llm.chat([system, ChatMessage(role="user", content="and now?")])
    assert marks(qwen_emulator.last_request) == [("system", LONG)]
    details = response.raw["usage"]["prompt_tokens_details"]
    assert details["cached_tokens"] > 1024


def test_cache_control_ttl_is_sent(protocol: Protocol, qwen_emulator: Emulator) -> None:
    address: dict[str, Any] = {"api_key": KEY, "base_url": qwen_emulator.base_url, "protocol": protocol}
    mark = {"type": "ephemeral", "ttl": "1h"}
    ChatQwen(**address).invoke([HumanMessage([{"type": "text", "text": "hi", "cache_control": mark}])])
    blocks = [TextBlock(text="hi"), CachePoint(cache_control=CacheControl(**mark))]
    Qwen(**address).chat([ChatMessage(role="user", blocks=blocks)])
    sent = [request.messages[0]["content"][0]["cache_control"] for request in qwen_emulator.requests]
    assert sent == [mark, mark]


def test_tool_cache_control_moves_to_the_system_message(protocol: Protocol, qwen_emulator: Emulator) -> None:
    @tool(extras={"cache_control": MARK})
    def look_up(word: str) -> str:
        """Look a word up."""
        return word

    chat = ChatQwen(api_key=KEY, base_url=qwen_emulator.base_url, protocol=protocol)
    chat.bind_tools([look_up]).invoke([SystemMessage("Be kind."), HumanMessage("hi")])
    assert marks(qwen_emulator.last_request) == [("system", "Be kind.")]
    assert "cache_control" not in qwen_emulator.last_request.parameters["tools"][0]
    with pytest.warns(QwenWarning, match="system message"):
        chat.bind_tools([look_up]).invoke("hi")
    assert marks(qwen_emulator.last_request) == []


def marked(text: str) -> Message:
    return Message("user", (TextPart(text, MARK),))


@pytest.mark.parametrize(("count", "left", "warned"), [(0, "", 0), (4, "0123", 0), (6, "2345", 1)])
def test_only_the_last_four_cache_controls_are_kept(count: int, left: str, warned: int) -> None:
    request = ChatRequest(model="qwen-plus", messages=tuple(marked(str(number)) for number in range(count)))
    changed, warnings = adapt(request, resolve("qwen-plus"))
    assert "".join(changed.messages[number].text for number, _ in cache_breakpoints(changed.messages)) == left
    assert len(warnings) == warned
    assert len(list(cache_breakpoints(request.messages))) == count


def test_cache_control_is_dropped_on_models_without_explicit_cache() -> None:
    request = ChatRequest(model="m", messages=(marked("a"),), tools=(Tool("f", cache_control=MARK),))
    profile = msgspec.structs.replace(resolve("m"), explicit_cache=False)
    changed, (of_the_tool, of_the_message) = adapt(request, profile)
    assert not list(cache_breakpoints(changed.messages)) and changed.tools[0].cache_control is None
    assert "tool" in of_the_tool and "no explicit prompt cache" in of_the_message


def test_system_message_keeps_its_own_cache_control() -> None:
    system = Message("system", (TextPart("a", MARK), TextPart("b")))
    tools = (Tool("f", cache_control={"type": "ephemeral", "ttl": "1h"}),)
    request = ChatRequest(model="m", messages=(system, Message("user", (TextPart("c"),))), tools=tools)
    changed, warnings = adapt(request, resolve("m"))
    assert (changed.messages, warnings) == (request.messages, ())


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


class DropFirst(AgentMiddleware[Any, Any, Any]):
    """Trim the conversation before the model call, as other middleware may."""

    def wrap_model_call(self, request: ModelRequest[Any], handler: Any) -> Any:
        return handler(request.override(messages=request.messages[-1:]))


def test_caching_middleware_marks_system_and_last_message(protocol: Protocol, qwen_emulator: Emulator) -> None:
    qwen_emulator.reply(Reply(tool_calls=[ToolCall("weather", {"city": "Paris"})]), "It is sunny.")
    agent = create_agent(
        ChatQwen(api_key=KEY, base_url=qwen_emulator.base_url, protocol=protocol),
        [weather],
        system_prompt=LONG,
        middleware=[QwenPromptCachingMiddleware()],
    )
    result = agent.invoke({"messages": [HumanMessage("The weather in Paris?")]})
    first, second = qwen_emulator.requests
    assert marks(first) == [("system", LONG), ("user", "The weather in Paris?")]
    assert marks(second) == [("system", LONG), ("tool", "sunny in Paris")]
    usage = result["messages"][-1].usage_metadata
    assert usage["input_token_details"]["cache_read"] > 1024
    assert [message.content for message in result["messages"][:1]] == ["The weather in Paris?"]


def test_caching_middleware_works_async(qwen_emulator: Emulator) -> None:
    agent = create_agent(
        ChatQwen(api_key=KEY, base_url=qwen_emulator.base_url, protocol="openai"),
        [],
        middleware=[QwenPromptCachingMiddleware()],
    )
    asyncio.run(agent.ainvoke({"messages": [HumanMessage("hi")]}))
    assert marks(qwen_emulator.last_request) == [("user", "hi")]


def test_caching_middleware_respects_other_middleware(qwen_emulator: Emulator) -> None:
    agent = create_agent(
        ChatQwen(api_key=KEY, base_url=qwen_emulator.base_url, protocol="openai"),
        [],
        middleware=[DropFirst(), QwenPromptCachingMiddleware()],
    )
    history: list[AnyMessage] = [HumanMessage("one"), AIMessage("two"), HumanMessage("three")]
    agent.invoke({"messages": [*history]})
    assert marks(qwen_emulator.last_request) == [("user", "three")]
    assert len(qwen_emulator.last_request.messages) == 1


BLOCKS: list[Any] = ["plain", {"type": "text", "text": "a"}, {"type": "image", "url": "https://a.example/b.png"}]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("text", [{"type": "text", "text": "text", "cache_control": MARK}]),
        (BLOCKS, [{"type": "text", "text": "plain"}, BLOCKS[1], {**BLOCKS[2], "cache_control": MARK}]),
        ([*BLOCKS[:1], {"type": "audio", "url": "https://a.example/b.wav"}], None),
    ],
)
def test_caching_middleware_keeps_message_content(content: Any, expected: list[Any] | None) -> None:
    message = HumanMessage(content)
    request = ModelRequest(model=ChatQwen(api_key=KEY), messages=[message])
    changed = QwenPromptCachingMiddleware().with_breakpoints(request).messages[0]
    if expected is None:
        expected = [{"type": "text", "text": "plain", "cache_control": MARK}, content[1]]
    assert changed.content == expected
    assert message.content == content


def test_caching_middleware_marks_the_last_message_with_text() -> None:
    call = AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "1"}])
    messages: list[AnyMessage] = [HumanMessage("hi"), call, ToolMessage("", tool_call_id="1")]
    changed = QwenPromptCachingMiddleware().with_breakpoints(
        ModelRequest(model=ChatQwen(api_key=KEY), messages=messages)
    )
    assert changed.messages[0].content == [{"type": "text", "text": "hi", "cache_control": MARK}]
    assert changed.messages[1:] == messages[1:]


def test_caching_middleware_ignores_other_models() -> None:
    request = ModelRequest(model=FakeListChatModel(responses=["a"]), messages=[HumanMessage("hi")])
    assert QwenPromptCachingMiddleware().with_breakpoints(request) is request
