"""The core's events and responses as LangChain's chunks and messages.

LangChain concatenates strings in metadata when it adds chunks up. All metadata but the provider is therefore on
the last chunk only, as the usage is.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import msgspec
from langchain_core.messages import AIMessage
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from langchain_qwen.content_blocks import PROVIDER, citation_annotations, finished_audio, to_langchain_calls
from langchain_qwen.pydantic_internals import QwenMessageChunk, Template
from qwen_core.types.events import AudioDelta, ChoiceEnd, Event, Finish, ReasoningDelta, TextDelta, ToolCallDelta
from qwen_core.types.messages import ReasoningPart, TextPart, ToolCallPart
from qwen_core.types.responses import ChatResponse, Choice, image_links
from qwen_core.types.usage import Usage


def to_chunk(event: Event) -> ChatGenerationChunk:
    """Convert one event of a stream."""
    if isinstance(event, TextDelta):
        return text_chunk(event.text)
    if isinstance(event, ReasoningDelta):
        return message_chunk(additional_kwargs={"reasoning_content": event.text})
    if isinstance(event, ToolCallDelta):
        delta = tool_call_chunk(name=event.name, args=event.arguments, id=event.id, index=event.position)
        return message_chunk(tool_call_chunks=[delta])
    if isinstance(event, AudioDelta):
        return message_chunk(additional_kwargs={"audio": audio_fields(event.data, event.transcript, event.id)})
    last = message_chunk(
        content=image_blocks(event.extras) or "",
        response_metadata=response_metadata(event, event.choices[0]),
        usage_metadata=usage_metadata(event.usage),
        chunk_position="last",
    )
    # Tracers look for it here, as in a response that was not streamed.
    last.generation_info = {"finish_reason": event.choices[0].finish_reason}
    return last


def text_chunk(text: str) -> ChatGenerationChunk:
    """Return a chunk of text, which most chunks are."""
    message = CHUNK_MESSAGE.copy(
        content=text,
        additional_kwargs={},
        response_metadata={"model_provider": PROVIDER},
        tool_calls=[],
        invalid_tool_calls=[],
        tool_call_chunks=[],
    )
    return CHUNK.copy(text=text, message=message)


def message_chunk(**fields: Any) -> ChatGenerationChunk:
    """Return a chunk whose message has these fields."""
    fields.setdefault("response_metadata", {"model_provider": PROVIDER})
    fields.setdefault("content", "")
    return ChatGenerationChunk(message=QwenMessageChunk(**fields))


def to_result(response: ChatResponse) -> ChatResult:
    """Convert a response: one generation for each choice. The first one carries the usage."""
    usage = response.usage
    generations: list[ChatGeneration] = []
    for choice in response.choices:
        message = to_message(response, choice, usage=None if generations else usage)
        info = {"finish_reason": choice.finish_reason}
        generations.append(GENERATION.copy(text=choice.message.text, message=message, generation_info=info))
    return RESULT.copy(
        generations=generations,
        llm_output={"model_name": response.model, "token_usage": usage.raw if usage else None},
    )


def to_message(response: ChatResponse, choice: Choice, *, usage: Usage | None) -> AIMessage:
    """Convert one choice. Calls with invalid arguments become invalid calls, which agents do not execute."""
    text, reasoning = "", ""
    call_parts: list[ToolCallPart] = []
    for part in choice.message.parts:
        if isinstance(part, TextPart):
            text += part.text
        elif isinstance(part, ReasoningPart):
            reasoning += part.text
        elif isinstance(part, ToolCallPart):
            call_parts.append(part)
    additional_kwargs: dict[str, Any] = {"reasoning_content": reasoning} if reasoning else {}
    if choice.audio:
        audio = audio_fields(choice.audio.data, choice.audio.transcript, choice.audio.id)
        additional_kwargs["audio"] = finished_audio(audio)
    calls, invalid = to_langchain_calls(call_parts, choice.finish_reason) if call_parts else ([], [])
    metadata = response_metadata(response, choice)
    if usage is None:
        # Another choice of the same response: altering the metadata of one must not alter that of the other.
        metadata = deepcopy(metadata)
        metadata.pop("cost", None)
    images = image_blocks(response.extras) if usage is not None or choice is response.choices[0] else []
    return MESSAGE.copy(
        content=[*([text] if text else []), *images] if images else text,
        additional_kwargs=additional_kwargs,
        tool_calls=calls,
        invalid_tool_calls=invalid,
        response_metadata=metadata,
        usage_metadata=usage_metadata(usage),
    )


def image_blocks(extras: Mapping[str, Any] | None) -> list[str | dict[str, Any]]:
    """Return the images that an image model generated, as blocks with the service's links."""
    return [{"type": "image", "url": url} for url in image_links(extras)] if extras else []


