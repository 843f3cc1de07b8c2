"""What can go wrong on the way, as values to script: ``emulator.reply(faults.cut_after("some text", chunks=3))``.

Every function that takes a reply works on both wires and on any reply; None stands for the default answer. They
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
"""Characters at which careless readers split lines. JSON may hold them raw."""

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


# Errors instead of an answer


def failing(status: int, *, retry_after: str | None = None, times: int = 1) -> Failure:
    """The documented error of a status, perhaps with a Retry-After header."""
    headers = {} if retry_after is None else {"retry-after": retry_after}
    if status in _BY_STATUS:
        return Failure.named(_BY_STATUS[status], headers=headers, times=times)
    return Failure(status, "unknown_error", f"Status {status}.", headers=headers, times=times)


def html(status: int = 502) -> RawReply:
    """The error page of a gateway."""
    page = f"<html><head><title>{status}</title></head><body><h1>{status} Bad Gateway</h1></body></html>"
    return RawReply(status, {"content-type": "text/html"}, (page.encode(),))


def endless_error(status: int = 503, pause: float = 0.0) -> RawReply:
    """An error whose message never ends: a gigabyte at once, or drops with seconds between them."""
    size, count = (1, 100_000) if pause else (64 * 1024, 16 * 1024)
    return RawReply(
        status,
        {"content-type": "application/json"},
        (b'{"error": {"message": "', *[b"x" * size] * count),
        pause=pause,
    )


def empty(status: int = 200, content_type: str = "application/json") -> RawReply:
    """A body without a byte."""
    return RawReply(status, {"content-type": content_type})


def not_json(text: str = "upstream connect error", status: int = 200) -> RawReply:
    """Plain text where JSON should be."""
    return RawReply(status, {"content-type": "application/json"}, (text.encode(),))


def error_in_success(reply: Scripted | None = None, name: str = "internal_error") -> Mutated:
    """Status 200, and an error as the body; a stream has it as its only event."""
    failed = Failure.named(name)

    def mutate(raw: RawReply) -> RawReply:
        if not payloads.is_stream(raw):
            return replace(raw, segments=(dump(payloads.error_body(payloads.read(raw), failed)),))
        return replace(
            raw, segments=(payloads.as_event(payloads.error_body(payloads.read(raw), failed), raw.segments[0]),)
        )

    return Mutated(reply, mutate)


def reset_before_headers() -> RawReply:
    """The connection is reset before a byte was sent."""
    return RawReply(send_head=False, end="reset")


def closed_before_headers() -> RawReply:
    """The connection is closed before a byte was sent."""
    return RawReply(send_head=False, end="cut")


def stall_before_headers() -> RawReply:
    """Nothing ever comes."""
    return RawReply(send_head=False, end="stall")


def stall_after_headers(content_type: str = "text/event-stream") -> RawReply:
    """The headers come, and then nothing."""
    return RawReply(200, {"content-type": content_type}, end="stall")


# Streams that break


def cut_after(reply: Scripted | None, chunks: int, end: End = "cut") -> Mutated:
    """The first chunks of an answer; then the connection is closed, reset, stalls, or ends as if complete.

    A whole answer is cut in the middle of its body."""

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
    """A TCP reset after some chunks."""
    return cut_after(reply, chunks, "reset")


def stall_after(reply: Scripted | None, chunks: int) -> Mutated:
    """Silence after some chunks."""
    return cut_after(reply, chunks, "stall")


def without_finish(reply: Scripted | None = None, *, done: bool = True) -> Mutated:
    """A stream that ends properly but without a finish reason; ``done`` keeps the compatible wire's [DONE]."""

    def mutate(raw: RawReply) -> RawReply:
        if not payloads.is_stream(raw):
            return payloads.edited(raw, payloads.unfinished)
        kept = [segment for segment in raw.segments if segment != _DONE and not payloads.has_finish(segment)]
        ending = (_DONE,) if done and _DONE in raw.segments else ()
        return replace(raw, segments=(*kept, *ending))

    return Mutated(reply, mutate)


def without_done(reply: Scripted | None = None) -> Mutated:
    """A complete compatible stream that lacks its [DONE]."""
    return _segments(reply, lambda segments: [segment for segment in segments if segment != _DONE])


