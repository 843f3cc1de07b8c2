"""The messages and call options of a framework as a request of the core."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from qwen_core.adapters.call_ids import with_own_ids
from qwen_core.adapters.tool_definitions import split_tools, to_core_tool_choice
from qwen_core.types.errors import UnsupportedFeatureError
from qwen_core.types.messages import Message
from qwen_core.types.requests import ChatRequest


def convert_messages(
    convert: Callable[..., Message], messages: Iterable[Any], *shared: Any
) -> tuple[Message, ...]:
    """Convert a framework's messages, and give each tool call an id of its own.

    If a message cannot be converted, the error names its index.

    Args:
        convert: convert one message.
        messages: the framework's messages.
        shared: further arguments of each call of ``convert``.
    """
    core_messages: list[Message] = []
    has_calls = False
    try:
        for message in messages:
            core_message = convert(message, *shared)
            has_calls = has_calls or core_message.role in ("assistant", "tool")
            core_messages.append(core_message)
    except UnsupportedFeatureError as error:
        error.message = f"messages[{len(core_messages)}]: {error.message}"
        raise
    return tuple(with_own_ids(core_messages) if has_calls else core_messages)


def convert_options(
    options: Mapping[str, Any],
    define: Callable[[Any], Mapping[str, Any]],
    to_response_format: Callable[[Any], dict[str, Any]],
) -> dict[str, Any]:
    """Return the arguments of one call with tools, tool choice and response format in the core's vocabulary.

    Built-in tools among ``tools`` are added to ``server_tools``.

    Args:
        options: the arguments, by the names of ``ChatRequest``'s fields.
        define: return the definition of a framework's tool in OpenAI's form.
        to_response_format: return OpenAI's ``response_format`` for a schema, or for what is one already.
    """
    overrides = dict(options)
    if "tools" in overrides:
        overrides["tools"], server_tools = split_tools(overrides["tools"] or (), define)
        overrides["server_tools"] = (*overrides.get("server_tools", ()), *server_tools)
    if "tool_choice" in overrides:
        overrides["tool_choice"] = to_core_tool_choice(overrides["tool_choice"])
    if overrides.get("response_format") is not None:
        overrides["response_format"] = to_response_format(overrides["response_format"])
    return overrides


def require_one_choice(request: ChatRequest, hint: str | None = None) -> ChatRequest:
    """Return the request for a stream. Raises UnsupportedFeatureError if it asks for several choices."""
    if request.n is not None and request.n > 1:
        raise UnsupportedFeatureError(
            f"n must be 1 when streaming (got {request.n}): the chunks of a stream make one message.", hint=hint
        )
    return request
