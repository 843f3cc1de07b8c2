"""Agents run to completion, streaming or not (checklist 14)."""

import asyncio
import contextlib
import io
from typing import Any

import pytest
from llama_index.core.agent.workflow import (
    AgentStream,
    AgentWorkflow,
    CodeActAgent,
    FunctionAgent,
    ReActAgent,
    ToolCallResult,
)
from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock
from llama_index.core.memory import Memory
from llama_index.core.tools import FunctionTool
from llama_index.core.workflow import Context, WorkflowRuntimeError
from pydantic import BaseModel

from qwen_core.errors import AuthenticationError, InvalidResponseError, QwenWarning
from qwen_emulator import Emulator, Failure, Reply, ToolCall
from tests.llama_index.conftest import OLD_CORE, MakeModel

# Workflows read every attribute of an agent, including pydantic's deprecated ones.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning"),
    pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning"),
    # A reused context warns, and on a new pydantic loses its memory, which LlamaIndex cannot dump.
    pytest.mark.filterwarnings("ignore:Skipping serialization of known unserializable key"),
]

both = pytest.mark.parametrize("streaming", [True, False])


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It rains in {city}."


async def run(agent: Any, message: str, **options: Any) -> tuple[Any, list[Any]]:
    """Return the agent's response and its events."""
    handler = agent.run(message, **options)
    events = [event async for event in handler.stream_events()]
    return await handler, events


def results(events: list[Any]) -> list[tuple[str, dict[str, Any], str]]:
    found = [event for event in events if isinstance(event, ToolCallResult)]
    return [(event.tool_name, event.tool_kwargs, str(event.tool_output.content)) for event in found]


@both
async def test_function_agent_calls_tools(make: MakeModel, streaming: bool) -> None:
    agent = FunctionAgent(tools=[add, weather], llm=make(), streaming=streaming)
    answer, events = await run(agent, "What is 12 plus 30?")
    assert results(events) == [("add", {"a": 12, "b": 30}, "42")]
    assert "42" in str(answer)
    if streaming:
        streamed = "".join(event.delta for event in events if isinstance(event, AgentStream))
        assert streamed == str(answer)


@both
async def test_function_agent_with_parallel_tool_calls(
    make: MakeModel, service: Emulator, streaming: bool
) -> None:
    if OLD_CORE and not streaming:
        pytest.skip("this core requests one tool call at a time when not streaming")
    calls = [ToolCall("weather", {"city": "New York City"}), ToolCall("weather", {"city": "Paris"})]
    service.reply(Reply(tool_calls=calls), "It rains in both.")
    agent = FunctionAgent(tools=[weather], llm=make(), streaming=streaming)
    answer, events = await run(agent, "Weather in New York City and Paris?")
    assert {result[1]["city"] for result in results(events)} == {"New York City", "Paris"}
    assert str(answer) == "It rains in both."
    assert service.requests[0].parameters["parallel_tool_calls"] is True
    sent = service.last_request.messages
    assert [message["role"] for message in sent] == ["user", "assistant", "tool", "tool"]


async def test_agent_streams_thinking_delta(make: MakeModel, service: Emulator) -> None:
    service.reply(
        Reply("", reasoning="I should add.", tool_calls=[ToolCall("add", {"a": 1, "b": 2})]),
        Reply("It is 3.", reasoning="Now I know."),
    )
    agent = FunctionAgent(tools=[add], llm=make(model="qwen3-max", enable_thinking=True))
    answer, events = await run(agent, "Add 1 and 2.")
    thoughts = "".join(getattr(event, "thinking_delta", None) or "" for event in events)
    assert str(answer) == "It is 3."
    if hasattr(AgentStream, "model_fields") and "thinking_delta" in AgentStream.model_fields:
        assert thoughts == "I should add.Now I know."
    assert "I should add." in service.last_request.raw.decode()  # replayed within the tool round


