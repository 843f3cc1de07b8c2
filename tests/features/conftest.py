"""Ask one question over every surface: protocol, sync or async, complete or streamed, core or framework.

``ask`` returns what a user of that surface sees in a common form, so that one test covers all of them.
"""

import asyncio
import inspect
from collections.abc import Callable
from functools import reduce
from operator import add
from typing import Any, Literal, NamedTuple, cast

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from llama_index.core.base.llms.types import ChatMessage, CitationBlock, ThinkingBlock

from langchain_qwen import ChatQwen
from llama_index_qwen import Qwen
from qwen_core import AsyncQwenClient, ChatRequest, ClientSettings, QwenClient
from qwen_core.adapters.fields import ChatFields
from qwen_core.types.accumulator import accumulate
from qwen_core.types.messages import Message, TextPart
from qwen_emulator import Emulator

Protocol = Literal["openai", "dashscope"]
Framework = Literal["core", "langchain", "llama_index"]
Way = Literal["whole", "stream", "async_whole", "async_stream"]

PROTOCOLS: tuple[Protocol, ...] = ("openai", "dashscope")
FRAMEWORKS: tuple[Framework, ...] = ("core", "langchain", "llama_index")
WAYS: tuple[Way, ...] = ("whole", "stream", "async_whole", "async_stream")

KEY = "sk-features"


class Seen(NamedTuple):
    """What one surface shows of a response."""

    text: str
    reasoning: str
    finish_reason: str | None
    empty_after_thinking: bool
    sources: list[str]
    """URLs, one for each citation."""
    spans: list[str]
    """Return the texts that the citations refer to."""
    reasoning_tokens: int | None
    cached_tokens: int | None
    cache_creation_tokens: int | None
    plugins: dict[str, Any]
    logprobs: int
    """For how many tokens."""
    raw: Any


Ask = Callable[..., Seen]


@pytest.fixture(params=PROTOCOLS)
def protocol(request: pytest.FixtureRequest) -> Protocol:
    return cast(Protocol, request.param)


@pytest.fixture(params=FRAMEWORKS)
def framework(request: pytest.FixtureRequest) -> Framework:
    return cast(Framework, request.param)


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Way:
    return cast(Way, request.param)


@pytest.fixture
def ask(qwen_emulator: Emulator, protocol: Protocol, framework: Framework, way: Way) -> Ask:
    """Return ``ask(question, model=..., **fields)``, which asks over the surface of this test."""

    def run(question: str = "Why is the sky blue?", **fields: Any) -> Seen:
        fields = {"model": "qwen-plus", "protocol": protocol, "max_retries": 0, **fields}
        return ASKERS[framework](qwen_emulator, way, question, fields)

    return run


def ask_core(emulator: Emulator, way: Way, question: str, fields: dict[str, Any]) -> Seen:
    chat = ChatFields(api_key=KEY, base_url=emulator.base_url, **fields)
    request: ChatRequest = chat.chat_request((Message("user", (TextPart(question),)),), {})
    settings: ClientSettings = chat.client_settings()
    if way == "whole":
        answer = QwenClient(settings).generate(request)
    elif way == "stream":
        answer = accumulate(QwenClient(settings).stream(request))
    elif way == "async_whole":
        answer = asyncio.run(AsyncQwenClient(settings).generate(request))
    else:
        answer = accumulate(asyncio.run(collected(AsyncQwenClient(settings).stream(request))))
    choice, usage = answer.choices[0], answer.usage
    return Seen(
        text=answer.text,
        reasoning=answer.reasoning,
        finish_reason=answer.finish_reason,
        empty_after_thinking=choice.empty_after_thinking,
        sources=[citation.url for citation in answer.citations],
        spans=[answer.text[span.start : span.end] for span in choice.spans],
        reasoning_tokens=usage.reasoning_tokens if usage else None,
        cached_tokens=usage.cached_tokens if usage else None,
        cache_creation_tokens=usage.cache_creation_tokens if usage else None,
        plugins=(usage.plugins if usage else None) or {},
        logprobs=len(choice.logprobs or ()),
        raw=answer,
    )


