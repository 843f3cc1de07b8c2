"""Bytes over the openai SDK, 2.x and 3.x.

The SDK's public ``client.post`` keeps its authentication, pool, proxies, timeouts and exceptions. Ready bytes go
in by ``content`` and the response's own bytes come out, so that no typed model is built on the way.
"""

from collections.abc import Mapping
from typing import Any

import openai

from qwen_core.config.settings import Connection
from qwen_core.protocols.base import EncodedRequest
from qwen_core.transports.base import HTTPResponse, HTTPStatusError
from qwen_core.transports.error_body_limits import async_cutting, cutting
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
)
from qwen_core.transports.http_clients import HTTP, make_async_http_client, make_http_client
from qwen_core.types.error_translation import ErrorTranslation, with_cause

ADDED_TO_EACH_CALL = ("x-stainless-retry-count", "x-stainless-read-timeout")
"""Headers that the SDK makes for each call."""


def client_arguments(connection: Connection) -> dict[str, Any]:
    """What both client classes are made with. Retries are ours, so that both wires behave alike."""
    return {
        # The SDK wants one, also where it is not sent: a server of the user's own may need none.
        "api_key": connection.api_key or "none",
        "base_url": connection.base_url,
        "max_retries": 0,
    }


SECURITY = {"bearer_auth": True}


def own_headers(
    connection: Connection, client: openai.OpenAI | openai.AsyncOpenAI, http_client: Any
) -> dict[str, Any]:
    """The headers of every call. What the SDK adds by itself is left out, at 5 µs each.

    It tells of the machine, and sends what OPENAI_CUSTOM_HEADERS says, which is not for Alibaba.
    """
    encodings = {name: value for name, value in http_client.headers.items() if name == "accept-encoding"}
    own = {
        "Content-Type": "application/json",
        "User-Agent": client.user_agent,
        **encodings,
        "Authorization": f"Bearer {connection.api_key}" if connection.api_key else openai.Omit(),
        **dict(connection.headers),
    }
    added = (*client.default_headers, *ADDED_TO_EACH_CALL)
    return {**{name: openai.Omit() for name in added if name not in own}, **own}


def request_options(
    connection: Connection, headers: Mapping[str, Any], request: EncodedRequest, end: float | None
) -> Any:
    """The headers and timeouts of one call.

    Redirects are not followed: they would carry the conversation elsewhere. The last three say what holds anyway:
    unsaid, the SDK makes a deep copy of a default, or a random key that it never sends, for each call.
    """
    return {
        "headers": {**headers, **request.headers},
        "follow_redirects": False,
        **bound_attempt(connection, end, openai.Timeout),
        "max_retries": 0,
        "security": SECURITY,
        "idempotency_key": "",
    }


def failure(error: BaseException) -> BaseException | None:
    """Our error for what the SDK and its HTTP library raise, with that as the cause."""
    if isinstance(error, openai.APIStatusError):
        hide_keys(error)
        response = error.response
        return with_cause(
            HTTPStatusError(HTTPResponse(response.status_code, response.headers, response.content)), error
        )
    if isinstance(error, openai.APIConnectionError):
        hide_keys(error)
        return with_cause(connection_error(error.__cause__ or error, HTTP, openai.APITimeoutError), error)
    return library_failure(error, HTTP)


NETWORK_ERRORS = ErrorTranslation(failure)


class OpenAITransport:
    """See ``Transport``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        own = cutting(connection.http_client)
        http_client = own or make_http_client()
        self._client = openai.OpenAI(http_client=http_client, **client_arguments(connection))
        self._headers = own_headers(connection, self._client, http_client)

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
            # A whole URL: to join a path to its base takes the SDK 50 µs.
            # A response that was asked for is given even of a stream.
            response = self._client.post(
                self._connection.base_url + request.path,
                content=request.body,
                options=request_options(self._connection, self._headers, request, end),
                cast_to=HTTP.Response,
                stream=True,
                stream_cls=openai.Stream[object],
            )
        return ResponseStream(response, NETWORK_ERRORS, end)

    def close(self) -> None:
        self._client.close()


class AsyncOpenAITransport:
    """See ``AsyncTransport``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        own = async_cutting(connection.http_client)
        http_client = own or make_async_http_client()
        self._client = openai.AsyncOpenAI(http_client=http_client, **client_arguments(connection))
        self._headers = own_headers(connection, self._client, http_client)

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
            # A whole URL: to join a path to its base takes the SDK 50 µs.
            # A response that was asked for is given even of a stream.
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
        await self._client.close()