async def test_function_agent_initial_tool_choice(make: MakeModel, service: Emulator) -> None:
    if "initial_tool_choice" not in FunctionAgent.model_fields:
        pytest.skip("this core has no initial tool choice")
    agent = FunctionAgent(tools=[add, weather], llm=make(), initial_tool_choice="weather")
    _, events = await run(agent, "Is it wet in Oslo?")
    assert results(events)[0][0] == "weather"
    assert service.requests[0].parameters["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert "tool_choice" not in service.requests[-1].parameters


class Sum(BaseModel):
    """A sum."""

    total: int


@pytest.mark.parametrize("kind", [FunctionAgent, ReActAgent])
@pytest.mark.parametrize("model", ["qwen-plus", "qwen3.7-plus"])
async def test_agent_output_cls(make: MakeModel, kind: type[FunctionAgent | ReActAgent], model: str) -> None:
    agent = kind(tools=[add], llm=make(model=model, enable_thinking=False), output_cls=Sum)
    answer, _ = await run(agent, "What is 12 plus 30?")
    assert isinstance(answer.get_pydantic_model(Sum), Sum)


async def test_agent_with_return_direct_tool(make: MakeModel) -> None:
    llm = make()
    tool = FunctionTool.from_defaults(weather, return_direct=True)
    memory = Memory.from_defaults(session_id="direct", token_limit=10_000)
    agent = FunctionAgent(tools=[tool], llm=llm)
    answer, _ = await run(agent, "What is the weather in Paris?", memory=memory)
    assert str(answer) == "It rains in Paris."
    again, _ = await run(agent, "Say thanks", memory=memory)
    assert str(again)


async def test_agent_early_stopping_method_generate(make: MakeModel, service: Emulator) -> None:
    if "early_stopping_method" not in FunctionAgent.model_fields:
        pytest.skip("this core cannot stop early")
    call = Reply(tool_calls=[ToolCall("add", {"a": 1, "b": 2})])
    service.reply(call, call, "I stop with 3.")
    agent = FunctionAgent(tools=[add], llm=make(), early_stopping_method="generate")
    answer, _ = await run(agent, "Add for ever.", max_iterations=2)
    assert str(answer) == "I stop with 3."
    assert service.last_request.messages[-1]["role"] == "user"


async def test_agent_continues_after_max_iterations(make: MakeModel, service: Emulator) -> None:
    agent = FunctionAgent(tools=[add], llm=make())
    ctx = Context(agent)
    call = Reply(tool_calls=[ToolCall("add", {"a": 1, "b": 2})])
    service.reply(call, call, "I go on.")
    with pytest.raises(WorkflowRuntimeError, match="Max iterations"):
        await agent.run("Add for ever.", ctx=ctx, max_iterations=2)
    with pytest.warns(QwenWarning, match="without a tool message"):
        assert str(await agent.run("Go on.", ctx=ctx)) == "I go on."
    assert service.last_request.messages[-1]["role"] == "tool"


async def test_agent_continues_after_return_direct_beside_other_calls(make: MakeModel, service: Emulator) -> None:
    direct = FunctionTool.from_defaults(weather, return_direct=True)
    agent = FunctionAgent(tools=[direct, add], llm=make())
    calls = [ToolCall("weather", {"city": "Oslo"}), ToolCall("add", {"a": 1, "b": 2})]
    service.reply(Reply(tool_calls=calls))
    memory = Memory.from_defaults(session_id="direct", token_limit=4000)
    assert str(await agent.run("Both!", memory=memory)) == "It rains in Oslo."
    service.reply("I go on.")
    with pytest.warns(QwenWarning, match="without a tool message"):
        assert str(await agent.run("Go on.", memory=memory)) == "I go on."
    roles = [message["role"] for message in service.last_request.messages]
    assert roles == ["user", "assistant", "tool", "tool", "assistant", "user"]


async def test_code_act_agent_hands_off(make: MakeModel, service: Emulator) -> None:
    # LlamaIndex drops the tool call of a CodeActAgent and keeps its result.
    service.reply(Reply(tool_calls=[ToolCall("handoff", {"to_agent": "clerk", "reason": "x"})]), "Here I am.")
    llm = make()
    coder = CodeActAgent(
        name="coder", description="Codes.", code_execute_fn=add, llm=llm, can_handoff_to=["clerk"]
    )
    clerk = FunctionAgent(name="clerk", description="Receives.", tools=[add], llm=llm)
    with pytest.warns(QwenWarning, match="follow no tool call"):
        answer, _ = await run(AgentWorkflow(agents=[coder, clerk], root_agent="coder"), "Hello!")
    assert str(answer) == "Here I am."
    assert service.last_request.messages[-1]["role"] == "user"


async def test_agent_tool_that_returns_images(make: MakeModel, service: Emulator) -> None:
    def draw() -> list[Any]:
        """Draw a picture."""
        return [TextBlock(text="Drawn."), ImageBlock(url="https://example.com/a.png")]

    service.reply(Reply(tool_calls=[ToolCall("draw")]), "A picture.")
    agent = FunctionAgent(tools=[draw], llm=make(model="qwen3-vl-plus"))
    answer, _ = await run(agent, "Draw!")
    assert str(answer) == "A picture."
    if [message["role"] for message in service.last_request.messages][-1] == "user":
        assert "https://example.com/a.png" in str(service.last_request.messages[-1])


async def test_agent_tool_error_is_sent_to_the_model(make: MakeModel, service: Emulator) -> None:
    def broken(text: str) -> str:
        """Fail."""
        raise RuntimeError("out of order")

    service.reply(Reply(tool_calls=[ToolCall("broken", {"text": "x"})]), "It is out of order.")
    agent = FunctionAgent(tools=[broken], llm=make())
    answer, _ = await run(agent, "Try it.")
    assert str(answer) == "It is out of order."
    assert "out of order" in str(service.last_request.messages[-1])


async def test_agent_raises_authentication_error(make: MakeModel, service: Emulator) -> None:
    for kind in (FunctionAgent, ReActAgent):
        service.reply(Failure.named("invalid_api_key"))
        with pytest.raises(AuthenticationError):
            await run(kind(tools=[add], llm=make()), "What is 1 plus 2?")


@both
async def test_agent_raises_on_truncated_tool_call(make: MakeModel, service: Emulator, streaming: bool) -> None:
    service.reply(Reply(tool_calls=[ToolCall("add", '{"a": 1, "b')], finish_reason="length"))
    agent = FunctionAgent(tools=[add], llm=make(), streaming=streaming)
    with pytest.raises(InvalidResponseError, match="truncated"):
        await run(agent, "What is 1 plus 2?")


@both
async def test_react_agent_calls_tools(make: MakeModel, streaming: bool) -> None:
    agent = ReActAgent(tools=[add, weather], llm=make(), streaming=streaming)
    answer, events = await run(agent, "What is 12 plus 30?")
    assert results(events) == [("add", {"a": 12, "b": 30}, "42")]
    assert "42" in str(answer)


@both
async def test_code_act_agent_runs_code(make: MakeModel, service: Emulator, streaming: bool) -> None:
    def execute(code: str) -> str:
        """Run code."""
        with contextlib.redirect_stdout(io.StringIO()) as output:
            exec(code, {"add": add})
        return output.getvalue()

    service.reply("<execute>\nprint(add(12, 30))\n</execute>", "It is 42.")
    agent = CodeActAgent(code_execute_fn=execute, tools=[add], llm=make(), streaming=streaming)
    answer, events = await run(agent, "What is 12 plus 30?")
    assert results(events)[0][2].strip() == "42"
    assert str(answer) == "It is 42."


@both
async def test_agent_workflow_hand_off(make: MakeModel, service: Emulator, streaming: bool) -> None:
    service.reply(
        Reply(tool_calls=[ToolCall("handoff", {"to_agent": "meteorologist", "reason": "It is about weather."})]),
        Reply(tool_calls=[ToolCall("weather", {"city": "Oslo"})]),
        "It rains in Oslo.",
    )
    llm = make()
    clerk = FunctionAgent(
        name="clerk",
        description="Receives.",
        tools=[add],
        llm=llm,
        can_handoff_to=["meteorologist"],
        streaming=streaming,
    )
    meteorologist = FunctionAgent(
        name="meteorologist", description="Knows the weather.", tools=[weather], llm=llm, streaming=streaming
    )
    workflow = AgentWorkflow(agents=[clerk, meteorologist], root_agent="clerk")
    answer, events = await run(workflow, "Is it wet in Oslo?")
    assert [result[0] for result in results(events)] == ["handoff", "weather"]
    assert str(answer) == "It rains in Oslo."
    assert answer.current_agent_name == "meteorologist"


async def test_agent_workflow_from_functions(make: MakeModel) -> None:
    workflow = AgentWorkflow.from_tools_or_functions([add], llm=make(), system_prompt="Calculate.")
    answer, events = await run(workflow, "What is 12 plus 30?")
    assert results(events)
    assert "42" in str(answer)


def test_agent_memory_over_several_turns(make: MakeModel) -> None:
    agent = FunctionAgent(tools=[add], llm=make())
    memory = Memory.from_defaults(session_id="turns", token_limit=10_000)

    async def talk() -> str:
        await run(agent, "What is 12 plus 30?", memory=memory)
        answer, _ = await run(agent, "What is 1 plus 2?", memory=memory)
        return str(answer)

    assert "3" in asyncio.run(talk())


async def test_agent_continues_chat_history_of_another_integration(make: MakeModel) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1, "b": 2}'}}
    history = [
        ChatMessage(role="user", content="What is 1 plus 2?"),
        ChatMessage(role="assistant", content=None, additional_kwargs={"tool_calls": [call]}),
        ChatMessage(role="tool", content="3", additional_kwargs={"tool_call_id": "call_1"}),
        ChatMessage(role="assistant", content="3."),
    ]
    agent = FunctionAgent(tools=[add], llm=make())
    answer, _ = await run(agent, "What is 12 plus 30?", chat_history=history)
    assert "42" in str(answer)
