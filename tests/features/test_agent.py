"""A streamed agent conversation of five turns with thinking, search and tool calls, on either protocol."""

from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessageChunk
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

from langchain_qwen import ChatQwen
from langchain_qwen.middleware import QwenPromptCachingMiddleware
from qwen_emulator import Emulator, RecordedRequest, Reply, SearchResult, ToolCall
from tests.features.conftest import KEY, Protocol

SOURCE = SearchResult("Paris", "https://a.example/paris", "A")

TURNS: list[tuple[str, list[Reply]]] = [
    ("Who are you?", [Reply("An assistant.", reasoning="R1")]),
    ("What is new in Paris?", [Reply("A fair[1].", reasoning="R2", search_results=[SOURCE])]),
    (
        "And the weather there?",
        [
            Reply(reasoning="R3a", tool_calls=[ToolCall("weather", {"city": "Paris"}, id="call_3")]),
            Reply("Sunny.", reasoning="R3b"),
        ],
    ),
    (
        "And in Rome and Oslo?",
        [
            Reply(
                reasoning="R4a",
                tool_calls=[
                    ToolCall("weather", {"city": "Rome"}, id="call_4a"),
                    ToolCall("weather", {"city": "Oslo"}, id="call_4b"),
                ],
            ),
            Reply(text="Rain", reasoning="R4b", tool_calls=[ToolCall("weather", {"city": "Bern"}, id="call_4c")]),
            Reply("All rainy[1].", reasoning="R4c", search_results=[SOURCE]),
        ],
    ),
    ("Thank you.", [Reply("You are welcome.", reasoning="R5")]),
]

# The reasoning that each request replays: the current round, or everything (compatible 2.1).
ROUNDS = [[], [], [], ["R3a"], [], ["R4a"], ["R4a", "R4b"], []]
EVERYTHING = ["R1", "R2", "R3a", "R3b", "R4a", "R4b", "R4c"]


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return "rainy" if city != "Paris" else "sunny"


def flat(content: Any) -> str:
    """Return the text of a message content on either protocol."""
    return content if isinstance(content, str) else "".join(block["text"] for block in content)


def converse(agent: Any, question: str) -> tuple[str, str, list[str]]:
    """Run one turn and return the streamed text, the reasoning and the sources."""
    text, reasoning, sources = "", "", []
    config = {"configurable": {"thread_id": "one"}}
    question_ = {"messages": [{"role": "user", "content": question}]}
    for chunk, _ in agent.stream(question_, config, stream_mode="messages"):
        if not isinstance(chunk, AIMessageChunk):
            continue
        for block in chunk.content_blocks:
            text += block["text"] if block["type"] == "text" else ""
            reasoning += str(block["reasoning"]) if block["type"] == "reasoning" else ""
            sources += [note["url"] for note in block.get("annotations", [])]  # type: ignore[attr-defined]
    return text, reasoning, sources


@pytest.mark.parametrize("model", ["qwen-plus", "qwen3.8-max"])
def test_agent_with_thinking_search_and_tools_over_five_turns(
    model: str, protocol: Protocol, qwen_emulator: Emulator
) -> None:
    chat = ChatQwen(
        api_key=KEY,
        base_url=qwen_emulator.base_url,
        protocol=protocol,
        model=model,
        enable_thinking=True,
        enable_search=True,
        search_options={"enable_citation": True} if protocol == "dashscope" else None,
        parallel_tool_calls=True,
    )
    agent = create_agent(
        chat,
        [weather],
        system_prompt="Be brief.",
        checkpointer=InMemorySaver(),
        middleware=[QwenPromptCachingMiddleware(conversation=False)],
    )
    for number, (question, replies) in enumerate(TURNS, 1):
        qwen_emulator.reply(*replies)
        text, reasoning, sources = converse(agent, question)
        assert text == "".join(str(reply.text) for reply in replies)
        assert reasoning == "".join(str(reply.reasoning) for reply in replies)
        cited = protocol == "dashscope" and number in (2, 4)
        assert sources == (["https://a.example/paris"] if cited else [])
    assert len(qwen_emulator.requests) == len(ROUNDS)
    for number, request in enumerate(qwen_emulator.requests):
        check_request(request, model, number)


def check_request(request: RecordedRequest, model: str, number: int) -> None:
    """Assert that the n-th request is as documented."""
    assert request.stream
    parameters = request.parameters
    assert parameters["enable_thinking"] is True and parameters["enable_search"] is True
    assert "tool_choice" not in parameters and len(parameters["tools"]) == 1
    system, *rest = request.messages
    assert (system["role"], flat(system["content"])) == ("system", "Be brief.")
    assert system["content"][0]["cache_control"] == {"type": "ephemeral"}
    replayed = [message["reasoning_content"] for message in rest if "reasoning_content" in message]
    thought = EVERYTHING[: number if number < 7 else 7]
    assert replayed == (thought if model == "qwen3.8-max" else ROUNDS[number])
    open_calls: list[str] = []
    for message in rest:
        assert not any(reasoning in flat(message.get("content") or "") for reasoning in EVERYTHING)
        if message["role"] == "tool":
            assert message["tool_call_id"] == open_calls.pop(0)
        else:
            assert not open_calls
        open_calls += [call["id"] for call in message.get("tool_calls", [])]
    assert not open_calls
    assert rest[-1]["role"] in ("user", "tool")
