# Generated from qwen_core/transports/plain.py by scripts/generate_sync.py: do not edit.
"""Send requests over a plain HTTP client: forms and files, which the SDKs' JSON calls do not carry."""

from collections.abc import Mapping
from functools import partial
from time import monotonic
from typing import Any

from qwen_core.config.settings import Connection
from qwen_core.config.timeouts import Deadline
from qwen_core.transports.base import HTTPResponse, HTTPStatusError
from qwen_core.transports.error_body_limits import SUCCESS_END
from qwen_core.transports.http import bound_attempt
from qwen_core.transports.http_clients import make_plain_http_client
from qwen_core.transports.http_errors import map_http_exception
from qwen_core.transports.http_library import http_library
from qwen_core.transports.multipart import Form
from qwen_core.transports.plain import check_size, headers_with_type
from qwen_core.transports.sdk_internals import limit_error_bodies
from qwen_core.transports.sync.http import ResponseStream
from qwen_core.types.error_translation import ErrorTranslation


class PlainTransport:
    """Sends requests one by one. Must be closed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._owns_client = connection.http_client is None
        self._client: Any = limit_error_bodies(connection.http_client) or make_plain_http_client()
        self._http = http_library(self._client.__class__)
        self._network_errors = ErrorTranslation(partial(map_http_exception, http=self._http))

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Form | bytes | None = None,
        end: float | None = None,
        max_body: int | None = None,
    ) -> HTTPResponse:
        """Send a request and return the complete response. Raise HTTPStatusError for an error status.

        ``end`` is given if the call began before. Raise InvalidResponseError if the body is longer than
        ``max_body``.
        """
        if end is None:
            end = Deadline.of(self._connection.timeout, monotonic()).end
        with self._network_errors:
            request = self._client.build_request(
                method,
                url,
                content=body.blocks() if isinstance(body, Form) else body,
                headers=headers_with_type(headers, body),
                **bound_attempt(self._connection, end, self._http.Timeout),
            )
            response = self._client.send(request, stream=True, follow_redirects=False)
        stream = ResponseStream(response, self._network_errors, end)
        try:
            if response.status_code >= SUCCESS_END:
                raise HTTPStatusError(HTTPResponse(response.status_code, response.headers, response.read()))
            segments: list[bytes] = []
            size = 0
            for segment in stream:
                size += len(segment)
                check_size(size, max_body)
                segments.append(segment)
            return HTTPResponse(response.status_code, response.headers, b"".join(segments))
        finally:
            stream.close()

    def close(self) -> None:
        """Close the connections, unless they are the user's."""
        if self._owns_client:
            self._client.close()
