# Generated from qwen_core/transports/error_body_limits.py by scripts/generate_sync.py: do not edit.
"""Read the bodies of error responses up to a size and a moment: the SDKs read them to the end, however far."""

from contextlib import closing, suppress
from functools import partial
from typing import Any

from qwen_core.transports.error_body_limits import SUCCESS_END, is_complete, replace_body


def limit_error_body(http: Any, response: Any) -> None:
    """Read the body of an error response of an HTTP library, and replace it by what is within the limits."""
    if response.status_code < SUCCESS_END or response.is_stream_consumed:
        return
    source = http.Response(response.status_code, headers=response.headers, stream=response.stream)
    body = bytearray()
    with suppress(http.HTTPError, OSError), closing(source):
        for segment in source.iter_bytes():
            body += segment
            if is_complete(body):
                break
    replace_body(http, response, body)


def event_hooks(http: Any) -> dict[str, Any]:
    """Return the event hooks for a client of this HTTP library that limit the bodies of errors."""
    return {"response": [partial(limit_error_body, http)]}
