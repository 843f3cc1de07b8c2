"""What a model wrote as a tool call's arguments, as a value; or why it cannot be used."""

import json
from typing import Any

import msgspec


def parse_arguments(text: str, *, truncated: bool = False) -> tuple[dict[str, Any] | None, str | None]:
    """The arguments, or None and the reason.

    Only a whole JSON object is accepted, and nothing is repaired. No text at all means no arguments, unless the
    answer was ``truncated``: then the arguments may just not have been written yet.
    """
    if not text.strip():
        return (None, "The answer was cut before the arguments were written.") if truncated else ({}, None)
    try:
        value = decode_value(text)
    except (ValueError, msgspec.DecodeError, RecursionError) as error:
        reason = "The answer was cut within the arguments" if truncated else "The arguments are not JSON"
        return None, f"{reason}: {error}"
    if value is None:
        return {}, None
    if not isinstance(value, dict):
        return None, f"The arguments are not a JSON object but {type(value).__name__}."
    return value, None


def decode_value(text: str) -> Any:
    """The value of a JSON text, in which half of a character may be escaped; msgspec takes that for a cut."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        if "\\ud" not in text.lower():
            raise
        return json.loads(text)
