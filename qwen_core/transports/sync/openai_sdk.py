# Generated from qwen_core/transports/openai_sdk.py by scripts/generate_sync.py: do not edit.
"""Carry bytes over the openai SDK, 2.x and 3.x."""

import openai

from qwen_core.config.settings import Connection
from qwen_core.protocols.base import EncodedRequest
from qwen_core.transports.base import HTTPResponse
from qwen_core.transports.http_clients import HTTP, make_http_client
from qwen_core.transports.openai_sdk import NETWORK_ERRORS, client_arguments, request_headers, request_options
from qwen_core.transports.sdk_internals import limit_error_bodies
from qwen_core.transports.sync.http import ResponseStream, read_response


class OpenAITransport:
    """Sends requests over the openai SDK; see ``Transport``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        http_client = limit_error_bodies(connection.http_client) or make_http_client()
        self._client = openai.OpenAI(http_client=http_client, **client_arguments(connection))
        self._headers = request_headers(
            connection, self._client.user_agent, self._client.default_headers, http_client.headers
        )

    def send(self, request: EncodedRequest, end: float | None = None) -> HTTPResponse:
        """Send a request and return the complete response."""
        return read_response(self.open_stream(request, end))

    def open_stream(self, request: EncodedRequest, end: float | None = None) -> ResponseStream:
        """Send a request and return the response once its headers have arrived."""
        with NETWORK_ERRORS:
            # A complete URL: joining a path to its base takes the SDK 50 µs.
            # The SDK returns a response that is asked for by ``cast_to`` even if it streams.
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
        """Close the connections."""
        self._client.close()
