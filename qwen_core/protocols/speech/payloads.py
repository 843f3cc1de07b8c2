"""Parse a response into payloads: an event stream, or one JSON body in its place."""

from typing import NamedTuple

from qwen_core.protocols.error_decoding import decode_error_body, innermost_error, invalid_response, status_in
from qwen_core.protocols.sse import EventStreamParser
from qwen_core.protocols.stream_parser import BOM, looks_like_event_stream
from qwen_core.types.errors import InvalidResponseError, QwenError, make_error


class Payload(NamedTuple):
    """The JSON of one event, and the error status that its frame has."""

    data: bytes
    status: int | None = None


MAX_BODY = 64 * 1024 * 1024


class PayloadParser:
    """Parses the bytes of one response."""

    def __init__(self) -> None:
        self._events = EventStreamParser()
        self._body: list[bytes] | None = None
        self._size = 0
        self._beginning = b""
        self._began = False

    def feed(self, segment: bytes) -> list[Payload]:
        """Return the payloads that a segment completes."""
        if not self._began:
            self._beginning += segment
            start = self._beginning.removeprefix(BOM).lstrip()
            if BOM.startswith(start):
                return []
            self._began, segment = True, start
            if not looks_like_event_stream(start) and not b"data:".startswith(start[:5]):
                self._body = []
        if self._body is not None:
            self._size += len(segment)
            if self._size > MAX_BODY:
                raise InvalidResponseError(
                    f"The response cannot be decoded: it is longer than {MAX_BODY >> 20} MiB."
                )
            self._body.append(segment)
            return []
        return [Payload(data, self._events.status) for data in self._events.feed(segment) if data]

    def close(self) -> list[Payload]:
        """Return the payloads that the end completes."""
        if self._body is not None:
            return [Payload(b"".join(self._body))]
        return [Payload(data, self._events.status) for data in self._events.close() if data]


def payload_error(payload: Payload, request_id: str | None) -> QwenError:
    """Return the error that a payload is instead of a result."""
    body = decode_error_body(payload.data)
    fields = innermost_error(body)
    if not fields.code and not fields.message:
        return invalid_response(payload.data, "it has no output")
    request_id = body.get("request_id") or request_id
    return make_error(
        payload.status or status_in(fields.code),
        fields.code,
        fields.message,
        kind=fields.kind,
        text=fields.text,
        request_id=request_id,
    )
