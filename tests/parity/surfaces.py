"""The surfaces on which a scenario runs, and the conversion of each response to an Outcome."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from llama_index.core.base.llms.types import (
    ChatMessage,
    CitationBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.base.llms.types import ChatResponse as LlamaResponse

from langchain_qwen import ChatQwen
from llama_index_qwen import Qwen
from qwen_core import AsyncQwenClient, ChatRequest, ChatResponse, ClientSettings, QwenClient, QwenError
from qwen_core.adapters.tool_arguments import parse_arguments
from qwen_core.protocols.messages import encode_tool
from qwen_core.types.accumulator import accumulate
from qwen_core.types.messages import Message
from qwen_core.types.usage import Usage
from tests.parity.scenarios import Outcome, Scenario

Ask = Callable[[Scenario, ClientSettings], Outcome]


def compact(arguments: Any) -> str:
    return json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))


def counted(usage: Usage | None) -> tuple[tuple[str, int], ...]:
    """Return the counts that every surface shows."""
    names = ("input_tokens", "output_tokens", "total_tokens", "cached_tokens", "reasoning_tokens")
    return tuple((name, getattr(usage, name)) for name in names if usage and getattr(usage, name))


def protocol_finish_reason(raw: str | None, reason: str | None) -> str:
    """Return the protocol's own finish reason if it differs from ours."""
    return raw if raw and raw != reason else ""


def from_core(response: ChatResponse) -> Outcome:
    calls, broken = [], 0
    for call in response.tool_calls:
        arguments, _ = parse_arguments(call.arguments, truncated=response.finish_reason == "length")
        if arguments is None:
            broken += 1
        else:
            calls.append((call.id, call.name, compact(arguments)))
    return Outcome(
        text=response.text,
        reasoning=response.reasoning,
        tool_calls=tuple(calls),
        broken_calls=broken,
        citations=tuple(citation.url for citation in response.citations),
        finish_reason=response.finish_reason or "",
        raw_finish_reason=protocol_finish_reason(response.choices[0].raw_finish_reason, response.finish_reason),
        usage=counted(response.usage),
    )


def from_langchain(message: AIMessage) -> Outcome:
    usage = message.usage_metadata
    counts = Usage()
    if usage:
        counts = Usage(
            input_tokens=usage["input_tokens"],
            output_tokens=usage["output_tokens"],
            total_tokens=usage["total_tokens"],
            cached_tokens=usage.get("input_token_details", {}).get("cache_read"),
            reasoning_tokens=usage.get("output_token_details", {}).get("reasoning"),
        )
    search = message.response_metadata.get("search_info") or {}
    return Outcome(
        text=str(message.text),
        reasoning=message.additional_kwargs.get("reasoning_content", ""),
        tool_calls=tuple((call["id"] or "", call["name"], compact(call["args"])) for call in message.tool_calls),
        broken_calls=len(message.invalid_tool_calls),
        citations=tuple(result["url"] for result in search.get("search_results", ())),
        finish_reason=message.response_metadata.get("finish_reason", ""),
        raw_finish_reason=message.response_metadata.get("raw_finish_reason", ""),
        usage=counted(counts),
    )


def from_llama_index(response: LlamaResponse) -> Outcome:
    blocks = response.message.blocks
    raw = (response.raw or {}).get("usage") or {} if isinstance(response.raw, dict) else {}
    usage = Usage(
        input_tokens=raw.get("prompt_tokens"),
        output_tokens=raw.get("completion_tokens"),
        total_tokens=raw.get("total_tokens"),
        cached_tokens=(raw.get("prompt_tokens_details") or {}).get("cached_tokens"),
        reasoning_tokens=(raw.get("completion_tokens_details") or {}).get("reasoning_tokens"),
    )
    return Outcome(
        text="".join(block.text for block in blocks if isinstance(block, TextBlock)),
        reasoning="".join(block.content or "" for block in blocks if isinstance(block, ThinkingBlock)),
        tool_calls=tuple(
            (block.tool_call_id or "", block.tool_name, compact(block.tool_kwargs))
            for block in blocks
            if isinstance(block, ToolCallBlock)
        ),
        broken_calls=len(response.additional_kwargs.get("invalid_tool_calls", ())),
        citations=tuple(block.source for block in blocks if isinstance(block, CitationBlock)),
        finish_reason=response.additional_kwargs.get("finish_reason") or "",
        raw_finish_reason=response.additional_kwargs.get("raw_finish_reason", ""),
        usage=counted(usage),
    )


