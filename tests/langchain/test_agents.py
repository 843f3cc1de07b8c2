"""Agents of ``langchain`` and LangGraph run to completion on both protocols."""

import json
import warnings
from contextlib import nullcontext
from typing import Annotated, Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, AnyMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from langchain_qwen import ChatQwen
from qwen_core.errors import QwenWarning
from qwen_emulator import Emulator, Failure, Reply, ToolCall
from tests.langchain.conftest import MakeModel

pytest.importorskip("langchain", minversion="1.4")
pytest.importorskip("langgraph")

from langchain.agents import create_agent
from langchain.agents.middleware import (
    ContextEditingMiddleware,
    LLMToolSelectorMiddleware,
    ModelFallbackMiddleware,
    ModelRetryMiddleware,
    SummarizationMiddleware,
    ToolRetryMiddleware,
)
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.func import entrypoint, task
from langgraph.graph import StateGraph, add_messages
from langgraph.prebuilt import ToolNode, tools_condition

QUESTION: Any = {"messages": [HumanMessage("What is the weather in Rome?")]}


@tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"Sunny and 25 degrees in {city}."


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class Report(BaseModel):
    """A weather report."""

    city: str = Field(description="The name of the city.")
    degrees: int = Field(description="The temperature in degrees.")


def run(agent: Any, question: Any = QUESTION, **config: Any) -> dict[str, Any]:
    result: dict[str, Any] = agent.invoke(question, config or None)
    return result


def test_agent_calls_tools(model: ChatQwen) -> None:
    messages = run(create_agent(model, [get_weather, add]))["messages"]
    assert [type(message) for message in messages] == [HumanMessage, AIMessage, ToolMessage, AIMessage]
    assert messages[1].tool_calls[0]["args"] == {"city": "Rome"}
    assert "25 degrees" in messages[-1].text
    assert messages[-1].usage_metadata["total_tokens"] > 0


async def test_agent_calls_tools_async(model: ChatQwen) -> None:
    result = await create_agent(model, [get_weather]).ainvoke(QUESTION)
    assert "25 degrees" in result["messages"][-1].text


def test_agent_replays_reasoning_content_within_the_tool_round(service: Emulator, make: MakeModel) -> None:
    messages = run(create_agent(make(enable_thinking=True), [get_weather]))["messages"]
    assert messages[1].additional_kwargs["reasoning_content"]
    sent = next(message for message in service.last_request.messages if message["role"] == "assistant")
    assert sent["reasoning_content"] == messages[1].additional_kwargs["reasoning_content"]
    assert messages[-1].text and "reasoning" in {block["type"] for block in messages[-1].content_blocks}


def test_agent_with_parallel_tool_calls(make: MakeModel) -> None:
    question = {"messages": [HumanMessage("What is the weather in Rome and Paris?")]}
    messages = run(create_agent(make(parallel_tool_calls=True), [get_weather]), question)["messages"]
    results = [message.content for message in messages if isinstance(message, ToolMessage)]
    assert results == ["Sunny and 25 degrees in Rome.", "Sunny and 25 degrees in Paris."]


MODELS = [
    pytest.param({"model": "qwen3.7-plus", "enable_thinking": False}, id="schema"),
    pytest.param({"model": "qwen3.7-plus", "enable_thinking": True}, id="schema-thinking"),
    pytest.param({"model": "qwen-plus"}, id="no-schema"),
    pytest.param({"model": "qwen-plus", "enable_thinking": True}, id="no-schema-thinking"),
    pytest.param({"model": "qwq-plus"}, id="always-thinking"),
]


@pytest.mark.parametrize("fields", MODELS)
@pytest.mark.parametrize("with_tools", [True, False])
@pytest.mark.parametrize("strategy", [ProviderStrategy, ToolStrategy, None])
@pytest.mark.filterwarnings("ignore::qwen_core.errors.QwenWarning")
def test_agent_response_format_with_every_strategy(
    make: MakeModel, strategy: Any, with_tools: bool, fields: dict[str, Any]
) -> None:
    wanted = strategy(Report) if strategy else Report
    agent = create_agent(make(**fields), [get_weather] if with_tools else [], response_format=wanted)
    question = "What is the weather in Rome?" if with_tools else "It is 25 degrees in Rome. Report the weather."
    result = run(agent, {"messages": [HumanMessage(question)]}, recursion_limit=8)
    assert result["structured_response"] == Report(city="Rome", degrees=25)
    called = [message.name for message in result["messages"] if isinstance(message, ToolMessage)]
    assert called.count("get_weather") == int(with_tools)


def test_agent_response_format_strategy_follows_the_profile(service: Emulator, make: MakeModel) -> None:
    run(create_agent(make(model="qwen3.7-plus"), [get_weather], response_format=Report))
    assert service.last_request.parameters["response_format"]["type"] == "json_schema"
    with pytest.warns(QwenWarning):
        run(create_agent(make(model="qwen-plus"), [get_weather], response_format=Report))
    assert "response_format" not in service.last_request.parameters


