"""Tools and tool choices in OpenAI's form, which both frameworks speak, in the core's vocabulary."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from qwen_core.adapters.structured_output import rooted
from qwen_core.types.errors import UnsupportedFeatureError
from qwen_core.types.messages import Tool


def split_tools(
    tools: Sequence[Any], define: Callable[[Any], Mapping[str, Any]]
) -> tuple[tuple[Tool, ...], tuple[dict[str, Any], ...]]:
    """Return the function tools, and the built-in tools that the service runs.

    Args:
        tools: definitions in OpenAI's form, definitions of built-in tools, and tools of a framework.
        define: return the definition of a framework's tool in OpenAI's form.
    """
    functions = [tool for tool in tools if not is_server_tool(tool)]
    return to_core_tools(
        [tool if isinstance(tool, Mapping) else define(tool) for tool in functions]
    ), to_server_tools(tools)


def to_core_tools(definitions: Sequence[Mapping[str, Any]]) -> tuple[Tool, ...]:
    """Convert function definitions to the core's tools. Definitions of built-in tools are skipped."""
    return tuple(_tool(definition) for definition in definitions if not is_server_tool(definition))


def to_server_tools(definitions: Sequence[Any]) -> tuple[dict[str, Any], ...]:
    """Return those definitions that name built-in tools, which the service runs."""
    return tuple(dict(definition) for definition in definitions if is_server_tool(definition))


def is_server_tool(definition: object) -> bool:
    """Return whether this names a built-in tool, such as ``{"type": "web_search"}``; it defines no function."""
    if not isinstance(definition, Mapping) or definition.get("type") in (None, "function", "object"):
        return False
    return not any(key in definition for key in ("function", "properties", "input_schema"))


def to_core_tool_choice(choice: str | bool | Mapping[str, Any] | None) -> str | None:
    """Convert every form of tool choice to a string: a mode, or the name of the forced tool."""
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
    raise UnsupportedFeatureError(f"tool_choice {choice!r} does not name a tool.")


def _tool(definition: Mapping[str, Any]) -> Tool:
    function = definition.get("function")
    if definition.get("type") != "function" or not isinstance(function, Mapping):
        raise UnsupportedFeatureError(
            f"Only function tools can be sent (got a tool of type {definition.get('type')!r}).",
            hint='Built-in tools have a type of their own, such as {"type": "web_search"}.',
        )
    return Tool(
        name=function["name"],
        description=function.get("description") or "",
        parameters=_object_schema(function),
        strict=function.get("strict"),
        cache_control=definition.get("cache_control"),
    )


def _object_schema(function: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a function as the schema of an object.

    Qwen-Agent has them as a list: ``[{"name": "town", "type": "string", "required": True}]``.
    """
    parameters = function.get("parameters") or {"type": "object", "properties": {}}
    if isinstance(parameters, list) and all(isinstance(item, Mapping) and "name" in item for item in parameters):
        return {
            "type": "object",
            "properties": {
                item["name"]: {key: value for key, value in item.items() if key not in ("name", "required")}
                for item in parameters
            },
            "required": [item["name"] for item in parameters if item.get("required") is True],
        }
    if not isinstance(parameters, Mapping):
        raise UnsupportedFeatureError(
            f"`parameters` of the tool {function.get('name')!r} must be a JSON schema of an object "
            f"(got {type(parameters).__name__})."
        )
    return rooted(dict(parameters))
