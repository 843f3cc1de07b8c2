"""Faults of servers and networks, to script: ``emulator.reply(faults.cut_after("some text", chunks=3))``.

Every function that takes a reply works on both protocols and on any reply; None stands for the default reply. They
compose: ``faults.crlf(faults.byte_by_byte(reply))``.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from qwen_emulator import payloads
from qwen_emulator.failures import Failure
from qwen_emulator.payloads import Edit
from qwen_emulator.protocols.base import dump
from qwen_emulator.replies import End, RawReply, Reply
from qwen_emulator.script import Mutated, Scripted

LINE_SEPARATORS = "one\u2028two\u2029three\x85four\x0bfive\x0csix"
"""Characters at which careless readers split lines. JSON may hold them unescaped."""

_DONE = b"data: [DONE]\n\n"
_BY_STATUS = {
    400: "invalid_parameter",
    401: "invalid_api_key",
    403: "access_denied",
    404: "model_not_found",
    429: "rate_limit",
    500: "internal_error",
    503: "model_serving_error",
}


# Errors instead of a response


def failing(status: int, *, retry_after: str | None = None, times: int = 1) -> Failure:
    """Return the documented error of an HTTP status, with a Retry-After header if given."""
    headers = {} if retry_after is None else {"retry-after": retry_after}
    if status in _BY_STATUS:
        return Failure.named(_BY_STATUS[status], headers=headers, times=times)
    return Failure(status, "unknown_error", f"Status {status}.", headers=headers, times=times)


def html(status: int = 502) -> RawReply:
    """Return the error page of a gateway."""
    page = f"<html><head><title>{status}</title></head><body><h1>{status} Bad Gateway</h1></body></html>"
    return RawReply(status, {"content-type": "text/html"}, (page.encode(),))


def endless_error(status: int = 503, pause: float = 0.0) -> RawReply:
    """Return an error whose message never ends: a gigabyte at once, or single bytes with pauses between them."""
    size, count = (1, 100_000) if pause else (64 * 1024, 16 * 1024)
    return RawReply(
        status,
        {"content-type": "application/json"},
        (b'{"error": {"message": "', *[b"x" * size] * count),
        pause=pause,
    )


def empty(status: int = 200, content_type: str = "application/json") -> RawReply:
    """Return an empty body."""
    return RawReply(status, {"content-type": content_type})


def not_json(text: str = "upstream connect error", status: int = 200) -> RawReply:
    """Return plain text instead of JSON."""
    return RawReply(status, {"content-type": "application/json"}, (text.encode(),))


def error_in_success(reply: Scripted | None = None, name: str = "internal_error") -> Mutated:
    """Send status 200 with an error as the body; a stream has it as its only event."""
    failed = Failure.named(name)

    def mutate(raw: RawReply) -> RawReply:
        if not payloads.is_stream(raw):
            return replace(raw, segments=(dump(payloads.error_body(payloads.read(raw), failed)),))
        return replace(
            raw, segments=(payloads.as_event(payloads.error_body(payloads.read(raw), failed), raw.segments[0]),)
        )

    return Mutated(reply, mutate)


def reset_before_headers() -> RawReply:
    """Reset the connection before a byte is sent."""
    return RawReply(send_head=False, end="reset")


def closed_before_headers() -> RawReply:
    """Close the connection before a byte is sent."""
    return RawReply(send_head=False, end="cut")


def stall_before_headers() -> RawReply:
    """Send nothing, and keep the connection open."""
    return RawReply(send_head=False, end="stall")


def stall_after_headers(content_type: str = "text/event-stream") -> RawReply:
    """Send the headers, then nothing."""
    return RawReply(200, {"content-type": content_type}, end="stall")


# Streams that break


def cut_after(reply: Scripted | None, chunks: int, end: End = "cut") -> Mutated:
    """Send the first chunks; then close, reset or stall the connection, or end as if complete.

    A response that is not a stream breaks off in the middle of its body.
    """

    def mutate(raw: RawReply) -> RawReply:
        if payloads.is_stream(raw):
            return replace(raw, segments=raw.segments[:chunks], end=end)
        body = b"".join(raw.segments)
        announced = {**raw.headers, "content-length": str(len(body))}
        return replace(
            raw, segments=(body[: len(body) // 2],), headers=announced, end="cut" if end == "close" else end
        )

    return Mutated(reply, mutate)


def reset_after(reply: Scripted | None, chunks: int) -> Mutated:
    """Reset the connection after some chunks."""
    return cut_after(reply, chunks, "reset")


def stall_after(reply: Scripted | None, chunks: int) -> Mutated:
    """Stall after some chunks."""
    return cut_after(reply, chunks, "stall")


def without_finish(reply: Scripted | None = None, *, done: bool = True) -> Mutated:
    """End a stream properly but without a finish reason; ``done`` keeps the compatible protocol's [DONE]."""

    def mutate(raw: RawReply) -> RawReply:
        if not payloads.is_stream(raw):
            return payloads.edited(raw, payloads.unfinished)
        kept = [segment for segment in raw.segments if segment != _DONE and not payloads.has_finish(segment)]
        ending = (_DONE,) if done and _DONE in raw.segments else ()
        return replace(raw, segments=(*kept, *ending))

    return Mutated(reply, mutate)


