"""Convert the bare text of a parameter, as Qwen-Coder's XML tool calls have it, to the type in the tool's schema.

A text says nothing of its type: ``1.10`` may be a version or a number. A schema is reduced to the set of JSON
types that it allows, in whichever form it states them. A string is kept whenever a string is allowed or nothing is
known.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

Types = frozenset[str]

ALL_TYPES: Types = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})
MAX_DEPTH = 32
"""Of schemas in schemas."""
MAX_LITERAL = 100_000
"""Length of a Python literal that is read: its parser needs much memory for each character."""

UNIONS = ("anyOf", "oneOf")
COMBINATIONS = (*UNIONS, "allOf")
IMPLIED_TYPES = {"properties": "object", "items": "array", "prefixItems": "array"}
"""Keywords that say something of one type only, for schemas that name none."""
TYPE_NAMES: dict[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


class ToolSchema:
    """The parameters of a tool, with the types that each allows."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._root = parameters
        self._types_at: dict[str, Types] = {}
        self.properties = self._properties(parameters, set())

    def value(self, key: str, text: str) -> Any:
        """Return the value of a parameter that was written as this text."""
        schema = self.properties.get(key, self._root.get("additionalProperties", True))
        return typed_value(text, self.types(schema))

    def types(self, schema: Any, depth: int = 0) -> Types:
        """Return the JSON types that a schema allows; all of them if it says nothing of them."""
        if schema is False:
            return frozenset()
        if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
            return ALL_TYPES
        types = named_types(schema)
        if isinstance(reference := schema.get("$ref"), str):
            types &= self._referenced_types(reference, depth)
        for keyword in UNIONS:
            if isinstance(options := schema.get(keyword), list) and options:
                types &= frozenset().union(*(self.types(option, depth + 1) for option in options))
        if isinstance(parts := schema.get("allOf"), list):
            for part in parts:
                types &= self.types(part, depth + 1)
        # OpenAPI 3.0 writes this in place of a union.
        return types | {"null"} if schema.get("nullable") is True else types

    def _referenced_types(self, reference: str, depth: int) -> Types:
        if reference not in self._types_at:
            # What a circular reference finds.
            self._types_at[reference] = ALL_TYPES
            self._types_at[reference] = self.types(referenced(reference, self._root), depth + 1)
        return self._types_at[reference]

    def _properties(self, schema: Any, seen: set[str], depth: int = 0) -> dict[str, Any]:
        """Return the schemas of an object's properties, also of those that a part or an option of it declares."""
        if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
            return {}
        found: dict[str, Any] = {}
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference not in seen:
            seen.add(reference)
            found |= self._properties(referenced(reference, self._root), seen, depth + 1)
        for keyword in COMBINATIONS:
            options = schema.get(keyword)
            for option in options if isinstance(options, list) else ():
                found = self._properties(option, seen, depth + 1) | found
        properties = schema.get("properties")
        return found | dict(properties) if isinstance(properties, Mapping) else found


def named_types(schema: Mapping[str, Any]) -> Types:
    """Return the types that ``type``, ``enum`` and ``const`` of a schema allow."""
    types = ALL_TYPES
    named = schema.get("type")
    if isinstance(named, str | list):
        names = frozenset({named} if isinstance(named, str) else {str(name) for name in named})
        # A name that JSON Schema does not have says nothing.
        types = names if names <= ALL_TYPES else ALL_TYPES
    elif implied := frozenset(IMPLIED_TYPES[name] for name in IMPLIED_TYPES if name in schema):
        types = implied
    if "number" in types:
        types |= {"integer"}
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if isinstance(values, list):
        types &= frozenset(TYPE_NAMES.get(type(value), "string") for value in values)
    return types


def referenced(reference: str, root: Mapping[str, Any]) -> Any:
    """Return the schema that a JSON pointer into the root leads to; True, which allows everything, if none."""
    if not reference.startswith("#"):
        return True
    found: Any = root
    for step in reference[1:].split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, Mapping) or key not in found:
            return True
        found = found[key]
    return found


def typed_value(text: str, types: Types) -> Any:
    """Return the value of one of these types that a text stands for, or the text if it stands for none.

    ``null`` is None wherever no string is allowed, as the parsers of vLLM and SGLang read it.
    """
    if text == "null" and ("null" in types or "string" not in types):
        return None
    if "string" in types:
        return text
    for value in possible_values(text.strip(), types):
        name = TYPE_NAMES[type(value)]
        if name in types or (name == "integer" and "number" in types):
            return value
    return text


def possible_values(text: str, types: Types) -> Iterator[Any]:
    """Yield what a text may mean: as JSON, as Python writes it, and as a number in a form that JSON lacks."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError):
        pass
    else:
        integral = isinstance(value, float) and value.is_integer()
        yield int(value) if integral and "number" not in types else value
    if (word := text.lower()) in ("true", "false"):
        yield word == "true"
    elif word == "none":
        yield None
    if types & {"integer", "number"} and re.fullmatch(r"[+-]?[0-9]{1,400}", text):
        yield int(text)
    if "number" in types and re.fullmatch(r"[+-]?([0-9]{1,300}\.?[0-9]{0,300}|\.[0-9]{1,300})", text):
        yield float(text)
    if types & {"array", "object"} and text[:1] in ("[", "{", "(") and len(text) <= MAX_LITERAL:
        yield python_literal(text)


def python_literal(text: str) -> Any:
    """Return a list or dict that was written as Python does, if JSON can express it; else the text."""
    try:
        return msgspec.json.decode(msgspec.json.encode(ast.literal_eval(text)))
    except (msgspec.MsgspecError, ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text
