"""How the calls of ``Qwen`` are carried out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ChatResponseAsyncGen, ChatResponseGen

from llama_index_qwen.messages import to_core
from llama_index_qwen.responses import ChunkBuilder, to_response
from llama_index_qwen.retry_events import tell_of_retry
from llama_index_qwen.structured_output import as_response_format
from llama_index_qwen.tools import tool_definition
from qwen_core.adapters.tool_definitions import (
    is_server_tool,
    to_core_tool_choice,
    to_core_tools,
    to_server_tools,
)
from qwen_core.errors import UnsupportedFeatureError
from qwen_core.resources.client import AsyncQwenClient
from qwen_core.resources.sync.client import QwenClient
from qwen_core.types.requests import ChatRequest

if TYPE_CHECKING:
    from llama_index_qwen.llm import Qwen


def chat_request(llm: Qwen, messages: Sequence[ChatMessage], options: Mapping[str, Any]) -> ChatRequest:
    """What is asked. The call's own arguments win over the model's fields."""
    overrides = {"server_tools": tuple(llm.built_in_tools or ()), **options}
    if "tools" in overrides:
        given = overrides["tools"] or ()
        functions = [tool for tool in given if not is_server_tool(tool)]
        overrides["tools"] = to_core_tools([tool_definition(tool) for tool in functions])
        overrides["server_tools"] = (*overrides["server_tools"], *to_server_tools(given))
    if overrides.get("response_format") is not None:
        overrides["response_format"] = as_response_format(overrides["response_format"])
    if "tool_choice" in overrides:
        overrides["tool_choice"] = to_core_tool_choice(overrides["tool_choice"])
    return llm.chat_request(to_core(messages), overrides)


def stream_request(llm: Qwen, messages: Sequence[ChatMessage], options: Mapping[str, Any]) -> ChatRequest:
    """The same for a stream, which has one choice."""
    request = chat_request(llm, messages, options)
    if request.n is not None and request.n > 1:
        raise UnsupportedFeatureError("n above 1 cannot be streamed: chunks of one stream make one message.")
    return request


def chat(llm: Qwen, messages: Sequence[ChatMessage], options: Mapping[str, Any]) -> ChatResponse:
    """A whole answer."""
    request = chat_request(llm, messages, options)
    answer = QwenClient(llm.client_settings(), tell_of_retry).generate(request)
    return to_response(answer, single_call=one_call_only(request))


async def achat(llm: Qwen, messages: Sequence[ChatMessage], options: Mapping[str, Any]) -> ChatResponse:
    """A whole answer, without blocking."""
    request = chat_request(llm, messages, options)
    answer = await AsyncQwenClient(llm.client_settings(), tell_of_retry).generate(request)
    return to_response(answer, single_call=one_call_only(request))


def stream_chat(llm: Qwen, messages: Sequence[ChatMessage], options: Mapping[str, Any]) -> ChatResponseGen:
    """The chunks of an answer."""
    request = stream_request(llm, messages, options)
    chunks = ChunkBuilder(single_call=one_call_only(request))
    for event in QwenClient(llm.client_settings(), tell_of_retry).stream(request):
        if chunk := chunks.add(event):
            yield chunk


async def astream_chat(
    llm: Qwen, messages: Sequence[ChatMessage], options: Mapping[str, Any]
) -> ChatResponseAsyncGen:
    """The chunks of an answer, without blocking."""
    request = stream_request(llm, messages, options)
    chunks = ChunkBuilder(single_call=one_call_only(request))
    # Closed here and not when the loop gets to it, so that an abandoned answer is not billed to its end.
    client = AsyncQwenClient(llm.client_settings(), tell_of_retry)
    async with aclosing(client.stream(request)) as events:
        async for event in events:
            if chunk := chunks.add(event):
                yield chunk


def one_call_only(request: ChatRequest) -> bool:
    """Whether further calls of an answer are left out, because the caller takes one only."""
    return bool(request.tools) and request.parallel_tool_calls is False
