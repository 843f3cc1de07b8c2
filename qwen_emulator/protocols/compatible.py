"""The OpenAI-compatible protocol: chat completions and embeddings as DashScope writes them, key by key."""

from __future__ import annotations

import base64
from array import array
from collections.abc import Iterable, Iterator
from typing import Any

from qwen_emulator.compose import Candidate, ComposedReply, token_logprobs
from qwen_emulator.conversation import Conversation
from qwen_emulator.failures import Failure
from qwen_emulator.protocols.base import dump, event_reply, json_reply
from qwen_emulator.replies import RawReply
from qwen_emulator.tokens import Usage

DONE = b"data: [DONE]\n\n"


def event(payload: Any) -> bytes:
    """Encode one SSE event."""
    return b"data: " + dump(payload) + b"\n\n"


def encode_response(reply: ComposedReply, conversation: Conversation) -> RawReply:
    """Encode a chat completion in one body."""
    payload = {
        "choices": [_choice(reply, candidate, index) for index, candidate in enumerate(reply.candidates)],
        "object": "chat.completion",
        "usage": usage_object(reply.usage),
        "created": reply.created,
        "system_fingerprint": None,
        "model": reply.model,
        "id": f"chatcmpl-{reply.request_id}",
    }
    return json_reply(payload, reply.request_id)


def encode_stream(reply: ComposedReply, conversation: Conversation) -> RawReply:
    """Encode a chat completion as chunks; the last one holds the usage if it was requested."""
    options = conversation.parameters.get("stream_options") or {}
    choices = list(_stream_choices(reply, conversation))
    if conversation.model.startswith("qwen-mt"):
        choices = list(_translation_choices(choices, cumulative=conversation.facts.cumulative))
    segments = [event(_chunk(reply, [choice])) for choice in choices]
    if options.get("include_usage") is True:
        segments.append(event(_chunk(reply, [], usage_object(reply.usage))))
    return event_reply((*segments, DONE), reply.request_id)


def encode_failure(failure: Failure, request_id: str, *, stream: bool = False) -> RawReply:
    """Encode an HTTP error. A moderation error of a streaming request is an SSE event, not JSON."""
    if stream and failure.code == "data_inspection_failed":
        reply = event_reply((encode_failure_event(failure, request_id, 1),), request_id, failure.status)
    else:
        payload: dict[str, Any] = {"error": _error(failure), "request_id": request_id}
        reply = json_reply(payload, request_id, failure.status)
    return RawReply(reply.status, {**reply.headers, **failure.headers}, reply.segments)


def encode_failure_event(failure: Failure, request_id: str, number: int) -> bytes:
    """Encode an error as a data line; nothing follows it."""
    return event({"error": _error(failure), "id": f"chatcmpl-{request_id}"})


def encode_refusal(refused: Failure, request_id: str, *, stream: bool) -> RawReply:
    """Encode a refusal, which looks like any other HTTP error."""
    return encode_failure(refused, request_id)


def usage_object(usage: Usage) -> dict[str, Any]:
    """Encode the usage; the details name only what occurred."""
    written: dict[str, Any] = {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
    }
    details = {}
    if usage.reasoning_tokens:
        details["reasoning_tokens"] = usage.reasoning_tokens
    if usage.output_audio_tokens:
        details["audio_tokens"] = usage.output_audio_tokens
    if usage.media_tokens or usage.output_audio_tokens:
        details["text_tokens"] = usage.output_tokens - usage.output_audio_tokens
    if details:
        written["completion_tokens_details"] = details
    return {**written, "prompt_tokens_details": _input_details(usage)}


def embeddings_object(
    vectors: list[list[float]], model: str, used: int, request_id: str, *, as_base64: bool
) -> dict[str, Any]:
    """Encode the response of /embeddings, which has an ``id`` that OpenAI's lacks."""
    return {
        "data": [
            {"embedding": _base64(vector) if as_base64 else vector, "index": index, "object": "embedding"}
            for index, vector in enumerate(vectors)
        ],
        "model": model,
        "object": "list",
        "usage": {"prompt_tokens": used, "total_tokens": used},
        "id": request_id,
    }


def _base64(vector: list[float]) -> str:
    return base64.b64encode(array("f", vector).tobytes()).decode()


def _error(failure: Failure) -> dict[str, Any]:
    kind = failure.type or failure.code
    return {"message": failure.message, "type": kind, "param": None, "code": failure.code}


