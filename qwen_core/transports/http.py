"""What both SDKs' transports share, because both stand on httpx or its successor: byte streams and failures.

The HTTP library is passed in as a module: the openai SDK brings httpx or httpx2, the dashscope SDK httpx.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from qwen_core.errors import APIConnectionError, APITimeoutError, QwenError

NetworkErrors = Callable[[], AbstractContextManager[None]]
"""Makes a guard that translates what an SDK and its HTTP library raise."""


def library_errors(http: Any) -> tuple[type[Exception], ...]:
    """What the HTTP library itself raises, where the SDK lets it through."""
    return http.HTTPError, http.StreamError, http.InvalidURL


def connection_error(error: BaseException, http: Any, *timeouts: type[Exception]) -> QwenError:
    """Our error for a failure of the network. A pause of the peer is a timeout; a failed connect is none."""
    if isinstance(error, (http.ConnectTimeout, http.PoolTimeout)):
        return APIConnectionError(f"No connection in time: {describe(error)}")
    if isinstance(error, (http.TimeoutException, *timeouts)):
        return APITimeoutError(f"The service did not answer in time: {describe(error)}")
    return APIConnectionError(f"The connection failed: {describe(error)}")


def describe(error: BaseException) -> str:
    """The error's words and its kind; some have no words."""
    return f"{error} [{type(error).__name__}]" if str(error) else type(error).__name__


class ResponseStream:
    """The bytes of a response, as they arrive."""

    def __init__(self, response: Any, network_errors: NetworkErrors) -> None:
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._network_errors = network_errors

    def __iter__(self) -> Iterator[bytes]:
        with self._network_errors():
            yield from self._response.iter_bytes()

    def close(self) -> None:
        self._response.close()


class AsyncResponseStream:
    """The bytes of a response, as they arrive, awaited."""

    def __init__(self, response: Any, network_errors: NetworkErrors) -> None:
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._network_errors = network_errors

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with self._network_errors():
            async for segment in self._response.aiter_bytes():
                yield segment

    async def close(self) -> None:
        await self._response.aclose()
