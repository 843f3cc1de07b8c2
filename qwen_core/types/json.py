"""JSON of what users hand over, which need not be plain: texts of LangChain, numbers of numpy, dates."""

import json
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from numbers import Integral, Real
from typing import Any

import msgspec

from qwen_core.types.errors import UnsupportedFeatureError

REPAIR = "Repair the text first: text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')."


def to_plain(value: Any) -> str | int | float:
    """The text or the number that this object is."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    kind = type(value)
    raise TypeError(f"a {kind.__module__}.{kind.__qualname__}")


def to_builtin(value: Any) -> Any:
    """What JSON has for this object: dates, UUIDs and decimal numbers are texts, sets are lists."""
    return msgspec.to_builtins(value, enc_hook=to_plain)


_encode = msgspec.json.Encoder(enc_hook=to_plain).encode
_to_text = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=to_builtin).encode
_to_ascii = json.JSONEncoder(allow_nan=False, default=to_builtin).encode

FAILURES = (UnicodeEncodeError, TypeError, ValueError, OverflowError, RecursionError)


def encode_json(value: Any) -> bytes:
    """JSON in bytes.

    Raises UnsupportedFeatureError, with the place, for what JSON has no form for: other objects, half characters,
    infinite numbers.
    """
    try:
        encoded = _encode(value)
    except FAILURES as reason:
        raise encoding_error(value, _encode, reason) from reason
    if b"null" in encoded:
        # As which msgspec writes a number that is none, too. To look for it is all that most bodies pay.
        refuse_non_finite(value)
    return encoded


FINITE = frozenset({str, int, bool, bytes, type(None), type(msgspec.UNSET)})
"""Types of most values, none of which holds a number that JSON has no form for."""


def refuse_non_finite(value: Any) -> None:
    """Raise for a number that is infinite or none at all: it would be sent as ``null``."""
    try:
        check_finite(value)
    except ValueError as reason:
        raise encoding_error(value, check_finite, reason) from reason


def check_finite(value: Any) -> None:
    """ValueError where a number in this value has no form in JSON."""
    pending = [value]
    while pending:
        whole = pending.pop()
        parts = member_values(whole)
        pending += [part for part in parts if type(part) not in FINITE]
        if parts is NO_MEMBERS and isinstance(whole, Real) and not math.isfinite(whole):
            raise ValueError(f"{float(whole)} is no number there")


def json_text(value: Any) -> str:
    """JSON as a text within another, such as the arguments of a tool call. Half characters are escaped there."""
    try:
        text = _to_text(value)
        return text if text.isascii() or is_valid_unicode(text) else _to_ascii(value)
    except FAILURES as reason:
        raise encoding_error(value, _to_text, reason) from reason


def is_valid_unicode(text: str) -> bool:
    """Whether no half of a character stands alone: Python's texts may hold one, UTF-8 has no form for it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def encoding_error(value: Any, encode: Callable[[Any], object], reason: Exception) -> UnsupportedFeatureError:
    """The error for a value that cannot be encoded: what it is, where it stands, what to do."""
    try:
        where = path_of(value, encode).removeprefix(".") or "What is to be sent"
    except RecursionError:
        return UnsupportedFeatureError("What is to be sent is nested too deeply for JSON, or holds itself.")
    if isinstance(reason, UnicodeEncodeError):
        half = f"U+{ord(reason.object[reason.start]):04X}"
        return UnsupportedFeatureError(
            f"{where} holds half of a character ({half}), which UTF-8 has no form for, and cannot be sent.",
            hint=REPAIR,
        )
    return UnsupportedFeatureError(f"{where} has no form in JSON and cannot be sent: {reason}.")


def path_of(value: Any, encode: Callable[[Any], object]) -> str:
    """The way to the first thing that cannot be encoded, such as ``.messages[2].content``; empty for the whole."""
    for name, part in members(value):
        try:
            encode(part)
        except FAILURES:
            return name + path_of(part, encode)
    return ""


def members(value: Any) -> Iterator[tuple[str, Any]]:
    """What a value is made of, each with the way there."""
    parts = member_values(value)
    if isinstance(value, list | tuple):
        yield from ((f"[{index}]", part) for index, part in enumerate(parts))
    elif parts is not NO_MEMBERS:
        names = value.__struct_fields__ if isinstance(value, msgspec.Struct) else value
        for name, part in zip(names, parts, strict=True):
            if part is not msgspec.UNSET:
                yield f".{name}", part


NO_MEMBERS: tuple[Any, ...] = ()


def member_values(value: Any) -> Collection[Any]:
    """What a value is made of; ``NO_MEMBERS`` for what is not made of others."""
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, (list, tuple)):
        return value
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.astuple(value)
    return value.values() if isinstance(value, Mapping) else NO_MEMBERS
