"""docs/migration.md is correct: old and new code give the same results, except for the stated differences."""

import re
from collections.abc import Callable
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import pytest

from qwen_core import errors
from qwen_emulator import Emulator, Failure, ToolCall
from qwen_emulator.replies import Reply
from qwen_emulator.script import Scripted
from tests.migration.guide import GUIDE, PAIRS, Run, run_pair

ROOT = Path(__file__).parents[2]

THROTTLED = Failure.named("rate_limit")
TWO_CALLS = Reply(
    tool_calls=[ToolCall("get_weather", {"city": "Paris"}), ToolCall("get_weather", {"city": "Rome"})]
)


def usage(pieces: list[Any]) -> Any:
    """Return the summed usage of a LangChain stream."""
    return reduce(add, pieces).usage_metadata


def text(pieces: list[Any]) -> str:
    """Return the text of a stream."""
    return "".join(piece.content for piece in pieces)


def calls(run: Run) -> list[tuple[str, dict[str, Any]]]:
    """Return the tool calls of a block, LangChain's or LlamaIndex's."""
    return [
        (call["name"], call["args"]) if isinstance(call, dict) else (call.tool_name, call.tool_kwargs)
        for call in run["calls"]
    ]


def tongyi_options(before: Run, after: Run) -> None:
    assert before["answer"].content == after["answer"].content
    assert before["tokens"] == after["tokens"]
    assert before["answer"].usage_metadata is None
    for name, value in {"temperature": 0.2, "top_p": 0.9, "seed": 7}.items():
        assert before.sent[name] == after.sent[name] == value


def tongyi_streams(before: Run, after: Run) -> None:
    assert text(before["chunks"]) == text(after["chunks"]) == text(before["quiet"])
    assert len(before["chunks"]) > 2 and len(after["chunks"]) > 2
    assert len(before["quiet"]) == 1
    assert usage(before["chunks"]) is None and usage(after["chunks"])["total_tokens"] == 42


def tongyi_calls_in_a_stream(before: Run, after: Run) -> None:
    assert isinstance(before.error, IndexError)
    assert calls(after) == [("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Rome"})]
    assert before.sent["tools"] == after.sent["tools"]


def the_same_reasoning(before: Run, after: Run) -> None:
    assert before["reasoning"] == after["reasoning"] and after["reasoning"]
    assert before["answer"].content == after["answer"].content
    assert before.sent["enable_thinking"] is after.sent["enable_thinking"] is True
    assert before.sent["thinking_budget"] == after.sent["thinking_budget"] == 500
    assert after["answer"].content_blocks[0] == {"type": "reasoning", "reasoning": after["reasoning"]}


def tongyi_endpoints(before: Run, after: Run) -> None:
    assert isinstance(before.error, ValueError) and "url error" in str(before.error)
    assert after["answer"].content
    assert "multimodal-generation" in after.requests[-1].path


def tongyi_structure(before: Run, after: Run) -> None:
    assert before["city"].name == after["city"].name == "Paris"
    assert "tool_choice" not in before.sent
    assert after.sent["tool_choice"] == {"type": "function", "function": {"name": "City"}}


def tongyi_refusals(before: Run, after: Run) -> None:
    assert type(before.error).__name__ == "HTTPError" and len(before.requests) == 1
    assert after["text"] and len(after.requests) == 2


def langchain_vectors(before: Run, after: Run) -> None:
    assert before["vectors"] == after["vectors"] and len(after["vectors"]) == 12
    assert before["question"] == after["question"]
    roles = [request.parameters["text_type"] for request in before.requests]
    assert roles == [request.parameters["text_type"] for request in after.requests] == ["document"] * 2 + ["query"]


def langchain_rerank(before: Run, after: Run) -> None:
    assert before["best"] == after["best"] and after["best"][0].page_content == "Tides follow the moon."
    assert before.requests[0].model == "gte-rerank" and after.requests[0].model == "qwen3-rerank"


def qwq_thinking(before: Run, after: Run) -> None:
    old, new = before["answer"], after["answer"]
    assert old.content == new.content == text(before["chunks"]) == text(after["chunks"])
    assert old.additional_kwargs["reasoning_content"] == new.additional_kwargs["reasoning_content"]
    assert old.usage_metadata["total_tokens"] == new.usage_metadata["total_tokens"]
    assert usage(before["chunks"]) == usage(after["chunks"])
    for name in ("enable_thinking", "thinking_budget", "temperature"):
        assert before.sent[name] == after.sent[name]
    params = before["model"]._get_ls_params(), after["model"]._get_ls_params()
    assert [found["ls_provider"] for found in params] == ["openai", "qwen"]


