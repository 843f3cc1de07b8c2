"""Decode the errors in what the service sent, in whatever form, for all protocols."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from qwen_core.types.errors import InvalidResponseError, QwenError, make_error

T = TypeVar("T")


def decode_error(status: int, payload: bytes, headers: Mapping[str, str]) -> QwenError:
    """Return the error of an HTTP response with an error status.

    The body is JSON, a line of an event stream, or anything else. The compatible protocol writes ``error: {code,
    message}``, the native one ``code`` and ``message`` (compatible 6, native 6.1); gateways and others write what
    they like, such as ``{"error": "..."}`` and ``{"detail": "..."}``.
    """
    body = decode_error_body(payload)
    inner = body.get("error")
    code, message = code_and_message(inner if isinstance(inner, dict) else body)
    if not body:
        message = (
            f"The service responded with HTTP status {status} and a body that is not JSON: {excerpt(payload)}"
        )
    elif not message:
        text = inner if isinstance(inner, str) else ""
        message = text or f"The service responded with HTTP status {status} and no message: {excerpt(payload)}"
    request_id = body.get("request_id") or str(body.get("id") or "").removeprefix("chatcmpl-")
    return make_error(status, code, message, request_id=request_id or None, headers=headers)


def decode_error_body(payload: bytes) -> dict[str, Any]:
    """Return the JSON object of an error body, which may be a line of an event stream; else an empty one."""
    text = payload.strip()
    for line in text.splitlines() if text.startswith((b"data:", b"id:", b"event:", b":")) else [text]:
        if text is not line and not line.startswith(b"data:"):
            continue
        try:
            body = msgspec.json.decode(line.removeprefix(b"data:"))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        if isinstance(body, dict):
            return body
    return {}


def decode_body(read: Callable[[bytes], T], payload: bytes, headers: Mapping[str, str]) -> T:
    """Decode a body. Raises the error that it contains instead, or InvalidResponseError with the reason."""
    try:
        return read(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as reason:
        body = decode_error_body(payload)
        if body.get("error") or body.get("code"):
            raise decode_error(200, payload, headers) from None
        raise invalid_response(payload, reason) from reason


def code_and_message(fields: Mapping[str, Any]) -> tuple[str | None, str]:
    """Return the code as text, and the message."""
    code = fields.get("code") or fields.get("type")
    return (str(code) if code else None), str(fields.get("message") or "")


def invalid_response(payload: bytes, reason: object) -> InvalidResponseError:
    """Return the error for a payload that is not what the protocol promises. Quotes only its beginning."""
    return InvalidResponseError(f"The response cannot be decoded: {reason}. It begins: {excerpt(payload)}")


def excerpt(payload: bytes) -> str:
    """Return the first part of a payload, to be quoted."""
    return repr(payload[:200].decode("utf-8", "replace")) if payload else "(empty)"
