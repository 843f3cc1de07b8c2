"""The core's answers and events to LlamaIndex's responses. A whole answer and the last chunk are made alike."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from llama_index.core.base.llms.types import (
    AudioBlock,
    ChatMessage,
    ChatResponse,
    CitationBlock,
    CompletionResponse,
    LogProb,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)

from qwen_core.adapters.tool_arguments import parse_arguments
from qwen_core.types.accumulator import Accumulator
from qwen_core.types.events import AudioDelta, Event, ReasoningDelta, TextDelta, ToolCallDelta
from qwen_core.types.messages import ToolCallPart
from qwen_core.types.responses import ChatResponse as Answer
from qwen_core.types.responses import Choice, Citation, CitationSpan
from qwen_core.types.usage import Usage
from qwen_core.types.wav import wav_base64


class ChunkBuilder:
    """Turns the events of one answer into chunks: ``delta`` is new, ``message`` is all so far and never shared."""

    __slots__ = ("_accumulator", "_reasoning", "_single_call", "_text")

    def __init__(self, *, single_call: bool) -> None:
        self._accumulator = Accumulator()
        self._single_call = single_call
        self._text = ""
        self._reasoning = ""

    def add(self, event: Event) -> ChatResponse | None:
        """The chunk for one event; None where the event has no place in the answer."""
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


def to_response(answer: Answer, *, single_call: bool = False, delta: str | None = None) -> ChatResponse:
    """The response for a whole answer.

    Calls whose arguments are not a whole JSON object are no calls: they stand in ``additional_kwargs`` under
    ``invalid_tool_calls``, each with its reason. With ``single_call`` only the first call is kept.
    """
    choice = answer.choices[0]
    calls, invalid = sort_tool_calls(choice, single_call=single_call)
    usage = openai_usage(answer.usage) if answer.usage else {}
    additional_kwargs: dict[str, Any] = {name: usage[name] for name in TOKEN_COUNTS if name in usage}
    additional_kwargs["finish_reason"] = choice.finish_reason
    if answer.cost:
        additional_kwargs["cost"] = msgspec.structs.asdict(answer.cost)
    if choice.raw_finish_reason not in (None, choice.finish_reason):
        additional_kwargs["raw_finish_reason"] = choice.raw_finish_reason
    if choice.empty_after_thinking:
        additional_kwargs["empty_after_thinking"] = True
    if invalid:
        additional_kwargs["invalid_tool_calls"] = invalid
    return ChatResponse(
        message=ChatMessage(
            role=MessageRole.ASSISTANT,
            blocks=answer_blocks(answer, calls),
            additional_kwargs={"tool_calls": [openai_tool_call(call) for call, _ in calls]} if calls else {},
        ),
        raw=raw(answer, usage),
        delta=delta,
        logprobs=to_logprobs(choice.logprobs) if choice.logprobs else None,
        additional_kwargs=additional_kwargs,
    )


def to_completion(response: ChatResponse) -> CompletionResponse:
    """The same answer where a completion was asked for."""
    return CompletionResponse(
        text=response.message.content or "",
        additional_kwargs={**response.message.additional_kwargs, **response.additional_kwargs},
        raw=response.raw,
        logprobs=response.logprobs,
        delta=response.delta,
    )


def answer_blocks(answer: Answer, calls: list[tuple[ToolCallPart, dict[str, Any]]]) -> list[Any]:
    """Thinking, text, sources, audio, calls."""
    choice = answer.choices[0]
    blocks: list[Any] = []
    if choice.message.reasoning:
        tokens = answer.usage.reasoning_tokens if answer.usage else None
        blocks.append(ThinkingBlock(content=choice.message.reasoning, num_tokens=tokens))
    if choice.message.text or not calls:
        blocks.append(TextBlock(text=choice.message.text))
    blocks += citation_blocks(answer.citations, choice.spans)
    if choice.audio and choice.audio.data:
        blocks.append(AudioBlock(audio=wav_base64(choice.audio.data).encode(), format="wav"))
    blocks += [tool_call_block(call, arguments) for call, arguments in calls]
    return blocks


def citation_blocks(citations: Sequence[Citation], spans: Sequence[CitationSpan]) -> list[CitationBlock]:
    """One for each place that cites a source, in the order of the text, then one for each source not cited.

    ``start_index`` and ``end_index`` are the place in the answer's text.
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