def qwq_forced_tool(before: Run, after: Run) -> None:
    assert calls(before) == calls(after) == [("get_weather", {"city": "Paris"})]
    assert before.sent["tool_choice"] == "auto" and "parallel_tool_calls" not in before.sent
    assert after.sent["tool_choice"] == "required"  # a recording shows that qwen-plus accepts it
    assert after.sent["parallel_tool_calls"] is False


def qwq_structure(before: Run, after: Run) -> None:
    assert before["city"].name == after["city"].name == "Paris"
    assert before["thinking"] is False and after["thinking"] is True
    assert before.sent["response_format"] == {"type": "json_object"}
    assert after.sent["response_format"]["type"] == "json_schema"


def qwq_itself(before: Run, after: Run) -> None:
    old, new = before["answer"], after["answer"]
    assert old.content == new.content and old.usage_metadata == new.usage_metadata
    assert old.additional_kwargs["reasoning_content"] == new.additional_kwargs["reasoning_content"]


def qwq_search(before: Run, after: Run) -> None:
    assert before["answer"].content == after["answer"].content
    assert before["sources"] is None and after["sources"]["search_results"]


def openai_thinking(before: Run, after: Run) -> None:
    old, new = before["answer"], after["answer"]
    assert old.content == new.content
    assert old.usage_metadata["output_token_details"] == new.usage_metadata["output_token_details"]
    assert before["reasoning"] is None and after["reasoning"]


def openai_stream_usage(before: Run, after: Run) -> None:
    assert text(before["chunks"]) == text(after["chunks"])
    assert usage(before["chunks"]) is None and usage(after["chunks"])["total_tokens"] == 42
    assert before.sent["max_completion_tokens"] == after.sent["max_tokens"] == 100
    assert before["model"].profile is None and after["model"].profile["max_input_tokens"]


def openai_structure(before: Run, after: Run) -> None:
    assert before.requests[0].status == 400 and "json_schema" in str(before.error)
    assert after["city"].name == "Paris"


def openai_vectors(before: Run, after: Run) -> None:
    for old, new in zip(before["vectors"], after["vectors"], strict=True):
        assert old == pytest.approx(new, abs=1e-6) and len(new) == 256  # that SDK requests 32-bit floats


def llama_index_answers(before: Run, after: Run) -> None:
    assert before["answer"].text == after["answer"].text and before["tokens"] == after["tokens"]
    assert before.sent["temperature"] == after.sent["temperature"] == 0.1
    assert before.sent["seed"] == after.sent["seed"] == 1234
    assert before.sent["max_tokens"] == 256 and "max_tokens" not in after.sent
    assert before["llm"].metadata.context_window == 8192 < after["llm"].metadata.context_window
    assert "sk-test" in repr(before["llm"]) and "sk-test" not in repr(after["llm"])


def llama_index_calls_in_a_stream(before: Run, after: Run) -> None:
    assert calls(before) == []
    assert calls(after) == [("get_weather", {"city": "Paris"})]
    (old,), (new,) = before.sent["tools"], after.sent["tools"]
    assert "required" not in old["function"]["parameters"] and new["function"]["parameters"]["required"] == [
        "city"
    ]


def llama_index_errors(before: Run, after: Run) -> None:
    assert before["answer"].text == ""
    assert isinstance(after.error, errors.AuthenticationError)


def llama_index_vectors(before: Run, after: Run) -> None:
    assert before["vectors"] == after["vectors"] and before["question"] == after["question"]
    assert not any("text_type" in request.parameters for request in before.requests)
    assert [request.parameters["text_type"] for request in after.requests] == ["document", "document", "query"]


def llama_index_throttled_vectors(before: Run, after: Run) -> None:
    assert before["question"] == [] and len(before.requests) == 1
    assert len(after["question"]) == 1024 and len(after.requests) == 2


def llama_index_rerank(before: Run, after: Run) -> None:
    old, new = ([(found.node.text, found.score) for found in run["best"]] for run in (before, after))
    assert old == new and len(new) == 2
    assert before.requests[0].model == after.requests[0].model


def like_thinking(before: Run, after: Run) -> None:
    for run in (before, after):
        assert [block.block_type for block in run["answer"].message.blocks] == ["thinking", "text"]
    old, new = ([block.content for block in run["answer"].message.blocks[:1]] for run in (before, after))
    assert old == new and before["answer"].message.content == after["answer"].message.content
    assert before["last"].message.content == after["last"].message.content
    counts = ("prompt_tokens", "completion_tokens", "total_tokens")
    assert [before["answer"].additional_kwargs[name] for name in counts] == [
        after["answer"].additional_kwargs[name] for name in counts
    ]
    assert "total_tokens" not in before["last"].additional_kwargs
    assert after["last"].additional_kwargs["total_tokens"] == after["answer"].additional_kwargs["total_tokens"]
    assert before["window"] == 3900 < after["window"]


