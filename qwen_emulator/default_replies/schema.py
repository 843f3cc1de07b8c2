"""Filling a JSON schema from a text, so that the result is always valid and as often as possible right."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from qwen_emulator.default_replies import extract, pattern
from qwen_emulator.words import best_sentence, content_words, sentences

Schema = Mapping[str, Any]
_DEPTH = 12
_POSITIVE_TEXT = "good great excellent love loved wonderful amazing happy best fantastic enjoy like liked"
_NEGATIVE_TEXT = "bad terrible awful hate hated poor worst sad broken disappointed horrible angry"
_POSITIVE, _NEGATIVE = frozenset(_POSITIVE_TEXT.split()), frozenset(_NEGATIVE_TEXT.split())
_NEGATION = re.compile(r"\b(not|no|never|without|isn't|doesn't|false|n't)\b|不|没|否", re.IGNORECASE)
_FORMATS = {
    "date-time": "2025-01-01T00:00:00Z",
    "date": "2025-01-01",
    "time": "00:00:00Z",
    "email": "someone@example.com",
    "uri": "https://example.com",
    "url": "https://example.com",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
    "hostname": "example.com",
    "duration": "P1D",
}
_FORMAT_PATTERNS = {
    "date-time": r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:Z|[+-]\d{2}:\d{2})",
    "date": r"\d{4}-\d{2}-\d{2}",
    "email": r"[\w.+-]+@[\w-]+\.[\w.-]*\w",
    "uri": r"https?://[^\s\"'<>)]+",
    "url": r"https?://[^\s\"'<>)]+",
    "uuid": r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    "ipv4": r"\b\d{1,3}(?:\.\d{1,3}){3}\b",
}


@dataclass(frozen=True)
class _Place:
    """Where in the schema we are, and what text the value may come from."""

    text: str
    definitions: Schema
    name: str = ""
    order: int = 0
    """How many numeric fields came before in the same object."""
    depth: int = 0
    optional_too: bool = True

    def inside(self, **changes: Any) -> _Place:
        return replace(self, depth=self.depth + 1, **changes)


def fill(schema: Schema, text: str, *, name: str = "", optional: bool = True) -> Any:
    """A value of the schema, made from a text. ``optional=False`` leaves optional fields out unless found."""
    return _value(schema, _Place(text, schema, name, optional_too=optional))


def found_in(schema: Schema, text: str, name: str) -> bool:
    """Whether a text holds something for a field, or nothing but a made-up value could fill it."""
    return _found(schema, _Place(text, schema, name))


def _value(schema: Schema | bool, place: _Place) -> Any:
    if isinstance(schema, bool) or place.depth > _DEPTH:
        return None if isinstance(schema, bool) else _smallest(schema, place)
    schema = _resolved(schema, place)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return _choose(schema["enum"], schema, place)
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        return _option(options, schema, place)
    kind = _kind(schema)
    if "default" in schema and not _found(schema, place):
        return schema["default"]
    return _MAKERS[kind](schema, place)


def _resolved(schema: Schema, place: _Place) -> Schema:
    seen = 0
    while "$ref" in schema and seen < 20:
        target: Any = place.definitions
        for key in str(schema["$ref"]).lstrip("#/").split("/"):
            key = key.replace("~1", "/").replace("~0", "~")
            target = target.get(key, {}) if isinstance(target, Mapping) else {}
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**target, **rest}
        seen += 1
    if schema.get("allOf"):
        merged: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
        for part in schema["allOf"]:
            part = _resolved(part, place)
            merged = {
                **merged,
                **part,
                "properties": {**merged.get("properties", {}), **part.get("properties", {})},
                "required": [*merged.get("required", []), *part.get("required", [])],
            }
        schema = {
            key: value
            for key, value in merged.items()
            if value not in ({}, []) or key not in ("properties", "required")
        }
    return schema


def _kind(schema: Schema) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((item for item in kind if item != "null"), "null")
    if kind in _MAKERS:
        return str(kind)
    if "properties" in schema or "additionalProperties" in schema:
        return "object"
    if "items" in schema or "prefixItems" in schema:
        return "array"
    return "number" if {"minimum", "maximum", "multipleOf"} & schema.keys() else "string"


def _option(options: list[Schema], schema: Schema, place: _Place) -> Any:
    resolved = [_resolved(option, place) for option in options]
    for option in resolved:
        if option.get("type") != "null" and _found(option, place):
            return _value(option, place.inside())
    if "default" in schema:
        return schema["default"]
    if any(option.get("type") == "null" for option in resolved):
        return None
    return _value(resolved[0], place.inside())


def _found(schema: Schema, place: _Place) -> bool:
    schema = _resolved(schema, place)
    if "const" in schema or place.depth > _DEPTH:
        return True
    if schema.get("enum"):
        return any(_mentioned(str(item), place.text) for item in schema["enum"])
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        return any(option.get("type") != "null" and _found(option, place.inside()) for option in options)
    kind = _kind(schema)
    labels = extract.label_words(place.name, schema.get("description", ""))
    if kind in ("integer", "number"):
        named = extract.label_words(place.name)
        return bool(extract.numbers(place.text)) and bool(set(named) & set(content_words(place.text)))
    if kind == "string":
        if schema.get("format") in _FORMAT_PATTERNS:
            return bool(re.search(_FORMAT_PATTERNS[schema["format"]], place.text))
        return extract.find_text(place.text, place.name, schema.get("description", "")) is not None
    if kind == "object":
        inner = schema.get("properties", {})
        return any(_found(field, place.inside(name=name)) for name, field in inner.items())
    if kind == "array":
        return bool(set(labels) & set(content_words(place.text)))
    return kind == "boolean" and bool(set(labels) & set(content_words(place.text)))


def _mentioned(value: str, text: str) -> bool:
    return bool(re.search(rf"(?<![a-z0-9]){re.escape(value.lower())}(?![a-z0-9])", text.lower()))


def _choose(options: list[Any], schema: Schema, place: _Place) -> Any:
    lowered = place.text.lower()
    mentioned = [option for option in options if isinstance(option, str) and _mentioned(option, place.text)]
    if mentioned:
        return min(mentioned, key=lambda option: lowered.find(option.lower()))
    words = set(content_words(place.text)) | set(re.findall(r"[a-z]+", lowered))
    for mood, signs in (("positive", _POSITIVE), ("negative", _NEGATIVE)):
        if words & signs:
            for option in options:
                if isinstance(option, str) and option.lower().startswith(mood[:3]):
                    return option
    if "neutral" in options:
        return "neutral"
    if "default" in schema:
        return schema["default"]
    for option in options:
        if isinstance(option, int | float) and not isinstance(option, bool):
            if option in [value for _, value in extract.numbers(place.text)]:
                return option
        elif isinstance(option, str) and set(content_words(option.replace("_", " "))) & words:
            return option
    return options[0]


def _string(schema: Schema, place: _Place) -> str:
    if schema.get("pattern"):
        wanted = str(schema["pattern"])
        loose = re.search(wanted.removeprefix("^").removesuffix("$"), place.text)
        if loose and re.search(wanted, loose.group()):
            return loose.group()
        return pattern.example(wanted)
    if schema.get("format") in _FORMATS:
        form = _FORMAT_PATTERNS.get(schema["format"])
        found = re.search(form, place.text) if form else None
        return found.group() if found else _FORMATS[schema["format"]]
    value = extract.find_text(place.text, place.name, schema.get("description", ""))
    if value is None:
        label = " ".join(extract.label_words(place.name, schema.get("description", "")))
        value = best_sentence(label, [place.text]) or " ".join(place.text.split())[:200] or place.name or "text"
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    value = value if len(value) >= least else (value or "x") + "x" * least
    return value[: max(most, 0)] if most is not None else value[: max(least, 2000)]


def _number(schema: Schema, place: _Place) -> float:
    labels = extract.label_words(place.name, schema.get("description", ""))
    found = extract.find_number(place.text, labels, place.order)
    value = found if found is not None else _plausible(schema)
    return _bounded(value, schema, whole=False)


def _plausible(schema: Schema) -> float:
    """For want of anything better: the default, or a good mark if the schema says from where to where."""
    low, high = schema.get("minimum"), schema.get("maximum")
    if schema.get("default") is None and low is not None and high is not None:
        return float(low + 0.8 * (high - low))
    return float(schema.get("default") or 0)


def _integer(schema: Schema, place: _Place) -> int:
    return int(_bounded(_number({**schema, "multipleOf": schema.get("multipleOf", 1)}, place), schema, whole=True))


def _bounded(value: float, schema: Schema, *, whole: bool) -> float:
    step = schema.get("multipleOf") or (1 if whole else 0)
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    margin = step or 1e-3
    if above is not None and not isinstance(above, bool):
        low = above + margin if low is None else max(low, above + margin)
    if below is not None and not isinstance(below, bool):
        high = below - margin if high is None else min(high, below - margin)
    if step:
        value = round(value / step) * step
    if low is not None and value < low:
        value = -(-low // step) * step if step else low
    if high is not None and value > high:
        value = high // step * step if step else high
    return int(value) if float(value).is_integer() else value


def _boolean(schema: Schema, place: _Place) -> bool:
    labels = extract.label_words(place.name, schema.get("description", ""))
    near = best_sentence(" ".join(labels), [place.text])
    return bool(near) and not _NEGATION.search(near or "")


def _object(schema: Schema, place: _Place) -> dict[str, Any]:
    fields: Schema = schema.get("properties") or {}
    required = list(schema.get("required") or [])
    made: dict[str, Any] = {}
    numeric = 0
    for name, field in fields.items():
        inner = place.inside(name=name, order=numeric)
        wanted = name in required or (place.optional_too and place.depth < 4) or _found(field, inner)
        if wanted:
            made[name] = _value(field, inner)
            numeric += isinstance(made[name], int | float) and not isinstance(made[name], bool)
    for name in required:
        made.setdefault(name, "")
    free = schema.get("additionalProperties")
    if not fields and isinstance(free, Mapping):
        for key, _ in re.findall(r"(\w+)\s*[:=]\s*([^\s,;]+)", place.text)[:8]:
            made[key] = _value(free, place.inside(name=key))
    return made


def _array(schema: Schema, place: _Place) -> list[Any]:
    fixed = schema.get("prefixItems") or []
    items: Any = schema.get("items")
    made = [_value(item, place.inside(name=place.name)) for item in fixed]
    if fixed and (items is None or items is False):
        return made
    item = _resolved(items, place) if isinstance(items, Mapping) else {"type": "string"}
    made += list(_items(item, place))
    if schema.get("uniqueItems"):
        made = [value for number, value in enumerate(made) if value not in made[:number]]
    least = int(schema.get("minItems", 0))
    while len(made) < least:
        made.append(_value(item, place.inside(name=_singular(place.name), order=len(made))))
    return made[: int(schema["maxItems"])] if "maxItems" in schema else made


def _items(item: Schema, place: _Place) -> Iterator[Any]:
    inner = place.inside(name=_singular(place.name))
    if item.get("enum"):
        mentioned = [option for option in item["enum"] if _mentioned(str(option), place.text)]
        yield from mentioned or [_choose(item["enum"], item, inner)]
    elif "const" in item or "anyOf" in item or "oneOf" in item:
        yield _value(item, inner)
    elif (kind := _kind(item)) in ("integer", "number"):
        for _, value in extract.numbers(place.text):
            yield _bounded(value, item, whole=kind == "integer")
    elif kind == "string":
        yield from _strings(item, inner)
    elif kind == "object":
        blocks = _blocks(item, place)
        yield from (_value(item, inner.inside(text=block)) for block in blocks or [place.text])
    else:
        yield _value(item, inner)


def _strings(item: Schema, place: _Place) -> list[str]:
    if any(key in item for key in ("pattern", "format", "minLength", "maxLength")):
        return [_string(item, place)]
    enumerated = extract.listed(place.text)
    if enumerated:
        return enumerated
    found = extract.names(place.text) if extract.kind_of(place.name) in ("name", "place") else []
    return found or [sentence.rstrip(".") for sentence in sentences(place.text)[:3]] or [place.name or "text"]


def _blocks(item: Schema, place: _Place) -> list[str]:
    """Parts of the text that each describe one object: lines, sentences or clauses with values of their own."""
    for separator in (r"\n+", r"(?<=[.!?。])\s+", r"[;,，；]\s*(?:and\s+)?|\s+and\s+"):
        parts = [part.strip() for part in re.split(separator, place.text) if part.strip()]
        good = [part for part in parts if _described(item, part)]
        if len(good) > 1:
            return good
    return []


def _described(item: Schema, part: str) -> bool:
    fields: Schema = item.get("properties") or {}
    wants_number = any(_kind(field) in ("integer", "number") for field in fields.values())
    wants_name = any(extract.kind_of(name) in ("name", "place") for name in fields)
    if not wants_number and not wants_name:
        return len(content_words(part)) >= 2
    return (not wants_number or bool(extract.numbers(part))) and (not wants_name or bool(extract.names(part)))


def _singular(name: str) -> str:
    return name[:-3] + "y" if name.endswith("ies") else name.removesuffix("s")


def _smallest(schema: Schema, place: _Place) -> Any:
    kind = _kind(_resolved(schema, place))
    return {"object": {}, "array": [], "string": "", "integer": 0, "number": 0, "boolean": False}.get(kind)


def _nothing(schema: Schema, place: _Place) -> None:
    return None


_MAKERS: dict[str, Any] = {
    "string": _string,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "object": _object,
    "array": _array,
    "null": _nothing,
}


def dumps(value: Any) -> str:
    """JSON as a model writes it."""
    return json.dumps(value, ensure_ascii=False)
