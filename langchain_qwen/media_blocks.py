"""LangChain's blocks of images, video, audio and documents to the core's parts, in every form that they come in.

A form differs in where it keeps the URL or the data; what is meant is the same. Nothing is read or fetched here.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from qwen_core.errors import UnsupportedFeatureError
from qwen_core.prepare.media_checks import warn_unsupported_detail
from qwen_core.prepare.media_formats import HEAD, audio_format, sniff
from qwen_core.types.messages import AudioPart, FilePart, ImagePart, Part, VideoPart

Block = Mapping[str, Any]

LIMITS = ("min_pixels", "max_pixels")
VIDEO_OPTIONS = ("fps", "max_frames", *LIMITS, "total_pixels")

# Where a form keeps a URL, or an object with one, and where data.
URL_KEYS = ("url", "file_url")
DATA_KEYS = ("base64", "data", "bytes", "file_data")
TYPE_KEYS = ("mime_type", "media_type")


def option(block: Block, name: str) -> Any:
    """A field beside the source, where blocks of LangChain keep it among the extras."""
    extras = block.get("extras")
    value = block.get(name)
    return extras.get(name) if value is None and isinstance(extras, Mapping) else value


def options(block: Block, names: Sequence[str]) -> dict[str, Any]:
    """Several such fields."""
    return {name: option(block, name) for name in names}


def source_url(block: Block, *kinds: str) -> str:
    """The URL in a block, or a data URI of what it holds. ``kinds`` are keys that OpenAI and DashScope use."""
    inner = next((block[kind] for kind in (*kinds, "source") if block.get(kind) is not None), None)
    if isinstance(inner, bytes | bytearray):
        return data_uri(inner, block)
    if isinstance(inner, str):
        return inner
    fields: Block = inner if isinstance(inner, Mapping) else block
    for key in URL_KEYS:
        if isinstance(url := fields.get(key), str):
            return url
    for key in DATA_KEYS:
        if isinstance(data := fields.get(key), str | bytes | bytearray):
            return data_uri(data, fields)
    raise UnsupportedFeatureError(f"A content block of type {block.get('type')!r} holds neither a URL nor data.")


def data_uri(data: str | bytes | bytearray, fields: Block) -> str:
    """A data URI of base64, or of bytes. What is one already stays."""
    if isinstance(data, str) and data[:5].lower() == "data:":
        return data
    mime_type = next((fields[key] for key in TYPE_KEYS if fields.get(key)), None)
    if isinstance(data, bytes | bytearray):
        mime_type = mime_type or sniff(bytes(data[:HEAD]))
        data = base64.b64encode(data).decode()
    return f"data:{mime_type or ''};base64,{data}"


def image_parts(block: Block) -> Sequence[Part]:
    """An image."""
    inner = block.get("image_url")
    detail = inner.get("detail") if isinstance(inner, Mapping) else None
    warn_unsupported_detail(str(block.get("type")), detail or option(block, "detail"))
    return (
        ImagePart(
            source_url(block, "image_url", "image"),
            cache_control=option(block, "cache_control"),
            **options(block, LIMITS),
        ),
    )


def video_parts(block: Block) -> Sequence[Part]:
    """A video, or the frames of one: URLs, bytes or image blocks."""
    frames = block.get("frames") or block.get("video")
    if isinstance(frames, list | tuple):
        return (VideoPart(tuple(frame_url(frame) for frame in frames), **options(block, VIDEO_OPTIONS)),)
    return (VideoPart(source_url(block, "video_url", "video"), **options(block, VIDEO_OPTIONS)),)


def frame_url(frame: Any) -> str:
    """One frame."""
    if isinstance(frame, str):
        return frame
    return data_uri(frame, {}) if isinstance(frame, bytes | bytearray) else source_url(frame, "image_url", "image")


def audio_parts(block: Block) -> Sequence[Part]:
    """Audio. Plain base64, as OpenAI writes it, is not documented; a data URI is (compatible, section 3)."""
    inner = block.get("input_audio")
    if isinstance(inner, Mapping):
        data = inner.get("data") or ""
        url = str(data) if isinstance(data, str) and ":" in data[:16] else data_uri(data, {})
        return (AudioPart(url, format=inner.get("format")),)
    mime_type = next((str(block[key]) for key in TYPE_KEYS if block.get(key)), None)
    audio = source_url(block, "audio_url", "audio")
    return (AudioPart(audio, format=block.get("format") or audio_format(mime_type)),)


def file_parts(block: Block) -> Sequence[Part]:
    """A document: uploaded, elsewhere, or here."""
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


# What a file is, by the first half of its MIME type; anything else is a document.
MEDIA_FILES: dict[str, Callable[[Block], Sequence[Part]]] = {
    "image": image_parts,
    "video": video_parts,
    "audio": audio_parts,
}

MEDIA_BLOCKS: dict[str, Callable[[Block], Sequence[Part]]] = {
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
}
