"""From the bytes of an answer to its events: framing and decoding together, whatever form the body has."""

from collections.abc import Sequence

from qwen_core.protocols.base import StreamDecoder
from qwen_core.protocols.error_decoding import invalid_response
from qwen_core.protocols.sse import MAX_EVENT, EventStreamParser
from qwen_core.types.accumulator import accumulate
from qwen_core.types.errors import IncompleteStreamError, InvalidResponseError, QwenError
from qwen_core.types.events import Event
from qwen_core.types.responses import ChatResponse

DECODE_ERRORS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What a decoder stumbles over where whoever answers sends what no document knows."""

BOM = b"\xef\xbb\xbf"

MAX_BLANK = 64 * 1024
"""Bytes of white space before an answer; some gateways send a little while they wait."""


class StreamParser:
    """Reads one answer. An event stream is expected; a JSON body in its place is read too."""

    __slots__ = (
        "_beginning",
        "_body",
        "_body_size",
        "_decoder",
        "_failure",
        "_frames",
        "_is_json",
        "_read_any",
        "closed",
    )

    def __init__(self, decoder: StreamDecoder) -> None:
        self._decoder = decoder
        self._frames = EventStreamParser()
        self._is_json: bool | None = None
        self._body: list[bytes] = []
        self._body_size = 0
        self._beginning = b""
        self._read_any = False
        self._failure: QwenError | None = None
        self.closed = False

    @property
    def done(self) -> bool:
        """Whether nothing follows that is worth reading: ``close`` tells what it came to."""
        return self._decoder.done or self._failure is not None

    def is_finished(self) -> bool:
        """Whether the answer is complete, so that a connection that breaks now takes nothing along."""
        return self._decoder.finished

    def feed(self, segment: bytes) -> Sequence[Event]:
        """The events that this segment completes.

        An error behind some events does not take them along: they are returned, and ``close`` raises it.
        """
        try:
            if self._is_json is None:
                segment = self._look(segment)
            if self._is_json:
                return self._keep(segment)
            payloads = self._frames.feed(segment)
            if len(payloads) == 1:
                self._read_any = True
                return self._decoder.feed(payloads[0], self._frames.status)
            return self._decode(payloads)
        except DECODE_ERRORS as reason:
            raise invalid_response(segment, f"{type(reason).__name__}: {reason}") from reason

    def _keep(self, segment: bytes) -> Sequence[Event]:
        self._body.append(segment)
        self._body_size += len(segment)
        if self._body_size > MAX_EVENT:
            raise InvalidResponseError(f"The answer cannot be read: it is longer than {MAX_EVENT >> 20} MiB.")
        return ()

    def _decode(self, payloads: Sequence[bytes]) -> Sequence[Event]:
        events: list[Event] = []
        for payload in payloads:
            if self._decoder.done:
                break
            self._read_any = True
            try:
                events += self._decoder.feed(payload, self._frames.status)
            except QwenError as error:
                if not events:
                    raise
                self._failure = error
                break
        return events

    def close(self) -> Sequence[Event]:
        """The events that the end completes. Raises IncompleteStreamError where the answer was cut.

        Where it was cut behind some last events, they are returned, the reader is not ``closed``, and the next
        ``close`` raises.
        """
        self.closed = True
        if self._failure is not None:
            raise self._failure
        try:
            return self._close()
        except DECODE_ERRORS as reason:
            raise invalid_response(b"", f"{type(reason).__name__}: {reason}") from reason

    def _close(self) -> Sequence[Event]:
        events: list[Event] = []
        for payload in [b"".join(self._body)] if self._is_json else self._frames.close():
            self._read_any = True
            try:
                events += self._decoder.feed(payload, self._frames.status)
            except InvalidResponseError as error:
                if self._decoder.finished:
                    break
                raise IncompleteStreamError("The answer was cut in the middle of an event.") from error
        if not self._read_any and self._beginning.strip() and not looks_like_event_stream(self._beginning):
            raise invalid_response(self._beginning, "it is neither an event stream nor JSON")
        try:
            events += self._decoder.close()
        except QwenError as error:
            if not events:
                raise
            self._failure, self.closed = error, False
        return events

    def _look(self, segment: bytes) -> bytes:
        self._beginning += segment
        start = self._beginning.removeprefix(BOM).lstrip()
        if BOM.startswith(start):
            if len(self._beginning) > MAX_BLANK:
                raise invalid_response(b"", "it begins with nothing but white space")
            return b""
        self._is_json = start.startswith(b"{")
        self._beginning = start[:200]
        return start


def looks_like_event_stream(body: bytes) -> bool:
    """Whether a body that should be JSON is an event stream."""
    return body.removeprefix(BOM).lstrip().startswith((b"data:", b"id:", b"event:", b":"))


def parse_body(body: bytes, decoder: StreamDecoder) -> ChatResponse:
    """The answer in an event stream that came as one body. A failure carries what came before it."""
    reader = StreamParser(decoder)
    events = list(reader.feed(body))
    try:
        while not reader.closed:
            events += reader.close()
    except QwenError as error:
        error.partial = accumulate(events)
        raise
    return accumulate(events)
