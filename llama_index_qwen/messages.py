"""LlamaIndex's messages to the core's: every kind of block, and both forms of tool calls in a history.

What has no place raises; nothing is dropped in silence. Nothing that is passed in is altered.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from llama_index.core.base.llms.types import (
    AudioBlock,
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

from llama_index_qwen.call_ids import with_own_ids
from llama_index_qwen.media import media_url
from qwen_core.errors import UnsupportedFeatureError
from qwen_core.json_encoding import json_text
from qwen_core.messages import (
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
    converted,
)
from qwen_core.tool_arguments import parse_arguments

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


def to_core(messages: Sequence[ChatMessage]) -> tuple[Message, ...]:
    """The conversation in the core's vocabulary."""
    return tuple(ask_at_the_end(with_own_ids(converted(message_to_core, messages))))


def ask_at_the_end(messages: list[Message]) -> list[Message]:
    """An instruction that core puts last (``early_stopping_method="generate"``) as what is asked for.

    The service answers a user or a tool, and fails on a conversation that ends with the system.
    """
    if messages and messages[-1].role == "system":
        return [*messages[:-1], msgspec.structs.replace(messages[-1], role="user")]
    return messages


def message_to_core(message: ChatMessage) -> Message:
    """One message."""
    role = ROLES[message.role.value]
    extra = message.additional_kwargs
    parts = blocks_to_parts(message.blocks)
    if role == "assistant":
        return _assistant(message, parts)
    if frames := extra.get("video_frames"):
        parts = as_video(parts, frames if isinstance(frames, Mapping) else {})
    return Message(
        role,
        parts or (TextPart(""),),
        name=extra.get("name") if role == "user" else None,
        tool_call_id=(extra.get("tool_call_id") or extra.get("name")) if role == "tool" else None,
    )


def blocks_to_parts(blocks: Sequence[Any]) -> Parts:
    """The parts of a message's blocks. A cache point marks the part before it."""
    parts: list[Part] = []
    for block in blocks:
        if isinstance(block, CachePoint):
            _mark(parts, block)
            continue
        convert = BLOCKS.get(type(block))
        if convert is None:
            raise UnsupportedFeatureError(f"A {type(block).__name__} cannot be sent.")
        parts += convert(block)
    return tuple(parts)


def as_video(parts: Parts, options: Mapping[str, Any]) -> Parts:
    """The pictures of a message as the frames of one video, where the first of them stood.

    LlamaIndex has no block for frames: a message says ``additional_kwargs={"video_frames": True}``, or a dict of
    ``fps``, ``max_frames``, ``min_pixels``, ``max_pixels``, ``total_pixels``.
    """
    frames = [part for part in parts if isinstance(part, ImagePart)]
    if not frames:
        raise UnsupportedFeatureError("video_frames needs ImageBlocks in the same message.")
    if unknown := options.keys() - set(VideoPart.__struct_fields__[1:]):
        raise UnsupportedFeatureError(f"video_frames knows no {', '.join(sorted(unknown))}.")
    video = VideoPart(tuple(frame.url for frame in frames), **options)
    others = [video if part is frames[0] else part for part in parts if part is frames[0] or part not in frames]
    return tuple(others)


def message_tool_calls(message: ChatMessage) -> list[ToolCallPart]:
    """The calls of an answer that is now history, each once, from blocks and from ``additional_kwargs``."""
    calls = [_call_in_a_dict(call) for call in message.additional_kwargs.get("tool_calls") or ()]
    unmatched = list(range(len(calls)))
    for block in message.blocks:
        if isinstance(block, ToolCallBlock):
            part = _call_in_block(block)
            place = next((place for place in unmatched if calls[place].id == part.id), None)
            if place is None:
                calls.append(part)
                continue
            unmatched.remove(place)
            # The model's own text, so that a cached prefix stays the same, unless somebody changed the call.
            if _decoded(calls[place].arguments) != _decoded(part.arguments):
                calls[place] = part
    return calls