def ask_langchain(emulator: Emulator, way: Way, question: str, fields: dict[str, Any]) -> Seen:
    model = ChatQwen(api_key=KEY, base_url=emulator.base_url, **fields)
    messages: list[BaseMessage] = [HumanMessage(question)]
    message: AIMessage
    if way == "whole":
        message = model.invoke(messages)
    elif way == "stream":
        message = reduce(add, model.stream(messages))
    elif way == "async_whole":
        message = asyncio.run(model.ainvoke(messages))
    else:
        message = reduce(add, asyncio.run(collected(model.astream(messages))))
    usage: Any = message.usage_metadata or {}
    metadata = message.response_metadata
    notes = [
        note for block in message.content_blocks for note in cast(dict[str, Any], block).get("annotations", [])
    ]
    blocks = message.content_blocks
    assert all("reasoning" not in block for block in blocks if block["type"] == "text")
    return Seen(
        text=str(message.content),
        reasoning="".join(str(block.get("reasoning")) for block in blocks if block["type"] == "reasoning"),
        finish_reason=metadata.get("finish_reason"),
        empty_after_thinking=metadata.get("empty_after_thinking", False),
        sources=[note["url"] for note in notes],
        spans=[
            str(message.content)[note["start_index"] : note["end_index"]]
            for note in notes
            if "start_index" in note
        ],
        reasoning_tokens=usage.get("output_token_details", {}).get("reasoning"),
        cached_tokens=usage.get("input_token_details", {}).get("cache_read"),
        cache_creation_tokens=usage.get("input_token_details", {}).get("cache_creation"),
        plugins=metadata.get("token_usage", {}).get("plugins", {}),
        logprobs=len(metadata.get("logprobs", {}).get("content", [])),
        raw=message,
    )


def ask_llama_index(emulator: Emulator, way: Way, question: str, fields: dict[str, Any]) -> Seen:
    llm = Qwen(api_key=KEY, base_url=emulator.base_url, **fields)
    messages = [ChatMessage(role="user", content=question)]
    thinking = None
    if way == "whole":
        response = llm.chat(messages)
    elif way == "stream":
        chunks = list(llm.stream_chat(messages))
        response, thinking = chunks[-1], chunks
    elif way == "async_whole":
        response = asyncio.run(llm.achat(messages))
    else:
        chunks = asyncio.run(collected(llm.astream_chat(messages)))
        response, thinking = chunks[-1], chunks
    blocks = response.message.blocks
    reasoning = "".join(block.content or "" for block in blocks if isinstance(block, ThinkingBlock))
    if thinking:
        assert "".join(chunk.additional_kwargs.get("thinking_delta", "") for chunk in thinking) == reasoning
    usage = response.raw["usage"]
    text = response.message.content or ""
    citations = [block for block in blocks if isinstance(block, CitationBlock)]
    places = [citation.additional_location_info for citation in citations]
    return Seen(
        text=text,
        reasoning=reasoning,
        finish_reason=response.additional_kwargs.get("finish_reason"),
        empty_after_thinking=response.additional_kwargs.get("empty_after_thinking", False),
        sources=[citation.source for citation in citations],
        spans=[text[place["start_index"] : place["end_index"]] for place in places if "start_index" in place],
        reasoning_tokens=(usage.get("completion_tokens_details") or {}).get("reasoning_tokens"),
        cached_tokens=(usage.get("prompt_tokens_details") or {}).get("cached_tokens"),
        cache_creation_tokens=(usage.get("prompt_tokens_details") or {}).get("cache_creation_input_tokens"),
        plugins=usage.get("plugins", {}),
        logprobs=len(response.logprobs or ()),
        raw=response,
    )


async def collected(stream: Any) -> list[Any]:
    """Collect an async iterator, or a coroutine that returns one, into a list."""
    if inspect.isawaitable(stream):
        stream = await stream
    return [item async for item in stream]


ASKERS: dict[Framework, Callable[[Emulator, Way, str, dict[str, Any]], Seen]] = {
    "core": ask_core,
    "langchain": ask_langchain,
    "llama_index": ask_llama_index,
}
