# Generated from qwen_core/transports/base.py by scripts/generate_sync.py: do not edit.
"""Define what a transport offers, and how it reports an error status."""

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from qwen_core.protocols.base import EncodedRequest
from qwen_core.transports.base import HTTPResponse


class ByteStream(Protocol):
    """A response whose body is still arriving. Must be closed.

    ``is_complete`` returns whether the response has all it needs: a connection that breaks or falls silent after
    that has just ended.
    """

    headers: Mapping[str, str]
    is_complete: Callable[[], bool]

    def __iter__(self) -> Iterator[bytes]: ...

    def drain(self, segments: Iterator[bytes]) -> None:
        """Read what follows a complete response, so that its connection can be reused, but hardly wait for it."""

    def close(self) -> None: ...


class Transport(Protocol):
    """Sends requests over one connection pool.

    Raises HTTPStatusError for an error status, APITimeoutError and APIConnectionError for the network. ``end`` is
    the moment, on the monotonic clock, after which nothing is waited for.
    """

    def send(self, request: EncodedRequest, end: float | None = None) -> HTTPResponse: ...

    def open_stream(self, request: EncodedRequest, end: float | None = None) -> ByteStream: ...

    def close(self) -> None: ...
