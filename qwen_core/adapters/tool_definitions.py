"""Tools and tool choices in OpenAI's form, which both frameworks speak, in the core's vocabulary."""

from collections.abc import Mapping, Sequence
from typing import Any

from qwen_core.adapters.schemas import rooted
from qwen_core.types.errors import UnsupportedFeatureError
from qwen_core.types.messages import Tool


def to_core_tools(definitions: Sequence[Mapping[str, Any]]) -> tuple[Tool, ...]:
    """Definitions as the core's tools."""
    return tuple(_tool(definition) for definition in definitions if not is_server_tool(definition))


def to_server_tools(definitions: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    """Those definitions that name tools of the service."""
    return tuple(dict(definition) for definition in definitions if is_server_tool(definition))


def is_server_tool(definition: object) -> bool:
    """Whether this names a tool that the service runs, such as ``{"type": "web_search"}``, and no function."""
    if not isinstance(definition, Mapping) or definition.get("type") in (None, "function", "object"):
        return False
    return not any(key in definition for key in ("function", "properties", "input_schema"))


def to_core_tool_choice(choice: str | bool | Mapping[str, Any] | None) -> str | None:
    """Every form of choice as one word: a mode, or the name of the one tool."""
    if choice is None:
        return None
    if isinstance(choice, bool):
        return "required" if choice else "none"
    if isinstance(choice, str):
        return "required" if choice == "any" else choice
    function = choice.get("function")
    name = function.get("name") if isinstance(function, Mapping) else choice.get("name")
    if isinstance(name, str):
        return name
    if isinstance(kind := choice.get("type"), str):
        return to_core_tool_choice(kind)
    raise UnsupportedFeatureError(f"tool_choice {choice!r} names no tool.")


def _tool(definition: Mapping[str, Any]) -> Tool:
    function = definition.get("function")
    if definition.get("type") != "function" or not isinstance(function, Mapping):
        raise UnsupportedFeatureError(
            f"Only function tools can be sent; this is of type {definition.get('type')!r}.",
            hint='Tools that the service runs have a type of their own, such as {"type": "web_search"}.',
        )
    return Tool(
        name=function["name"],
        description=function.get("description") or "",
        parameters=rooted(function.get("parameters") or {"type": "object", "properties": {}}),
        strict=function.get("strict"),
        cache_control=definition.get("cache_control"),
    )
