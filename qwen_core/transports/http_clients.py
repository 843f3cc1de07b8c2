"""Make the HTTP clients that carry requests: the openai SDK's own, which know proxies and certificates."""

from contextlib import suppress
from typing import Any

import openai

from qwen_core.transports.error_body_limits import async_event_hooks
from qwen_core.transports.http_library import http_library, ssl_context
from qwen_core.transports.sdk_internals import LeanRequests
from qwen_core.transports.sync.error_body_limits import event_hooks

HTTP = http_library(openai.DefaultHttpxClient)
"""The HTTP library that the openai SDK stands on."""


class HTTPClient(LeanRequests, openai.DefaultHttpxClient):
    """The HTTP client of the openai SDK, for its requests."""


class AsyncHTTPClient(LeanRequests, openai.DefaultAsyncHttpxClient):
    """The async HTTP client of the openai SDK, for its requests."""


class AioHTTPClient(LeanRequests, openai.DefaultAioHttpClient):
    """The HTTP client of the openai SDK on aiohttp: the pool of httpx is slow with hundreds of connections."""


def make_http_client(kind: Any = HTTPClient) -> Any:
    """Return a new HTTP client."""
    return kind(verify=ssl_context(HTTP), event_hooks=event_hooks(HTTP))


def make_async_http_client(on_aiohttp: Any = None, on_httpx: Any = AsyncHTTPClient) -> Any:
    """Return a new async HTTP client: on aiohttp if the SDK finds it, else on httpx."""
    options: dict[str, Any] = {"verify": ssl_context(HTTP), "event_hooks": async_event_hooks(HTTP)}
    with suppress(RuntimeError):
        return (on_aiohttp or AioHTTPClient)(**options)
    return on_httpx(**options)


def make_plain_http_client() -> Any:
    """Return a new HTTP client for forms and files."""
    return make_http_client(openai.DefaultHttpxClient)


def make_async_plain_http_client() -> Any:
    """Return a new async HTTP client for forms and files."""
    return make_async_http_client(openai.DefaultAioHttpClient, openai.DefaultAsyncHttpxClient)
