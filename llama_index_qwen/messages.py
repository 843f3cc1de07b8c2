"""LlamaIndex's messages to the core's: every kind of block, and both forms of tool calls in a history.

What has no place raises; nothing is dropped in silence. Nothing that is passed in is altered.
"""

from collections.abc import Callable, Mapping, Sequence
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

from llama_index_qwen.history_calls import message_tool_calls, with_valid_arguments
from llama_index_qwen.media import media_url
from qwen_core.adapters.call_ids import with_own_ids
from qwen_core.adapters.request_builder import convert_messages
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


def to_core(messages: Sequence[ChatMessage]) -> tuple[Message, ...]:
    """The conversation in the core's vocabulary."""
    return tuple(with_own_ids(convert_messages(message_to_core, messages)))


def message_to_core(message: ChatMessage) -> Message:
    """One message."""
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
    """The parts of a message's blocks. A cache point marks the part before it."""
    parts: list[Part] = []
    for block in blocks:
        if isinstance(block, CachePoint):
            _mark(parts, block)
            continue
        convert = next((BLOCKS[kind] for kind in type(block).__mro__ if kind in BLOCKS), None)
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
    if unknown := options.keys() - set(VIDEO_OPTIONS):
        raise UnsupportedFeatureError(f"video_frames knows no {', '.join(sorted(unknown))}.")
    video = VideoPart(tuple(frame.url for frame in frames), **options)
    others = [video if part is frames[0] else part for part in parts if part is frames[0] or part not in frames]
    return tuple(others)


def with_media_options(parts: Parts, options: Mapping[str, Any]) -> Parts:
    """The pictures and videos of a message with limits that LlamaIndex's blocks have no fields for.

    A message says ``additional_kwargs={"media_options": {"max_pixels": 500_000}}``: ``min_pixels`` and
    ``max_pixels`` for each picture and video; ``fps``, ``max_frames`` and ``total_pixels`` for videos.
    """
    found: list[Part] = []
    unused = set(options)
    for part in parts:
        takes = part.__struct_fields__ if isinstance(part, ImagePart | VideoPart) else ()
        named = {name: value for name, value in options.items() if name in VIDEO_OPTIONS and name in takes}
        unused -= named.keys()
        found.append(msgspec.structs.replace(part, **named) if named else part)
    if unused:
        raise UnsupportedFeatureError(
            f"Nothing in the message takes {', '.join(sorted(unused))} of its media_options.",
            hint=f"There are {', '.join(VIDEO_OPTIONS)}; pictures take min_pixels and max_pixels alone.",
        )
    return tuple(found)


def _assistant(message: ChatMessage) -> Message:
    extra = message.additional_kwargs
    parts = blocks_to_parts([block for block in message.blocks if not isinstance(block, BESIDE_AN_ANSWER)])
    reasoning = extra.get("reasoning_content")
    if isinstance(reasoning, str) and reasoning and not any(isinstance(part, ReasoningPart) for part in parts):
        parts = (ReasoningPart(reasoning), *parts)
    calls = tuple(with_valid_arguments(call) for call in message_tool_calls(message))
    return Message("assistant", (*parts, *calls), partial=bool(extra.get("partial")))


def _mark(parts: list[Part], point: CachePoint) -> None:
    for place in range(len(parts) - 1, -1, -1):
        part = parts[place]
        if isinstance(part, TextPart | ImagePart):
            parts[place] = msgspec.structs.replace(part, cache_control=cache_mark(point.cache_control))
            return
    warn("A CachePoint has no text or image before it in its message; it marks nothing.")


def cache_mark(control: CacheControl) -> dict[str, str]:
    """The mark that is sent. Five minutes are the service's own, and need not be said (compatible 2.5)."""
    return {"type": control.type} if control.ttl == "5m" else {"type": control.type, "ttl": control.ttl}


def _text(block: TextBlock) -> Parts:
    return (TextPart(block.text),)


def _image(block: ImageBlock) -> Parts:
    warn_unsupported_detail(type(block).__name__, block.detail)
    url = media_url(block.image, block.path, block.url, block.image_mimetype)
    return (ImagePart(url),)


def _audio(block: AudioBlock) -> Parts:
    # The documented form of a data URI names no type; the format says it (compatible, section 3).
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
    AudioBlock: _audio,
    VideoBlock: _video,
    DocumentBlock: _document,
    ThinkingBlock: _thinking,
    CitableBlock: _citable,
    CitationBlock: _citation,
}

VIDEO_OPTIONS = VideoPart.__struct_fields__[1:]
BESIDE_AN_ANSWER = (CitationBlock, ToolCallBlock)
"""Blocks of an answer that are not its content: what it cites is in its text, and its calls are read apart."""
