"""Bytes over the dashscope SDK, 2.x.

``Client.transport`` and ``AsyncClient.transport`` keep the SDK's authentication, pool, proxies, identification and
exceptions, one httpx pool for each client and nothing global. Both kinds of call go through ``open_stream``: it
never sends twice, raises the SDK's own exceptions, and leaves the body as it is. It takes the body as a value, so
that ours is read and written once more; the other way, ``request``, takes bytes but cannot stream.

Not used, on purpose: ``MultiModalConversation.call``, which uploads a file where a user's text is a path (protocol
document "native", 4.4), and ``client.chat``, which chooses the endpoint and parses the answer (native 1.7).
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
from qwen_core.transports.error_body_limits import SUCCESS_END, async_cutting, async_hooks, cutting, hooks
from qwen_core.transports.http import (
    CUT_BODY,
    OK,
    AsyncResponseStream,
    Body,
    ResponseStream,
    bound_attempt,
    connection_error,
    hide_keys,
    library_failure,
    ssl_context,
)
from qwen_core.types.error_translation import ErrorTranslation, with_cause
from qwen_core.types.errors import UnsupportedFeatureError

CONTENT_TYPE = {"Content-Type": "application/json"}

LIMITS = httpx.Limits(max_connections=1000, max_keepalive_connections=100)
"""The openai SDK's, so that both wires carry the same load. This SDK's own are 100, 20, or what is set there."""


def make_http_client() -> httpx.Client:
    """An HTTP client."""
    return httpx.Client(limits=LIMITS, verify=ssl_context(httpx), event_hooks=hooks(httpx))


def make_async_http_client() -> httpx.AsyncClient:
    """The same, awaited."""
    return httpx.AsyncClient(limits=LIMITS, verify=ssl_context(httpx), event_hooks=async_hooks(httpx))


def client_arguments(connection: Connection, http_client: Any, kind: type) -> dict[str, Any]:
    """What both client classes are made with. Retries are ours, so that both wires behave alike.

    Everything is said, so that neither ``dashscope.settings`` nor the environment nor the SDK's files decide.
    """
    if connection.http_client is not None and not isinstance(connection.http_client, kind):
        raise UnsupportedFeatureError(
            f"The native protocol runs on {kind.__module__}.{kind.__name__}, but http_client is of another class.",
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
    """What is said for one call. Base URL and key too: a user's own HTTP client knows neither."""
    return {
        "json": msgspec.json.decode(request.body),
        "headers": {**CONTENT_TYPE, **dict(connection.headers), **request.headers},
        "base_url": connection.base_url,
        "api_key": connection.api_key,
        **bound_attempt(connection, end, httpx.Timeout),
    }


def failure(error: BaseException) -> BaseException | None:
    """Our error for what the SDK and httpx raise, with that as the cause."""
    if isinstance(error, SDKConnectionError):
        hide_keys(error)
        return with_cause(connection_error(error.__cause__ or error, httpx, SDKTimeoutError), error)
    if isinstance(error, DashScopeError):
        hide_keys(error)
        return with_cause(HTTPStatusError(failed_answer(error)), error)
    return library_failure(error, httpx)


NETWORK_ERRORS = ErrorTranslation(failure)


def failed_answer(error: DashScopeError) -> HTTPResponse:
    """The answer that the SDK made an exception of. It keeps the body as a value, or else as the message."""
    body = error.message.encode() if error.body is None else msgspec.json.encode(error.body)
    return HTTPResponse(error.status_code or 0, error.headers, body)


class DashScopeTransport:
    """See ``Transport``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._http = cutting(connection.http_client) or make_http_client()
        self._client = dashscope.Client(**client_arguments(connection, self._http, httpx.Client))

    def send(self, request: EncodedRequest, end: float | None = None) -> HTTPResponse:
        stream = self.open_stream(request, end)
        try:
            body = Body()
            with CUT_BODY:
                for segment in stream:
                    body.add(segment)
            return HTTPResponse(OK, stream.headers, body.whole())
        finally:
            stream.close()

    def open_stream(self, request: EncodedRequest, end: float | None = None) -> ResponseStream:
        with NETWORK_ERRORS:
            response = self._client.transport.open_stream(
                "POST", request.path, **call_arguments(self._connection, request, end)
            )
            # The SDK follows no redirects, and refuses only from 400 on.
            if response.status_code >= SUCCESS_END:
                response.close()
                raise HTTPStatusError(HTTPResponse(response.status_code, response.headers, b""))
        return ResponseStream(response, NETWORK_ERRORS, end)

    def close(self) -> None:
        self._client.close()
        if self._connection.http_client is None:
            self._http.close()


class AsyncDashScopeTransport:
    """See ``AsyncTransport``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._http = async_cutting(connection.http_client) or make_async_http_client()
        self._client = dashscope.AsyncClient(**client_arguments(connection, self._http, httpx.AsyncClient))

    async def send(self, request: EncodedRequest, end: float | None = None) -> HTTPResponse:
        stream = await self.open_stream(request, end)
        try:
            body = Body()
            with CUT_BODY:
                async for segment in stream:
                    body.add(segment)
            return HTTPResponse(OK, stream.headers, body.whole())
        finally:
            await stream.close()

    async def open_stream(self, request: EncodedRequest, end: float | None = None) -> AsyncResponseStream:
        with NETWORK_ERRORS:
            response = await self._client.transport.open_stream(
                "POST", request.path, **call_arguments(self._connection, request, end)
            )
            # The SDK follows no redirects, and refuses only from 400 on.
            if response.status_code >= SUCCESS_END:
                await response.aclose()
                raise HTTPStatusError(HTTPResponse(response.status_code, response.headers, b""))
        return AsyncResponseStream(response, NETWORK_ERRORS, end)

    async def close(self) -> None:
        await self._client.aclose()
        if self._connection.http_client is None:
            await self._http.aclose()
