"""JSON schemas in the form that the API accepts: an object, with its fields at the root."""

from collections.abc import Mapping
from typing import Any

from pydantic import RootModel

from qwen_core.prepare.tool_names import safe_name

WRAP = "value"
"""The field that holds the value of a class that is not an object: tool calls and JSON mode only have objects."""


def rooted(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema with its fields at the root; that of a recursive class has only a ``$ref`` there."""
    reference, definitions = schema.get("$ref"), schema.get("$defs")
    if not isinstance(reference, str) or not isinstance(definitions, Mapping):
        return dict(schema)
    root = definitions.get(reference.removeprefix("#/$defs/"))
    if not isinstance(root, Mapping):
        return dict(schema)
    return {**root, **{name: value for name, value in schema.items() if name != "$ref"}}


def needs_wrap(schema: object) -> bool:
    """Return whether this is a pydantic class that is not an object but a list, a string, a choice, ..."""
    is_root = isinstance(schema, type) and issubclass(schema, RootModel)
    return is_root and rooted(schema.model_json_schema()).get("type") != "object"  # type: ignore[attr-defined]


def is_wrapped(value: object) -> bool:
    """Return whether this is the object that holds a wrapped value in its only field."""
    return isinstance(value, dict) and value.keys() == {WRAP}


def json_schema_format(
    name: str, schema: Mapping[str, Any], *, description: str | None = None, strict: bool | None = None
) -> dict[str, Any]:
    """Return OpenAI's ``response_format`` for a JSON schema.

    The API restricts the characters of the name; the title of a generic class, for one, has brackets.
    """
    inner: dict[str, Any] = {"name": safe_name(name), "schema": schema}
    if description:
        inner["description"] = description
    if strict is not None:
        inner["strict"] = strict
    return {"type": "json_schema", "json_schema": inner}
