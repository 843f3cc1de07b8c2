"""The answers that the server gives, as ready bytes, on both wires. No sockets here.

The shapes are those of recorded answers (protocol documents "compatible" and "native"). A scenario is the first
part of a request's path, ``kind-size-delivery``:

- ``text``: a stream of ``size`` pieces of text
- ``whole``: one short answer, not streamed
- ``tool``: a stream of one tool call with ``size`` characters of arguments in pieces of four, and a short text
  once the request carries the tool's result
- ``event``: a stream with one event of ``size`` KB of audio
- ``held``: the beginning of a stream that never ends

``delivery`` is ``burst`` (16 events in an HTTP chunk, all written at once) or ``single`` (each event is an HTTP
chunk and a write of its own).
"""

import json
from functools import cache
from typing import Any, Literal, NamedTuple

Wire = Literal["compatible", "native"]
Delivery = Literal["burst", "single"]

BURST = 16
PIECE = " river"
ARGUMENT_PIECE = 4
HELD_BODY = 16
"""Events of a stream that is held open after them."""

ANSWER_ID = "d2d6aab7-cbca-970f-8aa6-7d58c9724733"
TOOL_NAME = "write_report"
TOOL_ARGUMENT = "text"

JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-Id: bench\r\nContent-Length: "
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream;charset=UTF-8\r\nX-Request-Id: bench\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
LAST_CHUNK = b"0\r\n\r\n"


class Scenario(NamedTuple):
    """What a client is answered."""

    kind: str
    size: int
    delivery: Delivery

    def __str__(self) -> str:
        return f"{self.kind}-{self.size}-{self.delivery}"


def parse_scenario(name: str) -> Scenario:
    """The scenario of that name."""
    kind, size, delivery = name.split("-")
    return Scenario(kind, int(size), "single" if delivery == "single" else "burst")


@cache
def writes(scenario: Scenario, wire: Wire, after_tool: bool) -> tuple[bytes, ...]:
    """What is written to the socket, piece by piece, for the whole answer."""
    if scenario.kind == "whole":
        body = dump(whole(wire))
        return (JSON_HEAD + str(len(body)).encode() + b"\r\n\r\n" + body,)
    frames = [frame(wire, number, event) for number, event in enumerate(events(scenario, wire, after_tool), 1)]
    if wire == "compatible" and scenario.kind != "held":
        frames.append(b"data: [DONE]\n\n")
    end = b"" if scenario.kind == "held" else LAST_CHUNK
    if scenario.delivery == "single":
        return (STREAM_HEAD, *(http_chunk(piece) for piece in frames), end)
    groups = [b"".join(frames[start : start + BURST]) for start in range(0, len(frames), BURST)]
    pieces = [part for group in groups for part in in_parts(group)]
    return (STREAM_HEAD + b"".join(http_chunk(piece) for piece in pieces) + end,)


def in_parts(data: bytes, size: int = 16_384) -> list[bytes]:
    """The bytes in parts of at most that size: a proxy cuts a large event too."""
    return [data[start : start + size] for start in range(0, len(data), size)]


def http_chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def frame(wire: Wire, number: int, event: dict[str, Any]) -> bytes:
    """One event as this wire frames it."""
    if wire == "compatible":
        return b"data: " + dump(event) + b"\n\n"
    return f"id:{number}\nevent:result\n:HTTP_STATUS/200\ndata:".encode() + dump(event) + b"\n\n"


