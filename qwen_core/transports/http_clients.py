"""The HTTP clients that carry requests: the openai SDK's own, which know proxies and certificates."""

from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from typing import Any

import openai

from qwen_core.transports.error_body_limits import async_hooks, hooks
from qwen_core.transports.http import ssl_context

HTTP = import_module(openai.DefaultHttpxClient.__bases__[0].__module__.partition(".")[0])
"""The HTTP library that the SDK stands on: httpx, or httpx2."""


parsed_url = lru_cache(maxsize=256)(HTTP.URL)


class ReadyRequests:
    """An HTTP client whose requests are what they are said to be: it adds no headers, parameters or cookies.

    To merge in nothing, and to parse the same URL again, takes 50 µs.
    """

    def build_request(self, method: str, url: Any, **said: Any) -> Any:
        """See the HTTP library, which still does what has more to it than the SDK's requests with ready bytes."""
        content, headers, timeout = said.pop("content", None), said.pop("headers", None), said.pop("timeout", None)
        if content is None or not isinstance(timeout, HTTP.Timeout) or any(said.values()):
            build = super().build_request  # type: ignore[misc]
            return build(method, url, content=content, headers=headers, timeout=timeout, **said)
        extensions = {"timeout": timeout.as_dict()}
        return HTTP.Request(method, parsed_url(url), headers=headers, content=content, extensions=extensions)


class HTTPClient(ReadyRequests, openai.DefaultHttpxClient):
    """The HTTP client of the SDK."""


class AsyncHTTPClient(ReadyRequests, openai.DefaultAsyncHttpxClient):
    """The same, awaited."""


class AioHTTPClient(ReadyRequests, openai.DefaultAioHttpClient):
    """The same on aiohttp: the pool of httpx is slow with hundreds of connections."""


def make_http_client() -> Any:
    """Return a new HTTP client for the openai SDK's requests."""
    return HTTPClient(verify=ssl_context(HTTP), event_hooks=hooks(HTTP))


def make_async_http_client() -> Any:
    """Return a new HTTP client for the openai SDK's requests in an event loop: on aiohttp if the SDK finds it."""
    with suppress(RuntimeError):
        return AioHTTPClient(verify=ssl_context(HTTP), event_hooks=async_hooks(HTTP))
    return AsyncHTTPClient(verify=ssl_context(HTTP), event_hooks=async_hooks(HTTP))


def make_plain_http_client() -> Any:
    """Return a new HTTP client as the openai SDK makes it by default, for forms and files."""
    return openai.DefaultHttpxClient(verify=ssl_context(HTTP), event_hooks=hooks(HTTP))


def make_async_plain_http_client() -> Any:
    """Return a new HTTP client for forms and files in an event loop: on aiohttp if the SDK finds it."""
    with suppress(RuntimeError):
        return openai.DefaultAioHttpClient(verify=ssl_context(HTTP), event_hooks=async_hooks(HTTP))
    return openai.DefaultAsyncHttpxClient(verify=ssl_context(HTTP), event_hooks=async_hooks(HTTP))
