"""Failures that users of other Qwen integrations reported, as tests."""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from llama_index.core.base.llms.types import CacheControl, CachePoint, ChatMessage, TextBlock
from pydantic import BaseModel, ValidationError

from langchain_qwen import ChatQwen
from langchain_qwen.middleware import QwenPromptCachingMiddleware
from llama_index_qwen import Qwen
from qwen_core.errors import ContentFilterError
from qwen_core.execution.endpoint_cache import ENDPOINT_CACHE
from qwen_core.models.catalogue import resolve
from qwen_emulator import Emulator, Failure, Reply, SearchResult, ToolCall
from tests.features.conftest import KEY, Protocol


class City(BaseModel):
    """A city."""

    name: str


@tool
def look_up(word: str) -> str:
    """Look a word up."""
    return f"{word} is a word"


class Bench(NamedTuple):
    """The emulator and protocol that each check uses."""

    emulator: Emulator
    protocol: Protocol

    def chat(self, model: str = "qwen-plus", **fields: Any) -> ChatQwen:
        address = {"api_key": KEY, "base_url": self.emulator.base_url, "protocol": self.protocol}
        return ChatQwen(**{**address, "model": model, **fields})

    def llm(self, model: str = "qwen-plus", **fields: Any) -> Qwen:
        address = {"api_key": KEY, "base_url": self.emulator.base_url, "protocol": self.protocol}
        return Qwen(**{**address, "model": model, **fields})

    @property
    def sent(self) -> dict[str, Any]:
        return self.emulator.last_request.parameters

    def text(self, number: int) -> str:
        """Return the text of a sent message."""
        content = self.emulator.last_request.messages[number]["content"]
        return content if isinstance(content, str) else "".join(block["text"] for block in content)


def open_weight_model_is_streamed_for_invoke(bench: Bench) -> None:
    assert bench.chat("qwen3-32b").invoke("hi").text
    assert bench.emulator.last_request.stream or bench.sent["enable_thinking"] is False


def model_names_are_case_insensitive_and_enable_thinking_is_honoured(bench: Bench) -> None:
    assert resolve("Qwen3-32B").thinks() and not resolve("qwen3-embedding-8b").thinks()
    quiet = bench.chat("qwen3-32b", enable_thinking=False)
    assert "reasoning_content" not in quiet.invoke("hi").additional_kwargs
    assert not bench.emulator.last_request.stream
    for bound in (quiet.bind(enable_thinking=True), quiet.bind(extra_body={"enable_thinking": True})):
        assert bound.invoke("hi").additional_kwargs["reasoning_content"]
        assert bench.emulator.last_request.stream


def structured_output_does_not_alter_the_model(bench: Bench) -> None:
    chat = bench.chat("qwen3.7-plus", enable_thinking=True)
    chat.with_structured_output(City, method="function_calling").invoke("Paris")
    assert chat.enable_thinking is True
    chat.invoke("hi")
    assert bench.sent["enable_thinking"] is True


def repeated_calls_send_the_same_request(bench: Bench) -> None:
    chat = bench.chat(enable_thinking=True, extra_body={"a": {"b": 1}})
    before = chat.model_dump()
    asked = [chat._build_request([HumanMessage("hi")], None, {}) for _ in range(2)]
    assert asked[0] == asked[1]
    assert chat.model_dump() == before


def tool_choice_is_not_forced_while_thinking(bench: Bench) -> None:
    for model, thinking in (("qwen3.7-plus", None), ("qwen3.7-plus", True), ("qwq-plus", None)):
        chat = bench.chat(model, enable_thinking=thinking).bind_tools([look_up], tool_choice="any")
        chat.invoke("Look up Paris")
        assert bench.sent.get("tool_choice") in (None, "auto") or bench.sent["enable_thinking"] is False


def thinking_agent_returns_structured_response(bench: Bench) -> None:
    for model in ("qwen3.7-plus", "qwen-plus"):
        agent = create_agent(bench.chat(model, enable_thinking=True), [look_up], response_format=City)
        result = agent.invoke({"messages": [HumanMessage("Name the city Paris, without tools")]})
        assert isinstance(result["structured_response"], City)


def reasoning_is_a_content_block(bench: Bench) -> None:
    assert bench.chat(enable_thinking=True).invoke("hi").content_blocks[0]["type"] == "reasoning"


ROUND = [
    HumanMessage("Look up Paris"),
    AIMessage(
        "",
        additional_kwargs={"reasoning_content": "because"},
        tool_calls=[{"name": "look_up", "args": {"word": "Paris"}, "id": "1"}],
    ),
    ToolMessage("a word", tool_call_id="1"),
]