def _assistant(message: ChatMessage, parts: Parts) -> Message:
    extra = message.additional_kwargs
    reasoning = extra.get("reasoning_content")
    if isinstance(reasoning, str) and reasoning and not any(isinstance(part, ReasoningPart) for part in parts):
        parts = (ReasoningPart(reasoning), *parts)
    calls = tuple(_with_valid_arguments(call) for call in message_tool_calls(message))
    return Message("assistant", (*parts, *calls), partial=bool(extra.get("partial")))


def _mark(parts: list[Part], point: CachePoint) -> None:
    for place in range(len(parts) - 1, -1, -1):
        part = parts[place]
        if isinstance(part, TextPart | ImagePart):
            # The service knows one lifetime only, so that ttl is not sent (compatible, section 2.5).
            parts[place] = msgspec.structs.replace(part, cache_control={"type": point.cache_control.type})
            return
    warnings.warn("A CachePoint has no text or image before it in its message; it marks nothing.", stacklevel=2)


def _text(block: TextBlock) -> Parts:
    return (TextPart(block.text),)


def _image(block: ImageBlock) -> Parts:
    url = media_url(block.image, block.path, block.url, block.image_mimetype)
    return (ImagePart(url),)


def _audio(block: AudioBlock) -> Parts:
    # The documented form of a data URI names no type; the format says it (compatible, section 3).
    url = media_url(block.audio, block.path, block.url, "")
    return (AudioPart(url, format=block.format),)


def _video(block: VideoBlock) -> Parts:
    url = media_url(block.video, block.path, block.url, block.video_mimetype)
    return (VideoPart(url, fps=block.fps),)


def _document(block: DocumentBlock) -> Parts:
    url = media_url(block.data, block.path, block.url, block.document_mimetype)
    return (FilePart(url=url, filename=block.title),)


def _thinking(block: ThinkingBlock) -> Parts:
    return (ReasoningPart(block.content),) if block.content else ()


def _citable(block: CitableBlock) -> Parts:
    content = blocks_to_parts(block.content)
    return (TextPart(f"{block.title}\nSource: {block.source}"), *content)


def _nothing(block: Any) -> Parts:
    return ()


BLOCKS: dict[type, Callable[[Any], Parts]] = {
    TextBlock: _text,
    ImageBlock: _image,
    AudioBlock: _audio,
    VideoBlock: _video,
    DocumentBlock: _document,
    ThinkingBlock: _thinking,
    CitableBlock: _citable,
    CitationBlock: _nothing,  # what was cited is in the text
    ToolCallBlock: _nothing,  # message_tool_calls reads these
}


def _call_in_block(block: ToolCallBlock) -> ToolCallPart:
    arguments = block.tool_kwargs
    if not isinstance(arguments, str):
        arguments = json_text(arguments)
    return ToolCallPart(block.tool_call_id or block.tool_name, block.tool_name, arguments)


def _call_in_a_dict(call: Any) -> ToolCallPart:
    """A dict or an SDK's object, as other integrations leave them in a history: in OpenAI's form, or flat."""
    fields: Mapping[str, Any] = call if isinstance(call, Mapping) else call.model_dump()
    function: Mapping[str, Any] = fields.get("function") or fields
    name = str(function.get("name") or "")
    if not name:
        raise UnsupportedFeatureError(f"A tool call in the history names no tool; it has {', '.join(fields)}.")
    arguments = _first(function, ("arguments", "args", "input"))
    if not isinstance(arguments, str):
        arguments = json_text(arguments or {})
    return ToolCallPart(str(_first(fields, ("id", "tool_call_id", "toolUseId")) or name), name, arguments)


def _first(fields: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((fields[name] for name in names if fields.get(name)), None)


def _with_valid_arguments(call: ToolCallPart) -> ToolCallPart:
    """The call as it is; with broken arguments wrapped, because the service fails on any that are not JSON."""
    value, _ = parse_arguments(call.arguments)
    if value is not None:
        return call if call.arguments.strip() else msgspec.structs.replace(call, arguments="{}")
    warnings.warn(
        f"The call of {call.name!r} in the history has arguments that are not JSON; they are sent as text.",
        stacklevel=2,
    )
    wrapped = json_text({"arguments": call.arguments})
    return msgspec.structs.replace(call, arguments=wrapped)


def _decoded(arguments: str) -> Any:
    value, _ = parse_arguments(arguments)
    return arguments if value is None else value
