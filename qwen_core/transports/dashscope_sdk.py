"""Carry bytes over the dashscope SDK, 2.x.

``Client.transport`` and ``AsyncClient.transport`` keep the SDK's authentication, pool, proxies, identification and
exceptions, one httpx pool for each client and nothing global. Both kinds of call go through ``open_stream``: it
never sends twice, raises the SDK's own exceptions, and leaves the body as it is. It takes the body as a value, so
that ours is read and written once more; the other way, ``request``, takes bytes but cannot stream.

Not used, on purpose: ``MultiModalConversation.call``, which uploads a file if a user's text is a path (protocol
document "native", 4.4), and ``client.chat``, which chooses the endpoint and parses the response (native 1.7).
"""

import os
from typing import Any

import dashscope
import httpx
import msgspec
from dashscope.v2.errors import APIConnectionError as SDKConnectionError
from dashscope.v2.errors import APITimeoutError as SDKTimeoutError
from dashscope.v2.errors import DashScopeError

from qwen_core.config.settings import Connection
from qwen_core.config.timeouts import READ
from qwen_core.protocols.base import EncodedRequest
from qwen_core.transports.base import HTTPResponse, HTTPStatusError
from qwen_core.transports.error_body_limits import SUCCESS_END, async_event_hooks
from qwen_core.transports.http import AsyncResponseStream, async_read_response, bound_attempt
from qwen_core.transports.http_errors import hide_keys, map_http_exception, map_network_exception
from qwen_core.transports.http_library import ssl_context
from qwen_core.transports.sdk_internals import async_limit_error_bodies
from qwen_core.types.error_translation import ErrorTranslation, with_cause
from qwen_core.types.errors import UnsupportedFeatureError

CONTENT_TYPE = {"Content-Type": "application/json"}

LIMITS = httpx.Limits(max_connections=1000, max_keepalive_connections=100)
"""The openai SDK's, so that both protocols carry the same load. This SDK's own: 100, 20, or what is set there."""


def make_async_http_client() -> httpx.AsyncClient:
    """Return a new HTTP client."""
    return httpx.AsyncClient(limits=LIMITS, verify=ssl_context(httpx), event_hooks=async_event_hooks(httpx))


def client_arguments(connection: Connection, http_client: Any, kind: type) -> dict[str, Any]:
    """Return the arguments of both client classes. Retries are ours, so that both protocols behave alike.

    Everything is given, so that neither ``dashscope.settings`` nor the environment nor the SDK's files decide.
    Raise UnsupportedFeatureError if the user's HTTP client is of another library.
    """
    if connection.http_client is not None and not isinstance(connection.http_client, kind):
        raise UnsupportedFeatureError(
            f"The native protocol needs an HTTP client of class {kind.__module__}.{kind.__name__} "
            f"(got {type(connection.http_client).__name__}).",
            hint='Pass a client of httpx, or use protocol="openai".',
        )
    return {
        "api_key": connection.api_key,
        "base_url": connection.base_url,
        "workspace": "",
        "region": "cn-beijing",
        "protocol": "native",
        "timeout": READ,
        "max_retries": 0,
        "config_path": os.devnull,
        "http_client": http_client,
    }


def call_arguments(connection: Connection, request: EncodedRequest, end: float | None) -> dict[str, Any]:
    """Return the arguments of one call, with base URL and key: a user's own HTTP client knows neither."""
    return {
        "json": msgspec.json.decode(request.body),
        "headers": {**CONTENT_TYPE, **dict(connection.headers), **request.headers},
        "base_url": connection.base_url,
        "api_key": connection.api_key,
        **bound_attempt(connection, end, httpx.Timeout),
    }


def map_sdk_exception(error: BaseException) -> BaseException | None:
    """Return the error for what the SDK and httpx raise, with that as the cause; else None."""
    if isinstance(error, SDKConnectionError):
        hide_keys(error)
        return with_cause(map_network_exception(error.__cause__ or error, httpx, SDKTimeoutError), error)
    if isinstance(error, DashScopeError):
        hide_keys(error)
        return with_cause(HTTPStatusError(response_of(error)), error)
    return map_http_exception(error, httpx)


NETWORK_ERRORS = ErrorTranslation(map_sdk_exception)


def response_of(error: DashScopeError) -> HTTPResponse:
    """Return the response behind an exception of the SDK. It keeps the body as a value, or else as the message."""
    body = error.message.encode() if error.body is None else msgspec.json.encode(error.body)
    return HTTPResponse(error.status_code or 0, error.headers, body)


class AsyncDashScopeTransport:
    """Sends requests over the dashscope SDK; see ``AsyncTransport``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._http = async_limit_error_bodies(connection.http_client) or make_async_http_client()
        self._client = dashscope.AsyncClient(**client_arguments(connection, self._http, httpx.AsyncClient))

    async def send(self, request: EncodedRequest, end: float | None = None) -> HTTPResponse:
        """Send a request and return the complete response."""
        return await async_read_response(await self.open_stream(request, end))

    async def open_stream(self, request: EncodedRequest, end: float | None = None) -> AsyncResponseStream:
        """Send a request and return the response once its headers have arrived."""
        with NETWORK_ERRORS:
            response = await self._client.transport.open_stream(
                "POST", request.path, **call_arguments(self._connection, request, end)
            )
            # The SDK follows no redirects, and raises only from 400 on.
            if response.status_code >= SUCCESS_END:
                await response.aclose()
                raise HTTPStatusError(HTTPResponse(response.status_code, response.headers, b""))
        return AsyncResponseStream(response, NETWORK_ERRORS, end)

    async def close(self) -> None:
        """Close the connections, unless they are the user's."""
        await self._client.aclose()
        if self._connection.http_client is None:
            await self._http.aclose()
