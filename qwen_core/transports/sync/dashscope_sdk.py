# Generated from qwen_core/transports/dashscope_sdk.py by scripts/generate_sync.py: do not edit.
"""Carry bytes over the dashscope SDK, 2.x."""

import dashscope
import httpx

from qwen_core.config.settings import Connection
from qwen_core.protocols.base import EncodedRequest
from qwen_core.transports.base import HTTPResponse, HTTPStatusError
from qwen_core.transports.dashscope_sdk import LIMITS, NETWORK_ERRORS, call_arguments, client_arguments
from qwen_core.transports.error_body_limits import SUCCESS_END
from qwen_core.transports.http_library import ssl_context
from qwen_core.transports.sdk_internals import limit_error_bodies
from qwen_core.transports.sync.error_body_limits import event_hooks
from qwen_core.transports.sync.http import ResponseStream, read_response


def make_http_client() -> httpx.Client:
    """Return a new HTTP client."""
    return httpx.Client(limits=LIMITS, verify=ssl_context(httpx), event_hooks=event_hooks(httpx))


class DashScopeTransport:
    """Sends requests over the dashscope SDK; see ``Transport``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._http = limit_error_bodies(connection.http_client) or make_http_client()
        self._client = dashscope.Client(**client_arguments(connection, self._http, httpx.Client))

    def send(self, request: EncodedRequest, end: float | None = None) -> HTTPResponse:
        """Send a request and return the complete response."""
        return read_response(self.open_stream(request, end))

    def open_stream(self, request: EncodedRequest, end: float | None = None) -> ResponseStream:
        """Send a request and return the response once its headers have arrived."""
        with NETWORK_ERRORS:
            response = self._client.transport.open_stream(
                "POST", request.path, **call_arguments(self._connection, request, end)
            )
            # The SDK follows no redirects, and raises only from 400 on.
            if response.status_code >= SUCCESS_END:
                response.close()
                raise HTTPStatusError(HTTPResponse(response.status_code, response.headers, b""))
        return ResponseStream(response, NETWORK_ERRORS, end)

    def close(self) -> None:
        """Close the connections, unless they are the user's."""
        self._client.close()
        if self._connection.http_client is None:
            self._http.close()
