"""LangChain's messages as the core's: every form in which a history may come back.

Content may be text, or blocks in LangChain's own form (v0 and v1), OpenAI's, Anthropic's or DashScope's. What
cannot be sent raises; nothing is dropped silently. Nothing is read or fetched here.
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

from langchain_qwen.content_blocks import to_langchain_calls
from qwen_core.adapters.media import bytes_data_uri, data_uri
from qwen_core.adapters.request_builder import convert_messages
from qwen_core.adapters.tool_arguments import wrap_invalid_arguments
from qwen_core.errors import UnsupportedFeatureError
from qwen_core.prepare.media_checks import warn_unsupported_detail
from qwen_core.prepare.media_formats import audio_format
from qwen_core.types.json import json_text
from qwen_core.types.messages import (
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    Role,
    TextPart,
    ToolCallPart,
    VideoPart,
)
from qwen_core.types.warnings import warn

Block = Mapping[str, Any]

# Messages.

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


def from_langchain(messages: Sequence[BaseMessage]) -> tuple[Message, ...]:
    """Convert a conversation to the core's vocabulary."""
    answered: set[str] = set()
    for message in messages:
        # By type name: to find out by class that a message is not a result takes LangChain's metaclass a while.
        if message.type in RESULT_TYPES:
            answered.add(answered_call(message))
    return convert_messages(convert_message, messages, answered)


def answered_call(message: BaseMessage) -> str:
    """Return the id of the call that this is the result of; the result of a function only has its name."""
    return message.tool_call_id if isinstance(message, ToolMessage) else message.name or ""


def convert_message(message: BaseMessage, answered: set[str]) -> Message:
    """Convert one message. ``answered`` holds the ids of the conversation's calls that have a result."""
    kind = type(message)
    if kind is HumanMessage:
        return Message("user", parts(message.content), name=message.name)
    convert = MESSAGES.get(kind)
    if convert is None:
        convert = next((convert for kind, convert in MESSAGES.items() if isinstance(message, kind)), None)
    if convert is None:
        raise UnsupportedFeatureError(f"A {type(message).__name__} cannot be sent to a model.")
    return convert(message, answered)


def _human(message: HumanMessage, answered: set[str]) -> Message:
    return Message("user", parts(message.content), name=message.name)


def _system(message: SystemMessage, answered: set[str]) -> Message:
    return Message("system", parts(message.content), name=message.name)


def _tool_result(message: ToolMessage, answered: set[str]) -> Message:
    return Message("tool", parts(message.content), tool_call_id=message.tool_call_id)


def _function_result(message: FunctionMessage, answered: set[str]) -> Message:
    return Message("tool", parts(message.content), tool_call_id=message.name)


def _message_of_role(message: ChatMessage, answered: set[str]) -> Message:
    role = ROLES.get(message.role.lower())
    if role is None:
        raise UnsupportedFeatureError(f"Unknown role {message.role!r}. Known roles: {', '.join(ROLES)}.")
    tool_call_id = message.additional_kwargs.get("tool_call_id")
    return Message(role, parts(message.content), name=message.name, tool_call_id=tool_call_id)


def _response(message: AIMessage, answered: set[str]) -> Message:
    """Convert a response that is history now: its reasoning, text and tool calls, wherever each is kept."""
    content = parts(readable_content(message))
    is_text = isinstance(message.content, str)
    if is_text or not any(isinstance(part, ReasoningPart) for part in content):
        reasoning = message.additional_kwargs.get("reasoning_content")
        if isinstance(reasoning, str) and reasoning:
            content = (ReasoningPart(reasoning), *content)
    has_calls = message.tool_calls or message.invalid_tool_calls or "function_call" in message.additional_kwargs
    if has_calls or not is_text:
        calls = history_calls(message, answered)
        # Two calls with the same id, or without one, are two calls.
        ids = {call.id for call in calls}
        rest = [part for part in content if not isinstance(part, ToolCallPart)]
        in_content = [part for part in content if isinstance(part, ToolCallPart) and part.id not in ids]
        content = (*rest, *in_content, *calls)
    return Message(
        "assistant",
        content,
        name=message.name,
        partial=bool(message.additional_kwargs.get("partial")),
    )


def readable_content(message: AIMessage) -> str | Sequence[str | Block]:
    """Return the content of a response; LangChain's translation of it if its provider used blocks of its own."""
    content = message.content
    if isinstance(content, str) or not message.response_metadata.get("model_provider"):
        return content
    if all(isinstance(block, str) or kind_of(block) in BLOCKS for block in content):
        return content
    return cast(list[str | Block], message.content_blocks)