def failed(error: QwenError, streamed: bool) -> Outcome:
    """Return the outcome of an error, with the partial text."""
    partial = error.partial.text if streamed and error.partial else ""
    return Outcome(partial, error=type(error).__name__, code=error.code or "")


# The core.


def core_request(scenario: Scenario) -> ChatRequest:
    return ChatRequest(model=scenario.model, messages=scenario.messages, **scenario.options)


def core_whole(scenario: Scenario, settings: ClientSettings) -> Outcome:
    return from_core(QwenClient(settings).generate(core_request(scenario)))


def core_stream(scenario: Scenario, settings: ClientSettings) -> Outcome:
    return from_core(accumulate(QwenClient(settings).stream(core_request(scenario))))


async def core_whole_async(scenario: Scenario, settings: ClientSettings) -> Outcome:
    return from_core(await AsyncQwenClient(settings).generate(core_request(scenario)))


async def core_stream_async(scenario: Scenario, settings: ClientSettings) -> Outcome:
    stream = AsyncQwenClient(settings).stream(core_request(scenario))
    return from_core(accumulate([event async for event in stream]))


# LangChain.


def langchain_message(message: Message) -> BaseMessage:
    if message.role == "user":
        return HumanMessage(message.text)
    if message.role == "system":
        return SystemMessage(message.text)
    if message.role == "tool":
        return ToolMessage(message.text, tool_call_id=message.tool_call_id or "")
    return AIMessage(
        message.text,
        tool_calls=[
            {"name": call.name, "args": json.loads(call.arguments), "id": call.id} for call in message.tool_calls
        ],
        additional_kwargs={"reasoning_content": message.reasoning} if message.reasoning else {},
    )


def langchain(scenario: Scenario, settings: ClientSettings) -> tuple[Any, list[BaseMessage]]:
    options = {name: value for name, value in scenario.options.items() if name not in ("tools", "tool_choice")}
    of_call = {name: options.pop(name) for name in ("response_format",) if name in options}
    if "stop" in options:
        options["stop"] = list(options["stop"])
    model: Any = ChatQwen(model=scenario.model, **connection(settings), **options)
    if tools := scenario.options.get("tools"):
        model = model.bind_tools(
            [encode_tool(tool) for tool in tools], tool_choice=scenario.options.get("tool_choice"), **of_call
        )
    elif of_call:
        model = model.bind(**of_call)
    return model, [langchain_message(message) for message in scenario.messages]


def langchain_whole(scenario: Scenario, settings: ClientSettings) -> Outcome:
    model, messages = langchain(scenario, settings)
    return from_langchain(model.invoke(messages))


def langchain_stream(scenario: Scenario, settings: ClientSettings) -> Outcome:
    model, messages = langchain(scenario, settings)
    return from_langchain(added(model.stream(messages)))


async def langchain_whole_async(scenario: Scenario, settings: ClientSettings) -> Outcome:
    model, messages = langchain(scenario, settings)
    return from_langchain(await model.ainvoke(messages))


async def langchain_stream_async(scenario: Scenario, settings: ClientSettings) -> Outcome:
    model, messages = langchain(scenario, settings)
    return from_langchain(added([chunk async for chunk in model.astream(messages)]))


def added(chunks: Iterable[AIMessageChunk]) -> AIMessageChunk:
    first, *others = chunks
    for chunk in others:
        first = first + chunk
    return first


# LlamaIndex.


