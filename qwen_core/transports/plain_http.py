"""Exchanges over a plain HTTP client: forms and files, which the SDKs' JSON calls do not carry.

The client is the user's own, or the openai SDK's default one, which knows proxies and certificates. Nothing is
added to what is sent, so that a key goes only where its header says.
"""

from collections.abc import Mapping
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any

import openai

from qwen_core.error_translation import ErrorTranslation
from qwen_core.forms import Form
from qwen_core.settings import Connection
from qwen_core.transports.base import Answer, StatusFailure
from qwen_core.transports.http import attempt_timeout, library_failure
from qwen_core.transports.openai_sdk import make_async_http_client, make_http_client

ASYNC_KINDS = (openai.DefaultAioHttpClient, openai.DefaultAsyncHttpxClient)
JSON = {"Content-Type": "application/json"}
REDIRECTS = 300
"""Statuses from here on are no answers: a redirect is not followed, because it could lead anywhere."""


def http_library(client_or_url: object) -> ModuleType:
    """The HTTP library in use, httpx or httpx2, told by the class of its object."""
    return import_module(type(client_or_url).__module__.partition(".")[0])


def exchange_options(connection: Connection, client: Any) -> dict[str, Any]:
    """What both kinds of client are told for one exchange."""
    timeout = http_library(client.base_url).Timeout
    return {"follow_redirects": False, **attempt_timeout(connection, None, timeout)}


def network_errors(client: Any) -> ErrorTranslation:
    """Translates what the HTTP library raises."""
    return ErrorTranslation(partial(library_failure, http=http_library(client.base_url)))


def as_answer(response: Any) -> Answer:
    """The whole answer; raises for an error status."""
    answer = Answer(response.status_code, response.headers, response.content)
    if answer.status >= REDIRECTS:
        raise StatusFailure(answer)
    return answer


class PlainTransport:
    """Sends requests one by one. Must be closed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._is_own = connection.http_client is None
        self._client: Any = connection.http_client or make_http_client(openai.DefaultHttpxClient)

    def send(self, method: str, url: str, headers: Mapping[str, str], body: Form | bytes | None = None) -> Answer:
        """The answer. Raises StatusFailure for an error status."""
        options = exchange_options(self._connection, self._client)
        if body is not None:
            options["content"] = body.blocks() if isinstance(body, Form) else body
        headers = {**headers, **(body.headers if isinstance(body, Form) else JSON if body else {})}
        with network_errors(self._client):
            response = self._client.request(method, url, headers=headers, **options)
        return as_answer(response)

    def close(self) -> None:
        """Close the connections, unless they are the user's."""
        if self._is_own:
            self._client.close()


class AsyncPlainTransport:
    """Sends requests one by one, awaited. Must be closed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._is_own = connection.http_client is None
        self._client: Any = connection.http_client or make_async_http_client(*ASYNC_KINDS)

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: Form | bytes | None = None
    ) -> Answer:
        """The answer. Raises StatusFailure for an error status."""
        options = exchange_options(self._connection, self._client)
        if body is not None:
            options["content"] = body.async_blocks() if isinstance(body, Form) else body
        headers = {**headers, **(body.headers if isinstance(body, Form) else JSON if body else {})}
        with network_errors(self._client):
            response = await self._client.request(method, url, headers=headers, **options)
        return as_answer(response)

    async def close(self) -> None:
        """Close the connections, unless they are the user's."""
        if self._is_own:
            await self._client.aclose()
