"""Read the bodies of error responses up to a size and a moment: the SDKs read them to the end, however far.

A body that is truncated, breaks off or cannot be decompressed still belongs to its status, which tells what
happened.
"""

from contextlib import aclosing, suppress
from contextvars import ContextVar
from functools import partial
from time import monotonic
from typing import Any

SUCCESS_END = 300
"""Statuses from here on are errors. A redirect is one too: it is not followed, because it could lead anywhere."""

MAX_ERROR_BODY = 1024 * 1024
"""Bytes, decompressed. The service writes some hundred; a self-hosted server may quote the request."""

END: ContextVar[float] = ContextVar("end", default=float("inf"))
"""The moment, on the monotonic clock, after which nothing more is read. Each attempt sets it first."""


async def async_limit_error_body(http: Any, response: Any) -> None:
    """Read the body of an error response of an HTTP library, and replace it by what is within the limits."""
    if response.status_code < SUCCESS_END or response.is_stream_consumed:
        return
    source = http.Response(response.status_code, headers=response.headers, stream=response.stream)
    body = bytearray()
    with suppress(http.HTTPError, OSError):
        async with aclosing(source):
            async for segment in source.aiter_bytes():
                body += segment
                if is_complete(body):
                    break
    replace_body(http, response, body)


def is_complete(body: bytearray) -> bool:
    """Return whether the limit of size or time is reached."""
    return len(body) > MAX_ERROR_BODY or monotonic() > END.get()


def replace_body(http: Any, response: Any, body: bytearray) -> None:
    """Give a response that was not read this body."""
    response.stream = http.ByteStream(bytes(body[:MAX_ERROR_BODY]))
    response.headers.pop("content-encoding", None)


def async_event_hooks(http: Any) -> dict[str, Any]:
    """Return the event hooks for a client of this HTTP library that limit the bodies of errors."""
    return {"response": [partial(async_limit_error_body, http)]}