def llama_message(message: Message) -> ChatMessage:
    if message.role != "assistant":
        ids = {"tool_call_id": message.tool_call_id} if message.tool_call_id else {}
        return ChatMessage(role=message.role, content=message.text, additional_kwargs=ids)
    blocks: list[Any] = [ThinkingBlock(content=message.reasoning)] if message.reasoning else []
    blocks += [TextBlock(text=message.text)] if message.text else []
    blocks += [
        ToolCallBlock(tool_call_id=call.id, tool_name=call.name, tool_kwargs=json.loads(call.arguments))
        for call in message.tool_calls
    ]
    return ChatMessage(role=MessageRole.ASSISTANT, blocks=blocks)


def llama(scenario: Scenario, settings: ClientSettings) -> tuple[Qwen, list[ChatMessage], dict[str, Any]]:
    of_call = ("tools", "tool_choice", "response_format")
    options = {name: value for name, value in scenario.options.items() if name not in of_call}
    call = {name: value for name, value in scenario.options.items() if name in of_call}
    if "tools" in call:
        call["tools"] = [encode_tool(tool) for tool in call["tools"]]
    if "stop" in options:
        options["stop"] = list(options["stop"])
    llm = Qwen(model=scenario.model, **connection(settings), **options)
    return llm, [llama_message(message) for message in scenario.messages], call


def llama_whole(scenario: Scenario, settings: ClientSettings) -> Outcome:
    llm, messages, options = llama(scenario, settings)
    return from_llama_index(llm.chat(messages, **options))


def llama_stream(scenario: Scenario, settings: ClientSettings) -> Outcome:
    llm, messages, options = llama(scenario, settings)
    return from_llama_index(list(llm.stream_chat(messages, **options))[-1])


async def llama_whole_async(scenario: Scenario, settings: ClientSettings) -> Outcome:
    llm, messages, options = llama(scenario, settings)
    return from_llama_index(await llm.achat(messages, **options))


async def llama_stream_async(scenario: Scenario, settings: ClientSettings) -> Outcome:
    llm, messages, options = llama(scenario, settings)
    stream = await llm.astream_chat(messages, **options)
    return from_llama_index([chunk async for chunk in stream][-1])


def connection(settings: ClientSettings) -> dict[str, Any]:
    """Return the settings as fields of a public class."""
    return {
        "api_key": settings.api_key,
        "base_url": settings.base_url,
        "protocol": settings.protocol,
        "max_retries": settings.max_retries,
        "timeout": settings.timeout,
    }


def guarded(ask: Ask, streamed: bool) -> Ask:
    """Wrap the surface so that errors become outcomes."""

    def run(scenario: Scenario, settings: ClientSettings) -> Outcome:
        try:
            return ask(scenario, settings)
        except QwenError as error:
            return failed(error, streamed)

    return run


def in_a_loop(ask: Callable[[Scenario, ClientSettings], Awaitable[Outcome]]) -> Ask:
    """Wrap an async surface so that it runs in a new event loop."""

    def run(scenario: Scenario, settings: ClientSettings) -> Outcome:
        async def main() -> Outcome:
            return await ask(scenario, settings)

        return asyncio.run(main())

    return run


WHOLE: dict[str, Ask] = {
    "core": guarded(core_whole, False),
    "core async": guarded(in_a_loop(core_whole_async), False),
    "LangChain": guarded(langchain_whole, False),
    "LangChain async": guarded(in_a_loop(langchain_whole_async), False),
    "LlamaIndex": guarded(llama_whole, False),
    "LlamaIndex async": guarded(in_a_loop(llama_whole_async), False),
}
STREAMED: dict[str, Ask] = {
    "core": guarded(core_stream, True),
    "core async": guarded(in_a_loop(core_stream_async), True),
    "LangChain": guarded(langchain_stream, True),
    "LangChain async": guarded(in_a_loop(langchain_stream_async), True),
    "LlamaIndex": guarded(llama_stream, True),
    "LlamaIndex async": guarded(in_a_loop(llama_stream_async), True),
}


def settings_for(base_url: str, protocol: Any) -> ClientSettings:
    """Return settings without retries."""
    return msgspec.structs.replace(
        ClientSettings(api_key="sk-test", base_url=base_url, max_retries=0), protocol=protocol
    )
