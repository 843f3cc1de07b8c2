# Generated from qwen_core/execution/service_calls.py by scripts/generate_sync.py: do not edit.
"""Call the service for what is not a model: files, batch jobs and tasks, over a plain HTTP client."""

from collections.abc import Mapping
from functools import partial

from qwen_core.config.endpoints import ProtocolName
from qwen_core.config.settings import ClientSettings, resolve_connection
from qwen_core.config.timeouts import as_timeout
from qwen_core.execution.retry import Attempts
from qwen_core.execution.service_calls import NO_HEADERS, T, decode_response, key_headers, map_service_exception
from qwen_core.execution.sync.retry import retry
from qwen_core.transports.base import HTTPResponse, HTTPStatusError
from qwen_core.transports.multipart import Form
from qwen_core.transports.sync.plain import PlainTransport
from qwen_core.types.errors import QwenError


class ServiceCalls:
    """Calls the service. Paths are relative to the base URL of the protocol."""

    def __init__(self, settings: ClientSettings, protocol: ProtocolName = "openai") -> None:
        self.settings = settings
        self.protocol = protocol

    def fetch(self, method: str, path: str, kind: type[T]) -> T:
        """Send a request and return the response as this kind of struct. Retry as a chat does."""
        return decode_response(kind, self.send(method, path), self.settings)

    def send(self, method: str, path: str) -> HTTPResponse:
        """Send a request and return the response. Retry as a chat does."""
        attempts = Attempts(as_timeout(self.settings.timeout))
        attempt = partial(self.send_once, method, path, None, attempts.deadline.end)
        return retry(attempt, attempts, self.settings.max_retries)

    def send_once(
        self,
        method: str,
        path: str,
        body: Form | bytes | None = None,
        end: float | None = None,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> HTTPResponse:
        """Send a request once: a form can be read once, and what creates something would create it twice."""
        connection = resolve_connection(self.settings, self.protocol, asynchronous=False)
        transport = PlainTransport(connection)
        try:
            url = connection.base_url + path
            return transport.send(method, url, {**key_headers(connection), **headers}, body, end)
        except (QwenError, HTTPStatusError) as error:
            raise map_service_exception(error, connection) from error.__cause__
        finally:
            transport.close()