MESSAGES: dict[type[BaseMessage], Callable[[Any, set[str]], Message]] = {
    HumanMessage: _human,
    AIMessage: _response,
    SystemMessage: _system,
    ToolMessage: _tool_result,
    FunctionMessage: _function_result,
    ChatMessage: _message_of_role,
}
RESULT_TYPES = ("tool", "ToolMessageChunk", "function", "FunctionMessageChunk")


def history_calls(message: AIMessage, answered: set[str]) -> list[ToolCallPart]:
    """Return the tool calls of a response in the history.

    Invalid ones that have a result are sent as valid JSON: the service fails on anything else. Those without a
    result are left out: it rejects a conversation with a call that has no result.
    """
    valid, invalid = message.tool_calls, message.invalid_tool_calls
    if not valid and not invalid:
        valid, invalid = function_call(message)
    calls = [ToolCallPart(call["id"] or call["name"], call["name"], json_text(call["args"])) for call in valid]
    for call in invalid:
        name = call.get("name") or "unknown"
        id = call.get("id") or name
        consequence = "They are sent as text." if id in answered else "It has no result and is left out."
        warn(f"The tool call {name!r} in the history has arguments that are not JSON. {consequence}")
        if id in answered:
            calls.append(ToolCallPart(id, name, wrap_invalid_arguments(call.get("args") or "")))
    return calls


def function_call(message: AIMessage) -> tuple[list[ToolCall], list[InvalidToolCall]]:
    """Return the call of a response in OpenAI's form of 2023, which has no id: its result names the function."""
    call = message.additional_kwargs.get("function_call")
    if not isinstance(call, Mapping):
        return [], []
    name = str(call.get("name") or "unknown")
    return to_langchain_calls([ToolCallPart(name, name, str(call.get("arguments") or ""))], None)


# Content blocks.


def parts(content: str | Sequence[str | Block]) -> tuple[Part, ...]:
    """Convert a message's content."""
    if isinstance(content, str):
        return (TextPart(content),)
    converted: list[Part] = []
    for block in content:
        converted += (TextPart(block),) if isinstance(block, str) else block_to_parts(block)
    return tuple(converted) or (TextPart(""),)


def kind_of(block: Block) -> str:
    """Return the type of a block. DashScope's own items have none: their key says it."""
    return str(block.get("type") or next((name for name in ITEMS if name in block), ""))


def block_to_parts(block: Block) -> Sequence[Part]:
    """Convert one content block."""
    kind = kind_of(block)
    convert = BLOCKS.get(kind)
    if convert is None:
        raise UnsupportedFeatureError(
            f"A content block of type {kind!r} cannot be sent.",
            hint=f"Known types: {', '.join(sorted(BLOCKS))}.",
        )
    return convert(block)


def option(block: Block, name: str) -> Any:
    """Return a field beside the source, which blocks of LangChain keep among the extras."""
    extras = block.get("extras")
    value = block.get(name)
    return extras.get(name) if value is None and isinstance(extras, Mapping) else value


def options(block: Block, names: Sequence[str]) -> dict[str, Any]:
    """Return several such fields."""
    return {name: option(block, name) for name in names}


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
    except ValueError as error:
        raise UnsupportedFeatureError("The base64 of a text-plain block is not UTF-8 text.") from error


def _non_standard(block: Block) -> Sequence[Part]:
    # LangChain wraps what it has no type for, such as DashScope's own items and bare URLs of OpenAI's.
    value = block.get("value")
    return block_to_parts(value if isinstance(value, Mapping) else {})


def _text_of_data(block: Block) -> Sequence[Part]:
    # Tool results: data, search results and documents with text.
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


# Media. The forms differ in where they keep the URL or the data; they mean the same.

PIXEL_LIMITS = ("min_pixels", "max_pixels")
VIDEO_OPTIONS = ("fps", "max_frames", *PIXEL_LIMITS, "total_pixels")

URL_KEYS = ("url", "file_url")
DATA_KEYS = ("base64", "data", "bytes", "file_data")
TYPE_KEYS = ("mime_type", "media_type")