def response_metadata(source: Finish | ChatResponse, end: ChoiceEnd | Choice) -> dict[str, Any]:
    """Return where a response came from and why it ended. Unknown values are left out."""
    citations = citation_annotations(source.citations, end.spans) if source.citations else None
    values: dict[str, Any] = {
        **(source.extras or {}),
        "model_provider": PROVIDER,
        "model_name": source.model,
        "finish_reason": end.finish_reason,
        "raw_finish_reason": end.raw_finish_reason if end.raw_finish_reason != end.finish_reason else None,
        "empty_after_thinking": end.empty_after_thinking or None,
        "id": source.id,
        "request_id": source.request_id,
        "created": source.created,
        "logprobs": {"content": end.logprobs} if end.logprobs else None,
        "search_info": source.search_info,
        "citations": citations or None,
        "token_usage": source.usage.raw if source.usage else None,
        "cost": msgspec.structs.asdict(source.cost) if source.cost else None,
    }
    # A loop and not a comprehension, here and below: before Python 3.12 each of those is a call.
    metadata = {}
    for name, value in values.items():
        if value is not None:
            metadata[name] = value
    return metadata


def usage_metadata(usage: Usage | None) -> UsageMetadata | None:
    """Return the usage by LangChain's names; None if the service did not report input and output.

    Text tokens are what the details leave over: costs are computed so, and a count of them would split the total
    twice.
    """
    if usage is None or usage.input_tokens is None or usage.output_tokens is None:
        return None
    result = UsageMetadata(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        total_tokens=usage.total_tokens or usage.input_tokens + usage.output_tokens,
    )
    input_details, output_details = InputTokenDetails(), OutputTokenDetails()
    for name, attribute in INPUT_DETAILS.items():
        if (count := getattr(usage, attribute)) is not None:
            input_details[name] = count  # type: ignore[literal-required]
    for name, attribute in OUTPUT_DETAILS.items():
        if (count := getattr(usage, attribute)) is not None:
            output_details[name] = count  # type: ignore[literal-required]
    if input_details:
        result["input_token_details"] = input_details
    if output_details:
        result["output_token_details"] = output_details
    return result


def audio_fields(data: str, transcript: str, id: str | None) -> dict[str, Any]:
    """Return audio as the dict that LangChain's messages keep in ``additional_kwargs``."""
    return {"data": data, "transcript": transcript, **({"id": id} if id else {})}


# LangChain's names, and ours.
INPUT_DETAILS = {
    "cache_read": "cached_tokens",
    "cache_creation": "cache_creation_tokens",
    "audio": "audio_tokens",
    "image": "image_tokens",
    "video": "video_tokens",
}
OUTPUT_DETAILS = {"reasoning": "reasoning_tokens", "audio": "output_audio_tokens"}

_METADATA: dict[str, Any] = {"model_provider": PROVIDER}

MESSAGE = Template(
    AIMessage(
        content="",
        additional_kwargs={},
        tool_calls=[],
        invalid_tool_calls=[],
        response_metadata=_METADATA,
        usage_metadata=None,
    )
)
GENERATION = Template(ChatGeneration(message=AIMessage(content=""), generation_info={}))
RESULT = Template(ChatResult(generations=[], llm_output={}))
CHUNK_MESSAGE = Template(QwenMessageChunk(content="", response_metadata=_METADATA))
CHUNK = Template(ChatGenerationChunk(message=QwenMessageChunk(content="")))
