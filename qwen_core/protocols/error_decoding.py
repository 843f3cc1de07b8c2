"""Decode the errors in what the service sent, in whatever form, for all protocols.

Gateways put the error of the server behind them into the message of their own, as JSON or unescaped, which leaves
a body that is not JSON. The innermost error tells what happened, so that it decides.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

import msgspec

from qwen_core.types.errors import InvalidResponseError, QwenError, make_error

T = TypeVar("T")

MAX_NESTING = 8
MAX_CANDIDATES = 64
"""How many objects in a body that is not JSON are tried."""
MAX_SEARCHED = 64 * 1024
"""Bytes of such a body that are searched."""

REQUEST_ID = re.compile(rb"""request_?id\\*["']?\s*[:=]\s*\\*["']([\w.-]{8,})""", re.IGNORECASE)
CODE = re.compile(r'"code"\s*:\s*"([^"]+)"')
MESSAGE = re.compile(r'"message"\s*:\s*"(.+?)(?:"\s*(?:,\s*"\w+"\s*:|\}|\Z)|\Z)', re.DOTALL)
STATUS_CODE = re.compile(r"([45]\d\d)(?: |\Z)")


class ErrorFields(NamedTuple):
    """What was reported of an error. ``text`` is all that was said on the way to the innermost error."""

    code: str | None
    message: str
    kind: str | None = None
    text: str = ""


def decode_error(status: int, payload: bytes, headers: Mapping[str, str]) -> QwenError:
    """Return the error of an HTTP response with an error status.

    The body is JSON, a line of an event stream, or anything else. The compatible protocol writes ``error: {code,
    message}``, the native one ``code`` and ``message`` (compatible 6, native 6.1); gateways and others write what
    they like, such as ``{"error": "..."}`` and ``{"detail": "..."}``.
    """
    body = decode_error_body(payload)
    fields = innermost_error(body) if body else nested_error(payload)
    message, text = fields.message, fields.text
    if not body and not message:
        text = payload.decode("utf-8", "replace")
        message = (
            f"The service responded with HTTP status {status} and a body that is not JSON: {excerpt(payload)}"
        )
    elif not message:
        message = f"The service responded with HTTP status {status} and no message: {excerpt(payload)}"
        text = payload.decode("utf-8", "replace")
    request_id = body.get("request_id") or str(body.get("id") or "").removeprefix("chatcmpl-")
    return make_error(
        status,
        fields.code,
        message,
        kind=fields.kind,
        text=text,
        request_id=request_id or find_request_id(payload),
        headers=headers,
    )


def decode_error_body(payload: bytes) -> dict[str, Any]:
    """Return the JSON object of an error body, which may be a line of an event stream; else an empty one."""
    text = payload.strip()
    for line in text.splitlines() if text.startswith((b"data:", b"id:", b"event:", b":")) else [text]:
        if text is not line and not line.startswith(b"data:"):
            continue
        body = decode_object(line.removeprefix(b"data:"))
        if body is not None:
            return body
    return {}


def decode_object(text: bytes | str) -> dict[str, Any] | None:
    """Return the JSON object that this text is, or None."""
    try:
        body = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def decode_body(read: Callable[[bytes], T], payload: bytes, headers: Mapping[str, str]) -> T:
    """Decode a body. Raises the error that it contains instead, or InvalidResponseError with the reason."""
    try:
        return read(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as reason:
        body = decode_error_body(payload)
        if body.get("error") or body.get("code") or (not body and nested_error(payload).message):
            raise decode_error(200, payload, headers) from None
        raise invalid_response(payload, reason) from reason


def undecodable(payload: bytes, reason: object, status: int | None) -> QwenError:
    """Return the error for a payload of a stream that is not JSON: the one in it, if there is one."""
    fields = nested_error(payload)
    if not fields.message:
        return invalid_response(payload, reason)
    return make_error(
        status or status_in(fields.code),
        fields.code,
        fields.message,
        kind=fields.kind,
        text=fields.text,
        request_id=find_request_id(payload),
    )


def error_fields(fields: Mapping[str, Any]) -> ErrorFields:
    """Return the code, the message and the type of an error object."""
    code, kind, message = fields.get("code"), fields.get("type"), fields.get("message")
    message = message if isinstance(message, str) else ""
    return ErrorFields(str(code) if code else None, message, str(kind) if kind else None, message)


def innermost_error(body: Mapping[str, Any]) -> ErrorFields:
    """Return the error in a body: of those that it contains in one another, the last one that has a message.

    A code that only an outer error has is kept.
    """
    found = ErrorFields(None, "")
    texts: list[str] = []
    for fields in nested_objects(body):
        read = error_fields(fields) if isinstance(fields, Mapping) else ErrorFields(None, fields, None, fields)
        if not read.message:
            found = found if read.code is None else found._replace(code=read.code, kind=read.kind)
            continue
        texts.append(read.message)
        code, kind = (read.code, read.kind) if read.code or read.kind else (found.code, found.kind)
        found = ErrorFields(code, read.message, kind)
    return found._replace(text="\n".join(texts))


def nested_objects(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any] | str]:
    """Yield an error body, the error in it, the one in the message of that, and so on; a text is a message."""
    current: Mapping[str, Any] | str | None = body
    for _ in range(MAX_NESTING):
        if current is None:
            return
        yield current
        current = inner_error(current) if isinstance(current, Mapping) else embedded_error(current)


def inner_error(fields: Mapping[str, Any]) -> Mapping[str, Any] | str | None:
    """Return the error that an object contains, or None."""
    errors, message = fields.get("errors"), fields.get("message")
    first = errors[0] if isinstance(errors, list) and errors else None
    for inner in (fields.get("error"), first, fields.get("detail"), message):
        if isinstance(inner, Mapping):
            return inner
    if isinstance(message, str) and message:
        return embedded_error(message)
    for inner in (fields.get("error"), validation_text(fields.get("detail"))):
        if isinstance(inner, str) and inner:
            return inner
    return None


def validation_text(detail: Any) -> Any:
    """Return FastAPI's ``detail`` as text: it is a text, or a list of fields with what is wrong with each."""
    if not isinstance(detail, list):
        return detail
    faults = [fault for fault in detail if isinstance(fault, Mapping) and isinstance(fault.get("msg"), str)]
    return "; ".join(
        ".".join(str(step) for step in fault.get("loc") or () if step != "body") + ": " + fault["msg"]
        for fault in faults
    )


def embedded_error(text: str) -> Mapping[str, Any] | None:
    """Return the error object that a message quotes as JSON, or None.

    Behind other words, it must have the key ``error``: the service may quote the request too.
    """
    start = text.find("{")
    if start < 0:
        return None
    before = text[:start].strip().removesuffix("data:").strip()
    for end in (len(text), text.rfind("}") + 1):
        fields = decode_object(text[start:end])
        if fields is not None:
            is_error = "error" in fields or (not before and isinstance(fields.get("message"), str))
            return fields if is_error else None
    return None


def nested_error(payload: bytes) -> ErrorFields:
    """Return the innermost error object in a body that is not JSON; without a message if there is none."""
    text = payload[:MAX_SEARCHED].decode("utf-8", "replace")
    position = len(text)
    for _ in range(MAX_CANDIDATES):
        position = text.rfind("{", 0, position)
        if position < 0:
            break
        fields = first_object(text, position)
        if (
            fields is not None
            and isinstance(fields.get("message"), str)
            and ("code" in fields or "type" in fields)
        ):
            return innermost_error(fields)._replace(text=text)
    code, message = CODE.search(text), MESSAGE.search(text)
    if code is None or message is None:
        return ErrorFields(None, "")
    return ErrorFields(code.group(1), message.group(1), None, text)


def first_object(text: str, start: int) -> dict[str, Any] | None:
    """Return the JSON object that begins at this position of a text, or None."""
    try:
        value, _ = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def find_request_id(payload: bytes) -> str | None:
    """Return the request id in a body, wherever it is, or None."""
    found = REQUEST_ID.search(payload, 0, MAX_SEARCHED)
    return found.group(1).decode() if found else None


def status_in(code: str | None) -> int | None:
    """Return the HTTP status that self-hosted servers write for a code into a stream, as vLLM and llama.cpp do.

    It may be followed by its reason phrase.
    """
    found = STATUS_CODE.match(code or "")
    return int(found.group(1)) if found else None


def invalid_response(payload: bytes, reason: object) -> InvalidResponseError:
    """Return the error for a payload that is not what the protocol promises. Quotes only its beginning."""
    return InvalidResponseError(f"The response cannot be decoded: {reason}. It begins: {excerpt(payload)}")


def excerpt(payload: bytes) -> str:
    """Return the first part of a payload, to be quoted."""
    return repr(payload[:200].decode("utf-8", "replace")) if payload else "(empty)"