def dump(value: object) -> bytes:
    """Compact JSON, as the service writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def events(scenario: Scenario, wire: Wire, after_tool: bool) -> list[dict[str, Any]]:
    """The events of a streamed answer."""
    match scenario.kind:
        case "text":
            deltas = [{"content": PIECE}] * scenario.size
        case "held":
            deltas = [{"content": PIECE}] * HELD_BODY
        case "tool" if after_tool:
            deltas = [{"content": PIECE}] * 8
        case "tool":
            return tool_call(wire, scenario.size)
        case "event":
            return large_event(wire, scenario.size)
        case kind:
            raise ValueError(f"no scenario {kind!r}")
    if scenario.kind == "held":
        return [chunk(wire, delta) for delta in deltas]
    return [*(chunk(wire, delta) for delta in deltas), *ending(wire, "stop", len(deltas))]


def tool_call(wire: Wire, characters: int) -> list[dict[str, Any]]:
    """One call whose arguments arrive in small pieces."""
    opening, closing = f'{{"{TOOL_ARGUMENT}": "', '"}'
    words = "The Nile is longer than the Amazon, some say. "
    text = (words * (characters // len(words) + 1))[: characters - len(opening) - len(closing)]
    arguments = opening + text + closing
    pieces = [arguments[i : i + ARGUMENT_PIECE] for i in range(0, len(arguments), ARGUMENT_PIECE)]
    first = {"index": 0, "id": f"call_{ANSWER_ID}", "type": "function"}
    found = [
        chunk(wire, {"content": "", "tool_calls": [{**first, "function": {"name": TOOL_NAME, "arguments": ""}}]})
    ]
    for piece in pieces:
        delta = {"index": 0, "id": "", "type": "function", "function": {"arguments": piece}}
        found.append(chunk(wire, {"content": "", "tool_calls": [delta]}))
    return [*found, *ending(wire, "tool_calls", len(pieces))]


def large_event(wire: Wire, kilobytes: int) -> list[dict[str, Any]]:
    """One piece of speech of that size."""
    audio = {"data": "AAEC" * (kilobytes * 256), "id": f"audio_{ANSWER_ID}", "expires_at": 1790851306}
    if wire == "compatible":
        return [chunk(wire, {"audio": audio}), *ending(wire, "stop", 1)]
    event = chunk(wire, {"content": []})
    event["output"]["audio"] = audio
    return [event, *ending(wire, "stop", 1)]


def chunk(wire: Wire, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    """One event with new content."""
    if wire == "compatible":
        return {
            "choices": [{"delta": delta, "finish_reason": finish_reason, "index": 0, "logprobs": None}],
            "object": "chat.completion.chunk",
            "usage": None,
            "created": 1790764906,
            "system_fingerprint": None,
            "model": "qwen-plus",
            "id": f"chatcmpl-{ANSWER_ID}",
        }
    return {
        "output": {
            "choices": [{"message": {"role": "assistant", **delta}, "finish_reason": finish_reason or "null"}]
        },
        "usage": native_usage(1),
        "request_id": ANSWER_ID,
    }


def ending(wire: Wire, finish_reason: str, tokens: int) -> list[dict[str, Any]]:
    """The events that end a stream."""
    last = chunk(wire, {"content": ""}, finish_reason)
    if wire == "native":
        return [{**last, "usage": native_usage(tokens)}]
    return [last, {**last, "choices": [], "usage": compatible_usage(tokens)}]


def whole(wire: Wire) -> dict[str, Any]:
    """A short answer in one piece."""
    message = {"content": "The Nile, with 6,650 km.", "role": "assistant"}
    if wire == "compatible":
        return {
            "choices": [{"message": message, "finish_reason": "stop", "index": 0, "logprobs": None}],
            "object": "chat.completion",
            "usage": compatible_usage(9),
            "created": 1790764906,
            "system_fingerprint": None,
            "model": "qwen-plus",
            "id": f"chatcmpl-{ANSWER_ID}",
        }
    return {
        "output": {"choices": [{"message": message, "finish_reason": "stop"}]},
        "usage": native_usage(9),
        "request_id": ANSWER_ID,
    }


def compatible_usage(tokens: int) -> dict[str, Any]:
    """Usage by the compatible wire's names."""
    return {
        "prompt_tokens": 24,
        "completion_tokens": tokens,
        "total_tokens": 24 + tokens,
        "prompt_tokens_details": {"cached_tokens": 0},
    }


def native_usage(tokens: int) -> dict[str, Any]:
    """Usage by the native wire's names."""
    return {
        "total_tokens": 24 + tokens,
        "output_tokens": tokens,
        "input_tokens": 24,
        "prompt_tokens_details": {"cached_tokens": 0},
    }
