"""Reasoning that the service leaves in the text is reasoning, on both protocols and in both frameworks."""

import time
from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from llama_index.core.base.llms.types import ChatMessage

from langchain_qwen import ChatQwen
from llama_index_qwen import Qwen
from qwen_core import errors
from qwen_core.protocols.leaked_reasoning import LeakedReasoning, Leaks
from qwen_emulator import Emulator, Reply, ToolCall, faults

THINKS, PLAIN = "qwen3.5-plus", "qwen-plus"
LONE = "Draft 2 is better.\n</think>\n\nThis is a cat."

# policy, reasoning in its field, text, reasoning in the text, text that is left
SPLITS: list[tuple[Leaks, bool, str, str, str]] = [
    ("stream", False, LONE, "Draft 2 is better.", "This is a cat."),
    ("whole", True, LONE, "Draft 2 is better.", "This is a cat."),
    ("stream", True, LONE, "", LONE),
    ("block", False, LONE, "", LONE),
    ("stream", False, "thought</think>Answer", "thought", "Answer"),
    ("stream", False, "thought.</think>\nAnswer", "thought.", "Answer"),
    ("stream", False, "thought\n</think>", "thought", ""),
    ("stream", False, "\n</think>\n\nAnswer", "", "Answer"),
    ("block", True, "</think>\n\nAnswer", "", "Answer"),
    ("block", False, "<think>more</think>\nAnswer", "more", "Answer"),
    ("block", True, "<think>more</think>\nAnswer", "more", "Answer"),
    ("stream", False, " \n<think>\n\n</think>\n\nAnswer", "", "Answer"),
    ("block", False, "<think>never closed", "", "<think>never closed"),
    ("stream", False, "Only an answer.", "", "Only an answer."),
    ("stream", False, "", "", ""),
    ("stream", False, "The tag `</think>` ends it.", "", "The tag `</think>` ends it."),
    ("stream", False, "The </think> tag ends it.", "", "The </think> tag ends it."),
    ("stream", False, "It ends with </think>.", "", "It ends with </think>."),
    ("stream", False, "Say <think>x\n</think>\nHi", "", "Say <think>x\n</think>\nHi"),
    ("stream", False, "```\n</think>\n```\nis a tag", "", "```\n</think>\n```\nis a tag"),
    ("stream", False, "Is it `</think>`?\n</think>\n\nYes.", "Is it `</think>`?", "Yes."),
    ("block", False, "</think", "", "</think"),
    ("block", True, "</think> is a tag", "", "</think> is a tag"),
    ("block", False, "<thinker> is no tag", "", "<thinker> is no tag"),
]


@pytest.mark.parametrize(("leaks", "has_reasoning", "text", "reasoning", "left"), SPLITS)
@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_text_is_split_the_same_in_chunks_of_any_size(
    leaks: Leaks, has_reasoning: bool, text: str, reasoning: str, left: str, size: int
) -> None:
    splitter = LeakedReasoning(leaks)
    if has_reasoning:
        splitter.take_reasoning()
    splits = [
        splitter.add(text[i : i + size]) if not splitter.done else ("", text[i : i + size])
        for i in range(0, len(text), size)
    ]
    splits.append(splitter.end())
    assert ("".join(r for r, _ in splits), "".join(t for _, t in splits)) == (reasoning, left)


def test_text_is_not_held_back_when_reasoning_came_or_none_is_expected() -> None:
    for leaks, has_reasoning in (("stream", True), ("block", False)):
        splitter = LeakedReasoning(leaks)  # type: ignore[arg-type]
        if has_reasoning:
            splitter.take_reasoning()
        assert splitter.add("Hel") == ("", "Hel") and splitter.done


@pytest.mark.parametrize("start", ['{"na', "[", "\n {"])
def test_text_that_begins_as_json_is_not_held_back(start: str) -> None:
    splitter = LeakedReasoning("stream")
    assert splitter.add(start) == ("", start) and splitter.done


