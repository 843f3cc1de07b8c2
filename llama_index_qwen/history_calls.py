"""The calls in an answer that is now history: in blocks, in ``additional_kwargs``, or in both; of any provider."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from llama_index.core.base.llms.types import ChatMessage, ToolCallBlock

from qwen_core.adapters.tool_arguments import parse_arguments
from qwen_core.errors import UnsupportedFeatureError
from qwen_core.types.json import json_text
from qwen_core.types.messages import ToolCallPart
from qwen_core.types.warnings import warn

IDS = ("call_id", "id", "tool_call_id", "toolUseId")
"""Where integrations write a call's id. In OpenAI's Responses ``id`` is an item's, which no result names."""

ARGUMENTS = ("arguments", "args", "input", "parameters")
"""Where they write its arguments: OpenAI, Mistral and Ollama; Google; Anthropic and Bedrock; Cohere."""


def message_tool_calls(message: ChatMessage) -> list[ToolCallPart]:
    """The calls of a message, each once."""
    calls = [_call_in_a_dict(call) for call in message.additional_kwargs.get("tool_calls") or ()]
    unmatched = list(range(len(calls)))
    for block in message.blocks:
        if isinstance(block, ToolCallBlock):
            part = _call_in_block(block)
            place = next((place for place in unmatched if calls[place].id == part.id), None)
            if place is None:
                calls.append(part)
                continue
            unmatched.remove(place)
            # The model's own text, so that a cached prefix stays the same, unless somebody changed the call.
            if _decoded(calls[place].arguments) != _decoded(part.arguments):
                calls[place] = part
    return calls


def with_valid_arguments(call: ToolCallPart) -> ToolCallPart:
    """The call as it is; with broken arguments wrapped, because the service fails on any that are not JSON."""
    value, _ = parse_arguments(call.arguments)
    if value is not None:
        return call if call.arguments.strip() else msgspec.structs.replace(call, arguments="{}")
    warn(f"The call of {call.name!r} in the history has arguments that are not JSON; they are sent as text.")
    wrapped = json_text({"arguments": call.arguments})
    return msgspec.structs.replace(call, arguments=wrapped)


def _call_in_block(block: ToolCallBlock) -> ToolCallPart:
    return ToolCallPart(block.tool_call_id or block.tool_name, block.tool_name, _as_text(block.tool_kwargs))


def _call_in_a_dict(call: Any) -> ToolCallPart:
    """A dict or an SDK's object, as other integrations leave them in a history: in OpenAI's form, or flat."""
    fields = _fields(call)
    function = _fields(fields.get("function") or fields)
    name = str(function.get("name") or "")
    if not name:
        raise UnsupportedFeatureError(f"A tool call in the history names no tool; it has {', '.join(fields)}.")
    return ToolCallPart(str(_first(fields, IDS) or name), name, _as_text(_first(function, ARGUMENTS) or {}))


def _fields(call: Any) -> Mapping[str, Any]:
    if isinstance(call, Mapping):
        return call
    for dump in ("model_dump", "to_dict"):
        if callable(method := getattr(call, dump, None)):
            fields: Mapping[str, Any] = method()
            return fields
    raise UnsupportedFeatureError(
        f"A tool call in the history cannot be read: it is of type {type(call).__name__}."
    )


def _first(fields: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((fields[name] for name in names if fields.get(name)), None)


def _as_text(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else json_text(arguments)


def _decoded(arguments: str) -> Any:
    value, _ = parse_arguments(arguments)
    return arguments if value is None else value