@pytest.mark.parametrize("strategy", [ProviderStrategy, ToolStrategy, None])
@pytest.mark.filterwarnings("ignore:The service cannot force a choice:qwen_core.errors.QwenWarning")
@pytest.mark.filterwarnings("ignore:A tool call can be forced only without thinking:qwen_core.errors.QwenWarning")
def test_agent_response_format_with_server_tools(service: Emulator, strategy: Any) -> None:
    model = ChatQwen(model="qwen3.7-plus")
    agent = create_agent(model, [{"type": "web_search"}], response_format=strategy(Report) if strategy else Report)
    told = nullcontext() if strategy is ToolStrategy else pytest.warns(QwenWarning, match="beside built-in tools")
    report = {"city": "Rome", "degrees": 25}
    service.reply(
        Reply(tool_calls=[ToolCall("Report", report)]) if strategy is ToolStrategy else json.dumps(report)
    )
    with told:
        assert run(agent)["structured_response"] == Report(city="Rome", degrees=25)
    assert service.last_request.path.endswith("/responses")


def test_agent_retries_invalid_structured_response(service: Emulator, make: MakeModel) -> None:
    wrong, right = {"city": "Rome"}, {"city": "Rome", "degrees": 25}
    service.reply(Reply(tool_calls=[ToolCall("Report", wrong)]), Reply(tool_calls=[ToolCall("Report", right)]))
    agent = create_agent(make(), [], response_format=ToolStrategy(Report))
    assert run(agent)["structured_response"].degrees == 25
    results = [message for message in service.last_request.messages if message["role"] == "tool"]
    assert "degrees" in str(results[0]["content"])


def test_agent_stream_mode_messages(model: ChatQwen) -> None:
    agent = create_agent(model, [get_weather])
    found = list(agent.stream(QUESTION, stream_mode="messages"))
    pieces = [message for message, _ in found if isinstance(message, AIMessageChunk)]
    assert len(pieces) > 6
    by_id: dict[str, AIMessageChunk] = {}
    for piece in pieces:
        assert piece.id
        by_id[piece.id] = by_id[piece.id] + piece if piece.id in by_id else piece
    called, answered = by_id.values()
    assert called.tool_calls[0]["args"] == {"city": "Rome"}
    assert "25 degrees" in answered.text and answered.usage_metadata
    assert [message.content for message, _ in found if isinstance(message, ToolMessage)]


async def test_agent_astream_events(model: ChatQwen) -> None:
    agent = create_agent(model, [get_weather])
    text, calls = "", []
    async for event in agent.astream_events(QUESTION, version="v2"):
        if event["event"] == "on_chat_model_stream":
            text += event["data"]["chunk"].text
        elif event["event"] == "on_chat_model_end":
            calls += event["data"]["output"].tool_calls
    assert "25 degrees" in text and [call["name"] for call in calls] == ["get_weather"]


@pytest.mark.parametrize("streams", [False, True])
def test_agent_never_executes_truncated_tool_call(service: Emulator, model: ChatQwen, streams: bool) -> None:
    done: list[str] = []

    @tool
    def delete(path: str) -> str:
        """Delete a file."""
        done.append(path)
        return "gone"

    service.reply(Reply(tool_calls=[ToolCall("delete", '{"path": "/home')], finish_reason="length"))
    agent = create_agent(model, [delete])
    if streams:
        *_, (kind, last) = agent.stream(QUESTION, stream_mode=["messages", "values"])
        assert kind == "values"
    else:
        last = run(agent)
    message = last["messages"][-1]
    assert done == [] and type(message) is AIMessage
    assert not message.tool_calls and message.invalid_tool_calls[0]["args"] == '{"path": "/home'


class State(TypedDict):
    messages: Annotated[list[AnyMessage], add_messages]


def test_graph_with_checkpointer_keeps_the_conversation(model: ChatQwen) -> None:
    bound = model.bind_tools([add])
    graph = StateGraph(State)
    graph.add_node("model", lambda state: {"messages": [bound.invoke(state["messages"])]})
    graph.add_node("tools", ToolNode([add]))
    graph.set_entry_point("model")
    graph.add_conditional_edges("model", tools_condition)
    graph.add_edge("tools", "model")
    app = graph.compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    first = app.invoke({"messages": [HumanMessage("What is 17 plus 25?")]}, config)
    assert "42" in first["messages"][-1].text
    list(app.stream({"messages": [HumanMessage("And 1 plus 2?")]}, config, stream_mode="messages"))
    kept = app.get_state(config).values["messages"]
    assert len(kept) == 8 and "3" in kept[-1].text
    assert {type(message) for message in kept} == {HumanMessage, AIMessage, ToolMessage}


