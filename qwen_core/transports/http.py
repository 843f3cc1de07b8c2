"""Read bodies as both SDKs' transports do, because both stand on httpx or its successor.

The HTTP library is passed in as a module: the openai SDK brings httpx or httpx2, the dashscope SDK httpx.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from time import monotonic
from typing import Any

from qwen_core.config.settings import Connection
from qwen_core.config.timeouts import Timeout, attempt_timeouts
from qwen_core.transports.base import AsyncByteStream, HTTPResponse
from qwen_core.transports.error_body_limits import END
from qwen_core.transports.http_errors import INTERRUPTIONS, total_timeout_error
from qwen_core.transports.sdk_internals import DRAIN_TIMEOUT, is_enabled, shorten_read_timeout
from qwen_core.types.error_translation import ErrorTranslation
from qwen_core.types.errors import APIConnectionError, APITimeoutError, InvalidResponseError, QwenError

OK = 200
NEVER = float("inf")

MAX_BODY = 256 * 1024 * 1024
"""Bytes of a complete response, decompressed. Speech and vectors are a few megabytes."""

DRAIN_SEGMENTS = 16


def bound_attempt(connection: Connection, end: float | None, kind: Any) -> dict[str, Any]:
    """Set when reading the body of an error ends, and return the SDK's argument for the timeouts of one attempt.

    A user's own client keeps its own timeouts if none are given.
    """
    END.set(NEVER if end is None else end)
    if connection.http_client is not None and connection.timeout == Timeout():
        return {}
    return {"timeout": kind(**attempt_timeouts(connection.timeout, end, monotonic()))}


async def async_read_response(stream: AsyncByteStream) -> HTTPResponse:
    """Read a stream to its end, close it and return the response.

    Raise InvalidResponseError if it is too long, and IncompleteStreamError if the connection breaks.
    """
    segments: list[bytes] = []
    size = 0
    try:
        with INTERRUPTIONS:
            async for segment in stream:
                size += len(segment)
                if size > MAX_BODY:
                    raise InvalidResponseError(
                        f"The response cannot be read: it is longer than {MAX_BODY >> 20} MiB."
                    )
                segments.append(segment)
        return HTTPResponse(OK, stream.headers, b"".join(segments))
    finally:
        await stream.close()


def never() -> bool:
    """Return False: nothing is known of when the response is complete."""
    return False


def is_plain(response: Any) -> bool:
    """Return whether a body comes as it is. Decoding it would only cost half a microsecond for each segment."""
    return "content-encoding" not in response.headers and not response.is_stream_consumed


class AsyncResponseStream:
    """The bytes of a response, as they arrive, until ``end``."""

    def __init__(self, response: Any, network_errors: ErrorTranslation, end: float | None) -> None:
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._network_errors = network_errors
        self._end = NEVER if end is None else end
        self.is_complete: Callable[[], bool] = never

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            with self._network_errors:
                response = self._response
                async for segment in response.aiter_raw() if is_plain(response) else response.aiter_bytes():
                    if monotonic() > self._end:
                        raise total_timeout_error()
                    yield segment
        except (APIConnectionError, APITimeoutError):
            if not self.is_complete():
                raise

    async def drain(self, segments: AsyncIterator[bytes]) -> None:
        """Read what follows a complete response, so that its connection can be reused, but hardly wait for it."""
        if not is_enabled("connection-reuse"):
            return
        left, end = DRAIN_SEGMENTS, monotonic() + DRAIN_TIMEOUT
        with shorten_read_timeout(self._response), suppress(QwenError):
            async for _ in segments:
                left -= 1
                if not left or monotonic() > end:
                    break

    async def close(self) -> None:
        """Close the response. Its connection goes back to the pool if the body was read to its end."""
        await self._response.aclose()
