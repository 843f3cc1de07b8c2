"""LangChain's messages to the core's: every form in which a history may come back.

Content may be text, or blocks in LangChain's own form (v0 and v1), OpenAI's or Anthropic's. What has no place
raises; nothing is dropped in silence.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    InvalidToolCall,
    SystemMessage,
    ToolCall,
    ToolMessage,
)

from langchain_qwen.media_blocks import MEDIA_BLOCKS, Block, file_parts, option
from langchain_qwen.tool_calls import tool_calls
from qwen_core.adapters.call_ids import with_own_ids
from qwen_core.adapters.request_builder import convert_messages
from qwen_core.errors import UnsupportedFeatureError
from qwen_core.types.json import json_text
from qwen_core.types.messages import (
    Message,
    Part,
    ReasoningPart,
    Role,
    TextPart,
    ToolCallPart,
)
from qwen_core.types.warnings import warn

ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "tool": "tool",
    "function": "tool",
}


def to_core(messages: Sequence[BaseMessage]) -> tuple[Message, ...]:
    """The conversation in the core's vocabulary."""
    # The type first: to tell by class what a message is not takes LangChain's metaclass a while.
    answered = frozenset(answered_call(message) for message in messages if message.type in RESULT_TYPES)
    return tuple(with_own_ids(convert_messages(message_to_core, messages, answered)))


def answered_call(message: BaseMessage) -> str:
    """The id of the call that this is the result of. A function's result knows its call by name."""
    return message.tool_call_id if isinstance(message, ToolMessage) else message.name or ""


def message_to_core(message: BaseMessage, answered: frozenset[str]) -> Message:
    """One message. ``answered`` are the calls of the conversation that have a result."""
    convert = MESSAGES.get(type(message))
    if convert is None:
        convert = next((convert for kind, convert in MESSAGES.items() if isinstance(message, kind)), None)
    if convert is None:
        raise UnsupportedFeatureError(f"A {type(message).__name__} cannot be sent to a model.")
    return convert(message, answered)


def _human(message: HumanMessage, answered: frozenset[str]) -> Message:
    return Message("user", parts(message.content), name=message.name)


def _system(message: SystemMessage, answered: frozenset[str]) -> Message:
    return Message("system", parts(message.content), name=message.name)


def _tool(message: ToolMessage, answered: frozenset[str]) -> Message:
    return Message("tool", parts(message.content), tool_call_id=message.tool_call_id)


def _function(message: FunctionMessage, answered: frozenset[str]) -> Message:
    return Message("tool", parts(message.content), tool_call_id=message.name)


def _chat(message: ChatMessage, answered: frozenset[str]) -> Message:
    role = ROLES.get(message.role.lower())
    if role is None:
        raise UnsupportedFeatureError(f"No role {message.role!r}. Roles: {', '.join(ROLES)}.")
    tool_call_id = message.additional_kwargs.get("tool_call_id")
    return Message(role, parts(message.content), name=message.name, tool_call_id=tool_call_id)


def ai_message_to_core(message: AIMessage, answered: frozenset[str]) -> Message:
    """An answer that is now history: its reasoning, text and tool calls, each from wherever it is kept."""
    content = parts(known_content(message))
    is_text = isinstance(message.content, str)
    if is_text or not any(isinstance(part, ReasoningPart) for part in content):
        reasoning = message.additional_kwargs.get("reasoning_content")
        if isinstance(reasoning, str) and reasoning:
            content = (ReasoningPart(reasoning), *content)
    has_calls = message.tool_calls or message.invalid_tool_calls or "function_call" in message.additional_kwargs
    if has_calls or not is_text:
        calls = message_tool_calls(message, answered)
        # Whoever gives two calls one id, or none, means two calls.
        known = {call.id for call in calls}
        rest = [part for part in content if not isinstance(part, ToolCallPart)]
        in_content = [part for part in content if isinstance(part, ToolCallPart) and part.id not in known]
        content = (*rest, *in_content, *calls)
    return Message(
        "assistant",
        content,
        name=message.name,
        partial=bool(message.additional_kwargs.get("partial")),
    )


def known_content(message: AIMessage) -> str | Sequence[str | Block]:
    """The content of an answer; LangChain's translation of it where its provider used blocks of its own."""
    content = message.content
    if isinstance(content, str) or not message.response_metadata.get("model_provider"):
        return content
    if all(isinstance(block, str) or kind_of(block) in BLOCKS for block in content):
        return content
    return cast(list[str | Block], message.content_blocks)


MESSAGES: dict[type[BaseMessage], Callable[[Any, frozenset[str]], Message]] = {
    HumanMessage: _human,
    AIMessage: ai_message_to_core,
    SystemMessage: _system,
    ToolMessage: _tool,
    FunctionMessage: _function,
    ChatMessage: _chat,
}
RESULT_TYPES = ("tool", "ToolMessageChunk", "function", "FunctionMessageChunk")


