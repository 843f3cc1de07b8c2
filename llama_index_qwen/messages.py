"""LlamaIndex's messages as the core's: every kind of block, and both forms of tool calls in a history.

What cannot be sent raises; nothing is dropped silently. Nothing that is passed in is altered. No media are
downloaded or encoded anew.
"""

import base64
import string
from collections.abc import Callable, Mapping, Sequence
from io import IOBase
from pathlib import Path
from typing import Any

import msgspec
from llama_index.core.base.llms.types import (
    AudioBlock,
    CacheControl,
    CachePoint,
    ChatMessage,
    CitableBlock,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)
from llama_index.core.schema import ImageType

from qwen_core.adapters.media import bytes_data_uri, data_uri
from qwen_core.adapters.request_builder import convert_messages
from qwen_core.adapters.tool_arguments import arguments_text, parse_arguments, wrap_invalid_arguments
from qwen_core.errors import UnsupportedFeatureError
from qwen_core.prepare.media_checks import warn_unsupported_detail
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

Parts = tuple[Part, ...]

ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "chatbot": "assistant",
    "model": "assistant",
    "tool": "tool",
    "function": "tool",
}


def from_llama_index(messages: Sequence[ChatMessage]) -> tuple[Message, ...]:
    """Convert a conversation to the core's vocabulary."""
    return convert_messages(convert_chat_message, messages)


def convert_chat_message(message: ChatMessage) -> Message:
    """Convert one message."""
    role = ROLES[message.role.value]
    extra = message.additional_kwargs
    if role == "assistant":
        return _assistant(message)
    parts = blocks_to_parts(message.blocks)
    if frames := extra.get("video_frames"):
        parts = as_video(parts, frames if isinstance(frames, Mapping) else {})
    if options := extra.get("media_options"):
        parts = with_media_options(parts, options)
    return Message(
        role,
        parts or (TextPart(""),),
        name=extra.get("name") if role == "user" else None,
        tool_call_id=(extra.get("tool_call_id") or extra.get("name")) if role == "tool" else None,
    )


def blocks_to_parts(blocks: Sequence[Any]) -> Parts:
    """Convert a message's blocks. A cache point is a breakpoint after the part before it."""
    parts: list[Part] = []
    for block in blocks:
        if isinstance(block, CachePoint):
            _add_breakpoint(parts, block)
            continue
        convert = next((BLOCKS[kind] for kind in type(block).__mro__ if kind in BLOCKS), None)
        if convert is None:
            raise UnsupportedFeatureError(f"A {type(block).__name__} cannot be sent.")
        parts += convert(block)
    return tuple(parts)


def as_video(parts: Parts, options: Mapping[str, Any]) -> Parts:
    """Return a message's parts with its images as the frames of one video, at the index of the first image.

    LlamaIndex has no block for frames: a message has ``additional_kwargs={"video_frames": True}``, or a dict of
    ``fps``, ``max_frames``, ``min_pixels``, ``max_pixels``, ``total_pixels``.
    """
    frames = [part for part in parts if isinstance(part, ImagePart)]
    if not frames:
        raise UnsupportedFeatureError("video_frames needs ImageBlocks in the same message.")
    if unknown := options.keys() - set(VIDEO_OPTIONS):
        raise UnsupportedFeatureError(
            f"Unknown option(s) of video_frames: {', '.join(sorted(unknown))}. Known: {', '.join(VIDEO_OPTIONS)}."
        )
    video = VideoPart(tuple(frame.url for frame in frames), **options)
    others = [video if part is frames[0] else part for part in parts if part is frames[0] or part not in frames]
    return tuple(others)