def source_url(block: Block, *kinds: str) -> str:
    """Return the URL in a block, or its data as a data URI.

    Args:
        block: the content block.
        kinds: keys of OpenAI and DashScope that hold a URL, or an object with one.
    """
    inner = next((block[kind] for kind in (*kinds, "source") if block.get(kind) is not None), None)
    if isinstance(inner, bytes | bytearray):
        return block_data_uri(inner, block)
    if isinstance(inner, str):
        return inner
    fields: Block = inner if isinstance(inner, Mapping) else block
    for key in URL_KEYS:
        if isinstance(url := fields.get(key), str):
            return url
    for key in DATA_KEYS:
        if isinstance(data := fields.get(key), str | bytes | bytearray):
            return block_data_uri(data, fields)
    raise UnsupportedFeatureError(f"A content block of type {block.get('type')!r} has neither a URL nor data.")


def block_data_uri(data: str | bytes | bytearray, fields: Block) -> str:
    """Return base64 or bytes as a data URI of the type that these fields say."""
    mime_type = next((fields[key] for key in TYPE_KEYS if fields.get(key)), None)
    return data_uri(data, mime_type) if isinstance(data, str) else bytes_data_uri(data, mime_type)


def image_parts(block: Block) -> Sequence[Part]:
    """Convert an image."""
    inner = block.get("image_url")
    detail = inner.get("detail") if isinstance(inner, Mapping) else None
    warn_unsupported_detail(str(block.get("type")), detail or option(block, "detail"))
    return (
        ImagePart(
            source_url(block, "image_url", "image"),
            cache_control=option(block, "cache_control"),
            **options(block, PIXEL_LIMITS),
        ),
    )


def video_parts(block: Block) -> Sequence[Part]:
    """Convert a video, or the frames of one: URLs, bytes or image blocks."""
    frames = block.get("frames") or block.get("video")
    if isinstance(frames, list | tuple):
        return (VideoPart(tuple(frame_url(frame) for frame in frames), **options(block, VIDEO_OPTIONS)),)
    return (VideoPart(source_url(block, "video_url", "video"), **options(block, VIDEO_OPTIONS)),)


def frame_url(frame: Any) -> str:
    """Return the URL of one frame."""
    if isinstance(frame, str):
        return frame
    if isinstance(frame, bytes | bytearray):
        return bytes_data_uri(frame, None)
    return source_url(frame, "image_url", "image")


def audio_parts(block: Block) -> Sequence[Part]:
    """Convert audio. Plain base64, as OpenAI has it, is not documented; a data URI is (compatible, section 3)."""
    inner = block.get("input_audio")
    if isinstance(inner, Mapping):
        data = inner.get("data") or ""
        url = str(data) if isinstance(data, str) and ":" in data[:16] else block_data_uri(data, {})
        return (AudioPart(url, format=inner.get("format")),)
    mime_type = next((str(block[key]) for key in TYPE_KEYS if block.get(key)), None)
    audio = source_url(block, "audio_url", "audio")
    return (AudioPart(audio, format=block.get("format") or audio_format(mime_type)),)


def file_parts(block: Block) -> Sequence[Part]:
    """Convert a document: uploaded, at a URL, or in the block."""
    inner = block.get("file")
    source: Block = inner if isinstance(inner, Mapping) else block
    filename = source.get("filename") or option(block, "filename")
    file_id = source.get("file_id") or (source.get("id") if source.get("source_type") == "id" else None)
    if file_id:
        return (FilePart(file_id=str(file_id), filename=filename),)
    mime_type = next((str(source[key]) for key in TYPE_KEYS if source.get(key)), "")
    if (convert := MEDIA_FILES.get(mime_type.partition("/")[0])) is not None:
        return convert(source)
    return (FilePart(url=source_url(source), filename=filename),)


# The kind of a file by the first half of its MIME type; anything else is a document.
MEDIA_FILES: dict[str, Callable[[Block], Sequence[Part]]] = {
    "image": image_parts,
    "video": video_parts,
    "audio": audio_parts,
}

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
    "server_tool_call": _nothing,  # its result is in the text
    "server_tool_call_chunk": _nothing,
    "server_tool_result": _nothing,
    "invalid_tool_call": _nothing,
    "input_json_delta": _nothing,
    "image": image_parts,
    "image_url": image_parts,
    "input_image": image_parts,
    "video": video_parts,
    "video_url": video_parts,
    "audio": audio_parts,
    "audio_url": audio_parts,
    "input_audio": audio_parts,
    "file": file_parts,
    "input_file": file_parts,
    "document": _text_of_data,
    "search_result": _text_of_data,
    "json": _text_of_data,
}
