"""Find and change the JSON payloads of an encoded body or stream, on either protocol."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from qwen_emulator.failures import Failure
from qwen_emulator.protocols.base import dump
from qwen_emulator.replies import RawReply

Edit = Callable[[dict[str, Any]], "dict[str, Any] | None"]
"""Changes one JSON payload; None drops it."""

_DATA = re.compile(rb"(.*?^data: ?)(\{.*\})(\s*)\Z", re.DOTALL | re.MULTILINE)


def edited(raw: RawReply, edit: Edit) -> RawReply:
    """Change every payload of a response."""
    changed = (edit_segment(segment, edit) for segment in raw.segments)
    return replace(raw, segments=tuple(segment for segment in changed if segment), headers=unmeasured(raw))


def edit_segment(segment: bytes, edit: Edit) -> bytes | None:
    """Change one event, or one complete body; what is not JSON stays."""
    found = _DATA.match(segment)
    before, body, after = found.groups() if found else (b"", segment, b"")
    try:
        payload = json.loads(body)
    except ValueError:
        return segment
    made = edit(copy.deepcopy(payload))
    return None if made is None else before + dump(made) + after


def read(raw: RawReply) -> list[dict[str, Any]]:
    """Return all payloads of a response, in order."""
    found: list[dict[str, Any]] = []

    def note(payload: dict[str, Any]) -> dict[str, Any]:
        found.append(payload)
        return payload

    edited(raw, note)
    return found


def choices(payload: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the choices of a payload, or an empty list."""
    holder = payload["output"] if isinstance(payload.get("output"), dict) else payload
    return holder.get("choices") or []


def with_choices(payload: dict[str, Any], choices: Any) -> dict[str, Any]:
    """Replace the choices of a payload."""
    if "output" in payload:
        return {**payload, "output": {**payload["output"], "choices": choices}}
    return {**payload, "choices": choices}


def fragments(payload: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all tool calls, or fragments of them, in a payload."""
    return [
        call
        for choice in choices(payload)
        for call in (choice.get("delta") or choice.get("message") or {}).get("tool_calls") or []
    ]


def unfinished(payload: dict[str, Any]) -> dict[str, Any]:
    """Set the finish reasons of a payload to null."""
    for choice in choices(payload):
        if "finish_reason" in choice:
            choice["finish_reason"] = None
    if isinstance(payload.get("output"), dict) and "finish_reason" in payload["output"]:
        payload["output"]["finish_reason"] = None
    return payload


def has_finish(segment: bytes) -> bool:
    """Return whether an event has a finish reason."""
    return bool(re.search(rb'"finish_reason":"(?!null")', segment))


def is_stream(raw: RawReply) -> bool:
    """Return whether a response was encoded as SSE events."""
    return "event-stream" in next(
        (value for name, value in raw.headers.items() if name.lower() == "content-type"), ""
    )


def unmeasured(raw: RawReply) -> Mapping[str, str]:
    """Return the headers without Content-Length, which has changed."""
    return {name: value for name, value in raw.headers.items() if name.lower() != "content-length"}


def error_body(payloads: list[dict[str, Any]], failed: Failure) -> dict[str, Any]:
    """Return an error in the envelope of the payloads' protocol."""
    native = any("output" in payload for payload in payloads)
    if native:
        return {
            "code": failed.native_code or failed.code,
            "message": failed.native_message or failed.message,
            "request_id": payloads[0].get("request_id"),
        }
    return {
        "error": {
            "message": failed.message,
            "type": failed.type or failed.code,
            "param": None,
            "code": failed.code,
        }
    }


def as_event(payload: dict[str, Any], like: bytes) -> bytes:
    """Frame a payload as another event is framed."""
    return edit_segment(like, lambda _: payload) or b""
