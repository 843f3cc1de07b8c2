"""Bodies of error answers, read up to a size and a moment: the SDKs read them whole, however long they go on.

A body that is cut, breaks off or cannot be decompressed still belongs to its status, which says what happened.
"""

from contextlib import aclosing, closing, suppress
from contextvars import ContextVar
from functools import partial
from importlib import import_module
from time import monotonic
from types import ModuleType
from typing import Any

SUCCESS_END = 300
"""Statuses from here on are no answers: a redirect is not followed, because it could lead anywhere."""

MAX_ERROR_BODY = 1024 * 1024
"""Bytes, decompressed. The service writes some hundred; a server of one's own may quote the request."""

END: ContextVar[float] = ContextVar("end", default=float("inf"))
"""The moment, on the monotonic clock, behind which nothing more is read. Each attempt sets it first."""


def cut_error_body(http: Any, response: Any) -> None:
    """Read the body of an error answer, and put what may be kept of it in its place."""
    if response.status_code < SUCCESS_END or response.is_stream_consumed:
        return
    source = http.Response(response.status_code, headers=response.headers, stream=response.stream)
    kept = bytearray()
    with suppress(http.HTTPError, OSError), closing(source):
        for segment in source.iter_bytes():
            kept += segment
            if is_enough(kept):
                break
    put(http, response, kept)


async def async_cut_error_body(http: Any, response: Any) -> None:
    """The same, awaited."""
    if response.status_code < SUCCESS_END or response.is_stream_consumed:
        return
    source = http.Response(response.status_code, headers=response.headers, stream=response.stream)
    kept = bytearray()
    with suppress(http.HTTPError, OSError):
        async with aclosing(source):
            async for segment in source.aiter_bytes():
                kept += segment
                if is_enough(kept):
                    break
    put(http, response, kept)


def is_enough(kept: bytearray) -> bool:
    """Whether to read no more."""
    return len(kept) > MAX_ERROR_BODY or monotonic() > END.get()


def put(http: Any, response: Any, kept: bytearray) -> None:
    """Make this the body of a response that was not read."""
    response.stream = http.ByteStream(bytes(kept[:MAX_ERROR_BODY]))
    response.headers.pop("content-encoding", None)


def hooks(http: Any) -> dict[str, Any]:
    """What makes a client of this HTTP library do so."""
    return {"response": [partial(cut_error_body, http)]}


def async_hooks(http: Any) -> dict[str, Any]:
    """The same for an asynchronous client."""
    return {"response": [partial(async_cut_error_body, http)]}


def http_library(client: Any) -> ModuleType:
    """The HTTP library that a client is of, httpx or httpx2, told by the class of one of its objects."""
    return import_module(type(client.base_url).__module__.partition(".")[0])


class CuttingClient:
    """A user's own HTTP client, which stays as it is: only what is sent through this object has its errors cut."""

    def __init__(self, client: Any) -> None:
        self._client = client

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        # The SDKs look whether a client is one.
        return type(self._client)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def send(self, *arguments: Any, **options: Any) -> Any:
        """See the HTTP library."""
        response = self._client.send(*arguments, **options)
        cut_error_body(http_library(self._client), response)
        return response


class AsyncCuttingClient(CuttingClient):
    """The same, awaited."""

    async def send(self, *arguments: Any, **options: Any) -> Any:
        """See the HTTP library."""
        response = await self._client.send(*arguments, **options)
        await async_cut_error_body(http_library(self._client), response)
        return response


def cutting(client: Any) -> Any:
    """A user's own client with its errors cut; None where there is none."""
    return CuttingClient(client) if client is not None else None


def async_cutting(client: Any) -> Any:
    """The same for an asynchronous client."""
    return AsyncCuttingClient(client) if client is not None else None