def reasoning_content_is_replayed_within_the_tool_round(bench: Bench) -> None:
    bench.chat(enable_thinking=True).bind_tools([look_up]).invoke(ROUND)
    assert bench.emulator.last_request.messages[1]["reasoning_content"] == "because"


def reasoning_is_never_sent_in_content(bench: Bench) -> None:
    bench.chat("qwen3.8-max", preserve_thinking=True).bind_tools([look_up]).invoke([*ROUND, HumanMessage("So?")])
    assert "because" not in bench.text(1)
    assert bench.emulator.last_request.messages[1]["reasoning_content"] == "because"


def preserve_thinking_decides_replay_of_past_reasoning(bench: Bench) -> None:
    for model, preserve, replayed in (
        ("qwen3.7-plus", None, False),
        ("qwen3.7-plus", True, True),
        ("qwen3.8-max", None, True),
        ("qwen3.8-max", False, False),
    ):
        bench.chat(model, preserve_thinking=preserve).invoke([*ROUND, AIMessage("It is."), HumanMessage("So?")])
        assert ("reasoning_content" in bench.emulator.last_request.messages[1]) is replayed


def reasoning_effort_none_disables_thinking(bench: Bench) -> None:
    bench.chat("qwen3.5-plus", reasoning_effort="none").invoke("hi")
    assert bench.sent["enable_thinking"] is False


def thinking_fields_are_not_sent_by_default(bench: Bench) -> None:
    bench.chat("qwen3.7-plus").invoke("hi")
    assert not {"enable_thinking", "thinking_budget", "reasoning_effort"} & bench.sent.keys()


def llama_index_sends_every_field(bench: Bench) -> None:
    bench.llm("qwen3.7-plus", enable_thinking=False, repetition_penalty=1.1).complete("hi")
    assert (bench.sent["enable_thinking"], bench.sent["repetition_penalty"]) == (False, 1.1)
    with pytest.raises(ValidationError):
        bench.llm(enable_thinkin=False)


def empty_after_thinking_is_flagged(bench: Bench) -> None:
    bench.emulator.reply(Reply("", reasoning="Hm."), Reply("", reasoning="Hm."))
    assert bench.chat(enable_thinking=True).invoke("hi").response_metadata["empty_after_thinking"] is True
    response = bench.llm(enable_thinking=True).chat([ChatMessage("hi")])
    assert response.additional_kwargs["empty_after_thinking"] is True


def empty_response_after_thinking_is_not_retried(bench: Bench) -> None:
    bench.emulator.reply(Reply("", reasoning="Hm.", finish_reason="length"))
    message = bench.chat(enable_thinking=True).invoke("hi")
    assert len(bench.emulator.requests) == 1
    assert message.response_metadata["finish_reason"] == "length"
    assert message.usage_metadata is not None and message.usage_metadata["output_tokens"] > 0


def reasoning_is_kept_beside_tool_calls(bench: Bench) -> None:
    bench.emulator.reply(Reply(reasoning="Ask.", tool_calls=[ToolCall("look_up", {"word": "a"})]))
    message = bench.chat(enable_thinking=True).bind_tools([look_up]).invoke("hi")
    assert message.additional_kwargs["reasoning_content"] == "Ask." and len(message.tool_calls) == 1


def moderation_raises_content_filter_error(bench: Bench) -> None:
    for failure, blocked in (("data_inspection", "input"), ("output_inspection", "output")):
        bench.emulator.reply(Failure.named(failure))
        with pytest.raises(ContentFilterError) as caught:
            bench.chat().invoke("hi")
        assert (caught.value.blocked, caught.value.history_is_poisoned) == (blocked, blocked == "input")


def url_error_switches_the_endpoint_once(bench: Bench) -> None:
    if bench.protocol == "openai":
        return
    bench.emulator.reply(Failure(400, "InvalidParameter", "url error, please check url!"))
    model = "qwen-of-tomorrow"
    try:
        assert bench.chat(model).invoke("hi").text and bench.chat(model).invoke("hi").text
        paths = [request.path.rpartition("/aigc/")[2] for request in bench.emulator.requests]
        assert paths == ["text-generation/generation", *["multimodal-generation/generation"] * 2]
    finally:
        ENDPOINT_CACHE.discard(bench.emulator.base_url.removeprefix("http://"), model)


def stream_usage_is_counted_once(bench: Bench) -> None:
    bench.emulator.reply(Reply("a" * 40, usage={"input_tokens": 10, "output_tokens": 5}))
    chunks = list(bench.chat().stream("hi"))
    assert len(chunks) > 5
    assert [chunk.usage_metadata for chunk in chunks if chunk.usage_metadata] == [chunks[-1].usage_metadata]
    assert cast(Any, chunks[-1].usage_metadata)["total_tokens"] == 15


