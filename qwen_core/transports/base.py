"""What a transport offers, and how it reports that the service refused."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from email.utils import formatdate, parsedate_tz
from typing import NamedTuple, Protocol

from qwen_core.protocols.base import EncodedRequest


class HTTPResponse(NamedTuple):
    """A whole answer. Header names are in lower case."""

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
    """The service answered with an error status. Its cause is the SDK's exception."""

    def __init__(self, response: HTTPResponse) -> None:
        super().__init__(f"status {response.status}")
        self.response = response


class ByteStream(Protocol):
    """An answer that is still arriving. Must be closed.

    ``enough`` tells whether the answer is complete: then a connection that breaks or falls silent is just its end.
    """

    headers: Mapping[str, str]
    enough: Callable[[], bool]

    def __iter__(self) -> Iterator[bytes]: ...

    def drain(self, segments: Iterator[bytes]) -> None:
        """Read what follows the answer, so that the connection can be used again; but wait for nothing."""

    def close(self) -> None: ...


class AsyncByteStream(Protocol):
    """The same, awaited."""

    headers: Mapping[str, str]
    enough: Callable[[], bool]

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def drain(self, segments: AsyncIterator[bytes]) -> None: ...

    async def close(self) -> None: ...


class Transport(Protocol):
    """Sends requests over one connection pool.

    Raises HTTPStatusError for an error status, APITimeoutError and APIConnectionError for the network. ``end`` is
    the moment, on the monotonic clock, after which nothing is waited for.
    """

    def send(self, request: EncodedRequest, end: float | None = None) -> HTTPResponse: ...

    def open_stream(self, request: EncodedRequest, end: float | None = None) -> ByteStream: ...

    def close(self) -> None: ...


class AsyncTransport(Protocol):
    """The same, awaited. Belongs to the event loop that it was made in."""

    async def send(self, request: EncodedRequest, end: float | None = None) -> HTTPResponse: ...

    async def open_stream(self, request: EncodedRequest, end: float | None = None) -> AsyncByteStream: ...

    async def close(self) -> None: ...
