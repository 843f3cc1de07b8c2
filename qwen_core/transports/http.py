"""What both SDKs' transports share, because both stand on httpx or its successor: byte streams and failures.

The HTTP library is passed in as a module: the openai SDK brings httpx or httpx2, the dashscope SDK httpx.
"""

import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from contextvars import ContextVar
from functools import cache
from ssl import SSLContext
from time import monotonic
from typing import Any

from qwen_core.config.settings import Connection
from qwen_core.config.timeouts import Timeout, attempt_timeouts
from qwen_core.transports.error_body_limits import END
from qwen_core.types.error_translation import ErrorTranslation, with_cause
from qwen_core.types.errors import (
    APIConnectionError,
    APITimeoutError,
    IncompleteStreamError,
    InvalidResponseError,
    QwenError,
)

OK = 200
NEVER = float("inf")

MAX_BODY = 256 * 1024 * 1024
"""Bytes of a whole answer, decompressed. Speech and vectors are a few megabytes."""

DRAIN_PATIENCE = 1.0
"""Seconds to wait for the end of a body whose answer is complete."""
DRAIN_SEGMENTS = 16

SECRET_HEADERS = ("authorization", "proxy-authorization", "api-key", "x-api-key", "cookie")


def ssl_context(http: Any) -> SSLContext:
    """The certificates that the HTTP library trusts, read once: it takes 20 ms, and each loop has its own pool."""
    return _ssl_context(http, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@cache
def _ssl_context(http: Any, file: str | None, directory: str | None) -> SSLContext:
    context: SSLContext = http.create_ssl_context()
    return context


def library_failure(error: BaseException, http: Any) -> BaseException | None:
    """Our error for what the HTTP library itself raises, or lets through, with that as the cause."""
    if isinstance(error, (http.HTTPError, http.StreamError, http.InvalidURL)):
        hide_keys(error)
        return with_cause(connection_error(error, http), error)
    if isinstance(error, OSError):
        return with_cause(APIConnectionError(f"The connection failed: {error}"), error)
    return None


def connection_error(error: BaseException, http: Any, *timeouts: type[Exception]) -> QwenError:
    """Our error for a failure of the network. A pause of the peer is a timeout; a failed connect is none."""
    if isinstance(error, (http.ConnectTimeout, http.PoolTimeout)):
        return APIConnectionError(f"No connection in time: {describe(error)}")
    if isinstance(error, http.DecodingError):
        return InvalidResponseError(f"The answer cannot be read: {describe(error)}")
    if isinstance(error, (http.TimeoutException, *timeouts)):
        return APITimeoutError(f"The service did not answer in time: {describe(error)}")
    return APIConnectionError(f"The connection failed: {describe(error)}")


def describe(error: BaseException) -> str:
    """The error's words and its kind; some have no words."""
    return f"{error} [{type(error).__name__}]" if str(error) else type(error).__name__


def bound_attempt(connection: Connection, end: float | None, kind: Any) -> dict[str, Any]:
    """Set when the body of an error is over, and give the SDK's argument for the timeouts of one attempt.

    If no timeouts are said, a user's own client keeps its own.
    """
    END.set(NEVER if end is None else end)
    if connection.http_client is not None and connection.timeout == Timeout():
        return {}
    return {"timeout": kind(**attempt_timeouts(connection.timeout, end, monotonic()))}


def hide_keys(error: BaseException) -> None:
    """Take the key out of the requests that an SDK's exception holds on to: exceptions are logged and stored."""
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        link = pending.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        pending += [link.__cause__, link.__context__]
        # The frames of an SDK hold the headers, and tools that show errors show local variables.
        link.__traceback__ = None
        for request in requests_of(link):
            for name in SECRET_HEADERS:
                if name in request.headers:
                    request.headers[name] = "[hidden]"


def requests_of(error: BaseException) -> list[Any]:
    """The requests behind an exception of an HTTP library or SDK, its own and those that were redirected."""
    response = vars(error).get("response")
    responses = [response, *response.history] if hasattr(response, "history") else []
    found = [vars(error).get("request"), vars(error).get("_request")]
    found += [vars(response).get("_request") for response in responses]
    return [request for request in found if request is not None]


class Body:
    """The bytes of a whole answer while they arrive, up to a limit."""

    def __init__(self) -> None:
        self._segments: list[bytes] = []
        self._size = 0

    def add(self, segment: bytes) -> None:
        """More of it. Raises InvalidResponseError where it is too much."""
        self._size += len(segment)
        if self._size > MAX_BODY:
            raise InvalidResponseError(f"The answer cannot be read: it is longer than {MAX_BODY >> 20} MiB.")
        self._segments.append(segment)

    def whole(self) -> bytes:
        """All of it."""
        return b"".join(self._segments)


def _cut(error: BaseException) -> BaseException | None:
    if not isinstance(error, APIConnectionError):
        return None
    cut = IncompleteStreamError(f"The answer was cut. {error.message}")
    cut.is_retryable = False
    return with_cause(cut, error.__cause__)


CUT_BODY = ErrorTranslation(_cut)
"""A whole answer that breaks off while it arrives has been written, and billed: it is not asked for again."""


def never() -> bool:
    """Nothing is known to be enough."""
    return False


def too_late() -> APITimeoutError:
    """The error for a call whose time is up although the service still writes."""
    return APITimeoutError("The answer was not complete in time: the total timeout is over.")


_draining: ContextVar[bool] = ContextVar("draining", default=False)


def make_hurryable(response: Any) -> None:
    """Let the connection of this response wait shortly while, and only while, ``_draining`` is set.

    The timeout of a body is fixed when it begins to be read. The extension ``network_stream`` is the stream
    itself, which stays with its connection; what is told here is seen by nobody else, since other threads and
    tasks have contexts of their own.
    """
    stream = response.extensions.get("network_stream")
    read = getattr(stream, "read", None)
    if read is None or hasattr(read, "hurries"):
        return

    def read_shortly(max_bytes: int, timeout: float | None = None) -> Any:
        return read(max_bytes, timeout=DRAIN_PATIENCE if _draining.get() else timeout)

    read_shortly.hurries = True  # type: ignore[attr-defined]
    with suppress(AttributeError):
        stream.read = read_shortly


def is_plain(response: Any) -> bool:
    """Whether a body comes as it is: then to decode it would only cost, half a microsecond each piece."""
    return "content-encoding" not in response.headers and not response.is_stream_consumed


class ResponseStream:
    """The bytes of a response, as they arrive, until ``end``."""

    def __init__(self, response: Any, network_errors: ErrorTranslation, end: float | None) -> None:
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._network_errors = network_errors
        self._end = NEVER if end is None else end
        self.enough: Callable[[], bool] = never

    def __iter__(self) -> Iterator[bytes]:
        try:
            with self._network_errors:
                response = self._response
                for segment in response.iter_raw() if is_plain(response) else response.iter_bytes():
                    if monotonic() > self._end:
                        raise too_late()
                    yield segment
        except (APIConnectionError, APITimeoutError):
            if not self.enough():
                raise

    def drain(self, segments: Iterator[bytes]) -> None:
        """See ``ByteStream``."""
        make_hurryable(self._response)
        left, end = DRAIN_SEGMENTS, monotonic() + DRAIN_PATIENCE
        token = _draining.set(True)
        try:
            with suppress(QwenError):
                for _ in segments:
                    left -= 1
                    if not left or monotonic() > end:
                        break
        finally:
            _draining.reset(token)

    def close(self) -> None:
        self._response.close()


class AsyncResponseStream:
    """The bytes of a response, as they arrive, until ``end``, awaited."""

    def __init__(self, response: Any, network_errors: ErrorTranslation, end: float | None) -> None:
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._network_errors = network_errors
        self._end = NEVER if end is None else end
        self.enough: Callable[[], bool] = never

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            with self._network_errors:
                response = self._response
                async for segment in response.aiter_raw() if is_plain(response) else response.aiter_bytes():
                    if monotonic() > self._end:
                        raise too_late()
                    yield segment
        except (APIConnectionError, APITimeoutError):
            if not self.enough():
                raise

    async def drain(self, segments: AsyncIterator[bytes]) -> None:
        """See ``AsyncByteStream``."""
        make_hurryable(self._response)
        left, end = DRAIN_SEGMENTS, monotonic() + DRAIN_PATIENCE
        token = _draining.set(True)
        try:
            with suppress(QwenError):
                async for _ in segments:
                    left -= 1
                    if not left or monotonic() > end:
                        break
        finally:
            _draining.reset(token)

    async def close(self) -> None:
        await self._response.aclose()
