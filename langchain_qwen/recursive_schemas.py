"""Schemas that refer to themselves, as they are: of such a reference LangChain's conversion leaves ``{}``."""

from collections.abc import Iterator, Mapping
from typing import Any

from langchain_core.tools import BaseTool, create_schema_from_function
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel

from qwen_core.adapters.schemas import rooted

DEFINITIONS = "#/$defs/"
SCALARS = ("string", "integer", "number", "boolean", "null")
SAYS_WHAT_IT_HOLDS = frozenset({"type", "anyOf", "oneOf", "allOf", "enum", "const", "$ref", "properties"})


def openai_tool(source: Any, strict: bool | None) -> dict[str, Any]:
    """LangChain's conversion to OpenAI's form, with the whole schema where that refers to itself."""
    definition = convert_to_openai_tool(source, strict=strict)
    if isinstance(source, Mapping):
        return definition
    function = definition.get("function") or {}
    parameters = function.get("parameters")
    if not isinstance(parameters, dict) or not holds_anything(parameters):
        return definition
    schema = schema_of(source)
    if schema is None or not is_recursive(schema):
        return definition
    whole = {name: value for name, value in rooted(schema).items() if name not in ("title", "description")}
    return convert_to_openai_tool({**function, "parameters": whole}, strict=strict)


def holds_anything(schema: Mapping[str, Any]) -> bool:
    """Whether it takes a value of any kind somewhere: it was meant so, or a reference was left out."""
    if schema.get("type") in SCALARS:
        return False
    if SAYS_WHAT_IT_HOLDS.isdisjoint(schema):
        return True
    inner: list[Any] = [schema.get("items"), schema.get("additionalProperties")]
    inner += (schema.get("properties") or {}).values()
    for name in ("anyOf", "oneOf", "allOf", "prefixItems"):
        inner += schema.get(name) or ()
    return any(isinstance(part, dict) and holds_anything(part) for part in inner)


def schema_of(source: Any) -> Mapping[str, Any] | None:
    """The JSON schema of what a tool takes; None where there is none of today."""
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
    """Whether a definition leads back to itself. Of references to other places it is taken for granted."""
    if any(not reference.startswith(DEFINITIONS) for reference in references(schema)):
        return True
    left = {
        DEFINITIONS + name: set(references(definition)) for name, definition in (schema.get("$defs") or {}).items()
    }
    while ended := [name for name, others in left.items() if not others & left.keys()]:
        for name in ended:
            del left[name]
    return bool(left)


def references(schema: Any) -> Iterator[str]:
    """All references within a schema."""
    if isinstance(schema, Mapping):
        if isinstance(reference := schema.get("$ref"), str):
            yield reference
        for part in schema.values():
            yield from references(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from references(part)