def _input_details(usage: Usage) -> dict[str, Any]:
    if usage.media_tokens:
        counts = {
            "image_tokens": usage.image_tokens,
            "video_tokens": usage.video_tokens,
            "audio_tokens": usage.audio_tokens,
        }
        details: dict[str, Any] = {name: count for name, count in counts.items() if count}
        details["text_tokens"] = usage.input_tokens - usage.media_tokens
        if not usage.cached_tokens and not usage.explicit_cache:
            return details
        details["cached_tokens"] = usage.cached_tokens
    else:
        details = {"cached_tokens": usage.cached_tokens}
    if usage.explicit_cache or usage.cache_creation_tokens:
        details["cache_creation_input_tokens"] = usage.cache_creation_tokens
        details["cache_creation"] = {"ephemeral_5m_input_tokens": usage.cache_creation_tokens}
        details["cache_type"] = "ephemeral"
    return details


def _choice(reply: ComposedReply, candidate: Candidate, index: int) -> dict[str, Any]:
    message: dict[str, Any] = {"content": "".join(candidate.text)}
    if candidate.reasoning:
        message["reasoning_content"] = "".join(candidate.reasoning)
    message["role"] = "assistant"
    if candidate.calls:
        message["tool_calls"] = [
            {
                "function": {"arguments": call.arguments, "name": call.name},
                "id": call.id,
                "index": position,
                "type": "function",
            }
            for position, call in enumerate(candidate.calls)
        ]
    logprobs = _logprobs(reply, message["content"])
    return {"message": message, "finish_reason": candidate.finish_reason, "index": index, "logprobs": logprobs}


def _logprobs(reply: ComposedReply, text: str) -> dict[str, Any] | None:
    if not reply.logprobs or not text:
        return None
    return {"content": token_logprobs(text, reply.top_logprobs)}


def _chunk(
    reply: ComposedReply, choices: list[dict[str, Any]], usage: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "choices": choices,
        "object": "chat.completion.chunk",
        "usage": usage,
        "created": reply.created,
        "system_fingerprint": None,
        "model": reply.model,
        "id": f"chatcmpl-{reply.request_id}",
    }


def _stream_choices(reply: ComposedReply, conversation: Conversation) -> Iterator[dict[str, Any]]:
    for index, candidate in enumerate(reply.candidates):
        last = index == len(reply.candidates) - 1
        for choice in _candidate_choices(reply, candidate, reply.audio if last else ()):
            yield {**choice, "index": index}


def _candidate_choices(
    reply: ComposedReply, candidate: Candidate, audio: tuple[bytes, ...]
) -> Iterator[dict[str, Any]]:
    # While thinking, content is null and reasoning_content is text; afterwards the reverse.
    quiet: dict[str, Any] = {"reasoning_content": None} if candidate.reasoning else {}
    opening = {"role": "assistant"}
    if candidate.reasoning:
        yield _delta({"content": None, **opening, "reasoning_content": ""})
        for chunk in candidate.reasoning:
            yield _delta({"content": None, "reasoning_content": chunk})
    elif candidate.text or not candidate.calls:
        yield _delta({"content": "", **opening})
    for chunk in candidate.text:
        yield _delta({"content": chunk, **quiet}, _logprobs(reply, chunk))
    opened = bool(candidate.reasoning or candidate.text)
    for position, call in enumerate(candidate.calls):
        first = {
            "index": position,
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": ""},
        }
        yield _delta({"content": None, **quiet, "tool_calls": [first], **({} if opened else opening)})
        opened = True
        for fragment in call.fragments:
            later = {"index": position, "id": "", "type": "function", "function": {"arguments": fragment}}
            yield _delta({"content": None, **quiet, "tool_calls": [later]})
    if candidate.calls and not candidate.reasoning:
        # Recorded streams end a call with an empty fragment that lacks finish_reason and logprobs.
        empty = {"function": {"arguments": ""}, "index": len(candidate.calls) - 1, "id": "", "type": "function"}
        yield {"delta": {"tool_calls": [empty]}}
    for pcm in audio:
        spoken = {
            "data": base64.b64encode(pcm).decode(),
            "expires_at": reply.created + 86_400,
            "id": f"audio_{reply.request_id}",
        }
        yield _delta({"audio": spoken})
    ending: dict[str, Any] = {} if candidate.calls and not candidate.reasoning else {"content": "", **quiet}
    yield {"finish_reason": candidate.finish_reason, "logprobs": None, "delta": ending}


def _translation_choices(choices: Iterable[dict[str, Any]], *, cumulative: bool) -> Iterator[dict[str, Any]]:
    """Yield the choices of translation models: all keys in each delta, cumulative for some, finished twice."""
    said = ""
    for choice in choices:
        delta = choice["delta"]
        said += delta["content"]
        text = said if cumulative else delta["content"]
        named = {
            "content": text,
            "function_call": None,
            "refusal": None,
            "role": delta.get("role"),
            "tool_calls": None,
        }
        yield {**choice, "delta": named}
        if choice["finish_reason"]:
            yield {**choice, "delta": named}


def _delta(delta: dict[str, Any], logprobs: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"delta": delta, "finish_reason": None, "logprobs": logprobs}
