"""The core's events and answers to LangChain's chunks and messages.

Strings in metadata are concatenated when chunks are added up, so that all of it but the provider stands on the
last chunk alone, as the usage does.
"""

from copy import deepcopy
from typing import Any

import msgspec
from langchain_core.messages import AIMessage
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from langchain_qwen.block_translator import PROVIDER
from langchain_qwen.checked_copies import Template
from langchain_qwen.citations import annotations
from langchain_qwen.message_chunks import QwenMessageChunk, spoken
from langchain_qwen.tool_calls import tool_calls
from qwen_core.types.events import AudioDelta, ChoiceEnd, Event, Finish, ReasoningDelta, TextDelta, ToolCallDelta
from qwen_core.types.responses import ChatResponse, Choice
from qwen_core.types.usage import Usage


def to_chunk(event: Event) -> ChatGenerationChunk:
    """The chunk for one event of a stream."""
    if isinstance(event, TextDelta):
        return text_chunk(event.text)
    if isinstance(event, ReasoningDelta):
        return _chunk(additional_kwargs={"reasoning_content": event.text})
    if isinstance(event, ToolCallDelta):
        piece = tool_call_chunk(name=event.name, args=event.arguments, id=event.id, index=event.position)
        return _chunk(tool_call_chunks=[piece])
    if isinstance(event, AudioDelta):
        return _chunk(additional_kwargs={"audio": _audio(event.data, event.transcript, event.id)})
    last = _chunk(
        response_metadata=response_metadata(event, event.choices[0]),
        usage_metadata=usage_metadata(event.usage),
        chunk_position="last",
    )
    # Where tracers look for it, as in a whole answer.
    last.generation_info = {"finish_reason": event.choices[0].finish_reason}
    return last


def text_chunk(text: str) -> ChatGenerationChunk:
    """A chunk of text. Most chunks are such."""
    message = CHUNK_MESSAGE.copy(
        content=text,
        additional_kwargs={},
        response_metadata={"model_provider": PROVIDER},
        tool_calls=[],
        invalid_tool_calls=[],
        tool_call_chunks=[],
    )
    return CHUNK.copy(text=text, message=message)


def to_result(response: ChatResponse) -> ChatResult:
    """The result for a whole answer, one generation for each choice."""
    return RESULT.copy(
        generations=[
            GENERATION.copy(
                text=choice.message.text,
                message=to_message(response, choice, usage=response.usage if position == 0 else None),
                generation_info={"finish_reason": choice.finish_reason},
            )
            for position, choice in enumerate(response.choices)
        ],
        llm_output={
            "model_name": response.model,
            "token_usage": response.usage.raw if response.usage else None,
        },
    )


def to_message(response: ChatResponse, choice: Choice, *, usage: Usage | None) -> AIMessage:
    """The message for one choice. Broken tool calls are invalid ones, never callable."""
    additional_kwargs: dict[str, Any] = {}
    if choice.message.reasoning:
        additional_kwargs["reasoning_content"] = choice.message.reasoning
    if choice.audio:
        audio = _audio(choice.audio.data, choice.audio.transcript, choice.audio.id)
        additional_kwargs["audio"] = spoken(audio)
    calls, invalid = tool_calls(choice.message.tool_calls, choice.finish_reason)
    metadata = response_metadata(response, choice)
    if usage is None:
        # Another choice of the same answer: whoever changes what one says must not change the other.
        metadata = deepcopy(metadata)
        metadata.pop("cost", None)
    return MESSAGE.copy(
        content=choice.message.text,
        additional_kwargs=additional_kwargs,
        tool_calls=calls,
        invalid_tool_calls=invalid,
        response_metadata=metadata,
        usage_metadata=usage_metadata(usage),
    )


def response_metadata(source: Finish | ChatResponse, end: ChoiceEnd | Choice) -> dict[str, Any]:
    """Where an answer came from and why it ended. What is unknown is left out."""
    metadata: dict[str, Any] = {
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
        "citations": annotations(source.citations, end.spans) or None,
        "token_usage": source.usage.raw if source.usage else None,
        "cost": msgspec.structs.asdict(source.cost) if source.cost else None,
    }
    return {name: value for name, value in metadata.items() if value is not None}


def usage_metadata(usage: Usage | None) -> UsageMetadata | None:
    """Usage in LangChain's names; None where the service did not count both sides.

    Plain text is what the details leave over: costs are computed so, and a count of it would be a second split.
    """
    if usage is None or usage.input_tokens is None or usage.output_tokens is None:
        return None
    result = UsageMetadata(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        total_tokens=usage.total_tokens or usage.input_tokens + usage.output_tokens,
    )
    into = {
        "cache_read": usage.cached_tokens,
        "cache_creation": usage.cache_creation_tokens,
        "audio": usage.audio_tokens,
        "image": usage.image_tokens,
        "video": usage.video_tokens,
    }
    out = {
        "reasoning": usage.reasoning_tokens,
        "audio": usage.output_audio_tokens,
    }
    if input_details := {name: count for name, count in into.items() if count is not None}:
        result["input_token_details"] = InputTokenDetails(**input_details)  # type: ignore[typeddict-item]
    if output_details := {name: count for name, count in out.items() if count is not None}:
        result["output_token_details"] = OutputTokenDetails(**output_details)  # type: ignore[typeddict-item]
    return result


def _chunk(**fields: Any) -> ChatGenerationChunk:
    fields.setdefault("response_metadata", {"model_provider": PROVIDER})
    return ChatGenerationChunk(message=QwenMessageChunk(content="", **fields))


def _audio(data: str, transcript: str, id: str | None) -> dict[str, Any]:
    return {"data": data, "transcript": transcript, **({"id": id} if id else {})}


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