def message_tool_calls(message: AIMessage, answered: frozenset[str]) -> list[ToolCallPart]:
    """The calls of an answer.

    Broken ones that have a result are sent as valid JSON: the service fails on any other. Those without a result
    are left out: it refuses a conversation with a call that was not answered.
    """
    valid, broken = message.tool_calls, message.invalid_tool_calls
    if not valid and not broken:
        valid, broken = function_call(message)
    calls = [ToolCallPart(call["id"] or call["name"], call["name"], json_text(call["args"])) for call in valid]
    for invalid in broken:
        name = invalid.get("name") or "unknown"
        id = invalid.get("id") or name
        fate = "they are sent as text" if id in answered else "without a result it is left out"
        warn(f"The call of {name!r} in the history has arguments that are not JSON; {fate}.")
        if id in answered:
            arguments = json_text({"arguments": invalid.get("args") or ""})
            calls.append(ToolCallPart(id, name, arguments))
    return calls


def function_call(message: AIMessage) -> tuple[list[ToolCall], list[InvalidToolCall]]:
    """The one call of an answer in OpenAI's form of 2023, which has no id: its result names the function."""
    call = message.additional_kwargs.get("function_call")
    if not isinstance(call, Mapping):
        return [], []
    name = str(call.get("name") or "unknown")
    return tool_calls([ToolCallPart(name, name, str(call.get("arguments") or ""))], None)


def parts(content: str | Sequence[str | Block]) -> tuple[Part, ...]:
    """The parts of a content."""
    if isinstance(content, str):
        return (TextPart(content),)
    found: list[Part] = []
    for block in content:
        found += (TextPart(block),) if isinstance(block, str) else block_to_parts(block)
    return tuple(found) or (TextPart(""),)


def kind_of(block: Block) -> str:
    """The type of a block. DashScope's own items have none: their kind is their key."""
    return str(block.get("type") or next((name for name in ITEMS if name in block), ""))


def block_to_parts(block: Block) -> Sequence[Part]:
    """The parts of one block."""
    kind = kind_of(block)
    convert = BLOCKS.get(kind)
    if convert is None:
        raise UnsupportedFeatureError(
            f"A content block of type {kind!r} cannot be sent.",
            hint=f"Known types: {', '.join(sorted(BLOCKS))}.",
        )
    return convert(block)


def _text(block: Block) -> Sequence[Part]:
    text = block.get("text")
    return (TextPart("" if text is None else str(text), cache_control=option(block, "cache_control")),)


def _reasoning(block: Block) -> Sequence[Part]:
    text = block.get("reasoning") or block.get("thinking") or ""
    return (ReasoningPart(str(text)),) if text else ()


def _tool_call(block: Block) -> Sequence[Part]:
    arguments = block.get("args", block.get("input"))
    if not isinstance(arguments, str):
        arguments = json_text(arguments or {})
    name = str(block.get("name", ""))
    return (ToolCallPart(str(block.get("id") or name), name, arguments),)


def _refusal(block: Block) -> Sequence[Part]:
    return (TextPart(str(block.get("refusal") or "")),)


def _plain_text(block: Block) -> Sequence[Part]:
    if isinstance(text := block.get("text"), str):
        return (TextPart(text),)
    data = block.get("base64")
    if data is None:
        return file_parts(block)
    try:
        content = data if isinstance(data, bytes | bytearray) else base64.b64decode(data, validate=True)
        return (TextPart(content.decode()),)
    except ValueError as wrong:
        raise UnsupportedFeatureError("The base64 of a text-plain block is not text in UTF-8.") from wrong


def _non_standard(block: Block) -> Sequence[Part]:
    # LangChain wraps what it has no name for, such as DashScope's own items and bare URLs of OpenAI's.
    value = block.get("value")
    return block_to_parts(value if isinstance(value, Mapping) else {})


def _as_text(block: Block) -> Sequence[Part]:
    # Results of tools: data, search results and documents with text.
    for name in ("json", "content", "text"):
        value = block.get(name)
        if isinstance(value, str):
            return (TextPart(value),)
        if name == "content" and isinstance(value, list):
            return parts(value)
        if value is not None:
            return (TextPart(json_text(value)),)
    source = block.get("source")
    if isinstance(source, Mapping) and source.get("type") == "text":
        return (TextPart(str(source.get("data", ""))),)
    if isinstance(source, Mapping):
        return file_parts(block)
    raise UnsupportedFeatureError(f"A content block of type {block.get('type')!r} without text cannot be sent.")


def _nothing(block: Block) -> Sequence[Part]:
    return ()


ITEMS = ("text", "image", "video", "audio")

BLOCKS: dict[str, Callable[[Block], Sequence[Part]]] = {
    "text": _text,
    "text-plain": _plain_text,
    "refusal": _refusal,
    "non_standard": _non_standard,
    "reasoning": _reasoning,
    "thinking": _reasoning,
    "redacted_thinking": _nothing,
    "tool_call": _tool_call,
    "tool_use": _tool_call,
    "tool_call_chunk": _nothing,
    "server_tool_call": _nothing,  # what the service ran is in the text
    "server_tool_call_chunk": _nothing,
    "server_tool_result": _nothing,
    "invalid_tool_call": _nothing,
    "input_json_delta": _nothing,
    **MEDIA_BLOCKS,
    "document": _as_text,
    "search_result": _as_text,
    "json": _as_text,
}
