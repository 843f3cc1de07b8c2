"""Exchanges over a plain HTTP client: forms and files, which the SDKs' JSON calls do not carry.

The client is the user's own, or the openai SDK's default one, which knows proxies and certificates. Nothing is
added to what is sent, so that a key goes only where its header says.
"""

from collections.abc import Mapping
from functools import partial
from time import monotonic
from typing import Any

import openai

from qwen_core.config.settings import Connection
from qwen_core.config.timeouts import Deadline
from qwen_core.transports.base import Answer, StatusFailure
from qwen_core.transports.error_body_limits import SUCCESS_END, async_cutting, cutting, http_library
from qwen_core.transports.http import AsyncResponseStream, ResponseStream, bound_attempt, library_failure
from qwen_core.transports.multipart import Form
from qwen_core.transports.openai_sdk import make_async_http_client, make_http_client
from qwen_core.types.error_translation import ErrorTranslation

KINDS = (openai.DefaultHttpxClient,)
ASYNC_KINDS = (openai.DefaultAioHttpClient, openai.DefaultAsyncHttpxClient)
JSON = {"Content-Type": "application/json"}


def sent_headers(headers: Mapping[str, str], body: Form | bytes | None) -> dict[str, str]:
    """The headers of one exchange, with those that say what the body is."""
    return {**headers, **(body.headers if isinstance(body, Form) else JSON if body else {})}


class PlainTransport:
    """Sends requests one by one. Must be closed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._is_own = connection.http_client is None
        self._client: Any = cutting(connection.http_client) or make_http_client(*KINDS)
        self._http = http_library(self._client)
        self._network_errors = ErrorTranslation(partial(library_failure, http=self._http))

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Form | bytes | None = None,
        end: float | None = None,
    ) -> Answer:
        """The answer. Raises StatusFailure for an error status. ``end`` where the call began before."""
        if end is None:
            end = Deadline.of(self._connection.timeout, monotonic()).end
        with self._network_errors:
            request = self._client.build_request(
                method,
                url,
                content=body.blocks() if isinstance(body, Form) else body,
                headers=sent_headers(headers, body),
                **bound_attempt(self._connection, end, self._http.Timeout),
            )
            response = self._client.send(request, stream=True, follow_redirects=False)
        stream = ResponseStream(response, self._network_errors, end)
        try:
            if response.status_code >= SUCCESS_END:
                raise StatusFailure(Answer(response.status_code, response.headers, response.read()))
            return Answer(response.status_code, response.headers, b"".join([segment for segment in stream]))
        finally:
            stream.close()

    def close(self) -> None:
        """Close the connections, unless they are the user's."""
        if self._is_own:
            self._client.close()


class AsyncPlainTransport:
    """Sends requests one by one, awaited. Must be closed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._is_own = connection.http_client is None
        self._client: Any = async_cutting(connection.http_client) or make_async_http_client(*ASYNC_KINDS)
        self._http = http_library(self._client)
        self._network_errors = ErrorTranslation(partial(library_failure, http=self._http))

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Form | bytes | None = None,
        end: float | None = None,
    ) -> Answer:
        """The answer. Raises StatusFailure for an error status. ``end`` where the call began before."""
        if end is None:
            end = Deadline.of(self._connection.timeout, monotonic()).end
        with self._network_errors:
            request = self._client.build_request(
                method,
                url,
                content=body.async_blocks() if isinstance(body, Form) else body,
                headers=sent_headers(headers, body),
                **bound_attempt(self._connection, end, self._http.Timeout),
            )
            response = await self._client.send(request, stream=True, follow_redirects=False)
        stream = AsyncResponseStream(response, self._network_errors, end)
        try:
            if response.status_code >= SUCCESS_END:
                raise StatusFailure(Answer(response.status_code, response.headers, await response.aread()))
            return Answer(response.status_code, response.headers, b"".join([segment async for segment in stream]))
        finally:
            await stream.close()

    async def close(self) -> None:
        """Close the connections, unless they are the user's."""
        if self._is_own:
            await self._client.aclose()
