"""Call the service for what is not a model: files, batch jobs and tasks, over a plain HTTP client."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import TypeVar

import msgspec

from qwen_core.config.endpoints import ProtocolName, host_of
from qwen_core.config.settings import ClientSettings, Connection, resolve_connection
from qwen_core.config.timeouts import as_timeout
from qwen_core.execution.retry import Attempts, async_retry
from qwen_core.protocols.error_decoding import decode_body, decode_error
from qwen_core.transports.base import HTTPResponse, HTTPStatusError, normalize_headers
from qwen_core.transports.multipart import Form
from qwen_core.transports.plain import AsyncPlainTransport
from qwen_core.types.errors import NotFoundError, QwenError

MISSING = 404
NO_HEADERS: Mapping[str, str] = MappingProxyType({})

T = TypeVar("T")


def decode_response(kind: type[T], response: HTTPResponse, settings: ClientSettings) -> T:
    """Return the response as this kind of ``decodable`` struct."""
    decode: Callable[[bytes], T] = partial(msgspec.json.decode, type=kind)
    try:
        return decode_body(decode, response.body, dict(response.headers))
    except QwenError as error:
        error.host = settings.endpoint("openai").host
        raise


def key_headers(connection: Connection) -> dict[str, str]:
    """Return the headers that authenticate a request."""
    return {"Authorization": f"Bearer {connection.api_key}", **dict(connection.headers)}


def map_service_exception(error: QwenError | HTTPStatusError, connection: Connection) -> QwenError:
    """Return the error to raise for what a transport raised."""
    if isinstance(error, HTTPStatusError):
        response, cause = error.response, error.__cause__
        error = decode_error(response.status, response.body, normalize_headers(response.headers))
        if response.status == MISSING:
            # The service returns the code of an invalid request.
            error = NotFoundError(error.message, status_code=response.status, request_id=error.request_id)
        error.__cause__ = cause
    error.host = error.host or host_of(connection.base_url)
    return error


class AsyncServiceCalls:
    """Calls the service without blocking. Paths are relative to the base URL of the protocol."""

    def __init__(self, settings: ClientSettings, protocol: ProtocolName = "openai") -> None:
        self.settings = settings
        self.protocol = protocol

    async def fetch(self, method: str, path: str, kind: type[T]) -> T:
        """Send a request and return the response as this kind of struct. Retry as a chat does."""
        return decode_response(kind, await self.send(method, path), self.settings)

    async def send(self, method: str, path: str) -> HTTPResponse:
        """Send a request and return the response. Retry as a chat does."""
        attempts = Attempts(as_timeout(self.settings.timeout))
        attempt = partial(self.send_once, method, path, None, attempts.deadline.end)
        return await async_retry(attempt, attempts, self.settings.max_retries)

    async def send_once(
        self,
        method: str,
        path: str,
        body: Form | bytes | None = None,
        end: float | None = None,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> HTTPResponse:
        """Send a request once: a form can be read once, and what creates something would create it twice."""
        connection = resolve_connection(self.settings, self.protocol, asynchronous=True)
        transport = AsyncPlainTransport(connection)
        try:
            url = connection.base_url + path
            return await transport.send(method, url, {**key_headers(connection), **headers}, body, end)
        except (QwenError, HTTPStatusError) as error:
            raise map_service_exception(error, connection) from error.__cause__
        finally:
            await transport.close()
