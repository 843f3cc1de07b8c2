"""Parse the bytes of a response into events: SSE and decoding together, whatever form the body has."""

from collections.abc import Sequence

from qwen_core.protocols.base import StreamDecoder
from qwen_core.protocols.error_decoding import invalid_response
from qwen_core.protocols.sse import MAX_EVENT, EventStreamParser
from qwen_core.types.accumulator import accumulate, accumulate_partial
from qwen_core.types.errors import IncompleteStreamError, InvalidResponseError, QwenError
from qwen_core.types.events import Event
from qwen_core.types.responses import ChatResponse

DECODE_ERRORS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""Exceptions of a decoder that was sent what no document describes."""

BOM = b"\xef\xbb\xbf"

MAX_BLANK = 64 * 1024
"""Maximum number of bytes of white space before a response; some gateways send a little while they wait."""


class StreamParser:
    """Parses one response. An event stream is expected; a JSON body instead is parsed too."""

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
        """Whether nothing follows that is worth reading; ``close`` tells the outcome."""
        return self._decoder.done or self._failure is not None

    def is_finished(self) -> bool:
        """Return whether the response is complete, so that a connection that breaks now loses nothing."""
        return self._decoder.finished

    def feed(self, segment: bytes) -> Sequence[Event]:
        """Return the events that this segment completes.

        An error after some events does not discard them: they are returned, and ``close`` raises it.
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
            raise InvalidResponseError(f"The response cannot be decoded: it is longer than {MAX_EVENT >> 20} MiB.")
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
        """Return the events that the end completes. Raises IncompleteStreamError if the response is incomplete.

        If it is incomplete after some last events, they are returned, the parser is not ``closed``, and the next
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
                raise IncompleteStreamError(
                    "The stream ended in the middle of an event; the response is incomplete."
                ) from error
        if not self._read_any and self._beginning.strip() and not looks_like_event_stream(self._beginning):
            raise invalid_response(self._beginning, "it is neither an event stream nor JSON")
        try:
            events += self._decoder.close()
        except QwenError as error:
            if not events:
                raise
            self._failure, self.closed = error, False
        return events

    def rest(self) -> Sequence[Event]:
        """Return what is known of a response that did not end, beside the events that were returned."""
        try:
            return self._decoder.rest()
        except DECODE_ERRORS:
            return ()

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
    """Return whether a body that should be JSON is an event stream."""
    return body.removeprefix(BOM).lstrip().startswith((b"data:", b"id:", b"event:", b":"))


def parse_body(body: bytes, decoder: StreamDecoder) -> ChatResponse:
    """Parse an event stream that came as one body. An error carries what came before it."""
    reader = StreamParser(decoder)
    events: list[Event] = []
    try:
        events += reader.feed(body)
        while not reader.closed:
            events += reader.close()
    except QwenError as error:
        error.partial = accumulate_partial([*events, *reader.rest()])
        raise
    return accumulate(events)
