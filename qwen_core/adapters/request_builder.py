"""A framework's messages as a request of the core."""

from collections.abc import Callable, Iterable
from typing import Any

from qwen_core.types.errors import UnsupportedFeatureError
from qwen_core.types.messages import Message


def convert_messages(convert: Callable[..., Message], messages: Iterable[Any], *shared: Any) -> list[Message]:
    """A framework's messages as ours. Where one cannot be converted, the error says which."""
    found: list[Message] = []
    try:
        for message in messages:
            found.append(convert(message, *shared))
    except UnsupportedFeatureError as error:
        error.message = f"messages[{len(found)}]: {error.message}"
        raise
    return found
