"""The interface of an encoder, and how JSON and headers are written on all protocols."""

from __future__ import annotations

import json
from typing import Any, Protocol

from qwen_emulator.compose import ComposedReply
from qwen_emulator.conversation import Conversation
from qwen_emulator.failures import Failure
from qwen_emulator.replies import RawReply

JSON_TYPE = "application/json"
EVENT_TYPE = "text/event-stream;charset=UTF-8"


class Encoder(Protocol):
    """Encodes replies and failures. Every method is pure; a stream has one segment per event."""

    def encode_response(self, reply: ComposedReply, conversation: Conversation) -> RawReply:
        """Encode a response in one body."""

    def encode_stream(self, reply: ComposedReply, conversation: Conversation) -> RawReply:
        """Encode a response as SSE events."""

    def encode_failure(self, failure: Failure, request_id: str, *, stream: bool = False) -> RawReply:
        """Encode an error instead of a response."""

    def encode_failure_event(self, failure: Failure, request_id: str, number: int) -> bytes:
        """Encode an error inside a stream, as its n-th event."""

    def encode_refusal(self, failure: Failure, request_id: str, *, stream: bool) -> RawReply:
        """Encode the refusal of an invalid request."""


def dump(payload: Any) -> bytes:
    """Write compact JSON as UTF-8, as the service does."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def headers(request_id: str, content_type: str) -> dict[str, str]:
    """Return the headers of recorded responses."""
    return {
        "content-type": content_type,
        "x-request-id": request_id,
        "x-dashscope-call-gateway": "true",
        "req-cost-time": "12",
        "server": "istio-envoy",
    }


def json_reply(payload: Any, request_id: str, status: int = 200) -> RawReply:
    """Return a response with a JSON body."""
    return RawReply(status, headers(request_id, JSON_TYPE), (dump(payload),))


def event_reply(segments: tuple[bytes, ...], request_id: str, status: int = 200) -> RawReply:
    """Return a response with a stream of SSE events."""
    return RawReply(status, headers(request_id, EVENT_TYPE), segments)
