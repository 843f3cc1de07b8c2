"""Exchanges over a plain HTTP client: forms and files, which the SDKs' JSON calls do not carry.

The client is the user's own, or the openai SDK's default one, which knows proxies and certificates. Nothing is
added to what is sent, so that a key goes only where its header says.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import openai

from qwen_core.forms import Form
from qwen_core.settings import Connection
from qwen_core.transports.base import Answer, StatusFailure
from qwen_core.transports.http import connection_error, library_errors
from qwen_core.transports.openai_sdk import http_library

REDIRECTS = 300
"""Statuses from here on are no answers: a redirect is not followed, because it could lead anywhere."""


def client_arguments(connection: Connection) -> dict[str, Any]:
    """What a client of our own is made with."""
    return {} if connection.timeout is None else {"timeout": connection.timeout}


@contextmanager
def network_errors(client: Any) -> Iterator[None]:
    """Translate what the HTTP library raises."""
    http = http_library(client.base_url)
    try:
        yield
    except library_errors(http) as error:
        raise connection_error(error, http) from error


def as_answer(response: Any) -> Answer:
    """The whole answer; raises for an error status."""
    answer = Answer(response.status_code, response.headers, response.content)
    if answer.status >= REDIRECTS:
        raise StatusFailure(answer)
    return answer


class PlainTransport:
    """Sends requests one by one. Must be closed."""

    def __init__(self, connection: Connection) -> None:
        self._is_own = connection.http_client is None
        self._client: Any = connection.http_client or openai.DefaultHttpxClient(**client_arguments(connection))

    def send(self, method: str, url: str, headers: Mapping[str, str], form: Form | None = None) -> Answer:
        """The answer. Raises StatusFailure for an error status."""
        content = {"content": form.blocks()} if form else {}
        headers = {**headers, **form.headers} if form else headers
        with network_errors(self._client):
            response = self._client.request(method, url, headers=headers, follow_redirects=False, **content)
        return as_answer(response)

    def close(self) -> None:
        """Close the connections, unless they are the user's."""
        if self._is_own:
            self._client.close()


class AsyncPlainTransport:
    """Sends requests one by one, awaited. Must be closed."""

    def __init__(self, connection: Connection) -> None:
        self._is_own = connection.http_client is None
        self._client: Any = connection.http_client or openai.DefaultAsyncHttpxClient(
            **client_arguments(connection)
        )

    async def send(self, method: str, url: str, headers: Mapping[str, str], form: Form | None = None) -> Answer:
        """The answer. Raises StatusFailure for an error status."""
        content = {"content": form.async_blocks()} if form else {}
        headers = {**headers, **form.headers} if form else headers
        with network_errors(self._client):
            response = await self._client.request(method, url, headers=headers, follow_redirects=False, **content)
        return as_answer(response)

    async def close(self) -> None:
        """Close the connections, unless they are the user's."""
        if self._is_own:
            await self._client.aclose()
