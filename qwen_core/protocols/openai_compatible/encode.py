"""Requests to bodies, on the OpenAI-compatible wire."""

from typing import Any

import msgspec
from msgspec import UNSET

from qwen_core.errors import UnsupportedFeatureError
from qwen_core.messages import (
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    TextPart,
    Tool,
    ToolCallPart,
    VideoPart,
)
from qwen_core.models.profile import ModelProfile
from qwen_core.protocols.base import EncodedRequest, merge_body
from qwen_core.protocols.openai_compatible.wire import SentFunction, SentMessage, SentToolCall
from qwen_core.request import ChatRequest, EmbeddingRequest

# Fields of the request that go to the top of the body under their own name (section 2).
PARAMETERS = (
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
    "stop",
    "seed",
    "n",
    "presence_penalty",
    "frequency_penalty",
    "repetition_penalty",
    "logprobs",
    "top_logprobs",
    "enable_thinking",
    "thinking_budget",
    "reasoning_effort",
    "preserve_thinking",
    "enable_search",
    "search_options",
    "parallel_tool_calls",
    "response_format",
    "modalities",
    "audio",
    "vl_high_resolution_images",
    "translation_options",
)

# Fields that this wire has no place for.
NATIVE_ONLY = ("ocr_options",)


def encode(request: ChatRequest, profile: ModelProfile, stream: bool) -> EncodedRequest:
    """What to send to ``/chat/completions``. A stream always asks for its usage."""
    for name in NATIVE_ONLY:
        if getattr(request, name) is not None:
            raise UnsupportedFeatureError(
                f"{name} cannot be sent over the OpenAI-compatible protocol.",
                hint='Use protocol="dashscope" (pip install "qwen-integrations[dashscope]").',
            )
    body: dict[str, Any] = {"model": request.model, "messages": encode_messages(request, profile)}
    for name in PARAMETERS:
        value = getattr(request, name)
        if value is not None:
            body[name] = value
    if request.tools:
        body["tools"] = [encode_tool(tool) for tool in request.tools]
        if request.tool_choice is not None:
            body["tool_choice"] = encode_tool_choice(request.tool_choice)
    if stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    return EncodedRequest(
        path="/chat/completions",
        body=msgspec.json.encode(merge_body(body, request.extra_body)),
        headers=request.extra_headers or {},
    )


def encode_tool(tool: Tool) -> dict[str, Any]:
    """A function definition, its schema untouched."""
    function: dict[str, Any] = {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
    }
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def encode_tool_choice(choice: str) -> str | dict[str, Any]:
    """A mode as it is; any other word is the name of the function to call."""
    if choice in ("auto", "none", "required"):
        return choice
    return {"type": "function", "function": {"name": choice}}


def encode_messages(request: ChatRequest, profile: ModelProfile) -> list[SentMessage]:
    """The conversation. Old reasoning is replayed within the current tool round, and before it where asked."""
    keep = request.preserve_thinking
    keep_all = profile.preserve_thinking_default if keep is None else keep
    last_user = max((i for i, message in enumerate(request.messages) if message.role == "user"), default=-1)
    return [
        encode_message(message, replay_reasoning=keep_all or i > last_user)
        for i, message in enumerate(request.messages)
    ]


def encode_message(message: Message, *, replay_reasoning: bool) -> SentMessage:
    """One message."""
    parts = message.parts
    if message.role != "assistant":
        return SentMessage(
            role=message.role,
            content=encode_content(parts),
            name=message.name or UNSET,
            tool_call_id=message.tool_call_id or UNSET,
        )
    calls = [
        SentToolCall(part.id, SentFunction(part.name, part.arguments))
        for part in parts
        if isinstance(part, ToolCallPart)
    ]
    reasoning = message.reasoning if replay_reasoning else ""
    visible = tuple(part for part in parts if not isinstance(part, ToolCallPart | ReasoningPart))
    return SentMessage(
        role="assistant",
        content=encode_content(visible, separator=""),
        name=message.name or UNSET,
        tool_calls=calls or UNSET,
        reasoning_content=reasoning or UNSET,
        partial=message.partial,
    )


def encode_content(parts: tuple[Part, ...], separator: str = "\n") -> str | list[dict[str, Any]]:
    """Text where there is only text, else a list. A cache mark needs the list (section 2.5).

    Separate texts of a user stay separate lines; those of an answer were one text and are joined to it again.
    """
    if len(parts) == 1 and isinstance(parts[0], TextPart) and parts[0].cache_control is None:
        return parts[0].text
    if all(isinstance(part, TextPart) and part.cache_control is None for part in parts):
        return separator.join(part.text for part in parts if isinstance(part, TextPart))
    return [encode_part(part) for part in parts]


def encode_part(part: Part) -> dict[str, Any]:
    """One part of a list content. Limits and rates are siblings of ``type`` (section 3)."""
    match part:
        case TextPart():
            return _with(
                {"type": "text", "text": part.text},
                cache_control=part.cache_control,
            )
        case ImagePart():
            return _with(
                {"type": "image_url", "image_url": {"url": part.url}},
                min_pixels=part.min_pixels,
                max_pixels=part.max_pixels,
                cache_control=part.cache_control,
            )
        case VideoPart():
            content: dict[str, Any] = (
                {"type": "video_url", "video_url": {"url": part.url}}
                if isinstance(part.url, str)
                else {"type": "video", "video": list(part.url)}
            )
            return _with(
                content,
                fps=part.fps,
                max_frames=part.max_frames,
                min_pixels=part.min_pixels,
                max_pixels=part.max_pixels,
                total_pixels=part.total_pixels,
            )
        case AudioPart():
            return {"type": "input_audio", "input_audio": _with({"data": part.url}, format=part.format)}
        case FilePart(url=str() as url):
            if url.startswith("data:"):
                return {"type": "file", "file": _with({"file_data": url}, filename=part.filename)}
            return {"type": "file", "file": {"file_url": url}}
        case _:
            raise UnsupportedFeatureError(
                f"A {type(part).__name__} cannot stand in this place on the OpenAI-compatible protocol."
            )


def encode_embedding(request: EmbeddingRequest, profile: ModelProfile) -> EncodedRequest:
    """What to send to ``/embeddings``: strings, and floats asked for by name (section 1.2)."""
    body: dict[str, Any] = {"model": request.model, "input": request.texts, "encoding_format": "float"}
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    return EncodedRequest(path="/embeddings", body=msgspec.json.encode(merge_body(body, request.extra_body)))


def _with(target: dict[str, Any], **fields: Any) -> dict[str, Any]:
    target.update((name, value) for name, value in fields.items() if value is not None)
    return target
