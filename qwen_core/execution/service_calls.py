"""Calls beside the models': for files and batch jobs, over a plain HTTP client.

``ServiceCalls`` and ``AsyncServiceCalls`` are twins: a test strips ``async`` and ``await`` and holds them equal.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import msgspec

from qwen_core.config.endpoints import host_of
from qwen_core.config.settings import ClientSettings, Connection, resolve_connection
from qwen_core.config.timeouts import as_timeout
from qwen_core.execution.retry import Attempts, async_retry
from qwen_core.execution.sync.retry import retry
from qwen_core.protocols.error_decoding import decode_body, decode_error
from qwen_core.transports.base import HTTPResponse, HTTPStatusError, normalize_headers
from qwen_core.transports.multipart import Form
from qwen_core.transports.plain import AsyncPlainTransport
from qwen_core.transports.sync.plain import PlainTransport
from qwen_core.types.errors import NotFoundError, QwenError

MISSING = 404

T = TypeVar("T")


def read(kind: type[T], answer: HTTPResponse, settings: ClientSettings) -> T:
    """The answer as this kind of ``decodable`` struct."""
    decode: Callable[[bytes], T] = partial(msgspec.json.decode, type=kind)
    try:
        return decode_body(decode, answer.body, dict(answer.headers))
    except QwenError as error:
        error.host = settings.endpoint("openai").host
        raise


def key_headers(connection: Connection) -> dict[str, str]:
    """What the service wants to see."""
    return {"Authorization": f"Bearer {connection.api_key}", **dict(connection.headers)}


def call_failure(error: QwenError | HTTPStatusError, connection: Connection) -> QwenError:
    """The error to raise."""
    if isinstance(error, HTTPStatusError):
        answer, cause = error.response, error.__cause__
        error = decode_error(answer.status, answer.body, normalize_headers(answer.headers))
        if answer.status == MISSING:
            # The service calls this an invalid request.
            error = NotFoundError(error.message, status_code=answer.status, request_id=error.request_id)
        error.__cause__ = cause
    error.host = error.host or host_of(connection.base_url)
    return error


class ServiceCalls:
    """Asks the service. Paths begin behind the base URL of the OpenAI-compatible wire."""

    def __init__(self, settings: ClientSettings) -> None:
        self.settings = settings

    def ask(self, method: str, path: str, kind: type[T]) -> T:
        """The answer as this kind of struct. Tried again as a chat is."""
        return read(kind, self.send(method, path), self.settings)

    def send(self, method: str, path: str) -> HTTPResponse:
        """The answer. Tried again as a chat is."""
        attempts = Attempts(as_timeout(self.settings.timeout))
        attempt = partial(self.send_once, method, path, None, attempts.deadline.end)
        return retry(attempt, attempts, self.settings.max_retries)

    def send_once(
        self, method: str, path: str, body: Form | bytes | None = None, end: float | None = None
    ) -> HTTPResponse:
        """The answer, asked for once: a form can be read once, and what makes something new is made twice."""
        connection = resolve_connection(self.settings, "openai", asynchronous=False)
        transport = PlainTransport(connection)
        try:
            url = connection.base_url + path
            return transport.send(method, url, key_headers(connection), body, end)
        except (QwenError, HTTPStatusError) as error:
            raise call_failure(error, connection) from error.__cause__
        finally:
            transport.close()


class AsyncServiceCalls:
    """Asks the service without blocking. Paths begin behind the base URL of the OpenAI-compatible wire."""

    def __init__(self, settings: ClientSettings) -> None:
        self.settings = settings

    async def ask(self, method: str, path: str, kind: type[T]) -> T:
        """The answer as this kind of struct. Tried again as a chat is."""
        return read(kind, await self.send(method, path), self.settings)

    async def send(self, method: str, path: str) -> HTTPResponse:
        """The answer. Tried again as a chat is."""
        attempts = Attempts(as_timeout(self.settings.timeout))
        attempt = partial(self.send_once, method, path, None, attempts.deadline.end)
        return await async_retry(attempt, attempts, self.settings.max_retries)

    async def send_once(
        self, method: str, path: str, body: Form | bytes | None = None, end: float | None = None
    ) -> HTTPResponse:
        """The answer, asked for once: a form can be read once, and what makes something new is made twice."""
        connection = resolve_connection(self.settings, "openai", asynchronous=True)
        transport = AsyncPlainTransport(connection)
        try:
            url = connection.base_url + path
            return await transport.send(method, url, key_headers(connection), body, end)
        except (QwenError, HTTPStatusError) as error:
            raise call_failure(error, connection) from error.__cause__
        finally:
            await transport.close()
