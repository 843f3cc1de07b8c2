"""The core's responses and events as LlamaIndex's. The last chunk of a stream is made like a response."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from llama_index.core.base.llms.types import (
    AudioBlock,
    ChatMessage,
    ChatResponse,
    CitationBlock,
    CompletionResponse,
    ImageBlock,
    LogProb,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)

from qwen_core.adapters.tool_arguments import sort_tool_calls
from qwen_core.types import responses as core
from qwen_core.types.accumulator import Accumulator
from qwen_core.types.events import AudioDelta, Event, ReasoningDelta, TextDelta, ToolCallDelta
from qwen_core.types.messages import ToolCallPart
from qwen_core.types.responses import Citation, CitationSpan, image_links
from qwen_core.types.usage import Usage
from qwen_core.types.wav import wav_base64


class ChunkBuilder:
    """Converts the events of a response to chunks: ``delta`` is new, ``message`` is all so far, never shared."""

    __slots__ = ("_accumulator", "_reasoning", "_single_call", "_text")

    def __init__(self, *, single_call: bool) -> None:
        self._accumulator = Accumulator()
        self._single_call = single_call
        self._text = ""
        self._reasoning = ""

    def add(self, event: Event) -> ChatResponse | None:
        """Return the chunk for one event; None if the event belongs to a tool call that is left out."""
        if isinstance(event, ToolCallDelta) and self._single_call and event.position > 0:
            return None
        self._accumulator.add(event)
        if isinstance(event, TextDelta):
            self._text += event.text
            return self._chunk(event.text, {})
        if isinstance(event, ReasoningDelta):
            self._reasoning += event.text
            return self._chunk("", {"thinking_delta": event.text})
        if isinstance(event, ToolCallDelta):
            return self._chunk("", {})
        if isinstance(event, AudioDelta):
            return self._chunk("", {"audio_delta": event.data})
        return to_response(self._accumulator.response(), single_call=self._single_call, delta="")

    def _chunk(self, delta: str, additional_kwargs: dict[str, Any]) -> ChatResponse:
        blocks: list[Any] = []
        if self._reasoning:
            blocks.append(ThinkingBlock(content=self._reasoning))
        if self._text:
            blocks.append(TextBlock(text=self._text))
        message_kwargs: dict[str, Any] = {}
        if started := self._accumulator.choices[0].tool_calls:
            calls = [ToolCallPart(call.id, call.name, "".join(call.arguments)) for call in started]
            blocks += [tool_call_block(call, call.arguments) for call in calls]
            message_kwargs["tool_calls"] = [openai_tool_call(call) for call in calls]
        message = ChatMessage(role=MessageRole.ASSISTANT, blocks=blocks, additional_kwargs=message_kwargs)
        return ChatResponse(message=message, delta=delta, additional_kwargs=additional_kwargs)


def to_response(
    response: core.ChatResponse, *, single_call: bool = False, delta: str | None = None
) -> ChatResponse:
    """Convert a response.

    Tool calls whose arguments are not a complete JSON object are listed in ``additional_kwargs`` under
    ``invalid_tool_calls``, each with its error, and not among the calls.

    Args:
        response: the core's response.
        single_call: whether only the first tool call is kept.
        delta: the delta of the last chunk of a stream; None for a response that was not streamed.
    """
    choice = response.choices[0]
    parts = choice.message.tool_calls[:1] if single_call else choice.message.tool_calls
    calls, invalid = sort_tool_calls(parts, choice.finish_reason)
    usage = openai_usage(response.usage) if response.usage else {}
    additional_kwargs: dict[str, Any] = {name: usage[name] for name in TOKEN_COUNTS if name in usage}
    additional_kwargs["finish_reason"] = choice.finish_reason
    if response.cost:
        additional_kwargs["cost"] = msgspec.structs.asdict(response.cost)
    if choice.raw_finish_reason not in (None, choice.finish_reason):
        additional_kwargs["raw_finish_reason"] = choice.raw_finish_reason
    if choice.empty_after_thinking:
        additional_kwargs["empty_after_thinking"] = True
    if invalid:
        additional_kwargs["invalid_tool_calls"] = [
            {"id": part.id, "name": part.name, "arguments": part.arguments, "error": error}
            for part, error in invalid
        ]
    return ChatResponse(
        message=ChatMessage(
            role=MessageRole.ASSISTANT,
            blocks=response_blocks(response, calls),
            additional_kwargs={"tool_calls": [openai_tool_call(call) for call, _ in calls]} if calls else {},
        ),
        raw=raw_response(response, usage),
        delta=delta,
        logprobs=to_logprobs(choice.logprobs) if choice.logprobs else None,
        additional_kwargs=additional_kwargs,
    )


def to_completion(response: ChatResponse) -> CompletionResponse:
    """Convert a chat response to a completion response."""
    return CompletionResponse(
        text=response.message.content or "",
        additional_kwargs={**response.message.additional_kwargs, **response.additional_kwargs},
        raw=response.raw,
        logprobs=response.logprobs,
        delta=response.delta,
    )


def response_blocks(response: core.ChatResponse, calls: list[tuple[ToolCallPart, dict[str, Any]]]) -> list[Any]:
    """Return the blocks of a response: thinking, text, citations, audio, tool calls."""
    choice = response.choices[0]
    blocks: list[Any] = []
    if choice.message.reasoning:
        tokens = response.usage.reasoning_tokens if response.usage else None
        blocks.append(ThinkingBlock(content=choice.message.reasoning, num_tokens=tokens))
    links = image_links(response.extras)
    if choice.message.text or not (calls or links):
        blocks.append(TextBlock(text=choice.message.text))
    blocks += [ImageBlock(url=link) for link in links]
    blocks += citation_blocks(response.citations, choice.spans)
    if choice.audio and choice.audio.data:
        blocks.append(AudioBlock(audio=wav_base64(choice.audio.data).encode(), format="wav"))
    blocks += [tool_call_block(call, arguments) for call, arguments in calls]
    return blocks


def citation_blocks(citations: Sequence[Citation], spans: Sequence[CitationSpan]) -> list[CitationBlock]:
    """Return one block for each citing span, in the order of the text, then one for each source not cited.

    ``start_index`` and ``end_index`` are the span in the response's text.
    """
    sources = {citation.index: citation for citation in citations}
    cited = {span.index for span in spans}
    return [
        *(
            _citation_block(sources[span.index], start_index=span.start, end_index=span.end)
            for span in spans
            if span.index in sources
        ),
        *(_citation_block(citation) for citation in citations if citation.index not in cited),
    ]


def _citation_block(citation: Citation, **span: int) -> CitationBlock:
    return CitationBlock(
        cited_content=TextBlock(text=citation.title),
        source=citation.url,
        title=citation.title,
        additional_location_info={"index": citation.index, **span},
    )


def tool_call_block(call: ToolCallPart, arguments: dict[str, Any] | str) -> ToolCallBlock:
    """Return a call as a block: with a dict when it is complete, with text while it is being written."""
    return ToolCallBlock(tool_call_id=call.id, tool_name=call.name, tool_kwargs=arguments)


def openai_tool_call(call: ToolCallPart) -> dict[str, Any]:
    """Return a call as the dict that llama-index-core looks for in ``additional_kwargs``."""
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def raw_response(response: core.ChatResponse, usage: dict[str, Any]) -> dict[str, Any]:
    """Return the response body, unless it was streamed, with the core's values by OpenAI's names on each protocol.

    Without ``usage`` LlamaIndex's token counter estimates; with an empty one it would count 0.
    """
    values = {
        "id": response.id,
        "model": response.model,
        "created": response.created,
        "request_id": response.request_id,
        "finish_reason": response.finish_reason,
        "search_info": response.search_info,
        **(response.extras or {}),
        "usage": usage or None,
        "cost": msgspec.structs.asdict(response.cost) if response.cost else None,
    }
    body = response.raw
    body.pop("usage", None)
    return {**body, **{name: value for name, value in values.items() if value is not None}}


def openai_usage(usage: Usage) -> dict[str, Any]:
    """Return usage by OpenAI's names, which token counters and tracers read. Unknown counts are left out.

    Keys that OpenAI does not have, such as ``cache_type`` and ``x_details``, are kept as the service sent them.
    """
    details = {side: named_counts(usage, names, usage.raw.get(side)) for side, names in DETAILS.items()}
    other = {name: value for name, value in usage.raw.items() if name not in RENAMED}
    return {
        **named_counts(usage, COUNTS, other),
        **{side: counts for side, counts in details.items() if counts},
    }


def named_counts(usage: Usage, names: Mapping[str, str], other: Any) -> dict[str, Any]:
    """Return the known counts by their names here, and the other keys that the service sent."""
    counts = {name: count for name, ours in names.items() if (count := getattr(usage, ours)) is not None}
    for name, value in other.items() if isinstance(other, dict) else ():
        if name not in names:
            counts[name] = value
    return counts


def to_logprobs(entries: list[dict[str, Any]]) -> list[list[LogProb]]:
    """Return for each position the token that was sampled, then the alternatives."""
    return [
        [
            _logprob(entry),
            *(
                _logprob(alternative)
                for alternative in entry.get("top_logprobs") or ()
                if alternative.get("token") != entry.get("token")
            ),
        ]
        for entry in entries
    ]


def _logprob(entry: dict[str, Any]) -> LogProb:
    return LogProb(
        token=entry.get("token") or "", logprob=entry.get("logprob") or 0.0, bytes=entry.get("bytes") or []
    )


TOKEN_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")

# OpenAI's names, and ours.
COUNTS = {
    "prompt_tokens": "input_tokens",
    "completion_tokens": "output_tokens",
    "total_tokens": "total_tokens",
    "plugins": "plugins",
}
DETAILS = {
    "prompt_tokens_details": {
        "cached_tokens": "cached_tokens",
        "cache_creation_input_tokens": "cache_creation_tokens",
        "text_tokens": "text_tokens",
        "image_tokens": "image_tokens",
        "video_tokens": "video_tokens",
        "audio_tokens": "audio_tokens",
    },
    "completion_tokens_details": {
        "reasoning_tokens": "reasoning_tokens",
        "text_tokens": "output_text_tokens",
        "audio_tokens": "output_audio_tokens",
    },
}
RENAMED = ("input_tokens", "output_tokens", *DETAILS)
"""Keys of a protocol's usage that are renamed, or assembled anew."""