def truncated(reply: Scripted | None = None) -> Mutated:
    """The last event with content is cut in the middle of its JSON, and the body ends properly there."""

    def mutate(raw: RawReply) -> RawReply:
        kept = [segment for segment in raw.segments if segment != _DONE]
        return replace(
            raw, segments=(*kept[:-1], kept[-1][: len(kept[-1]) // 2]), headers=payloads.unmeasured(raw)
        )

    return Mutated(reply, mutate)


def malformed(reply: Scripted | None = None, chunk: int = 2) -> Mutated:
    """The JSON of one chunk is broken; what follows is fine."""

    def mutate(segments: list[bytes]) -> list[bytes]:
        place = min(chunk, len(segments) - 1)
        broken = segments[place].replace(b'":', b'"', 1)
        return [*segments[:place], broken, *segments[place + 1 :]]

    return _segments(reply, mutate)


def bare_error_after(reply: Scripted | None, chunks: int, name: str = "internal_error") -> Mutated:
    """After some chunks a data line with nothing but code, message and request_id, on either wire."""
    failed = Failure.named(name)
    line = {"code": failed.native_code or failed.code, "message": failed.message, "request_id": "bare"}
    return _segments(reply, lambda segments: [*segments[:chunks], b"data: " + dump(line) + b"\n\n"])


def json_for_stream(reply: Scripted | None = None) -> Mutated:
    """A whole JSON body although a stream was asked for."""
    return Mutated(reply, lambda raw: raw, stream=False)


def stream_for_json(reply: Scripted | None = None) -> Mutated:
    """A stream although a whole answer was asked for."""
    return Mutated(reply, lambda raw: raw, stream=True)


# The same bytes, sent in another way


def slow(reply: Scripted | None, pause: float) -> Mutated:
    """Seconds between the chunks."""
    return Mutated(reply, lambda raw: replace(raw, pause=pause))


def late(reply: Scripted | None, wait: float) -> Mutated:
    """Seconds before the first byte."""
    return Mutated(reply, lambda raw: replace(raw, wait=wait))


def byte_by_byte(reply: Scripted | None = None) -> Mutated:
    """Every byte on its own, so that lines and characters are torn apart."""
    return Mutated(
        reply,
        lambda raw: replace(
            raw, segments=[bytes([byte]) for byte in b"".join(raw.segments)], headers=payloads.unmeasured(raw)
        ),
    )


def in_pieces(reply: Scripted | None, size: int) -> Mutated:
    """The body in pieces of some bytes, without regard to events."""

    def mutate(raw: RawReply) -> RawReply:
        body = b"".join(raw.segments)
        return replace(raw, segments=[body[start : start + size] for start in range(0, len(body), size)])

    return Mutated(reply, mutate)


def at_once(reply: Scripted | None = None) -> Mutated:
    """All events in one piece."""
    return Mutated(reply, lambda raw: replace(raw, segments=(b"".join(raw.segments),)))


def crlf(reply: Scripted | None = None) -> Mutated:
    """Lines end with CR LF."""
    return _segments(reply, lambda segments: [segment.replace(b"\n", b"\r\n") for segment in segments])


def comments(reply: Scripted | None = None) -> Mutated:
    """Keep-alive comments between the events."""
    return _segments(reply, lambda segments: [part for segment in segments for part in (b": ping\n\n", segment)])


def bom(reply: Scripted | None = None) -> Mutated:
    """A byte order mark before everything."""
    return _segments(reply, lambda segments: [b"\xef\xbb\xbf" + segments[0], *segments[1:]], whole_too=True)


def without_spaces(reply: Scripted | None = None) -> Mutated:
    """``data:`` without the space behind it, as the native wire has it."""
    return _segments(reply, lambda segments: [segment.replace(b"data: ", b"data:", 1) for segment in segments])


def without_blank_lines(reply: Scripted | None = None) -> Mutated:
    """Native frames that follow each other without a blank line, as some captures have them."""
    return _segments(reply, lambda segments: [segment.rstrip(b"\n") + b"\n" for segment in segments])


def gzipped(reply: Scripted | None = None) -> Mutated:
    """The body compressed."""
    return Mutated(
        reply,
        lambda raw: replace(
            raw,
            segments=(gzip.compress(b"".join(raw.segments)),),
            headers={**raw.headers, "content-encoding": "gzip"},
        ),
    )


def huge_chunk(size: int = 4 * 1024 * 1024) -> Reply:
    """One chunk of some megabytes."""
    return Reply(["x" * size])


# Payloads that are odd


def edited(reply: Scripted | None, edit: Edit) -> Mutated:
    """Each JSON payload changed by a function, or dropped if it returns None."""
    return Mutated(reply, lambda raw: payloads.edited(raw, edit))


def without_usage(reply: Scripted | None = None) -> Mutated:
    """No usage anywhere."""
    return edited(
        reply,
        lambda payload: (
            {key: value for key, value in payload.items() if key != "usage"}
            if payload.get("choices") != []
            else None
        ),
    )


def usage_everywhere(reply: Scripted | None = None) -> Mutated:
    """The same usage on every chunk, as some gateways send it."""

    def mutate(raw: RawReply) -> RawReply:
        used = next(
            (payload["usage"] for payload in reversed(list(payloads.read(raw))) if payload.get("usage")), None
        )
        return payloads.edited(raw, lambda payload: {**payload, "usage": used})

    return Mutated(reply, mutate)


def unknown_fields(reply: Scripted | None = None) -> Mutated:
    """Keys that nobody has heard of, on every level."""

    def edit(payload: dict[str, Any]) -> dict[str, Any]:
        for choice in payloads.choices(payload):
            choice["novelty"] = {"nested": [1]}
            (choice.get("delta") or choice.get("message") or {}).update(annotations=[], novelty="n")
        return {**payload, "novelty": 1, "service_tier": None}

    return edited(reply, edit)


def choices_null(reply: Scripted | None = None, chunk: int = 1) -> Mutated:
    """One chunk whose ``choices`` is null."""
    return _at(reply, chunk, lambda payload: payloads.with_choices(payload, None))


def choices_empty(reply: Scripted | None = None, chunk: int = 1) -> Mutated:
    """One chunk without choices and without usage."""
    return _at(reply, chunk, lambda payload: {**payloads.with_choices(payload, []), "usage": None})


def doubled_finish(reply: Scripted | None = None) -> Mutated:
    """The chunk with the finish reason comes twice."""
    return _segments(
        reply,
        lambda segments: [
            part
            for segment in segments
            for part in ((segment, segment) if payloads.has_finish(segment) else (segment,))
        ],
    )


def partial_answer(reply: Scripted | None = None) -> Mutated:
    """What a call that ran out of server time returns: status 200, a null finish reason and a telling header."""

    def mutate(raw: RawReply) -> RawReply:
        return replace(
            payloads.edited(raw, payloads.unfinished),
            headers={**raw.headers, "x-dashscope-partialresponse": "true"},
        )

    return Mutated(reply, mutate)


def repeated_call_ids(reply: Scripted | None = None) -> Mutated:
    """Later tool fragments repeat the id and have a null name, the other documented form."""
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
    """Later tool fragments have a null id and a null name."""

    def edit(payload: dict[str, Any]) -> dict[str, Any]:
        for call in payloads.fragments(payload):
            if not call.get("id"):
                call["id"] = None
                call["function"]["name"] = None
        return payload

    return edited(reply, edit)


def calls_without_index(reply: Scripted | None = None) -> Mutated:
    """Tool calls that lack their index."""

    def edit(payload: dict[str, Any]) -> dict[str, Any]:
        for call in payloads.fragments(payload):
            call.pop("index", None)
        return payload

    return edited(reply, edit)


# How it is done


def _segments(
    reply: Scripted | None, change: Callable[[list[bytes]], Iterable[bytes]], *, whole_too: bool = False
) -> Mutated:
    """Changes the events of a stream, and leaves a whole answer as it is unless told otherwise."""

    def mutate(raw: RawReply) -> RawReply:
        if not payloads.is_stream(raw) and not whole_too:
            return raw
        return replace(raw, segments=tuple(change(list(raw.segments))), headers=payloads.unmeasured(raw))

    return Mutated(reply, mutate)


def _at(reply: Scripted | None, chunk: int, edit: Edit) -> Mutated:
    def mutate(raw: RawReply) -> RawReply:
        place = min(chunk, len(raw.segments) - 1)
        changed = payloads.edit_segment(raw.segments[place], edit)
        return replace(raw, segments=(*raw.segments[:place], changed or b"", *raw.segments[place + 1 :]))

    return Mutated(reply, mutate)
