"""JSON schemas in the form that the service takes: an object, with its fields at the root."""

from collections.abc import Mapping
from typing import Any

from pydantic import RootModel

WRAP = "value"
"""The field under which a class that is no object is asked for: calls and JSON mode have nothing but objects."""


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