def like_tools(before: Run, after: Run) -> None:
    assert calls(before) == calls(after) == [("get_weather", {"city": "Paris"})]


def like_completions(before: Run, after: Run) -> None:
    assert type(before.error).__name__ == "NotFoundError"
    assert after["answer"].text


Check = Callable[[Run, Run], None]

CHECKS: dict[str, tuple[Check, tuple[Scripted, ...]]] = {
    "ChatTongyi: options and usage": (tongyi_options, ()),
    "ChatTongyi: streams": (tongyi_streams, ()),
    "ChatTongyi: several tool calls in a stream": (tongyi_calls_in_a_stream, (TWO_CALLS,)),
    "ChatTongyi: thinking": (the_same_reasoning, ()),
    "ChatTongyi: models that see": (tongyi_endpoints, ()),
    "ChatTongyi: structured output": (tongyi_structure, ()),
    "ChatTongyi: refusals while streaming": (tongyi_refusals, (THROTTLED,)),
    "DashScopeEmbeddings: vectors of texts and of questions": (langchain_vectors, ()),
    "DashScopeRerank: the best two": (langchain_rerank, ()),
    "langchain-qwq: thinking, whole and streamed": (qwq_thinking, ()),
    "langchain-qwq: a tool that must be called": (qwq_forced_tool, ()),
    "langchain-qwq: structured output of a model that thinks": (qwq_structure, ()),
    "langchain-qwq: ChatQwQ": (qwq_itself, ()),
    "langchain-qwq: web search": (qwq_search, ()),
    "ChatOpenAI: thinking": (openai_thinking, ()),
    "ChatOpenAI: usage of streams": (openai_stream_usage, ()),
    "ChatOpenAI: structured output": (openai_structure, ()),
    "ChatOpenAI: embeddings": (openai_vectors, ()),
    "DashScope: answers and usage": (llama_index_answers, ()),
    "DashScope: tools in streams": (llama_index_calls_in_a_stream, ()),
    "DashScope: errors": (llama_index_errors, (Failure.named("invalid_api_key"),)),
    "DashScopeEmbedding: vectors of texts and of questions": (llama_index_vectors, ()),
    "DashScopeEmbedding: refusals": (llama_index_throttled_vectors, (THROTTLED,)),
    "DashScopeRerank of LlamaIndex: the best two": (llama_index_rerank, ()),
    "OpenAILike: thinking, whole and streamed": (like_thinking, ()),
    "OpenAILike: tools": (like_tools, ()),
    "OpenAILike: without is_chat_model": (like_completions, ()),
}


@pytest.mark.parametrize("title", [title for title in CHECKS if title in PAIRS and PAIRS[title].runs_here])
def test_migration_pair_gives_the_stated_result(
    title: str, qwen_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    check, replies = CHECKS[title]
    check(*run_pair(PAIRS[title], qwen_emulator, monkeypatch, replies))


def test_every_migration_pair_has_a_check() -> None:
    assert PAIRS.keys() == CHECKS.keys()
    assert len(re.findall(r"^```python$", GUIDE.read_text("utf-8"), re.MULTILINE)) == 2 * len(PAIRS)


def test_every_compared_package_is_installed_in_ci() -> None:
    """Find each package in the main environment or `make lowest`, at the version the guide names."""
    named = set(re.findall(r"\| ((?:langchain|llama-index)-[a-z-]+ [\d.]+) \|", GUIDE.read_text("utf-8")))
    assert len(named) == 7
    pinned = "".join(
        (ROOT / name).read_text("utf-8") for name in ("constraints.txt", "constraints-lowest.txt", "Makefile")
    )
    asked = "".join(
        (ROOT / name).read_text("utf-8")
        for name in ("requirements-dev.txt", "requirements-lowest.txt", "Makefile")
    )
    for package, version in (name.split() for name in named):
        assert re.search(rf"(?:^|\s){package}(?=[>=<\s])", asked), package
        assert f"{package}=={version}" in pinned, package
    assert {pair.peer.partition(".")[0] for pair in PAIRS.values()} == {
        "langchain_community",
        "langchain_qwq",
        "langchain_openai",
        "llama_index",
    }
    assert any(pair.runs_here for pair in PAIRS.values())
