"""The native DashScope protocol: text and multimodal generation, embeddings, framed as DashScope does."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from qwen_emulator.compose import CallFragments, Candidate, ComposedReply, token_logprobs
from qwen_emulator.conversation import Conversation
from qwen_emulator.failures import Failure
from qwen_emulator.protocols.base import dump, event_reply, json_reply
from qwen_emulator.replies import RawReply
from qwen_emulator.tokens import Usage

UNFINISHED = "null"
"""finish_reason before the end of a stream: this string, not a JSON null."""


def frame(number: int, payload: Any, *, event: str = "result", status: int = 200) -> bytes:
    """Encode one SSE event: id, event, the HTTP status as a comment, data."""
    return f"id:{number}\nevent:{event}\n:HTTP_STATUS/{status}\ndata:".encode() + dump(payload) + b"\n\n"


def encode_response(reply: ComposedReply, conversation: Conversation) -> RawReply:
    """Encode a generation in one body."""
    steps = [_finished(candidate) for candidate in reply.candidates]
    payload = {
        "output": _output(reply, conversation, steps, searched=True),
        "usage": usage_object(reply.usage, conversation),
        "request_id": reply.request_id,
    }
    return json_reply(payload, reply.request_id)


def encode_stream(reply: ComposedReply, conversation: Conversation) -> RawReply:
    """Encode a generation as SSE events, each with the usage so far."""
    segments = tuple(frame(number, payload) for number, payload in enumerate(_payloads(reply, conversation), 1))
    return event_reply(segments, reply.request_id)


def encode_failure(failure: Failure, request_id: str, *, stream: bool = False) -> RawReply:
    """Encode an HTTP error."""
    reply = json_reply(_error(failure, request_id), request_id, failure.status)
    return RawReply(reply.status, {**reply.headers, **failure.headers}, reply.segments)


def encode_failure_event(failure: Failure, request_id: str, number: int) -> bytes:
    """Encode an error inside a stream whose HTTP status is 200."""
    return frame(number, _error(failure, request_id), event="error", status=failure.status)


def encode_refusal(refused: Failure, request_id: str, *, stream: bool) -> RawReply:
    """Encode a refusal; an invalid streaming request gets it inside a stream of status 200."""
    if not stream or refused.status in (401, 403, 404):
        return encode_failure(refused, request_id)
    return event_reply((encode_failure_event(refused, request_id, 1),), request_id)


def usage_object(usage: Usage, conversation: Conversation) -> dict[str, Any]:
    """Encode the usage under native names; the two endpoints differ in the details."""
    written: dict[str, Any] = {
        "total_tokens": usage.total_tokens,
        "output_tokens": usage.output_tokens,
        "input_tokens": usage.input_tokens,
    }
    reasoning = {"reasoning_tokens": usage.reasoning_tokens} if usage.reasoning_tokens else {}
    if conversation.multimodal:
        by_kind = {
            "image_tokens": usage.image_tokens,
            "video_tokens": usage.video_tokens,
            "audio_tokens": usage.audio_tokens,
        }
        seen = {name: count for name, count in by_kind.items() if count}
        written["input_tokens_details"] = {**seen, "text_tokens": usage.input_tokens - usage.media_tokens}
        text_tokens = usage.output_tokens - usage.reasoning_tokens
        spoken = {"audio_tokens": usage.output_audio_tokens} if usage.output_audio_tokens else {}
        text_tokens -= usage.output_audio_tokens
        written["output_tokens_details"] = {**reasoning, **spoken, "text_tokens": text_tokens}
        written.update(seen)
    elif reasoning:
        written["output_tokens_details"] = reasoning
    if plugins := _plugins(usage, conversation):
        written["plugins"] = plugins
    written["prompt_tokens_details"] = _cache_details(usage)
    return written


@dataclass
class _Step:
    """The content of one choice in one chunk, or in all chunks so far."""

    text: str = ""
    reasoning: str = ""
    calls: list[dict[str, Any]] = field(default_factory=list)
    finish_reason: str = UNFINISHED
    thinking: bool = False
    """Whether this is a reasoning chunk; the multimodal endpoint has reasoning_content on these only."""
    had_reasoning: bool = False


def _finished(candidate: Candidate) -> _Step:
    return _Step(
        text="".join(candidate.text),
        reasoning="".join(candidate.reasoning),
        calls=[_call(number, call, call.arguments) for number, call in enumerate(candidate.calls)],
        finish_reason=candidate.finish_reason,
        thinking=bool(candidate.reasoning),
        had_reasoning=bool(candidate.reasoning),
    )


def _call(number: int, call: CallFragments, arguments: str, *, first: bool = True) -> dict[str, Any]:
    function = {"name": call.name, "arguments": arguments} if first else {"arguments": arguments}
    return {"index": number, "id": call.id if first else "", "type": "function", "function": function}


def _steps(candidate: Candidate) -> Iterator[_Step]:
    """Yield the deltas of a choice.

    The last fragment of a tool call carries the finish reason; text ends with an empty chunk.
    """
    had = bool(candidate.reasoning)
    for chunk in candidate.reasoning:
        yield _Step(reasoning=chunk, thinking=True, had_reasoning=had)
    for chunk in candidate.text:
        yield _Step(text=chunk, had_reasoning=had)
    for number, call in enumerate(candidate.calls):
        last_call = number == len(candidate.calls) - 1
        for position, fragment in enumerate(call.fragments or ("",)):
            done = last_call and position == max(len(call.fragments), 1) - 1
            yield _Step(
                calls=[_call(number, call, fragment, first=position == 0)],
                finish_reason=candidate.finish_reason if done else UNFINISHED,
                had_reasoning=had,
            )
    if not candidate.calls:
        yield _Step(finish_reason=candidate.finish_reason, had_reasoning=had)


def _payloads(reply: ComposedReply, conversation: Conversation) -> Iterator[dict[str, Any]]:
    incremental = is_incremental(conversation)
    results_first = conversation.parameters.get("search_options", {}).get("prepend_search_result") is True
    if reply.search_results and results_first and _shows_sources(conversation):
        yield _payload(reply, _output(reply, conversation, [_Step()], searched=True), {})
    moments = _moments(reply)
    for number, candidate in enumerate(reply.candidates):
        steps = list(_steps(candidate))
        told = _Step(had_reasoning=bool(candidate.reasoning))
        for position, step in enumerate(steps):
            told = _grown(told, step)
            moments.add(step)
            last = position == len(steps) - 1 and number == len(reply.candidates) - 1
            output = _output(
                reply,
                conversation,
                [step if incremental else told],
                searched=last and not results_first,
                first_index=number,
                blank_search=results_first,
            )
            if last:
                yield from _spoken(reply, conversation)
            yield _payload(reply, output, usage_object(reply.usage if last else moments.usage(), conversation))


def _spoken(reply: ComposedReply, conversation: Conversation) -> Iterator[dict[str, Any]]:
    """Yield audio beside the choices. That is documented; its position in the stream is our guess."""
    for pcm in reply.audio:
        audio = {
            "data": base64.b64encode(pcm).decode(),
            "expires_at": reply.created + 86_400,
            "id": f"audio_{reply.request_id}",
        }
        output = {**_output(reply, conversation, [_Step()], searched=False), "audio": audio}
        yield _payload(reply, output, usage_object(reply.usage, conversation))


def is_incremental(conversation: Conversation) -> bool:
    """Return whether chunks are deltas; otherwise they are cumulative."""
    given = conversation.parameters.get("incremental_output")
    return given if isinstance(given, bool) else conversation.facts.incremental_by_default or conversation.thinking


def _grown(told: _Step, step: _Step) -> _Step:
    calls = [{**call, "function": dict(call["function"])} for call in told.calls]
    for fragment in step.calls:
        if fragment["id"]:
            calls.append(fragment)
        else:
            calls[-1]["function"]["arguments"] += fragment["function"]["arguments"]
    return _Step(
        told.text + step.text,
        told.reasoning + step.reasoning,
        calls,
        step.finish_reason,
        thinking=bool(told.reasoning or step.reasoning),
        had_reasoning=told.had_reasoning,
    )


@dataclass
class _Moments:
    """The usage at each chunk: the final usage in proportion to the characters sent."""

    final: Usage
    reasoning_length: int
    answer_length: int
    reasoned: int = 0
    answered: int = 0

    def add(self, step: _Step) -> None:
        """Count one more chunk."""
        self.reasoned += len(step.reasoning)
        self.answered += len(step.text) + sum(len(call["function"]["arguments"]) for call in step.calls)

    def usage(self) -> Usage:
        """Return the usage so far."""
        final = self.final
        reasoning = round(final.reasoning_tokens * self.reasoned / max(self.reasoning_length, 1))
        rest = final.output_tokens - final.reasoning_tokens
        reply = round(rest * self.answered / max(self.answer_length, 1))
        return replace(final, output_tokens=reasoning + reply, reasoning_tokens=reasoning)


def _moments(reply: ComposedReply) -> _Moments:
    candidates = reply.candidates
    return _Moments(
        reply.usage,
        sum(len(chunk) for candidate in candidates for chunk in candidate.reasoning),
        sum(len(chunk) for candidate in candidates for chunk in candidate.text)
        + sum(len(call.arguments) for candidate in candidates for call in candidate.calls),
    )


def _payload(reply: ComposedReply, output: dict[str, Any], usage: dict[str, Any]) -> dict[str, Any]:
    return {"output": output, "usage": usage, "request_id": reply.request_id}


def _output(
    reply: ComposedReply,
    conversation: Conversation,
    steps: list[_Step],
    *,
    searched: bool,
    first_index: int = 0,
    blank_search: bool = False,
) -> dict[str, Any]:
    if result_format(conversation) == "text":
        output: dict[str, Any] = {"finish_reason": steps[0].finish_reason, "text": steps[0].text}
    else:
        output = {
            "choices": [
                _choice(reply, conversation, step, first_index + number) for number, step in enumerate(steps)
            ]
        }
    if _shows_sources(conversation) and reply.search_results and searched:
        output["search_info"] = {
            "search_results": [
                {
                    "icon": result.icon,
                    "site_name": result.site_name,
                    "index": result.index,
                    "title": result.title,
                    "url": result.url,
                }
                for result in reply.search_results
            ]
        }
    elif blank_search and reply.search_results:
        output["search_info"] = {"extra_tool_info": [], "search_results": []}
    if reply.code and (steps[0].text or steps[0].finish_reason != UNFINISHED):
        output["tool_info"] = [{"code_interpreter": {"code": reply.code}, "type": "code_interpreter"}]
    if conversation.model.startswith("qwen-mt"):
        output["finish_reason"], output["model_name"] = steps[0].finish_reason, reply.model
    return output


def result_format(conversation: Conversation) -> str:
    """Return ``text`` or ``message``; the multimodal endpoint has messages only."""
    if conversation.multimodal:
        return "message"
    given = conversation.parameters.get("result_format")
    return str(given) if given else "message" if conversation.facts.message_by_default else "text"


def _choice(reply: ComposedReply, conversation: Conversation, step: _Step, index: int) -> dict[str, Any]:
    content: Any = step.text
    if conversation.multimodal:
        content = [{"text": step.text}] if step.text else []
        if reply.item and step.finish_reason != UNFINISHED:
            content = [{**reply.item, **(content[0] if content else {})}]
    message: dict[str, Any] = {"content": content}
    if step.thinking or (step.had_reasoning and not conversation.multimodal):
        message["reasoning_content"] = step.reasoning
    if step.calls:
        message["tool_calls"] = step.calls
    message["role"] = "assistant"
    choice: dict[str, Any] = {"message": message, "finish_reason": step.finish_reason}
    if (conversation.tools or len(reply.candidates) > 1) and not conversation.multimodal:
        choice["index"] = index
    if reply.logprobs and step.text:
        choice["logprobs"] = {"content": token_logprobs(step.text, reply.top_logprobs)}
    return choice


def _shows_sources(conversation: Conversation) -> bool:
    options = conversation.parameters.get("search_options") or {}
    return conversation.parameters.get("enable_search") is True and options.get("enable_source") is True


def _plugins(usage: Usage, conversation: Conversation) -> dict[str, Any]:
    counts: dict[str, dict[str, Any]] = {
        "search": {"count": usage.search_count, "strategy": _strategy(conversation)},
        "image_search": {"count": usage.image_search_count},
        "code_interpreter": {"count": usage.code_count},
    }
    return {name: told for name, told in counts.items() if told["count"]}


def _strategy(conversation: Conversation) -> str:
    return str((conversation.parameters.get("search_options") or {}).get("search_strategy") or "turbo")


def _cache_details(usage: Usage) -> dict[str, Any]:
    details: dict[str, Any] = {"cached_tokens": usage.cached_tokens}
    if usage.explicit_cache or usage.cache_creation_tokens:
        details["cache_creation_input_tokens"] = usage.cache_creation_tokens
        details["cache_creation"] = {"ephemeral_5m_input_tokens": usage.cache_creation_tokens}
        details["cache_type"] = "ephemeral"
    return details


def _error(failure: Failure, request_id: str) -> dict[str, Any]:
    code = failure.native_code or failure.code
    return {"code": code, "message": failure.native_message or failure.message, "request_id": request_id}