def without_done(reply: Scripted | None = None) -> Mutated:
    """Omit the [DONE] of a compatible stream."""
    return _segments(reply, lambda segments: [segment for segment in segments if segment != _DONE])


def truncated(reply: Scripted | None = None) -> Mutated:
    """End the body properly in the middle of the JSON of the last event with content."""

    def mutate(raw: RawReply) -> RawReply:
        kept = [segment for segment in raw.segments if segment != _DONE]
        return replace(
            raw, segments=(*kept[:-1], kept[-1][: len(kept[-1]) // 2]), headers=payloads.unmeasured(raw)
        )

    return Mutated(reply, mutate)


def malformed(reply: Scripted | None = None, chunk: int = 2) -> Mutated:
    """Break the JSON of one chunk; what follows is valid."""

    def mutate(segments: list[bytes]) -> list[bytes]:
        index = min(chunk, len(segments) - 1)
        broken = segments[index].replace(b'":', b'"', 1)
        return [*segments[:index], broken, *segments[index + 1 :]]

    return _segments(reply, mutate)


def bare_error_after(reply: Scripted | None, chunks: int, name: str = "internal_error") -> Mutated:
    """Send, after some chunks, a data line with only code, message and request_id, on either protocol."""
    failed = Failure.named(name)
    line = {"code": failed.native_code or failed.code, "message": failed.message, "request_id": "bare"}
    return _segments(reply, lambda segments: [*segments[:chunks], b"data: " + dump(line) + b"\n\n"])


def json_for_stream(reply: Scripted | None = None) -> Mutated:
    """Send a JSON body although a stream was requested."""
    return Mutated(reply, lambda raw: raw, stream=False)


def stream_for_json(reply: Scripted | None = None) -> Mutated:
    """Send a stream although none was requested."""
    return Mutated(reply, lambda raw: raw, stream=True)


# The same bytes, sent in another way


def slow(reply: Scripted | None, pause: float) -> Mutated:
    """Pause between the chunks, in seconds."""
    return Mutated(reply, lambda raw: replace(raw, pause=pause))


def late(reply: Scripted | None, wait: float) -> Mutated:
    """Wait before the first byte, in seconds."""
    return Mutated(reply, lambda raw: replace(raw, wait=wait))


def byte_by_byte(reply: Scripted | None = None) -> Mutated:
    """Send every byte by itself, so that lines and characters are split."""
    return Mutated(
        reply,
        lambda raw: replace(
            raw, segments=[bytes([byte]) for byte in b"".join(raw.segments)], headers=payloads.unmeasured(raw)
        ),
    )


def in_segments(reply: Scripted | None, size: int) -> Mutated:
    """Send the body in segments of ``size`` bytes, regardless of events."""

    def mutate(raw: RawReply) -> RawReply:
        body = b"".join(raw.segments)
        return replace(raw, segments=[body[start : start + size] for start in range(0, len(body), size)])

    return Mutated(reply, mutate)


def at_once(reply: Scripted | None = None) -> Mutated:
    """Send all events in one segment."""
    return Mutated(reply, lambda raw: replace(raw, segments=(b"".join(raw.segments),)))


def crlf(reply: Scripted | None = None) -> Mutated:
    """End lines with CR LF."""
    return _segments(reply, lambda segments: [segment.replace(b"\n", b"\r\n") for segment in segments])


def comments(reply: Scripted | None = None) -> Mutated:
    """Send keep-alive comments between the events."""
    return _segments(reply, lambda segments: [part for segment in segments for part in (b": ping\n\n", segment)])


def bom(reply: Scripted | None = None) -> Mutated:
    """Begin with a byte order mark."""
    return _segments(reply, lambda segments: [b"\xef\xbb\xbf" + segments[0], *segments[1:]], whole_too=True)


def without_spaces(reply: Scripted | None = None) -> Mutated:
    """Omit the space after ``data:``, as the native protocol does."""
    return _segments(reply, lambda segments: [segment.replace(b"data: ", b"data:", 1) for segment in segments])


def without_blank_lines(reply: Scripted | None = None) -> Mutated:
    """Omit the blank lines between native events, as some captures do."""
    return _segments(reply, lambda segments: [segment.rstrip(b"\n") + b"\n" for segment in segments])


def gzipped(reply: Scripted | None = None) -> Mutated:
    """Compress the body."""
    return Mutated(
        reply,
        lambda raw: replace(
            raw,
            segments=(gzip.compress(b"".join(raw.segments)),),
            headers={**raw.headers, "content-encoding": "gzip"},
        ),
    )


def huge_chunk(size: int = 4 * 1024 * 1024) -> Reply:
    """Return a reply with one chunk of some megabytes."""
    return Reply(["x" * size])


# Unusual payloads


def edited(reply: Scripted | None, edit: Edit) -> Mutated:
    """Change each JSON payload by a function; drop it if the function returns None."""
    return Mutated(reply, lambda raw: payloads.edited(raw, edit))


def without_usage(reply: Scripted | None = None) -> Mutated:
    """Omit the usage everywhere."""
    return edited(
        reply,
        lambda payload: (
            {key: value for key, value in payload.items() if key != "usage"}
            if payload.get("choices") != []
            else None
        ),
    )


def usage_everywhere(reply: Scripted | None = None) -> Mutated:
    """Send the same usage on every chunk, as some gateways do."""

    def mutate(raw: RawReply) -> RawReply:
        used = next(
            (payload["usage"] for payload in reversed(list(payloads.read(raw))) if payload.get("usage")), None
        )
        return payloads.edited(raw, lambda payload: {**payload, "usage": used})

    return Mutated(reply, mutate)


def unknown_fields(reply: Scripted | None = None) -> Mutated:
    """Add unknown keys on every level."""

    def edit(payload: dict[str, Any]) -> dict[str, Any]:
        for choice in payloads.choices(payload):
            choice["novelty"] = {"nested": [1]}
            (choice.get("delta") or choice.get("message") or {}).update(annotations=[], novelty="n")
        return {**payload, "novelty": 1, "service_tier": None}

    return edited(reply, edit)


def choices_null(reply: Scripted | None = None, chunk: int = 1) -> Mutated:
    """Set the ``choices`` of one chunk to null."""
    return _at(reply, chunk, lambda payload: payloads.with_choices(payload, None))


def choices_empty(reply: Scripted | None = None, chunk: int = 1) -> Mutated:
    """Remove choices and usage from one chunk."""
    return _at(reply, chunk, lambda payload: {**payloads.with_choices(payload, []), "usage": None})


def doubled_finish(reply: Scripted | None = None) -> Mutated:
    """Send the chunk with the finish reason twice."""
    return _segments(
        reply,
        lambda segments: [
            part
            for segment in segments
            for part in ((segment, segment) if payloads.has_finish(segment) else (segment,))
        ],
    )


def partial_answer(reply: Scripted | None = None) -> Mutated:
    """Send what a call returns after a server timeout: status 200, a null finish reason and a special header."""

    def mutate(raw: RawReply) -> RawReply:
        return replace(
            payloads.edited(raw, payloads.unfinished),
            headers={**raw.headers, "x-dashscope-partialresponse": "true"},
        )

    return Mutated(reply, mutate)


def repeated_call_ids(reply: Scripted | None = None) -> Mutated:
    """Repeat the id in later tool call fragments, with a null name: the other documented form."""
    known: dict[int, str] = {}

    def edit(payload: dict[str, Any]) -> dict[str, Any]:
        for call in payloads.fragments(payload):
            if call.get("id"):
                known[call["index"]] = call["id"]
            else:
                call["id"] = known.get(call["index"], "")
                call["function"]["name"] = None
        return payload

    return edited(reply, edit)


def null_call_ids(reply: Scripted | None = None) -> Mutated:
    """Set id and name of later tool call fragments to null."""

    def edit(payload: dict[str, Any]) -> dict[str, Any]:
        for call in payloads.fragments(payload):
            if not call.get("id"):
                call["id"] = None
                call["function"]["name"] = None
        return payload

    return edited(reply, edit)


def calls_without_index(reply: Scripted | None = None) -> Mutated:
    """Omit the index of tool calls."""

    def edit(payload: dict[str, Any]) -> dict[str, Any]:
        for call in payloads.fragments(payload):
            call.pop("index", None)
        return payload

    return edited(reply, edit)


# Implementation


def _segments(
    reply: Scripted | None, change: Callable[[list[bytes]], Iterable[bytes]], *, whole_too: bool = False
) -> Mutated:
    """Change the events of a stream, and with ``whole_too`` also the body of a response that is not a stream."""

    def mutate(raw: RawReply) -> RawReply:
        if not payloads.is_stream(raw) and not whole_too:
            return raw
        return replace(raw, segments=tuple(change(list(raw.segments))), headers=payloads.unmeasured(raw))

    return Mutated(reply, mutate)


def _at(reply: Scripted | None, chunk: int, edit: Edit) -> Mutated:
    def mutate(raw: RawReply) -> RawReply:
        index = min(chunk, len(raw.segments) - 1)
        changed = payloads.edit_segment(raw.segments[index], edit)
        return replace(raw, segments=(*raw.segments[:index], changed or b"", *raw.segments[index + 1 :]))

    return Mutated(reply, mutate)
