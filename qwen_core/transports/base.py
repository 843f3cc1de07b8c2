"""Define what a transport offers, and how it reports an error status.

An async transport belongs to the event loop that it was made in.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from email.utils import formatdate, parsedate_tz
from typing import NamedTuple, Protocol

from qwen_core.protocols.base import EncodedRequest


class HTTPResponse(NamedTuple):
    """A response with its complete body. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def normalize_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers by lower-case name. A retry-after gets a date to count from, if the server sent none."""
    names = {name.lower(): value for name, value in headers.items()}
    if "retry-after" in names and parsedate_tz(names.get("date", "")) is None:
        names["date"] = formatdate(usegmt=True)
    return names


class HTTPStatusError(Exception):
    """The service responded with an error status. The cause is the SDK's exception."""

    def __init__(self, response: HTTPResponse) -> None:
        super().__init__(f"HTTP status {response.status}")
        self.response = response


class AsyncByteStream(Protocol):
    """A response whose body is still arriving. Must be closed.

    ``is_complete`` returns whether the response has all it needs: a connection that breaks or falls silent after
    that has just ended.
    """

    headers: Mapping[str, str]
    is_complete: Callable[[], bool]

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def drain(self, segments: AsyncIterator[bytes]) -> None:
        """Read what follows a complete response, so that its connection can be reused, but hardly wait for it."""

    async def close(self) -> None: ...


class AsyncTransport(Protocol):
    """Sends requests over one connection pool.

    Raises HTTPStatusError for an error status, APITimeoutError and APIConnectionError for the network. ``end`` is
    the moment, on the monotonic clock, after which nothing is waited for.
    """

    async def send(self, request: EncodedRequest, end: float | None = None) -> HTTPResponse: ...

    async def open_stream(self, request: EncodedRequest, end: float | None = None) -> AsyncByteStream: ...

    async def close(self) -> None: ...
