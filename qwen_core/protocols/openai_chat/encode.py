"""Encode chat requests for the OpenAI-compatible protocol."""

from typing import Any

from qwen_core.models.profile import ModelProfile
from qwen_core.protocols.base import NATIVE_EXTRA, EncodedRequest, merge_body
from qwen_core.protocols.messages import (
    Content,
    ParameterEncoder,
    encode_messages,
    encode_tools,
    joined_text,
    oss_headers,
    refuse,
    refuse_part,
    with_values,
)
from qwen_core.types.json import encode_json
from qwen_core.types.messages import AudioPart, FilePart, ImagePart, Part, TextPart, VideoPart
from qwen_core.types.parameters import parameters_only_on, sent_parameters
from qwen_core.types.requests import ChatRequest

PROTOCOL = "OpenAI-compatible"

encode_parameters = ParameterEncoder(sent_parameters("openai_chat"))

NATIVE_ONLY = parameters_only_on("dashscope", not_on="openai_chat")


def encode_chat(request: ChatRequest, profile: ModelProfile, stream: bool) -> EncodedRequest:
    """Encode a request for ``/chat/completions``. A stream always asks for its usage."""
    refuse(
        request,
        NATIVE_ONLY,
        PROTOCOL,
        f'Use protocol="dashscope" ({NATIVE_EXTRA}).',
    )
    body: dict[str, Any] = {
        "model": request.model,
        "messages": encode_messages(request, profile, encode_content),
        **encode_parameters(request),
    }
    if request.tools:
        body |= encode_tools(request)
    if stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    return EncodedRequest(
        path="/chat/completions",
        body=encode_json(merge_body(body, request.extra_body) if request.extra_body else body),
        headers={**oss_headers(request.messages), **(request.extra_headers or {})},
        cumulative=stream and profile.cumulative_stream,
    )


def encode_content(parts: tuple[Part, ...], separator: str) -> Content:
    """Encode text alone as a string: text models refuse lists (section 3)."""
    text = joined_text(parts, separator)
    return [encode_part(part) for part in parts] if text is None else text


def encode_part(part: Part) -> dict[str, Any]:
    """Encode one part of a list content. Limits and rates are siblings of ``type`` (section 3)."""
    match part:
        case TextPart():
            return with_values(
                {"type": "text", "text": part.text},
                cache_control=part.cache_control,
            )
        case ImagePart():
            return with_values(
                {"type": "image_url", "image_url": {"url": part.url}},
                min_pixels=part.min_pixels,
                max_pixels=part.max_pixels,
                cache_control=part.cache_control,
            )
        case VideoPart():
            content: dict[str, Any] = (
                {"type": "video_url", "video_url": {"url": strip_media_type(part.url)}}
                if isinstance(part.url, str)
                else {"type": "video", "video": list(part.url)}
            )
            return with_values(
                content,
                fps=part.fps,
                max_frames=part.max_frames,
                min_pixels=part.min_pixels,
                max_pixels=part.max_pixels,
                total_pixels=part.total_pixels,
            )
        case AudioPart():
            return {
                "type": "input_audio",
                "input_audio": with_values({"data": strip_media_type(part.url)}, format=part.format),
            }
        case FilePart(url=str() as url):
            if url.startswith("data:"):
                return {"type": "file", "file": with_values({"file_data": url}, filename=part.filename)}
            return {"type": "file", "file": {"file_url": url}}
        case _:
            raise refuse_part(part, PROTOCOL)


def strip_media_type(url: str) -> str:
    """Return a data URI as documented for video and audio, without a type; any other URL unchanged (section 3)."""
    header, comma, data = url.partition(",") if url[:5].lower() == "data:" else (url, "", "")
    return f"data:;base64,{data}" if comma and header != "data:;base64" else url
