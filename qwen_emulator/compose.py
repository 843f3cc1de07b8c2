"""Turn a protocol-neutral reply into what the encoders write: split into chunks, counted, with its ids."""

from __future__ import annotations

import hashlib
import json
import math
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from qwen_emulator import tokens
from qwen_emulator.conversation import Conversation
from qwen_emulator.media import count_media
from qwen_emulator.replies import Reply, SearchResult, ToolCall
from qwen_emulator.tokens import Usage


@dataclass(frozen=True)
class CallFragments:
    """A tool call with the fragments of its arguments."""

    id: str
    name: str
    fragments: tuple[str, ...]

    @property
    def arguments(self) -> str:
        """Return the complete JSON text."""
        return "".join(self.fragments)


@dataclass(frozen=True)
class Candidate:
    """One of the n choices."""

    text: tuple[str, ...]
    reasoning: tuple[str, ...]
    calls: tuple[CallFragments, ...]
    finish_reason: str


@dataclass(frozen=True)
class ComposedReply:
    """All that an encoder needs besides the request."""

    candidates: tuple[Candidate, ...]
    usage: Usage
    model: str
    request_id: str
    created: int
    logprobs: bool = False
    top_logprobs: int = 0
    search_results: tuple[SearchResult, ...] = ()
    code: str = ""
    audio: tuple[bytes, ...] = ()
    item: Mapping[str, Any] = field(default_factory=dict)


def request_id(number: int) -> str:
    """Return the UUID of the n-th request since the last reset."""
    return str(uuid.UUID(bytes=hashlib.blake2b(f"request {number}".encode(), digest_size=16).digest()))


def compose(
    reply: Reply, conversation: Conversation, identity: str, chunk_size: int, cached: Usage
) -> ComposedReply:
    """Split a reply into chunks and count its tokens. ``cached`` holds what the prompt cache found."""
    candidates = tuple(
        _candidate(choice, f"{identity}/{number}", chunk_size)
        for number, choice in enumerate(reply.choices or [reply])
    )
    wanted = conversation.parameters.get("logprobs") is True if reply.logprobs is None else reply.logprobs
    return ComposedReply(
        candidates=candidates,
        usage=_usage(reply, candidates, conversation, cached),
        model=reply.model or conversation.model,
        request_id=identity,
        created=int(time.time()),
        logprobs=wanted,
        top_logprobs=int(conversation.parameters.get("top_logprobs") or 0),
        search_results=tuple(
            replace(result, index=result.index if result.index is not None else position + 1)
            for position, result in enumerate(reply.search_results)
        ),
        code=reply.code,
        audio=tuple(reply.audio),
        item=reply.item,
    )


def chunked(text: str | Sequence[str], size: int) -> tuple[str, ...]:
    """Split a string into chunks of ``size`` characters; return a sequence unchanged."""
    if not isinstance(text, str):
        return tuple(text)
    return tuple(text[start : start + size] for start in range(0, len(text), size))


def token_logprobs(text: str, top: int) -> list[dict[str, Any]]:
    """Return plausible, stable log probabilities, derived from a hash of each token."""
    return [_logprob_entry(token, top) for token in tokens.split(text)]


def _logprob_entry(token: str, top: int) -> dict[str, Any]:
    likely = -int.from_bytes(hashlib.blake2b(token.encode(), digest_size=2).digest()) / 65536
    entry = {"token": token, "bytes": list(token.encode()), "logprob": round(likely, 6)}
    others = [token, *(token + mark for mark in (".", ",", "!", "?"))][:top]
    return {
        **entry,
        "top_logprobs": [
            {"token": other, "bytes": list(other.encode()), "logprob": round(likely - 3.25 * rank, 6)}
            for rank, other in enumerate(others)
        ],
    }


def _candidate(reply: Reply, seed: str, size: int) -> Candidate:
    calls = tuple(_call(call, f"{seed}/{number}", size) for number, call in enumerate(reply.tool_calls))
    return Candidate(
        text=chunked(reply.text, size),
        reasoning=chunked(reply.reasoning, size),
        calls=calls,
        finish_reason=reply.finish_reason or ("tool_calls" if calls else "stop"),
    )


def _call(call: ToolCall, seed: str, size: int) -> CallFragments:
    arguments = call.arguments
    written = json.dumps(arguments, ensure_ascii=False) if isinstance(arguments, dict) else arguments
    named = call.id or "call_" + hashlib.blake2b(seed.encode(), digest_size=12).hexdigest()
    fragments = chunked(written, size) if isinstance(written, str) else tuple(str(item) for item in written)
    return CallFragments(named, call.name, fragments)


def _usage(reply: Reply, candidates: Sequence[Candidate], conversation: Conversation, cached: Usage) -> Usage:
    reasoning = sum(tokens.count("".join(candidate.reasoning)) for candidate in candidates)
    written = sum(
        tokens.count("".join(candidate.text))
        + sum(tokens.count(call.name + call.arguments) + 4 for call in candidate.calls)
        for candidate in candidates
    )
    spoken = math.ceil(sum(len(chunk) for chunk in reply.audio) / 48_000 * 12.5)
    counted = replace(
        cached,
        input_tokens=count_input(conversation)
        + (2_000 if conversation.parameters.get("enable_search") is True else 0),
        output_tokens=reasoning + written + spoken,
        reasoning_tokens=reasoning,
        output_audio_tokens=spoken,
        search_count=1 if conversation.parameters.get("enable_search") is True else 0,
        image_search_count=1 if conversation.parameters.get("enable_text_image_mixed") is True else 0,
        code_count=1 if reply.code else 0,
    )
    media = count_media(part for turn in conversation.turns for part in turn.media)
    known = {field.name for field in fields(Usage)}
    given: dict[str, Any] = dict(reply.usage or {})
    if unknown := given.keys() - known:
        raise ValueError(f"usage has no {sorted(unknown)}; it has {sorted(known)}")
    return replace(counted, **{**media, **given})


def count_input(conversation: Conversation) -> int:
    """Count the tokens of all messages, of the frame of each, and of the tools."""
    total = 3
    for turn in conversation.turns:
        texts = [turn.text, turn.reasoning, *(call.name + call.arguments for call in turn.calls)]
        total += 4 + tokens.count_all(texts) + sum(count_media(turn.media).values())
    if conversation.tools:
        total += 20 + tokens.count(json.dumps(conversation.parameters["tools"], ensure_ascii=False))
    return total
