"""JSON of what users hand over, which need not be plain: ``message.text`` of LangChain, numbers of numpy."""

from numbers import Integral, Real
from typing import Any

import msgspec

from qwen_core.errors import UnsupportedFeatureError


def plain(value: Any) -> str | int | float:
    """The text or the number that this object is."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    kind = type(value)
    raise UnsupportedFeatureError(
        f"A {kind.__module__}.{kind.__qualname__} has no form in JSON and cannot be sent."
    )


encode_json = msgspec.json.Encoder(enc_hook=plain).encode
"""JSON in bytes. Raises UnsupportedFeatureError for an object that is no text, number, list or dict."""