def stream_chunks_add_up(bench: Bench) -> None:
    first, *rest = bench.chat(enable_thinking=True).stream("hi")
    total = first
    for chunk in rest:
        total = total + chunk
    assert total.response_metadata["finish_reason"] == "stop"
    assert total.response_metadata["model_name"] == "qwen-plus"
    assert isinstance(total.response_metadata["token_usage"], dict)


def usage_metadata_is_set(bench: Bench) -> None:
    message = bench.chat().invoke("hi")
    assert message.usage_metadata is not None and message.usage_metadata["total_tokens"] > 0


EPHEMERAL = CacheControl(type="ephemeral")
MARKED = SystemMessage([{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}])


def cache_control_is_sent(bench: Bench) -> None:
    bench.chat().invoke([MARKED, HumanMessage("hi")])
    assert bench.emulator.last_request.messages[0]["content"][0]["cache_control"] == {"type": "ephemeral"}


def caching_middleware_marks_lists_and_the_system_prompt(bench: Bench) -> None:
    blocks: list[str | dict[str, Any]] = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    agent = create_agent(bench.chat(), [], system_prompt="Be kind.", middleware=[QwenPromptCachingMiddleware()])
    agent.invoke({"messages": [HumanMessage(blocks)]})
    system, user = bench.emulator.last_request.messages
    assert [("cache_control" in block, block["text"]) for block in user["content"]] == [(False, "a"), (True, "b")]
    assert system["content"][0]["cache_control"] == {"type": "ephemeral"}


def cache_type_is_kept(bench: Bench) -> None:
    long = SystemMessage([{"type": "text", "text": "word " * 2000, "cache_control": {"type": "ephemeral"}}])
    message = bench.chat().invoke([long, HumanMessage("hi")])
    marked = [TextBlock(text="word " * 2000), CachePoint(cache_control=EPHEMERAL)]
    response = bench.llm().chat([ChatMessage(role="system", blocks=marked), ChatMessage("hi")])
    for usage in (message.response_metadata["token_usage"], response.raw["usage"]):
        assert usage["prompt_tokens_details"]["cache_type"] == "ephemeral"
        assert "ephemeral_5m_input_tokens" in usage["prompt_tokens_details"]["cache_creation"]


def search_sources_reach_the_user(bench: Bench) -> None:
    source = SearchResult("Sky", "https://a.example/sky")
    chat = bench.chat(protocol="auto", enable_search=True)
    ways: list[Callable[[], AIMessage]] = [lambda: chat.invoke("Why?"), lambda: list(chat.stream("Why?"))[-1]]
    for run in ways:
        bench.emulator.reply(Reply("Blue.", search_results=[source]))
        message = run()
        blocks = cast(list[dict[str, Any]], message.content_blocks)
        assert blocks[-1]["annotations"][0]["url"] == source.url
        assert message.response_metadata["search_info"]["search_results"][0]["url"] == source.url


CHECKS: tuple[Callable[[Bench], None], ...] = (
    open_weight_model_is_streamed_for_invoke,
    model_names_are_case_insensitive_and_enable_thinking_is_honoured,
    structured_output_does_not_alter_the_model,
    repeated_calls_send_the_same_request,
    tool_choice_is_not_forced_while_thinking,
    thinking_agent_returns_structured_response,
    reasoning_is_a_content_block,
    reasoning_content_is_replayed_within_the_tool_round,
    reasoning_is_never_sent_in_content,
    preserve_thinking_decides_replay_of_past_reasoning,
    reasoning_effort_none_disables_thinking,
    thinking_fields_are_not_sent_by_default,
    llama_index_sends_every_field,
    empty_after_thinking_is_flagged,
    empty_response_after_thinking_is_not_retried,
    reasoning_is_kept_beside_tool_calls,
    moderation_raises_content_filter_error,
    url_error_switches_the_endpoint_once,
    stream_usage_is_counted_once,
    stream_chunks_add_up,
    usage_metadata_is_set,
    cache_control_is_sent,
    caching_middleware_marks_lists_and_the_system_prompt,
    cache_type_is_kept,
    search_sources_reach_the_user,
)


@pytest.mark.filterwarnings("ignore::qwen_core.errors.QwenWarning")
@pytest.mark.parametrize("check", CHECKS)
def test_known_failure_of_other_integrations(
    check: Callable[[Bench], None], protocol: Protocol, qwen_emulator: Emulator
) -> None:
    check(Bench(qwen_emulator, protocol))
