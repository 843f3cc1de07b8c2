"""Hold what leans on the internals of the SDKs and of their HTTP library, each with its gain and a switch.

Everything else in this folder uses what the packages document. ``QWEN_DISABLE_SDK_INTERNALS`` lists features
to turn off, separated by commas (``all`` for all of them); the calls work without them. Measured with
``benchmarks/sdk_internals.py`` (openai 3.54.0, CPython 3.11, a shared machine: the lean rows vary by a third):

error-body-limit   an error body of 200 MiB: 40 ms and 3 MiB of memory instead of 2.9 s and 600 MiB
connection-reuse   450 streams in a row: 1 connection instead of 450
lean-requests      545 instead of 645 µs of CPU time a call
lean-options       523 instead of 627 µs
lean-headers       552 instead of 580 µs
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import lru_cache
from types import ModuleType
from typing import Any, Literal

from qwen_core.transports.error_body_limits import async_limit_error_body
from qwen_core.transports.http_library import http_library
from qwen_core.transports.sync.error_body_limits import limit_error_body

Feature = Literal["connection-reuse", "error-body-limit", "lean-headers", "lean-options", "lean-requests"]
DISABLED = frozenset(os.environ.get("QWEN_DISABLE_SDK_INTERNALS", "").replace(" ", "").split(","))


def is_enabled(feature: Feature) -> bool:
    """Return whether a feature is turned on."""
    return feature not in DISABLED and "all" not in DISABLED


# error-body-limit: a user's own HTTP client is not changed, since it is used elsewhere too.


class ErrorBodyLimitClient:
    """Wrap a user's HTTP client: the bodies of errors are limited in what is sent through this object alone."""

    def __init__(self, client: Any) -> None:
        self._client = client

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        # The SDKs check with isinstance that a client is one.
        return type(self._client)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def send(self, *arguments: Any, **options: Any) -> Any:
        """Send a request as the HTTP library does, but follow no redirects: they would carry the request away."""
        response = self._client.send(*arguments, **{**options, "follow_redirects": False})
        if is_enabled("error-body-limit"):
            limit_error_body(http_library(type(self._client)), response)
        return response


class AsyncErrorBodyLimitClient(ErrorBodyLimitClient):
    """Wrap a user's async HTTP client in the same way."""

    async def send(self, *arguments: Any, **options: Any) -> Any:
        """Send a request as the HTTP library does, but follow no redirects: they would carry the request away."""
        response = await self._client.send(*arguments, **{**options, "follow_redirects": False})
        if is_enabled("error-body-limit"):
            await async_limit_error_body(http_library(type(self._client)), response)
        return response


def limit_error_bodies(client: Any) -> Any:
    """Return a user's HTTP client with the bodies of its errors limited; None if there is no client."""
    return None if client is None else ErrorBodyLimitClient(client)


def async_limit_error_bodies(client: Any) -> Any:
    """Return a user's async HTTP client with the bodies of its errors limited; None if there is no client."""
    return None if client is None else AsyncErrorBodyLimitClient(client)


# connection-reuse: a connection can be reused only if its body was read to the end, behind the last event.

DRAIN_TIMEOUT = 1.0
"""Seconds to wait for the end of a body whose response is complete."""

_draining: ContextVar[bool] = ContextVar("draining", default=False)


@contextmanager
def shorten_read_timeout(response: Any) -> Iterator[None]:
    """Shorten the read timeout of a response's connection to ``DRAIN_TIMEOUT`` in a ``with`` block.

    The HTTP library fixes the timeout of a body when it begins to read it. The extension ``network_stream`` is the
    stream itself, which stays with its connection, so its ``read`` is replaced, once. The replacement acts only
    while ``_draining`` is set: other threads and tasks have contexts of their own and see nothing of it.
    """
    stream = response.extensions.get("network_stream")
    read = getattr(stream, "read", None)
    if read is not None and not hasattr(read, "is_shortened"):

        def read_shortly(max_bytes: int, timeout: float | None = None) -> Any:
            return read(max_bytes, timeout=DRAIN_TIMEOUT if _draining.get() else timeout)

        read_shortly.is_shortened = True  # type: ignore[attr-defined]
        with suppress(AttributeError):
            stream.read = read_shortly
    token = _draining.set(True)
    try:
        yield
    finally:
        _draining.reset(token)


# lean-requests, lean-options, lean-headers: what the openai SDK does anew for each call, although nothing changes.


@lru_cache(maxsize=256)
def parse_url(http: ModuleType, url: Any) -> Any:
    """Return a URL as an HTTP library's object, parsed once."""
    return http.URL(url)


class LeanRequests:
    """Make an HTTP client build requests from ready parts: it adds no headers, parameters or cookies of its own.

    Merging nothing into them and parsing the same URL again costs 100 µs a call.
    """

    _http: ModuleType

    def __init_subclass__(cls) -> None:
        cls._http = http_library(cls)

    def build_request(self, method: str, url: Any, **options: Any) -> Any:
        """Build a request. The HTTP library does it if it has more than ready bytes, headers and timeouts."""
        parts = dict(options)
        content, headers, timeout = (parts.pop(name, None) for name in ("content", "headers", "timeout"))
        is_ready = content is not None and isinstance(timeout, self._http.Timeout) and not any(parts.values())
        if not is_ready or not is_enabled("lean-requests"):
            return super().build_request(method, url, **options)  # type: ignore[misc]
        return self._http.Request(
            method,
            parse_url(self._http, url),
            headers=headers,
            content=content,
            extensions={"timeout": timeout.as_dict()},
        )


LEAN_OPTIONS: Mapping[str, Any] = {"max_retries": 0, "security": {"bearer_auth": True}, "idempotency_key": ""}
"""Request options with the values that hold anyway. If they are not given, the SDK makes a deep copy of a default,
and a random key that it never sends, for each call."""


def lean_options() -> Mapping[str, Any]:
    """Return request options that spare the openai SDK work."""
    return LEAN_OPTIONS if is_enabled("lean-options") else {}


ADDED_PER_CALL = ("x-stainless-retry-count", "x-stainless-read-timeout")
"""Headers that the SDK makes for each call."""


def headers_of_sdk(default_headers: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the headers that the openai SDK adds to a call, at 5 µs or more each.

    They describe the machine, and repeat what OPENAI_CUSTOM_HEADERS says, which is not for Alibaba.
    """
    return (*default_headers, *(ADDED_PER_CALL if is_enabled("lean-headers") else ()))