def with_media_options(parts: Parts, options: Mapping[str, Any]) -> Parts:
    """Return a message's parts with limits of images and videos that LlamaIndex's blocks have no fields for.

    A message has ``additional_kwargs={"media_options": {"max_pixels": 500_000}}``: ``min_pixels`` and
    ``max_pixels`` for each image and video; ``fps``, ``max_frames`` and ``total_pixels`` for videos.
    """
    limited: list[Part] = []
    unused = set(options)
    for part in parts:
        fields = part.__struct_fields__ if isinstance(part, ImagePart | VideoPart) else ()
        applicable = {name: value for name, value in options.items() if name in VIDEO_OPTIONS and name in fields}
        unused -= applicable.keys()
        limited.append(msgspec.structs.replace(part, **applicable) if applicable else part)
    if unused:
        raise UnsupportedFeatureError(
            f"No part of the message has the option(s) {', '.join(sorted(unused))} of its media_options.",
            hint=f"Videos have {', '.join(VIDEO_OPTIONS)}; images have min_pixels and max_pixels only.",
        )
    return tuple(limited)


def _assistant(message: ChatMessage) -> Message:
    extra = message.additional_kwargs
    parts = blocks_to_parts([block for block in message.blocks if not isinstance(block, NOT_CONTENT)])
    reasoning = extra.get("reasoning_content")
    if isinstance(reasoning, str) and reasoning and not any(isinstance(part, ReasoningPart) for part in parts):
        parts = (ReasoningPart(reasoning), *parts)
    calls = tuple(with_valid_arguments(call) for call in history_tool_calls(message))
    return Message("assistant", (*parts, *calls), partial=bool(extra.get("partial")))


def _add_breakpoint(parts: list[Part], point: CachePoint) -> None:
    for index in range(len(parts) - 1, -1, -1):
        part = parts[index]
        if isinstance(part, TextPart | ImagePart):
            parts[index] = msgspec.structs.replace(part, cache_control=core_cache_control(point.cache_control))
            return
    warn("A CachePoint has no effect: its message has no text or image before it.")


def core_cache_control(control: CacheControl) -> dict[str, str]:
    """Return the breakpoint to send. Five minutes are the service's default and are left out (compatible 2.5)."""
    return {"type": control.type} if control.ttl == "5m" else {"type": control.type, "ttl": control.ttl}


def _text(block: TextBlock) -> Parts:
    return (TextPart(block.text),)


def _image(block: ImageBlock) -> Parts:
    warn_unsupported_detail(type(block).__name__, block.detail)
    url = media_url(block.image, block.path, block.url, block.image_mimetype)
    return (ImagePart(url),)


def _audio_block(block: AudioBlock) -> Parts:
    # The documented form of a data URI has no type; the format is given beside it (compatible, section 3).
    url = media_url(block.audio, block.path, block.url, "")
    return (AudioPart(url, format=block.format),)


def _video(block: VideoBlock) -> Parts:
    warn_unsupported_detail(type(block).__name__, block.detail)
    url = media_url(block.video, block.path, block.url, block.video_mimetype)
    return (VideoPart(url, fps=block.fps),)


def _document(block: DocumentBlock) -> Parts:
    url = media_url(block.data, block.path, block.url, block.document_mimetype)
    return (FilePart(url=url, filename=block.title),)


def _thinking(block: ThinkingBlock) -> Parts:
    return (ReasoningPart(block.content),) if block.content else ()


def _citable(block: CitableBlock) -> Parts:
    return _with_source(block, block.content)


def _citation(block: CitationBlock) -> Parts:
    return _with_source(block, [block.cited_content])


def _with_source(block: CitableBlock | CitationBlock, content: Sequence[Any]) -> Parts:
    return (TextPart(f"{block.title}\nSource: {block.source}"), *blocks_to_parts(content))


BLOCKS: dict[type, Callable[[Any], Parts]] = {
    TextBlock: _text,
    ImageBlock: _image,
    AudioBlock: _audio_block,
    VideoBlock: _video,
    DocumentBlock: _document,
    ThinkingBlock: _thinking,
    CitableBlock: _citable,
    CitationBlock: _citation,
}

VIDEO_OPTIONS = VideoPart.__struct_fields__[1:]
NOT_CONTENT = (CitationBlock, ToolCallBlock)
"""Blocks of a response that are not its content: citations are in its text, and its calls are read separately."""


# Media.

BASE64_LETTERS = string.ascii_letters.encode() + string.digits.encode() + b"+/="


