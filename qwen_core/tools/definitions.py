"""Tools and tool choices in OpenAI's form, which both frameworks speak, in the core's vocabulary."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import RootModel

from qwen_core.errors import UnsupportedFeatureError
from qwen_core.messages import Tool

WRAP = "value"
"""The field under which a class that is no object is asked for: calls and JSON mode have nothing but objects."""


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


def safe_name(name: str) -> str:
    """A name of letters, digits, ``_`` and ``-``, 64 at most: what the service accepts (compatible, section 2)."""
    return "".join(
        letter if (letter.isascii() and letter.isalnum()) or letter in "_-" else "_" for letter in name
    )[:64]


def rooted(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with its fields at the root, where a recursive class has but a ``$ref`` to its definition."""
    reference, definitions = schema.get("$ref"), schema.get("$defs")
    if not isinstance(reference, str) or not isinstance(definitions, Mapping):
        return dict(schema)
    root = definitions.get(reference.removeprefix("#/$defs/"))
    if not isinstance(root, Mapping):
        return dict(schema)
    return {**root, **{name: value for name, value in schema.items() if name != "$ref"}}


def needs_wrap(wanted: object) -> bool:
    """Whether this is a class of pydantic's that is no object but a list, a text, a choice, ..."""
    is_root = isinstance(wanted, type) and issubclass(wanted, RootModel)
    return is_root and rooted(wanted.model_json_schema()).get("type") != "object"  # type: ignore[attr-defined]


def is_wrapped(value: object) -> bool:
    """Whether this is the object that was asked for in place of its one field."""
    return isinstance(value, dict) and value.keys() == {WRAP}


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
