"""Structured answers: right where the text tells, and valid against the schema always."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qwen_emulator.conversation import read_conversation
from qwen_emulator.default_replies import answer
from qwen_emulator.default_replies.schema import fill

TEXT = {"type": "string"}
WHOLE = {"type": "integer"}


def record(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(fields)}


PERSON = record(name=TEXT, age=WHOLE)


@pytest.mark.parametrize(
    ("text", "schema", "expected"),
    [
        ("John Smith is 34 years old and lives in Berlin.", record(name=TEXT, age=WHOLE, city=TEXT),
         {"name": "John Smith", "age": 34, "city": "Berlin"}),
        ("张三今年28岁,住在上海。", record(name=TEXT, age=WHOLE, city=TEXT),
         {"name": "张三", "age": 28, "city": "上海"}),
        ("The phone costs $299.99 and has 128 GB of storage. My review is positive.",
         record(price={"type": "number"}, storage=WHOLE, sentiment={"enum": ["negative", "positive"]}),
         {"price": 299.99, "storage": 128, "sentiment": "positive"}),
        ("Alice is 30, Bob is 25 and Carol is 41.", record(people={"type": "array", "items": PERSON}),
         {"people": [{"name": "Alice", "age": 30}, {"name": "Bob", "age": 25}, {"name": "Carol", "age": 41}]}),
        ("Write to ada@example.com before 2025-03-04.",
         record(email={"type": "string", "format": "email"}, deadline={"type": "string", "format": "date"}),
         {"email": "ada@example.com", "deadline": "2025-03-04"}),
        ("Title: Dune\nAuthor: Frank Herbert\nYear: 1965", record(title=TEXT, author=TEXT, year=WHOLE),
         {"title": "Dune", "author": "Frank Herbert", "year": 1965}),
        ("The fruits are apples, pears and plums.", record(fruits={"type": "array", "items": TEXT}),
         {"fruits": ["apples", "pears", "plums"]}),
        ("The numbers 3, 5 and 8.", record(values={"type": "array", "items": WHOLE}), {"values": [3, 5, 8]}),
        ("I was born in Paris in 1990 and my name is Marie Dupont. Occupation: engineer",
         record(name=TEXT, birth_year=WHOLE, birth_city=TEXT, occupation=TEXT),
         {"name": "Marie Dupont", "birth_year": 1990, "birth_city": "Paris", "occupation": "engineer"}),
        ("Describe a movie called The Matrix from 1999 starring Keanu Reeves and Carrie-Anne Moss.",
         record(title=TEXT, year=WHOLE, actors={"type": "array", "items": TEXT}),
         {"title": "The Matrix", "year": 1999, "actors": ["Keanu Reeves", "Carrie-Anne Moss"]}),
        ("The order is urgent.", record(urgent={"type": "boolean"}, paid={"type": "boolean"}),
         {"urgent": True, "paid": False}),
    ],
)  # fmt: skip
def test_values_are_found_in_the_text(text: str, schema: dict[str, Any], expected: Any) -> None:
    assert fill(schema, text) == expected


def test_references_options_and_defaults() -> None:
    schema = {
        "$defs": {"Address": record(city=TEXT)},
        "type": "object",
        "properties": {
            "home": {"$ref": "#/$defs/Address"},
            "nickname": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
            "kind": {"const": "person"},
            "retries": {"type": "integer", "default": 3},
            "both": {"allOf": [record(a=WHOLE), {"properties": {"b": {"const": 1}}, "required": ["b"]}]},
        },
        "required": ["home", "nickname", "kind", "retries", "both"],
    }
    assert fill(schema, "She lives in Oslo.") == {
        "home": {"city": "Oslo"}, "nickname": None, "kind": "person", "retries": 3, "both": {"a": 0, "b": 1},
    }  # fmt: skip


def test_recursive_schemas_end() -> None:
    node = {"type": "object", "properties": {"name": TEXT, "children": {"type": "array", "items": {"$ref": "#"}}}}
    made = fill({**node, "required": ["name", "children"]}, "A tree with two leaves.")
    assert made["name"]


def test_patterns_are_matched() -> None:
    for pattern in (r"^[A-Z]{2}-\d{4}$", r"^\+?\d{3,5}$", r"[^abc]x?", r"^\d{4}-\d{2}-\d{2}$", r"^[a-z]{2,4}$"):
        assert re.search(pattern, fill({"type": "string", "pattern": pattern}, "nothing here"))
    with pytest.raises(ValueError, match=r"emulator\.reply"):
        fill({"type": "string", "pattern": r"^(red|green)\s\w+$"}, "nothing here")
    assert fill({"type": "string", "pattern": r"^[A-Z]{2}-\d{4}$"}, "Ticket AB-1234 is open") == "AB-1234"


def structured(content: str, **response_format: Any) -> Any:
    messages = [{"role": "user", "content": content}]
    asked = read_conversation(
        "openai", "qwen3.7-plus", messages, {"response_format": response_format}, stream=False
    )
    return json.loads(str(answer(asked).text))


def test_response_formats() -> None:
    given: dict[str, Any] = {"type": "json_schema", "json_schema": {"name": "Person", "schema": PERSON}}
    assert structured("Erick is 27 years old.", **given) == {"name": "Erick", "age": 27}
    prompt = f"Erick is 27 years old.\n\nAnswer in JSON that conforms to this schema:\n{json.dumps(PERSON)}"
    assert structured(prompt, type="json_object") == {"name": "Erick", "age": 27}
    example = 'Return JSON like {"name": "x", "age": 1}: My friend Wu Ming is 52.'
    assert structured(example, type="json_object") == {"name": "Wu Ming", "age": 52}
    named = "Maria Silva is Spanish. Return JSON with the keys `name` and `text`."
    assert structured(named, type="json_object") == {"name": "Maria Silva", "text": "Maria Silva is Spanish."}
    assert structured("What is 1 + 1? Reply as JSON.", type="json_object") == {"answer": "1 + 1 = 2"}


# Validity


scalars = st.one_of(
    st.fixed_dictionaries({"type": st.just("string")}, optional={
        "minLength": st.integers(0, 5), "maxLength": st.integers(5, 9)}),
    st.fixed_dictionaries({"type": st.just("integer")}, optional={
        "minimum": st.integers(-5, 5), "maximum": st.integers(6, 20)}),
    st.fixed_dictionaries({"type": st.just("number")}, optional={
        "exclusiveMinimum": st.integers(-5, 5), "exclusiveMaximum": st.integers(6, 20)}),
    st.just({"type": "boolean"}),
    st.just({"type": "null"}),
    st.lists(st.integers() | st.text(max_size=5), min_size=1, max_size=4).map(lambda some: {"enum": some}),
    st.sampled_from(["date", "email", "uuid", "uri"]).map(lambda form: {"type": "string", "format": form}),
)  # fmt: skip
names = st.sampled_from(["name", "age", "city", "items", "price", "is_open", "tags", "query"])


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    arrays = st.fixed_dictionaries({"type": st.just("array"), "items": inner}, optional={
        "minItems": st.integers(0, 2), "maxItems": st.integers(2, 4)})  # fmt: skip
    objects = st.dictionaries(names, inner, max_size=4).flatmap(
        lambda fields: st.sets(st.sampled_from(sorted(fields)) if fields else st.nothing()).map(
            lambda needed: {"type": "object", "properties": fields, "required": sorted(needed)}
        )
    )
    options = st.lists(inner, min_size=1, max_size=3).map(lambda some: {"anyOf": some})
    return st.one_of(arrays, objects, options)


def valid(value: Any, schema: dict[str, Any]) -> bool:
    if "anyOf" in schema:
        return any(valid(value, option) for option in schema["anyOf"])
    if "enum" in schema:
        return value in schema["enum"]
    if schema["type"] == "object":
        fields = schema["properties"]
        return isinstance(value, dict) and value.keys() >= set(schema["required"]) and all(
            (name not in fields or valid(held, fields[name])) for name, held in value.items()
        )  # fmt: skip
    if schema["type"] == "array":
        if not isinstance(value, list):
            return False
        size = schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", 10_000)
        return size and all(valid(item, schema["items"]) for item in value)
    if schema["type"] == "string":
        return isinstance(value, str) and schema.get("minLength", 0) <= len(value) <= schema.get(
            "maxLength", 10_000
        )
    if schema["type"] in ("integer", "number"):
        kinds = int if schema["type"] == "integer" else int | float
        if not isinstance(value, kinds) or isinstance(value, bool):
            return False
        inside = schema.get("minimum", value) <= value <= schema.get("maximum", value)
        strictly = schema.get("exclusiveMinimum", value - 1) < value < schema.get("exclusiveMaximum", value + 1)
        return bool(inside and strictly)
    return isinstance(value, bool) if schema["type"] == "boolean" else value is None


texts = st.one_of(
    st.sampled_from(
        ["Alice is 30, Bob is 25.", "", "The city of Rome has 3 hills; price: 4.5!", "张三今年28岁。"]
    ),
    st.text(max_size=60),
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(schema=st.recursive(scalars, nested, max_leaves=8), text=texts)
def test_what_is_filled_is_valid(schema: dict[str, Any], text: str) -> None:
    made = fill(schema, text)
    assert valid(made, schema), made
    assert fill(schema, text) == made
