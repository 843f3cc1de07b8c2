"""Bytes over the openai SDK, 2.x and 3.x.

The SDK's public ``client.post`` keeps its authentication, pool, proxies, timeouts and exceptions. Ready bytes go
in by ``content`` and the response's own bytes come out, so that no typed model is built on the way.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from typing import Any

import openai

from qwen_core.errors import APIConnectionError, QwenError
from qwen_core.protocols.base import EncodedRequest
from qwen_core.settings import Connection
from qwen_core.transports.base import Answer, StatusFailure
from qwen_core.transports.http import (
    OK,
    AsyncResponseStream,
    Body,
    NetworkErrors,
    ResponseStream,
    attempt_timeout,
    connection_error,
    cut_body,
    hide_keys,
    library_errors,
    ssl_context,
)

CONTENT_TYPE = {"Content-Type": "application/json"}

HTTP = import_module(openai.DefaultHttpxClient.__bases__[0].__module__.partition(".")[0])
"""The HTTP library that the SDK stands on: httpx, or httpx2."""


def client_arguments(connection: Connection) -> dict[str, Any]:
    """What both client classes are made with. Retries are ours, so that both wires behave alike."""
    return {
        # The SDK wants one, also where it is not sent: a server of the user's own may need none.
        "api_key": connection.api_key or "none",
        "base_url": connection.base_url,
        "max_retries": 0,
    }


def make_http_client() -> Any:
    """The HTTP client that the SDK would make."""
    return openai.DefaultHttpxClient(verify=ssl_context(HTTP))


def make_async_http_client() -> Any:
    """The same on aiohttp, where the SDK finds it: the pool of httpx is slow with hundreds of connections."""
    with suppress(RuntimeError):
        return openai.DefaultAioHttpClient(verify=ssl_context(HTTP))
    return openai.DefaultAsyncHttpxClient(verify=ssl_context(HTTP))


def forget_openai_account(client: openai.OpenAI | openai.AsyncOpenAI) -> None:
    """Drop the organisation and project that the SDK takes from the environment: they are not for Alibaba."""
    client.organization = None
    client.project = None


def request_options(connection: Connection, request: EncodedRequest, end: float | None) -> Any:
    """The headers and timeouts of one call. Headers that OPENAI_CUSTOM_HEADERS would add are left out.

    Redirects are not followed: they would carry the conversation elsewhere.
    """
    ambient = os.environ.get("OPENAI_CUSTOM_HEADERS", "")
    names = [line.partition(":")[0].strip() for line in ambient.split("\n") if ":" in line]
    headers: dict[str, Any] = {name: openai.Omit() for name in names}
    if not connection.api_key:
        headers["Authorization"] = openai.Omit()
    return {
        "headers": {**headers, **CONTENT_TYPE, **dict(connection.headers), **request.headers},
        "follow_redirects": False,
        **attempt_timeout(connection, end, openai.Timeout),
    }


@contextmanager
def network_errors(http: Any) -> Iterator[None]:
    """Translate what the SDK and its HTTP library raise. The SDK's exception stays as the cause."""
    try:
        yield
    except QwenError:
        raise
    except openai.APIStatusError as error:
        hide_keys(error)
        response = error.response
        raise StatusFailure(Answer(response.status_code, response.headers, response.content)) from error
    except openai.APIConnectionError as error:
        hide_keys(error)
        raise connection_error(error.__cause__ or error, http, openai.APITimeoutError) from error
    except library_errors(http) as error:
        hide_keys(error)
        raise connection_error(error, http) from error
    except OSError as error:
        # A socket error that the library let through.
        raise APIConnectionError(f"The connection failed: {error}") from error


class BodyStream(openai.Stream[object]):
    """An answer whose bytes are read here. The SDK's iterator would keep it until the garbage collector runs."""

    def __init__(self, *, response: Any, **_: Any) -> None:
        self.response = response


class AsyncBodyStream(openai.AsyncStream[object]):
    """The same, awaited."""

    def __init__(self, *, response: Any, **_: Any) -> None:
        self.response = response


NETWORK_ERRORS: NetworkErrors = partial(network_errors, HTTP)


class OpenAITransport:
    """See ``Transport``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        http_client = connection.http_client or make_http_client()
        self._client = openai.OpenAI(http_client=http_client, **client_arguments(connection))
        forget_openai_account(self._client)

    def send(self, request: EncodedRequest, end: float | None = None) -> Answer:
        stream = self.open_stream(request, end)
        try:
            body = Body()
            with cut_body():
                for segment in stream:
                    body.add(segment)
            return Answer(OK, stream.headers, body.whole())
        finally:
            stream.close()

    def open_stream(self, request: EncodedRequest, end: float | None = None) -> ResponseStream:
        with NETWORK_ERRORS():
            # A whole URL: to join a path to its base takes the SDK 50 µs.
            stream = self._client.post(
                self._connection.base_url + request.path,
                content=request.body,
                options=request_options(self._connection, request, end),
                cast_to=object,
                stream=True,
                stream_cls=BodyStream,
            )
        return ResponseStream(stream.response, NETWORK_ERRORS, end)

    def close(self) -> None:
        self._client.close()


class AsyncOpenAITransport:
    """See ``AsyncTransport``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        http_client = connection.http_client or make_async_http_client()
        self._client = openai.AsyncOpenAI(http_client=http_client, **client_arguments(connection))
        forget_openai_account(self._client)

    async def send(self, request: EncodedRequest, end: float | None = None) -> Answer:
        stream = await self.open_stream(request, end)
        try:
            body = Body()
            with cut_body():
                async for segment in stream:
                    body.add(segment)
            return Answer(OK, stream.headers, body.whole())
        finally:
            await stream.close()

    async def open_stream(self, request: EncodedRequest, end: float | None = None) -> AsyncResponseStream:
        with NETWORK_ERRORS():
            # A whole URL: to join a path to its base takes the SDK 50 µs.
            stream = await self._client.post(
                self._connection.base_url + request.path,
                content=request.body,
                options=request_options(self._connection, request, end),
                cast_to=object,
                stream=True,
                stream_cls=AsyncBodyStream,
            )
        return AsyncResponseStream(stream.response, NETWORK_ERRORS, end)

    async def close(self) -> None:
        await self._client.close()
