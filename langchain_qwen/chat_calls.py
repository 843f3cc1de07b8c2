"""How the calls of ``ChatQwen`` are carried out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeVar

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from langchain_qwen.chunks import to_chunk, to_result
from langchain_qwen.event_stream import BlockEvents
from langchain_qwen.exceptions import langchain_errors
from langchain_qwen.messages import to_core
from langchain_qwen.structured_output import as_response_format
from langchain_qwen.tools import ToolLike, tool_definition, tool_definitions
from qwen_core.adapters.token_counting import count_conversation
from qwen_core.adapters.tool_definitions import to_core_tool_choice, to_core_tools, to_server_tools
from qwen_core.errors import UnsupportedFeatureError
from qwen_core.resources.client import AsyncQwenClient
from qwen_core.resources.sync.client import QwenClient
from qwen_core.types.events import Event
from qwen_core.types.requests import ChatRequest

if TYPE_CHECKING:
    from langchain_protocol import MessagesData

    from langchain_qwen.chat_models import ChatQwen

T = TypeVar("T")

Options = dict[str, Any]
"""The arguments of one call, beside its messages."""

NOT_FOR_THE_WIRE = frozenset({"stream", "ls_structured_output_format"})
"""Options that LangChain's own machinery passes along."""


def chat_request(
    model: ChatQwen, messages: list[BaseMessage], stop: list[str] | None, options: Options
) -> ChatRequest:
    """What is asked. The call's own arguments win over the model's fields."""
    overrides = {name: value for name, value in options.items() if name not in NOT_FOR_THE_WIRE}
    if stop is not None:
        overrides["stop"] = stop
    if "tools" in overrides:
        definitions = [
            tool if isinstance(tool, Mapping) else tool_definition(tool, None) for tool in overrides["tools"] or ()
        ]
        overrides["tools"] = to_core_tools(definitions)
        overrides["server_tools"] = (*overrides.get("server_tools", ()), *to_server_tools(definitions))
    if "tool_choice" in overrides:
        overrides["tool_choice"] = to_core_tool_choice(overrides["tool_choice"])
    if overrides.get("response_format") is not None:
        overrides["response_format"] = as_response_format(overrides["response_format"])
    return model.chat_request(to_core(messages), overrides)


def stream_request(
    model: ChatQwen, messages: list[BaseMessage], stop: list[str] | None, options: Options
) -> ChatRequest:
    """The same for a stream, which has one choice."""
    request = chat_request(model, messages, stop, options)
    if request.n is not None and request.n > 1:
        raise UnsupportedFeatureError(
            "n above 1 cannot be streamed: chunks of one stream make one message.",
            hint="Where LangChain streams by itself, as in LangGraph's stream(), stream=False keeps a call whole.",
        )
    return request


def generate(
    model: ChatQwen,
    messages: list[BaseMessage],
    stop: list[str] | None,
    run_manager: CallbackManagerForLLMRun | None,
    options: Options,
) -> ChatResult:
    """A whole answer."""
    with langchain_errors:
        client = QwenClient(model.client_settings(), run_manager.on_retry if run_manager else None)
        return to_result(client.generate(chat_request(model, messages, stop, options)))


async def agenerate(
    model: ChatQwen,
    messages: list[BaseMessage],
    stop: list[str] | None,
    run_manager: AsyncCallbackManagerForLLMRun | None,
    options: Options,
) -> ChatResult:
    """A whole answer, without blocking."""
    with langchain_errors:
        client = AsyncQwenClient(model.client_settings(), run_manager.on_retry if run_manager else None)
        return to_result(await client.generate(chat_request(model, messages, stop, options)))


def events(
    model: ChatQwen,
    messages: list[BaseMessage],
    stop: list[str] | None,
    run_manager: CallbackManagerForLLMRun | None,
    options: Options,
) -> Iterator[Event]:
    """The core's events of an answer."""
    with langchain_errors:
        client = QwenClient(model.client_settings(), run_manager.on_retry if run_manager else None)
        yield from client.stream(stream_request(model, messages, stop, options))


async def aconverted(
    model: ChatQwen,
    messages: list[BaseMessage],
    stop: list[str] | None,
    run_manager: AsyncCallbackManagerForLLMRun | None,
    options: Options,
    convert: Callable[[Event], Iterable[T]],
) -> AsyncIterator[T]:
    """What the core's events of an answer become, without blocking."""
    with langchain_errors:
        client = AsyncQwenClient(model.client_settings(), run_manager.on_retry if run_manager else None)
        request = stream_request(model, messages, stop, options)
        # Closed here and at once: left to the loop, the connection would outlive a consumer that broke off.
        async with aclosing(client.stream(request)) as events:
            async for event in events:
                for converted in convert(event):
                    yield converted


def chunks(
    model: ChatQwen,
    messages: list[BaseMessage],
    stop: list[str] | None,
    run_manager: CallbackManagerForLLMRun | None,
    options: Options,
) -> Iterator[ChatGenerationChunk]:
    """The chunks of an answer."""
    return map(to_chunk, events(model, messages, stop, run_manager, options))


def achunks(
    model: ChatQwen,
    messages: list[BaseMessage],
    stop: list[str] | None,
    run_manager: AsyncCallbackManagerForLLMRun | None,
    options: Options,
) -> AsyncIterator[ChatGenerationChunk]:
    """The chunks of an answer, without blocking."""
    return aconverted(model, messages, stop, run_manager, options, lambda event: (to_chunk(event),))


def block_events(
    model: ChatQwen,
    messages: list[BaseMessage],
    stop: list[str] | None,
    run_manager: CallbackManagerForLLMRun | None,
    options: Options,
) -> Iterator[MessagesData]:
    """An answer as LangChain's events of content blocks."""
    writer = BlockEvents(run_manager.run_id if run_manager else None)
    for event in events(model, messages, stop, run_manager, options):
        yield from writer.add(event)


def ablock_events(
    model: ChatQwen,
    messages: list[BaseMessage],
    stop: list[str] | None,
    run_manager: AsyncCallbackManagerForLLMRun | None,
    options: Options,
) -> AsyncIterator[MessagesData]:
    """An answer as LangChain's events of content blocks, without blocking."""
    writer = BlockEvents(run_manager.run_id if run_manager else None)
    return aconverted(model, messages, stop, run_manager, options, writer.add)


def count_tokens(model: ChatQwen, messages: list[BaseMessage], tools: Sequence[ToolLike]) -> int:
    """See ``ChatQwen.get_num_tokens_from_messages``."""
    return count_conversation(
        to_core(messages),
        to_core_tools(tool_definitions(tools, None)),
        model.model,
        model.get_num_tokens,
        high_resolution=bool(model.vl_high_resolution_images),
    )
