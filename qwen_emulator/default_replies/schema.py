"""Make an instance of a JSON schema from a text: always valid, and with the text's values where they are found."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from qwen_emulator.default_replies import values
from qwen_emulator.words import best_sentence, content_words, sentences

Schema = Mapping[str, Any]
_MAX_DEPTH = 12
_NEGATION = re.compile(r"\b(not|no|never|without|isn't|doesn't|false|n't)\b|不|没|否", re.IGNORECASE)
_FORMATS = {
    "date-time": "2025-01-01T00:00:00Z",
    "date": "2025-01-01",
    "time": "00:00:00Z",
    "email": "someone@example.com",
    "uri": "https://example.com",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "127.0.0.1",
}
_EXAMPLES = "a A 1 ab AB 12 abc ABC 123 abcd 1234 12345 a1 A1 AB-12 AB-123 AB-1234 ABC-123 ABC-1234 1.0 12:00"
_EMPTY: dict[str, Any] = {"object": {}, "array": [], "string": "", "integer": 0, "number": 0, "boolean": False}


@dataclass(frozen=True)
class _Field:
    """A position in the schema, and the text that its value may come from."""

    text: str
    root: Schema
    name: str = ""
    order: int = 0
    """The number of numeric fields before this one in the same object."""
    depth: int = 0
    optional: bool = True

    def inner(self, **changes: Any) -> _Field:
        return replace(self, depth=self.depth + 1, **changes)


def fill(schema: Schema, text: str, *, name: str = "", optional: bool = True) -> Any:
    """Return an instance; ``optional=False`` omits optional fields."""
    return _value(schema, _Field(text, schema, name, optional=optional))


def _value(schema: Schema, field: _Field) -> Any:
    schema = _resolve(schema, field)
    if field.depth > _MAX_DEPTH:
        return _EMPTY.get(_type(schema))
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return _choose(schema["enum"], schema, field)
    is_found = values.find_text(field.text, field.name) and not values.has_word(field.name, values.WHOLE_TEXTS)
    if "default" in schema and not is_found:
        return schema["default"]
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return _value(
            next((option for option in options if option.get("type") != "null"), options[0]), field.inner()
        )
    return _MAKERS[_type(schema)](schema, field)


def _resolve(schema: Schema, field: _Field) -> Schema:
    """Replace ``$ref`` and ``allOf`` by what they stand for."""
    for _ in range(20):
        if "$ref" not in schema:
            break
        target: Any = field.root
        for key in filter(None, str(schema["$ref"]).lstrip("#/").split("/")):
            target = target.get(key.replace("~1", "/").replace("~0", "~")) or {}
        schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
    for part in schema.get("allOf") or ():
        part = _resolve(part, field)
        fields = {**schema.get("properties", {}), **part.get("properties", {})}
        required = [*schema.get("required", []), *part.get("required", [])]
        schema = {**schema, **part, **({"properties": fields, "required": required} if fields else {})}
    return schema


def _type(schema: Schema) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((item for item in kind if item != "null"), "null")
    if kind in _MAKERS:
        return str(kind)
    if {"properties", "additionalProperties"} & schema.keys():
        return "object"
    if {"items", "prefixItems"} & schema.keys():
        return "array"
    return "number" if {"minimum", "maximum", "multipleOf"} & schema.keys() else "string"


def _has_word(text: str, word: str) -> bool:
    return bool(re.search(rf"(?<![a-z0-9]){re.escape(word.lower())}(?![a-z0-9])", text.lower()))


def _choose(options: list[Any], schema: Schema, field: _Field) -> Any:
    """Return the option that the text names first, else the default, else the first."""
    lowered = field.text.lower()
    named = [option for option in options if isinstance(option, str) and _has_word(lowered, option)]
    return min(named, key=lambda option: lowered.find(option.lower()), default=schema.get("default", options[0]))


def _string(schema: Schema, field: _Field) -> str:
    if schema.get("pattern"):
        return _matching(str(schema["pattern"]), field.text)
    if schema.get("format") in _FORMATS:
        found = re.search(values.FORMATS.get(schema["format"], r"\Z\A."), field.text)
        return found.group() if found else _FORMATS[schema["format"]]
    value = values.find_text(field.text, field.name)
    if value is None:
        label = " ".join(values.label_words(field.name, schema.get("description", "")))
        value = best_sentence(label, [field.text]) or " ".join(field.text.split())[:200] or field.name or "text"
    return value.ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength", 2_000)]


def _matching(pattern: str, text: str) -> str:
    found = re.search(pattern.removeprefix("^").removesuffix("$"), text)
    for candidate in (found.group() if found else "", *_EXAMPLES.split(), *_FORMATS.values()):
        if re.search(pattern, candidate):
            return candidate
    raise ValueError(f"no default reply matches the pattern {pattern!r}. Script one: emulator.reply(...)")


def _number(schema: Schema, field: _Field) -> float:
    found = values.numbers(field.text) or [0.0]
    return _clamp(found[min(field.order, len(found) - 1)], schema, whole=_type(schema) == "integer")


def _clamp(value: float, schema: Schema, *, whole: bool) -> float:
    """Move a number into the limits of the schema, onto a multiple of its step."""
    step = schema.get("multipleOf") or int(whole)
    margin = step or 1e-3
    lows = [schema.get("minimum"), schema.get("exclusiveMinimum")]
    highs = [schema.get("maximum"), schema.get("exclusiveMaximum")]
    low = max((limit + margin * strict for strict, limit in enumerate(lows) if limit is not None), default=None)
    high = min((limit - margin * strict for strict, limit in enumerate(highs) if limit is not None), default=None)
    value = round(value / step) * step if step else value
    if low is not None and value < low:
        value = -(-low // step) * step if step else low
    if high is not None and value > high:
        value = high // step * step if step else high
    return int(value) if whole or float(value).is_integer() else value


def _boolean(schema: Schema, field: _Field) -> bool:
    near = best_sentence(" ".join(values.label_words(field.name, schema.get("description", ""))), [field.text])
    return near is not None and not _NEGATION.search(near)


def _object(schema: Schema, field: _Field) -> dict[str, Any]:
    required = list(schema.get("required") or [])
    filled: dict[str, Any] = {}
    for name, inner_schema in (schema.get("properties") or {}).items():
        order = sum(type(value) in (int, float) for value in filled.values())
        if name in required or (field.optional and field.depth < 4):
            filled[name] = _value(inner_schema, field.inner(name=name, order=order))
    return {**dict.fromkeys(required, ""), **filled}


def _array(schema: Schema, field: _Field) -> list[Any]:
    fixed = [_value(item, field.inner()) for item in schema.get("prefixItems") or []]
    items: Any = schema.get("items")
    if fixed and not isinstance(items, Mapping):
        return fixed
    item = _resolve(items, field) if isinstance(items, Mapping) else {"type": "string"}
    inner = field.inner(name=re.sub(r"ies$", "y", field.name).removesuffix("s"))
    made = [*fixed, *_items(item, inner)]
    if schema.get("uniqueItems"):
        made = [value for number, value in enumerate(made) if value not in made[:number]]
    missing = range(len(made), int(schema.get("minItems", 0)))
    return [*made, *(_value(item, replace(inner, order=order)) for order in missing)][: schema.get("maxItems")]


def _items(item: Schema, field: _Field) -> Iterator[Any]:
    """Yield the items of an array that the text holds."""
    kind = _type(item)
    named = [option for option in item.get("enum") or () if _has_word(field.text, str(option))]
    if named or {"const", "enum", "anyOf", "oneOf", "pattern", "format", "minLength", "maxLength"} & item.keys():
        yield from named or [_value(item, field)]
    elif kind in ("integer", "number"):
        yield from (_clamp(value, item, whole=kind == "integer") for value in values.numbers(field.text))
    elif kind == "object":
        yield from (_value(item, field.inner(text=part)) for part in _parts(item, field.text))
    elif kind == "string":
        found = values.listed(field.text) or (values.names(field.text) if values.is_name_field(field.name) else [])
        yield from found or [part.rstrip(".") for part in sentences(field.text)[:3]] or [field.name or "text"]
    else:
        yield _value(item, field)


def _parts(item: Schema, text: str) -> list[str]:
    """Split a text into parts that each describe one object: lines, sentences or clauses."""
    fields: Schema = item.get("properties") or {}
    has_number = any(_type(inner) in ("integer", "number") for inner in fields.values())
    for separator in (r"\n+", r"(?<=[.!?。])\s+", r"[;,，；]\s*(?:and\s+)?|\s+and\s+"):
        parts = [part.strip() for part in re.split(separator, text) if len(content_words(part)) > 1]
        parts = [part for part in parts if values.numbers(part) or not has_number]
        if len(parts) > 1:
            return parts
    return [text]


_MAKERS: dict[str, Any] = dict(
    string=_string, number=_number, integer=_number, boolean=_boolean, object=_object, array=_array,
    null=lambda schema, field: None,
)  # fmt: skip