def media_url(data: bytes | IOBase | None, path: Path | str | None, url: Any, mime_type: str | None) -> str:
    """Return the URL, the data as a data URI, or the path as a URL, which the core validates and reads."""
    if url:
        return str(url)
    if isinstance(data, bytes) and data:
        return data_uri(as_base64(data), mime_type)
    if isinstance(data, IOBase):
        data.seek(0)
        return bytes_data_uri(data.read(), mime_type)
    if path:
        return Path(path).absolute().as_uri()
    raise UnsupportedFeatureError("A media block must have a URL, data or a path.")


def as_base64(data: bytes) -> str:
    """Return bytes as base64. LlamaIndex has mostly encoded them already; an old core does not encode all."""
    looks_encoded = not data[:4096].translate(None, BASE64_LETTERS)
    return data.decode("ascii") if looks_encoded else base64.b64encode(data).decode()


def image_part(image: ImageType | Path) -> ImagePart:
    """Convert an image given as a URL, a path, or a stream of its bytes."""
    return ImagePart(str(image) if isinstance(image, str | Path) else media_url(image, None, None, None))


# Tool calls of responses that are history now: in blocks, in ``additional_kwargs``, or in both; of any provider.

ID_KEYS = ("call_id", "id", "tool_call_id", "toolUseId")
"""Where integrations keep a call's id. In OpenAI's Responses API ``id`` is an item's, not the call's."""

ARGUMENT_KEYS = ("arguments", "args", "input", "parameters")
"""Where they keep its arguments: OpenAI, Mistral and Ollama; Google; Anthropic and Bedrock; Cohere."""


def history_tool_calls(message: ChatMessage) -> list[ToolCallPart]:
    """Return the tool calls of a message, each once."""
    calls = [_call_in_a_dict(call) for call in message.additional_kwargs.get("tool_calls") or ()]
    unmatched = list(range(len(calls)))
    for block in message.blocks:
        if isinstance(block, ToolCallBlock):
            part = _call_in_block(block)
            index = next((index for index in unmatched if calls[index].id == part.id), None)
            if index is None:
                calls.append(part)
                continue
            unmatched.remove(index)
            # The model's own text, so that a cached prefix stays the same, unless the call was altered.
            if _decoded(calls[index].arguments) != _decoded(part.arguments):
                calls[index] = part
    return calls


def with_valid_arguments(call: ToolCallPart) -> ToolCallPart:
    """Return the call, with invalid arguments wrapped in JSON: the service fails on anything else."""
    value, _ = parse_arguments(call.arguments)
    if value is not None:
        return call if call.arguments.strip() else msgspec.structs.replace(call, arguments="{}")
    warn(f"The tool call {call.name!r} in the history has arguments that are not JSON. They are sent as text.")
    return msgspec.structs.replace(call, arguments=wrap_invalid_arguments(call.arguments))


def _call_in_block(block: ToolCallBlock) -> ToolCallPart:
    return ToolCallPart(block.tool_call_id or block.tool_name, block.tool_name, arguments_text(block.tool_kwargs))


def _call_in_a_dict(call: Any) -> ToolCallPart:
    """Convert a dict or an SDK's object of another integration, in OpenAI's form or flat."""
    fields = _fields(call)
    function = _fields(fields.get("function") or fields)
    name = str(function.get("name") or "")
    if not name:
        raise UnsupportedFeatureError(
            f"A tool call in the history does not name a tool (it has {', '.join(fields)})."
        )
    return ToolCallPart(
        str(_first(fields, ID_KEYS) or name), name, arguments_text(_first(function, ARGUMENT_KEYS) or {})
    )


def _fields(call: Any) -> Mapping[str, Any]:
    if isinstance(call, Mapping):
        return call
    for dump in ("model_dump", "to_dict"):
        if callable(method := getattr(call, dump, None)):
            fields: Mapping[str, Any] = method()
            return fields
    raise UnsupportedFeatureError(
        f"A tool call in the history cannot be read: it is of type {type(call).__name__}."
    )


def _first(fields: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((fields[name] for name in names if fields.get(name)), None)


def _decoded(arguments: str) -> Any:
    value, _ = parse_arguments(arguments)
    return arguments if value is None else value
