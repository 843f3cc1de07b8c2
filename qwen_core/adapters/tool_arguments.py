"""The arguments of tool calls: the model's JSON text as a value, or the reason why it is invalid; and back."""

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from qwen_core.types.json import json_text
from qwen_core.types.messages import ToolCallPart


class InvalidCall(NamedTuple):
    """A tool call whose arguments are not a complete JSON object, and why."""

    part: ToolCallPart
    error: str


def parse_arguments(text: str, *, truncated: bool = False) -> tuple[dict[str, Any] | None, str | None]:
    """Return the arguments, or None and the reason why they are invalid.

    Only a complete JSON object is accepted, and nothing is repaired. An empty text means no arguments, unless the
    response was ``truncated``: then the arguments may not have been written yet.
    """
    if not text.strip():
        return (None, "The response was truncated before the arguments were written.") if truncated else ({}, None)
    try:
        value = decode_json(text)
    except (ValueError, msgspec.DecodeError, RecursionError) as error:
        reason = "The response was truncated within the arguments" if truncated else "The arguments are not JSON"
        return None, f"{reason}: {error}"
    if value is None:
        return {}, None
    if not isinstance(value, dict):
        return None, f"The arguments are not a JSON object but {type(value).__name__}."
    return value, None


def sort_tool_calls(
    parts: Iterable[ToolCallPart], finish_reason: str | None
) -> tuple[list[tuple[ToolCallPart, dict[str, Any]]], list[InvalidCall]]:
    """Return the valid calls with their arguments, and the invalid ones with the reason."""
    valid: list[tuple[ToolCallPart, dict[str, Any]]] = []
    invalid: list[InvalidCall] = []
    for part in parts:
        arguments, error = parse_arguments(part.arguments, truncated=finish_reason == "length")
        if arguments is None:
            invalid.append(InvalidCall(part, error or ""))
        else:
            valid.append((part, arguments))
    return valid, invalid


def arguments_text(arguments: Any) -> str:
    """Return arguments as JSON text. Text is taken for JSON already."""
    return arguments if isinstance(arguments, str) else json_text(arguments)


def wrap_invalid_arguments(arguments: str) -> str:
    """Return arguments that are not JSON as a JSON object: the API rejects a history with anything else."""
    return json_text({"arguments": arguments})


def decode_json(text: str) -> Any:
    """Decode JSON that may contain an escaped lone surrogate, which msgspec rejects as truncated."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        if "\\ud" not in text.lower():
            raise
        return json.loads(text)