def test_holding_back_takes_linear_time() -> None:
    begin = time.process_time()
    splitter = LeakedReasoning("stream")
    for _ in range(100_000):
        splitter.add("word ")
    splitter.add("`</think>` ")
    assert len(splitter.end()[1]) == 500_011
    assert time.process_time() - begin < 1


PROTOCOLS = ["openai", "dashscope"]
Parts = tuple[str, str]


ADD = {"name": "add", "description": "Add.", "parameters": {"type": "object", "properties": {}}}


def common(emulator: Emulator, protocol: str, **fields: Any) -> dict[str, Any]:
    return {"model": THINKS, "api_key": "k", "base_url": emulator.base_url, "protocol": protocol, **fields}


def langchain_parts(message: Any) -> Parts:
    return message.additional_kwargs.get("reasoning_content") or "", message.text


def ask_langchain(emulator: Emulator, protocol: str, stream: bool, **fields: Any) -> Parts:
    model = ChatQwen(**common(emulator, protocol, **fields))
    if not stream:
        return langchain_parts(model.invoke("?"))
    chunks = list(model.stream("?"))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole = whole + chunk
    return langchain_parts(whole)


def ask_llama_index(emulator: Emulator, protocol: str, stream: bool, **fields: Any) -> Parts:
    llm = Qwen(**common(emulator, protocol, **fields))
    messages = [ChatMessage(role="user", content="?")]
    response = list(llm.stream_chat(messages))[-1] if stream else llm.chat(messages)
    thoughts = [block.content for block in response.message.blocks if block.block_type == "thinking"]
    return "".join(thought or "" for thought in thoughts), response.message.content or ""


@pytest.mark.parametrize("ask", [ask_langchain, ask_llama_index])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_leaked_reasoning_is_reasoning_in_both_frameworks(
    ask: Any, stream: bool, protocol: str, qwen_emulator: Emulator
) -> None:
    cases: Sequence[tuple[str, Reply, Parts]] = (
        (THINKS, Reply(LONE), ("Draft 2 is better.", "This is a cat.")),
        (THINKS, Reply("<think>more</think>\nAnswer", reasoning="first "), ("first more", "Answer")),
        (PLAIN, Reply("<think>more</think>\nAnswer"), ("more", "Answer")),
        (PLAIN, Reply(LONE), ("", LONE)),
        (THINKS, Reply("A </think> tag.", reasoning="r"), ("r", "A </think> tag.")),
    )
    for model, reply, expected in cases:
        qwen_emulator.reply(reply)
        assert ask(qwen_emulator, protocol, stream, model=model) == expected


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_leaked_reasoning_beside_a_tool_call_does_not_go_back(
    protocol: str, stream: bool, qwen_emulator: Emulator
) -> None:
    bound = ChatQwen(**common(qwen_emulator, protocol)).bind_tools([ADD])
    qwen_emulator.reply(Reply("I add.\n</think>\n", tool_calls=(ToolCall("add", {}),)), "3")
    message: Any = bound.invoke("1+2?")
    if stream:
        qwen_emulator.reset()
        qwen_emulator.reply(Reply("I add.\n</think>\n", tool_calls=(ToolCall("add", {}),)), "3")
        chunks = list(bound.stream("1+2?"))
        message = chunks[0]
        for chunk in chunks[1:]:
            message = message + chunk
    assert langchain_parts(message) == ("I add.", "") and len(message.tool_calls) == 1
    history = [HumanMessage("1+2?"), AIMessage(**{**message.model_dump(), "type": "ai"})]
    bound.invoke([*history, ToolMessage("3", tool_call_id=message.tool_calls[0]["id"])])
    assert "</think>" not in str(qwen_emulator.last_request.body)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_text_that_was_held_back_is_in_the_partial_of_a_broken_stream(
    protocol: str, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(faults.cut_after(Reply(("Once ", "upon ", "a time")), 3))
    with pytest.raises(errors.IncompleteStreamError) as caught:
        ask_langchain(qwen_emulator, protocol, True)
    assert caught.value.partial is not None and caught.value.partial.text.startswith("Once upon")
    assert len(qwen_emulator.requests) == 1 and not caught.value.is_retryable
