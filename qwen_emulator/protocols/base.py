"""What the two wires have in common: the interface of an encoder, and how JSON and headers are written."""

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
    """Writes answers and failures. Every method is pure; a streamed reply has one segment per event."""

    def encode_response(self, reply: ComposedReply, conversation: Conversation) -> RawReply:
        """An answer in one body."""

    def encode_stream(self, reply: ComposedReply, conversation: Conversation) -> RawReply:
        """The same answer as events."""

    def encode_failure(self, failure: Failure, request_id: str, *, stream: bool = False) -> RawReply:
        """An error instead of an answer."""

    def encode_failure_event(self, failure: Failure, request_id: str, number: int) -> bytes:
        """An error inside a stream, as its n-th event."""

    def encode_refusal(self, failure: Failure, request_id: str, *, stream: bool) -> RawReply:
        """What the service answers when a request itself is wrong."""


def dump(payload: Any) -> bytes:
    """Compact JSON as UTF-8, the way the service writes it."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def headers(request_id: str, content_type: str) -> dict[str, str]:
    """The headers that recorded answers have."""
    return {
        "content-type": content_type,
        "x-request-id": request_id,
        "x-dashscope-call-gateway": "true",
        "req-cost-time": "12",
        "server": "istio-envoy",
    }


def json_reply(payload: Any, request_id: str, status: int = 200) -> RawReply:
    """A whole JSON body."""
    return RawReply(status, headers(request_id, JSON_TYPE), (dump(payload),))


def event_reply(segments: tuple[bytes, ...], request_id: str, status: int = 200) -> RawReply:
    """A stream of events."""
    return RawReply(status, headers(request_id, EVENT_TYPE), segments)
