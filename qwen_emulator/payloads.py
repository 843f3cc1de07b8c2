"""Taking encoded answers apart: the JSON payloads of a body or a stream, found and changed on either wire."""

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
    """Every payload of an answer changed."""
    changed = (edit_segment(segment, edit) for segment in raw.segments)
    return replace(raw, segments=tuple(segment for segment in changed if segment), headers=unmeasured(raw))


def edit_segment(segment: bytes, edit: Edit) -> bytes | None:
    """One event, or one whole body, changed; what is not JSON stays."""
    found = _DATA.match(segment)
    before, body, after = found.groups() if found else (b"", segment, b"")
    try:
        payload = json.loads(body)
    except ValueError:
        return segment
    made = edit(copy.deepcopy(payload))
    return None if made is None else before + dump(made) + after


def read(raw: RawReply) -> list[dict[str, Any]]:
    """All payloads of an answer, in order."""
    found: list[dict[str, Any]] = []

    def note(payload: dict[str, Any]) -> dict[str, Any]:
        found.append(payload)
        return payload

    edited(raw, note)
    return found


def choices(payload: dict[str, Any]) -> list[dict[str, Any]]:
    """The choices of a payload, an empty list if it has none."""
    holder = payload["output"] if isinstance(payload.get("output"), dict) else payload
    return holder.get("choices") or []


def with_choices(payload: dict[str, Any], choices: Any) -> dict[str, Any]:
    """The same payload with other choices."""
    if "output" in payload:
        return {**payload, "output": {**payload["output"], "choices": choices}}
    return {**payload, "choices": choices}


def fragments(payload: dict[str, Any]) -> list[dict[str, Any]]:
    """All tool calls, or fragments of them, in a payload."""
    return [
        call
        for choice in choices(payload)
        for call in (choice.get("delta") or choice.get("message") or {}).get("tool_calls") or []
    ]


def unfinished(payload: dict[str, Any]) -> dict[str, Any]:
    """The same payload with null finish reasons."""
    for choice in choices(payload):
        if "finish_reason" in choice:
            choice["finish_reason"] = None
    if isinstance(payload.get("output"), dict) and "finish_reason" in payload["output"]:
        payload["output"]["finish_reason"] = None
    return payload


def has_finish(segment: bytes) -> bool:
    """Whether an event tells how the answer ended."""
    return bool(re.search(rb'"finish_reason":"(?!null")', segment))


def is_stream(raw: RawReply) -> bool:
    """Whether an answer was encoded as events."""
    return "event-stream" in next(
        (value for name, value in raw.headers.items() if name.lower() == "content-type"), ""
    )


def unmeasured(raw: RawReply) -> Mapping[str, str]:
    """The headers without a length that no longer holds."""
    return {name: value for name, value in raw.headers.items() if name.lower() != "content-length"}


def error_body(payloads: list[dict[str, Any]], failed: Failure) -> dict[str, Any]:
    """An error in the envelope of the wire that these payloads are of."""
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
    """A payload framed as another event is."""
    return edit_segment(like, lambda _: payload) or b""
