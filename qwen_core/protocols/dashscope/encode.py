"""Requests to bodies, on the native DashScope wire.

A body is ``{"model", "input": {"messages"}, "parameters": {...}}`` and nothing else; whether it streams is said in
the headers (section 1.5).
"""

from collections.abc import Mapping
from typing import Any

from qwen_core.models.profile import ModelProfile, NativeEndpoint
from qwen_core.protocols.base import EncodedRequest, merge_body
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
from qwen_core.types.errors import QwenError
from qwen_core.types.json import encode_json
from qwen_core.types.messages import AudioPart, FilePart, ImagePart, Part, TextPart, VideoPart
from qwen_core.types.parameters import parameters_only_on, sent_parameters
from qwen_core.types.requests import ChatRequest

PROTOCOL = "native DashScope"

encode_parameters = ParameterEncoder(sent_parameters("dashscope"))

COMPATIBLE_ONLY = parameters_only_on("openai_chat", not_on="dashscope")

# Keys of ``extra_body`` that stand at the top of the body. Any other is a parameter.
TOP_LEVEL = ("model", "input", "parameters", "resources")

PATHS: dict[NativeEndpoint, str] = {
    "text-generation": "/services/aigc/text-generation/generation",
    "multimodal-generation": "/services/aigc/multimodal-generation/generation",
}

STREAM_HEADERS = {"X-DashScope-SSE": "enable", "Accept": "text/event-stream"}
WHOLE_HEADERS = {"Accept": "application/json"}


def encode_chat(request: ChatRequest, profile: ModelProfile, stream: bool) -> EncodedRequest:
    """What to send to the endpoint that has the model.

    A search asks for its sources unless ``search_options`` says otherwise, because without ``enable_source`` there
    are no citations (section 5.4). ``extra_body`` is merged over the body: ``input`` and ``parameters`` into those
    objects, every other key into ``parameters``, which is all that this wire has beside them.
    """
    refuse(
        request,
        COMPATIBLE_ONLY,
        PROTOCOL,
        'Put it into extra_body={...} to send it all the same, or use protocol="openai".',
    )
    endpoint = endpoint_of(request, profile)
    is_text = endpoint == "text-generation"
    parameters = {**encode_parameters(request), **encode_tools(request)}
    if request.enable_search:
        parameters["search_options"] = {"enable_source": True, **(request.search_options or {})}
    if is_text:
        parameters["result_format"] = "message"
    if stream:
        parameters["incremental_output"] = True
    content = encode_text_content if is_text else encode_multimodal_content
    body: dict[str, Any] = {
        "model": request.model,
        "input": {"messages": encode_messages(request, profile, content)},
        "parameters": parameters,
    }
    merge_extra(body, request.extra_body)
    return EncodedRequest(
        path=PATHS[endpoint],
        body=encode_json(body),
        headers={
            **(STREAM_HEADERS if stream else WHOLE_HEADERS),
            **oss_headers(request.messages),
            **(request.extra_headers or {}),
        },
        warnings=advice(request, profile),
        cumulative=stream and body["parameters"].get("incremental_output") is False,
    )


def endpoint_of(request: ChatRequest, profile: ModelProfile) -> NativeEndpoint:
    """Where the request goes (section 2). Media can be said on one endpoint only; else the catalogue knows."""
    if any(is_media(part) for message in request.messages for part in message.parts):
        return "multimodal-generation"
    return profile.native_endpoint or "text-generation"


def is_media(part: Part) -> bool:
    """Whether only the multimodal endpoint has a place for this part."""
    return isinstance(part, ImagePart | VideoPart | AudioPart)


def other_endpoint(path: str, error: QwenError) -> NativeEndpoint | None:
    """The other endpoint, where the service says "url error": it has the model there (sections 2, 6.3)."""
    if "url error" not in error.message.lower():
        return None
    return next((endpoint for endpoint, its_path in PATHS.items() if its_path != path), None)


def advice(request: ChatRequest, profile: ModelProfile) -> tuple[str, ...]:
    """What the caller should know before the service says it."""
    if not profile.compatible_only:
        return ()
    return (
        f"{request.model} is documented for the OpenAI-compatible API alone; the native one may refuse it. "
        'Use protocol="openai" or "auto".',
    )


def merge_extra(body: dict[str, Any], extra: Mapping[str, Any] | None) -> None:
    """Lay the user's own fields over the body."""
    for name, value in (extra or {}).items():
        merge_body(body if name in TOP_LEVEL else body["parameters"], {name: value})


def encode_text_content(parts: tuple[Part, ...], separator: str) -> Content:
    """Text. A list only where a cache mark or a document needs one (section 4.1)."""
    text = joined_text(parts, separator)
    return [encode_text_part(part) for part in parts] if text is None else text


def encode_text_part(part: Part) -> dict[str, Any]:
    """One part of a list content on the text endpoint (section 4.1)."""
    match part:
        case TextPart():
            return with_values({"type": "text", "text": part.text}, cache_control=part.cache_control)
        case FilePart(url=str() as url) if is_document_url(url):
            return {"type": "doc_url", "doc_url": [url], "file_parsing_strategy": "auto"}
        case _:
            raise refuse_part(part, PROTOCOL)


def is_document_url(url: str) -> bool:
    """Whether a document can be read from there: one in the message itself cannot (section 4.1)."""
    return not url.startswith("data:")


def encode_multimodal_content(parts: tuple[Part, ...], separator: str) -> Content:
    """A list of items of one kind each, never a bare text (section 4.2). An answer's texts are one again."""
    text = joined_text(parts, separator) if separator == "" else None
    if text is not None:
        return [{"text": text}] if text else []
    return [encode_item(part) for part in parts]


def encode_item(part: Part) -> dict[str, Any]:
    """One item: its kind is its key, and limits and rates stand beside it (section 4.2)."""
    match part:
        case TextPart():
            return with_values({"text": part.text}, cache_control=part.cache_control)
        case ImagePart():
            return with_values(
                {"image": part.url},
                min_pixels=part.min_pixels,
                max_pixels=part.max_pixels,
                cache_control=part.cache_control,
            )
        case VideoPart():
            return with_values(
                {"video": part.url},
                fps=part.fps,
                max_frames=part.max_frames,
                min_pixels=part.min_pixels,
                max_pixels=part.max_pixels,
                total_pixels=part.total_pixels,
            )
        case AudioPart():
            return {"audio": part.url}
        case _:
            raise refuse_part(part, PROTOCOL)
