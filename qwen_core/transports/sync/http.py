# Generated from qwen_core/transports/http.py by scripts/generate_sync.py: do not edit.
"""Read bodies as both SDKs' transports do, because both stand on httpx or its successor."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from time import monotonic
from typing import Any

from qwen_core.transports.base import HTTPResponse
from qwen_core.transports.http import DRAIN_SEGMENTS, MAX_BODY, NEVER, OK, is_plain, never
from qwen_core.transports.http_errors import INTERRUPTIONS, total_timeout_error
from qwen_core.transports.sdk_internals import DRAIN_TIMEOUT, is_enabled, shorten_read_timeout
from qwen_core.transports.sync.base import ByteStream
from qwen_core.types.error_translation import ErrorTranslation
from qwen_core.types.errors import APIConnectionError, APITimeoutError, InvalidResponseError, QwenError


def read_response(stream: ByteStream) -> HTTPResponse:
    """Read a stream to its end, close it and return the response.

    Raise InvalidResponseError if it is too long, and IncompleteStreamError if the connection breaks.
    """
    segments: list[bytes] = []
    size = 0
    try:
        with INTERRUPTIONS:
            for segment in stream:
                size += len(segment)
                if size > MAX_BODY:
                    raise InvalidResponseError(
                        f"The response cannot be read: it is longer than {MAX_BODY >> 20} MiB."
                    )
                segments.append(segment)
        return HTTPResponse(OK, stream.headers, b"".join(segments))
    finally:
        stream.close()


class ResponseStream:
    """The bytes of a response, as they arrive, until ``end``."""

    def __init__(self, response: Any, network_errors: ErrorTranslation, end: float | None) -> None:
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._network_errors = network_errors
        self._end = NEVER if end is None else end
        self.is_complete: Callable[[], bool] = never

    def __iter__(self) -> Iterator[bytes]:
        try:
            with self._network_errors:
                response = self._response
                for segment in response.iter_raw() if is_plain(response) else response.iter_bytes():
                    if monotonic() > self._end:
                        raise total_timeout_error()
                    yield segment
        except (APIConnectionError, APITimeoutError):
            if not self.is_complete():
                raise

    def drain(self, segments: Iterator[bytes]) -> None:
        """Read what follows a complete response, so that its connection can be reused, but hardly wait for it."""
        if not is_enabled("connection-reuse"):
            return
        left, end = DRAIN_SEGMENTS, monotonic() + DRAIN_TIMEOUT
        with shorten_read_timeout(self._response), suppress(QwenError):
            for _ in segments:
                left -= 1
                if not left or monotonic() > end:
                    break

    def close(self) -> None:
        """Close the response. Its connection goes back to the pool if the body was read to its end."""
        self._response.close()
