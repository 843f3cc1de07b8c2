"""Encode chat requests for the native DashScope protocol.

A body is ``{"model", "input": {"messages"}, "parameters": {...}}`` and nothing else; the headers say whether it
streams (section 1.5).
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
    set_parameters,
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

# Keys of ``extra_body`` at the top of the body. All others are parameters.
TOP_LEVEL = ("model", "input", "parameters", "resources")

PATHS: dict[NativeEndpoint, str] = {
    "text-generation": "/services/aigc/text-generation/generation",
    "multimodal-generation": "/services/aigc/multimodal-generation/generation",
}

STREAM_HEADERS = {"X-DashScope-SSE": "enable", "Accept": "text/event-stream"}
WHOLE_HEADERS = {"Accept": "application/json"}


def encode_chat(request: ChatRequest, profile: ModelProfile, stream: bool) -> EncodedRequest:
    """Encode a request for the endpoint that has the model.

    A search asks for its sources unless ``search_options`` says otherwise, because citations need
    ``enable_source`` (section 5.4). ``extra_body`` is merged into the body: ``input`` and ``parameters`` into
    those objects, every other key into ``parameters``, because this protocol has nothing beside them.
    """
    recorded = {recording.fact for recording in profile.recorded if recording.protocol == "dashscope"}
    refuse(
        request,
        [name for name in COMPATIBLE_ONLY if name not in recorded],
        PROTOCOL,
        'Use extra_body={...} to send it all the same, or protocol="openai".',
    )
    endpoint = endpoint_of(request, profile)
    is_text = endpoint == "text-generation"
    parameters = {**encode_parameters(request), **encode_tools(request)}
    parameters |= {name: getattr(request, name) for name in set_parameters(request, COMPATIBLE_ONLY)}
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
    """Return the endpoint of the request (section 2): the one for media, else the one in the catalog."""
    if any(is_media(part) for message in request.messages for part in message.parts):
        return "multimodal-generation"
    if profile.native_endpoint is None and profile.media_api == "multimodal-generation":
        return "multimodal-generation"
    return profile.native_endpoint or "text-generation"


def is_media(part: Part) -> bool:
    """Return whether only the multimodal endpoint supports this part."""
    return isinstance(part, ImagePart | VideoPart | AudioPart)


def other_endpoint(path: str, error: QwenError) -> NativeEndpoint | None:
    """Return the other endpoint if the service says "url error": it has the model there (sections 2, 6.3)."""
    if "url error" not in error.message.lower():
        return None
    return next((endpoint for endpoint, its_path in PATHS.items() if its_path != path), None)


def advice(request: ChatRequest, profile: ModelProfile) -> tuple[str, ...]:
    """Return warnings of what the service may refuse."""
    if not profile.compatible_only:
        return ()
    return (
        f"{request.model} is documented only for the OpenAI-compatible API; the native one may refuse it. "
        'Use protocol="openai" or "auto".',
    )


def merge_extra(body: dict[str, Any], extra: Mapping[str, Any] | None) -> None:
    """Merge the user's own fields into the body."""
    for name, value in (extra or {}).items():
        merge_body(body if name in TOP_LEVEL else body["parameters"], {name: value})


def encode_text_content(parts: tuple[Part, ...], separator: str) -> Content:
    """Encode text. A list is used only for a prompt cache breakpoint or a document (section 4.1)."""
    text = joined_text(parts, separator)
    return [encode_text_part(part) for part in parts] if text is None else text


def encode_text_part(part: Part) -> dict[str, Any]:
    """Encode one part of a list content on the text endpoint (section 4.1)."""
    match part:
        case TextPart():
            return with_values({"type": "text", "text": part.text}, cache_control=part.cache_control)
        case FilePart(url=str() as url) if is_document_url(url):
            return {"type": "doc_url", "doc_url": [url], "file_parsing_strategy": "auto"}
        case _:
            raise refuse_part(part, PROTOCOL)


def is_document_url(url: str) -> bool:
    """Return whether a document can be read from this URL: not from a data URI (section 4.1)."""
    return not url.startswith("data:")


def encode_multimodal_content(parts: tuple[Part, ...], separator: str) -> Content:
    """Encode a list of items of one kind each, never bare text (section 4.2). Texts of an assistant become one."""
    text = joined_text(parts, separator) if separator == "" else None
    if text is not None:
        return [{"text": text}] if text else []
    return [encode_item(part) for part in parts]


def encode_item(part: Part) -> dict[str, Any]:
    """Encode one item: its kind is its key, and limits and rates stand beside it (section 4.2)."""
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
