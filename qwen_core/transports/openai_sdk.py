"""Carry bytes over the openai SDK, 2.x and 3.x.

The SDK's public ``client.post`` keeps its authentication, pool, proxies, timeouts and exceptions. Ready bytes go
in by ``content`` and the response's own bytes come out, so that no typed model is built on the way.
"""

from collections.abc import Mapping
from typing import Any

import openai

from qwen_core.config.settings import Connection
from qwen_core.protocols.base import EncodedRequest
from qwen_core.transports.base import HTTPResponse, HTTPStatusError
from qwen_core.transports.http import AsyncResponseStream, async_read_response, bound_attempt
from qwen_core.transports.http_clients import HTTP, make_async_http_client
from qwen_core.transports.http_errors import hide_keys, map_http_exception, map_network_exception
from qwen_core.transports.sdk_internals import async_limit_error_bodies, headers_of_sdk, lean_options
from qwen_core.types.error_translation import ErrorTranslation, with_cause


def client_arguments(connection: Connection) -> dict[str, Any]:
    """Return the arguments of both client classes. Retries are ours, so that both protocols behave alike."""
    return {
        # The SDK requires a key, even if it is not sent: a self-hosted server may need none.
        "api_key": connection.api_key or "none",
        "base_url": connection.base_url,
        "max_retries": 0,
    }


def request_headers(
    connection: Connection, user_agent: str, sdk_headers: Mapping[str, Any], client_headers: Mapping[str, str]
) -> dict[str, Any]:
    """Return the headers of every call, without those that the SDK adds by itself."""
    encodings = {name: value for name, value in client_headers.items() if name == "accept-encoding"}
    headers = {
        "Content-Type": "application/json",
        "User-Agent": user_agent,
        **encodings,
        "Authorization": f"Bearer {connection.api_key}" if connection.api_key else openai.Omit(),
        **dict(connection.headers),
    }
    return {**{name: openai.Omit() for name in headers_of_sdk(sdk_headers) if name not in headers}, **headers}


def request_options(
    connection: Connection, headers: Mapping[str, Any], request: EncodedRequest, end: float | None
) -> Any:
    """Return the headers and timeouts of one call.

    Redirects are not followed: they would carry the conversation elsewhere.
    """
    return {
        "headers": {**headers, **request.headers},
        "follow_redirects": False,
        **bound_attempt(connection, end, openai.Timeout),
        **lean_options(),
    }


def map_sdk_exception(error: BaseException) -> BaseException | None:
    """Return the error for what the SDK and its HTTP library raise, with that as the cause; else None."""
    if isinstance(error, openai.APIStatusError):
        hide_keys(error)
        response = HTTPResponse(error.response.status_code, error.response.headers, error.response.content)
        return with_cause(HTTPStatusError(response), error)
    if isinstance(error, openai.APIConnectionError):
        hide_keys(error)
        return with_cause(map_network_exception(error.__cause__ or error, HTTP, openai.APITimeoutError), error)
    return map_http_exception(error, HTTP)


NETWORK_ERRORS = ErrorTranslation(map_sdk_exception)


class AsyncOpenAITransport:
    """Sends requests over the openai SDK; see ``AsyncTransport``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        http_client = async_limit_error_bodies(connection.http_client) or make_async_http_client()
        self._client = openai.AsyncOpenAI(http_client=http_client, **client_arguments(connection))
        self._headers = request_headers(
            connection, self._client.user_agent, self._client.default_headers, http_client.headers
        )

    async def send(self, request: EncodedRequest, end: float | None = None) -> HTTPResponse:
        """Send a request and return the complete response."""
        return await async_read_response(await self.open_stream(request, end))

    async def open_stream(self, request: EncodedRequest, end: float | None = None) -> AsyncResponseStream:
        """Send a request and return the response once its headers have arrived."""
        with NETWORK_ERRORS:
            # A complete URL: joining a path to its base takes the SDK 50 µs.
            # The SDK returns a response that is asked for by ``cast_to`` even if it streams.
            response = await self._client.post(
                self._connection.base_url + request.path,
                content=request.body,
                options=request_options(self._connection, self._headers, request, end),
                cast_to=HTTP.Response,
                stream=True,
                stream_cls=openai.AsyncStream[object],
            )
        return AsyncResponseStream(response, NETWORK_ERRORS, end)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