def test_second_agent_continues_after_an_assistant_message(service: Emulator, model: ChatQwen) -> None:
    graph = StateGraph(State)
    for name in ("researcher", "writer"):
        graph.add_node(name, create_agent(model, [get_weather], system_prompt=f"You are the {name}."))
    graph.set_entry_point("researcher")
    graph.add_edge("researcher", "writer")
    service.reply("It is sunny in Rome.", "ROME IN THE SUN")
    with pytest.warns(QwenWarning, match="is from the assistant"):
        result = run(graph.compile())
    assert [message.text for message in result["messages"][1:]] == ["It is sunny in Rome.", "ROME IN THE SUN"]


def test_checkpointed_chunks_are_restored(model: ChatQwen) -> None:
    strict = JsonPlusSerializer(allowed_msgpack_modules=None)

    @task
    def listen() -> list[Any]:
        return list(model.stream("Hello"))

    @entrypoint(checkpointer=InMemorySaver(serde=strict))
    def conversation(_: str) -> list[Any]:
        return listen().result()

    config: Any = {"configurable": {"thread_id": "1"}}
    streamed = conversation.invoke("", config)
    kept = conversation.get_state(config).values
    assert kept == streamed and {type(chunk) for chunk in kept} == {AIMessageChunk}


def test_summarization_middleware_shortens_the_history(service: Emulator, make: MakeModel) -> None:
    summarize = SummarizationMiddleware(make(), trigger=("messages", 4), keep=("messages", 2))
    agent = create_agent(make(), [], middleware=[summarize])
    history = [
        HumanMessage("My name is Ada."),
        AIMessage("Hello Ada."),
        HumanMessage("I like tea."),
        AIMessage("So?"),
    ]
    result = run(agent, {"messages": [*history, HumanMessage("Count from 1 to 3.")]})
    assert result["messages"][-1].text == "1, 2, 3"
    assert len(service.requests) == 2 and len(result["messages"]) < 6


def test_summarization_middleware_by_fraction_of_the_context(make: MakeModel) -> None:
    summarize = SummarizationMiddleware(make(), trigger=("fraction", 0.8), keep=("fraction", 0.3))
    assert run(create_agent(make(), [get_weather], middleware=[summarize]))["messages"][-1].text


def test_model_fallback_middleware(service: Emulator, make: MakeModel) -> None:
    service.reply(Failure.named("model_not_found"))
    fallback = ModelFallbackMiddleware(make(model="qwen-flash"))
    result = run(create_agent(make(max_retries=0), [get_weather], middleware=[fallback]))
    assert "25 degrees" in result["messages"][-1].text
    assert [request.model for request in service.requests][:2] == ["qwen-plus", "qwen-flash"]


def test_model_retry_middleware_retries_only_retryable_errors(service: Emulator, make: MakeModel) -> None:
    service.reply(Failure.named("internal_error"))
    retry = ModelRetryMiddleware(max_retries=1, initial_delay=0.01, on_failure="error")
    agent = create_agent(make(max_retries=0), [get_weather], middleware=[retry])
    assert "25 degrees" in run(agent)["messages"][-1].text
    assert len(service.requests) == 3
    service.reply(Failure.named("invalid_api_key"))
    with pytest.raises(Exception, match="API key"):
        run(agent)
    assert len(service.requests) == 4


def test_tool_retry_middleware(model: ChatQwen) -> None:
    attempts: list[str] = []

    @tool
    def get_weather(city: str) -> str:
        """The weather of a city."""
        attempts.append(city)
        if len(attempts) < 3:
            raise ConnectionError("no answer")
        return f"Sunny and 25 degrees in {city}."

    retry = ToolRetryMiddleware(max_retries=3, initial_delay=0.01)
    assert "25 degrees" in run(create_agent(model, [get_weather], middleware=[retry]))["messages"][-1].text
    assert attempts == ["Rome"] * 3


def test_tool_errors_are_sent_to_the_model(service: Emulator, model: ChatQwen) -> None:
    @tool
    def get_weather(city: str) -> str:
        """The weather of a city."""
        raise ConnectionError("no answer")

    retry = ToolRetryMiddleware(max_retries=0)
    run(create_agent(model, [get_weather], middleware=[retry]))
    assert "no answer" in str(service.last_request.messages[-1]["content"])


def test_context_editing_and_tool_selector_middleware(service: Emulator, make: MakeModel) -> None:
    middleware: list[Any] = [
        ContextEditingMiddleware(token_count_method="model"),
        LLMToolSelectorMiddleware(model=make(model="qwen3.7-plus", enable_thinking=False), max_tools=1),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", QwenWarning)
        result = run(create_agent(make(), [get_weather, add], middleware=middleware))
    assert result["messages"][-1].text
    assert len(service.last_request.parameters["tools"]) == 1
