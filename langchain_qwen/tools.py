"""LangChain's tools as definitions in OpenAI's form, and the tool choice among those that are bound.

LangChain's conversion leaves ``{}`` of a reference to the schema itself; recursive schemas are therefore kept
whole.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from langchain_core.tools import BaseTool, create_schema_from_function
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel

from qwen_core.adapters.structured_output import rooted
from qwen_core.adapters.tool_definitions import is_server_tool, to_core_tool_choice
from qwen_core.types.requests import TOOL_CHOICE_MODES

ToolLike = Mapping[str, Any] | type | Callable[..., Any] | BaseTool

DEFINITIONS = "#/$defs/"
SCALARS = ("string", "integer", "number", "boolean", "null")
TYPE_KEYWORDS = frozenset({"type", "anyOf", "oneOf", "allOf", "enum", "const", "$ref", "properties"})
"""Keywords of which a schema has at least one, unless it allows any value."""


def tool_definitions(tools: Sequence[ToolLike], strict: bool | None) -> list[dict[str, Any]]:
    """Return the tools as JSON-serializable definitions, the form in which they are bound and traced."""
    return [tool_definition(tool, strict) for tool in tools]


def tool_definition(tool: ToolLike, strict: bool | None = None) -> dict[str, Any]:
    """Return one definition; that of a built-in tool unchanged."""
    if isinstance(tool, Mapping) and is_server_tool(tool):
        return dict(tool)
    return with_cache_control(openai_tool(tool, strict), tool)


def with_cache_control(definition: dict[str, Any], tool: ToolLike) -> dict[str, Any]:
    """Return the definition with the prompt cache breakpoint that ``BaseTool.extras`` may hold."""
    breakpoint = (tool.extras or {}).get("cache_control") if isinstance(tool, BaseTool) else None
    return {**definition, "cache_control": breakpoint} if breakpoint else definition


def bound_choice(
    choice: str | bool | Mapping[str, Any] | None, definitions: Sequence[Mapping[str, Any]]
) -> str | None:
    """Return the tool choice.

    Raises ValueError if it names a tool that is not bound: the API would only respond with HTTP 400.
    """
    core_choice = to_core_tool_choice(choice)
    names = [definition_name(definition) for definition in definitions]
    if not names or core_choice is None:
        return None
    if core_choice not in TOOL_CHOICE_MODES and core_choice not in names:
        raise ValueError(
            f"tool_choice must name one of the bound tools: {', '.join(map(str, names))} (got {core_choice!r})."
        )
    return core_choice


def definition_name(definition: Mapping[str, Any]) -> Any:
    """Return the tool name in a definition."""
    function = definition.get("function")
    return function.get("name") if isinstance(function, Mapping) else definition.get("name")


def openai_tool(source: Any, strict: bool | None) -> dict[str, Any]:
    """Convert a tool to OpenAI's form as LangChain does, but with the complete schema if it is recursive."""
    definition = convert_to_openai_tool(source, strict=strict)
    if isinstance(source, Mapping):
        return definition
    function = definition.get("function") or {}
    parameters = function.get("parameters")
    if not isinstance(parameters, dict) or not allows_any_value(parameters):
        return definition
    schema = schema_of(source)
    if schema is None or not is_recursive(schema):
        return definition
    complete = {name: value for name, value in rooted(schema).items() if name not in ("title", "description")}
    return convert_to_openai_tool({**function, "parameters": complete}, strict=strict)


def allows_any_value(schema: Mapping[str, Any]) -> bool:
    """Return whether some part of it allows any value: on purpose, or because a reference was left out."""
    if schema.get("type") in SCALARS:
        return False
    if TYPE_KEYWORDS.isdisjoint(schema):
        return True
    inner: list[Any] = [schema.get("items"), schema.get("additionalProperties")]
    inner += (schema.get("properties") or {}).values()
    for name in ("anyOf", "oneOf", "allOf", "prefixItems"):
        inner += schema.get(name) or ()
    return any(isinstance(part, dict) and allows_any_value(part) for part in inner)


def schema_of(source: Any) -> Mapping[str, Any] | None:
    """Return the JSON schema of a tool's arguments; None if there is none of a supported version."""
    if isinstance(source, BaseTool):
        source = source.tool_call_schema
    elif callable(source) and not isinstance(source, type):
        name = getattr(source, "__name__", "tool")
        source = create_schema_from_function(
            name, source, parse_docstring=True, error_on_invalid_docstring=False, include_injected=False
        )
    if isinstance(source, type) and issubclass(source, BaseModel):
        return source.model_json_schema()
    return source if isinstance(source, Mapping) else None


def is_recursive(schema: Mapping[str, Any]) -> bool:
    """Return whether a definition refers back to itself. References outside of ``$defs`` are taken to do so."""
    if any(not reference.startswith(DEFINITIONS) for reference in references(schema)):
        return True
    remaining = {
        DEFINITIONS + name: set(references(definition)) for name, definition in (schema.get("$defs") or {}).items()
    }
    while leaves := [name for name, others in remaining.items() if not others & remaining.keys()]:
        for name in leaves:
            del remaining[name]
    return bool(remaining)


def references(schema: Any) -> Iterator[str]:
    """Yield all references within a schema."""
    if isinstance(schema, Mapping):
        if isinstance(reference := schema.get("$ref"), str):
            yield reference
        for part in schema.values():
            yield from references(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from references(part)
