"""Encode JSON from users' values, which need not be plain: strings of LangChain, numbers of numpy, dates."""

import json
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from numbers import Integral, Real
from typing import Any

import msgspec

from qwen_core.types.errors import UnsupportedFeatureError

REPAIR = "Repair the text first: text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')."


def to_plain(value: Any) -> str | int | float:
    """Convert a string-like or number-like object to str, int or float."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    kind = type(value)
    raise TypeError(f"a {kind.__module__}.{kind.__qualname__}")


def to_builtin(value: Any) -> Any:
    """Convert an object to what JSON has for it: dates, UUIDs and decimals to strings, sets to lists."""
    return msgspec.to_builtins(value, enc_hook=to_plain)


_encode = msgspec.json.Encoder(enc_hook=to_plain).encode
_to_text = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=to_builtin).encode
_to_ascii = json.JSONEncoder(allow_nan=False, default=to_builtin).encode

FAILURES = (UnicodeEncodeError, TypeError, ValueError, OverflowError, RecursionError)


def encode_json(value: Any) -> bytes:
    """Encode a value as JSON.

    Raises UnsupportedFeatureError, with the path, for what JSON cannot represent: other objects, lone surrogates,
    infinite numbers.
    """
    try:
        encoded = _encode(value)
    except FAILURES as reason:
        raise encoding_error(value, _encode, reason) from reason
    if b"null" in encoded:
        # msgspec writes NaN as null, too. Most bodies pay for no more than this search.
        refuse_non_finite(value)
    return encoded


FINITE = frozenset({str, int, bool, bytes, type(None), type(msgspec.UNSET)})
"""Types of most values, none of which is or contains a number that JSON cannot represent."""


def refuse_non_finite(value: Any) -> None:
    """Raise UnsupportedFeatureError for an infinite number or NaN: it would be sent as ``null``."""
    try:
        check_finite(value)
    except ValueError as reason:
        raise encoding_error(value, check_finite, reason) from reason


def check_finite(value: Any) -> None:
    """Raise ValueError if a number in this value cannot be represented in JSON."""
    pending = [value]
    while pending:
        value = pending.pop()
        parts = member_values(value)
        pending += [part for part in parts if type(part) not in FINITE]
        if parts is LEAF and isinstance(value, Real) and not math.isfinite(value):
            raise ValueError(f"{float(value)} is not a JSON number")


def json_text(value: Any) -> str:
    """Encode a value as JSON text inside other JSON, such as tool arguments. Lone surrogates are escaped there."""
    try:
        text = _to_text(value)
        return text if text.isascii() or is_valid_unicode(text) else _to_ascii(value)
    except FAILURES as reason:
        raise encoding_error(value, _to_text, reason) from reason


def is_valid_unicode(text: str) -> bool:
    """Return whether the text has no lone surrogate: Python's str may hold one, UTF-8 cannot encode it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def encoding_error(value: Any, encode: Callable[[Any], object], reason: Exception) -> UnsupportedFeatureError:
    """Return the error for a value that cannot be encoded: what it is, its path, what to do."""
    try:
        where = path_of(value, encode).removeprefix(".") or "The request"
    except RecursionError:
        return UnsupportedFeatureError("The request is nested too deeply for JSON, or contains itself.")
    if isinstance(reason, UnicodeEncodeError):
        surrogate = f"U+{ord(reason.object[reason.start]):04X}"
        return UnsupportedFeatureError(
            f"{where} contains a lone surrogate ({surrogate}), which cannot be encoded in UTF-8.",
            hint=REPAIR,
        )
    return UnsupportedFeatureError(f"{where} cannot be encoded as JSON: {reason}.")


def path_of(value: Any, encode: Callable[[Any], object]) -> str:
    """Return the path of the first value that cannot be encoded.

    Such as ``.messages[2].content``; empty for the root.
    """
    for name, part in members(value):
        try:
            encode(part)
        except FAILURES:
            return name + path_of(part, encode)
    return ""


def members(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the members of a value, each with its path."""
    parts = member_values(value)
    if isinstance(value, list | tuple):
        yield from ((f"[{index}]", part) for index, part in enumerate(parts))
    elif parts is not LEAF:
        names = value.__struct_fields__ if isinstance(value, msgspec.Struct) else value
        for name, part in zip(names, parts, strict=True):
            if part is not msgspec.UNSET:
                yield f".{name}", part


LEAF: tuple[Any, ...] = ()


def member_values(value: Any) -> Collection[Any]:
    """Return the members of a value; ``LEAF`` if it is not a container."""
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, (list, tuple)):
        return value
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.astuple(value)
    return value.values() if isinstance(value, Mapping) else LEAF