def _citation_block(citation: Citation, **place: int) -> CitationBlock:
    return CitationBlock(
        cited_content=TextBlock(text=citation.title),
        source=citation.url,
        title=citation.title,
        additional_location_info={"index": citation.index, **place},
    )


def sort_tool_calls(
    choice: Choice, *, single_call: bool
) -> tuple[list[tuple[ToolCallPart, dict[str, Any]]], list[dict[str, Any]]]:
    """The calls that can be carried out, with their arguments, and those that cannot, with the reason."""
    parts = choice.message.tool_calls[:1] if single_call else choice.message.tool_calls
    calls: list[tuple[ToolCallPart, dict[str, Any]]] = []
    invalid: list[dict[str, Any]] = []
    for part in parts:
        arguments, error = parse_arguments(part.arguments, truncated=choice.finish_reason == "length")
        if arguments is None:
            invalid.append({"id": part.id, "name": part.name, "arguments": part.arguments, "error": error})
        else:
            calls.append((part, arguments))
    return calls, invalid


def tool_call_block(call: ToolCallPart, arguments: dict[str, Any] | str) -> ToolCallBlock:
    """A call as a block: with a dict when it is whole, with text while it is being written."""
    return ToolCallBlock(tool_call_id=call.id, tool_name=call.name, tool_kwargs=arguments)


def openai_tool_call(call: ToolCallPart) -> dict[str, Any]:
    """A call as the plain dict that core looks for in ``additional_kwargs``."""
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def raw(answer: Answer, usage: dict[str, Any]) -> dict[str, Any]:
    """The body as it came, where it was one, and the facts by OpenAI's names, whichever the wire was.

    Without a ``usage`` LlamaIndex's token counter estimates; with an empty one it would count nothing.
    """
    facts = {
        "id": answer.id,
        "model": answer.model,
        "created": answer.created,
        "request_id": answer.request_id,
        "finish_reason": answer.finish_reason,
        "search_info": answer.search_info,
        **(answer.extras or {}),
        "usage": usage or None,
        "cost": msgspec.structs.asdict(answer.cost) if answer.cost else None,
    }
    body = answer.raw
    body.pop("usage", None)
    return {**body, **{name: value for name, value in facts.items() if value is not None}}


def openai_usage(usage: Usage) -> dict[str, Any]:
    """Usage by OpenAI's names, which token counters and tracers read. What is unknown is left out.

    What has no name there, such as ``cache_type`` and ``x_details``, stands beside it as the wire wrote it.
    """
    details = {side: known(usage, names, usage.raw.get(side)) for side, names in DETAILS.items()}
    own = {name: value for name, value in usage.raw.items() if name not in RENAMED}
    return {**known(usage, COUNTS, own), **{side: found for side, found in details.items() if found}}


def known(usage: Usage, names: Mapping[str, str], own: Any) -> dict[str, Any]:
    """Those counts that are known, by their names here, and what the wire says beside them."""
    counts = {name: count for name, ours in names.items() if (count := getattr(usage, ours)) is not None}
    for name, value in own.items() if isinstance(own, dict) else ():
        if name not in names:
            counts[name] = value
    return counts


def to_logprobs(entries: list[dict[str, Any]]) -> list[list[LogProb]]:
    """For each position the token that was chosen, then the alternatives."""
    return [
        [
            _logprob(entry),
            *(
                _logprob(other)
                for other in entry.get("top_logprobs") or ()
                if other.get("token") != entry.get("token")
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
"""Keys of a wire's usage that stand under other names, or are put together again."""
