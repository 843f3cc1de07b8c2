"""Tool calls in text: the forms that are read, the quotations that are not, and the time that it takes."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_core.protocols.output_parsers import output_filters
from qwen_core.protocols.schema_values import ToolSchema
from qwen_core.protocols.tagged_calls import split_calls
from qwen_core.types.accumulator import accumulate
from qwen_core.types.events import ChoiceEnd, Event, Finish, ReasoningDelta, TextDelta
from qwen_core.types.messages import Message, TextPart, Tool
from qwen_core.types.requests import ChatRequest

TOOLS = {
    "write": Tool(
        "write",
        parameters={
            "type": "object",
            "properties": {
                "path": {"type": "string"},
                "content": {"type": "string"},
                "mode": {"type": "integer"},
                "dry": {"type": "boolean"},
            },
        },
    ),
    "ping": Tool("ping", parameters={}),
}

JSON_CALL = '<tool_call>\n{"name": "write", "arguments": {"path": "a.txt"}}\n</tool_call>'
FUNCTION = "<function=write>\n<parameter=path>\na.txt\n</parameter>\n</function>\n"
XML_CALL = f"<tool_call>\n{FUNCTION}</tool_call>"
A = ("write", {"path": "a.txt"})


def calls(text: str, *, complete: bool = True) -> list[tuple[str, Any]]:
    return [(name, json.loads(arguments)) for name, arguments in split_calls(text, TOOLS, complete=complete)[1]]


def written(key: str) -> str:
    return f'<tool_call>{{"name": "write", "{key}": {{"path": "a.txt"}}}}</tool_call>'


READ: dict[str, tuple[str, list[tuple[str, Any]]]] = {
    "json": (JSON_CALL, [A]),
    "xml": (XML_CALL, [A]),
    "key parameters": (written("parameters"), [A]),
    "key args": (written("args"), [A]),
    "id and type beside the arguments": (
        JSON_CALL.replace('{"name"', '{"id": "c", "type": "function", "name"'),
        [A],
    ),
    "name alone": ('<tool_call>{"name": "ping"}</tool_call>', [("ping", {})]),
    "null arguments": ('<tool_call>{"name": "ping", "arguments": null}</tool_call>', [("ping", {})]),
    "no parameters": ("<tool_call><function=ping></function></tool_call>", [("ping", {})]),
    "spaces around the equals sign": (XML_CALL.replace("=path", " = path").replace("=write", " = write"), [A]),
    "two functions in one block": (f"<tool_call>\n{FUNCTION}{FUNCTION}</tool_call>", [A, A]),
    "function without tool_call": (FUNCTION, [A]),
    "functions without tool_call": (FUNCTION + FUNCTION, [A, A]),
    "function without the opening tool_call": (f"{FUNCTION}</tool_call>", [A]),
    "first block not closed": (f"<tool_call>\n{FUNCTION}{XML_CALL}", [A, A]),
    "first json block not closed": (f"{JSON_CALL.removesuffix('</tool_call>')}{JSON_CALL}", [A, A]),
    "last block not closed": (XML_CALL.removesuffix("</tool_call>"), [A]),
    "function not closed": (XML_CALL.replace("</function>", ""), [A]),
    "parameter not closed before the next": (
        XML_CALL.replace("</parameter>", "<parameter=mode>\n4\n</parameter>"),
        [("write", {"path": "a.txt", "mode": 4})],
    ),
    "parameter not closed, on one line": (
        "<tool_call><function=write><parameter=path>a.txt<parameter=mode>4</parameter></function></tool_call>",
        [("write", {"path": "a.txt", "mode": 4})],
    ),
    "last parameter not closed": (XML_CALL.replace("</parameter>\n", ""), [A]),
    "mixed forms": (f"{JSON_CALL}\n{XML_CALL}", [A, A]),
    "indented by three": ("   " + JSON_CALL, [A]),
    "after a closed fence": (f"```python\nprint()\n```\n\n{JSON_CALL}", [A]),
    "after inline code at the beginning of a line": (f"```x``` is code\n{JSON_CALL}", [A]),
    "after text": (f"Let me look.\n{JSON_CALL}\n", [A]),
    "windows line breaks": (XML_CALL.replace("</parameter>\n", "</parameter>\r\n"), [A]),
}


@pytest.mark.parametrize(("text", "expected"), READ.values(), ids=READ)
def test_tool_call_forms_are_read(text: str, expected: list[tuple[str, Any]]) -> None:
    assert calls(text) == expected
    remaining = split_calls(text, TOOLS)[0]
    assert "<" not in remaining and text.startswith(remaining)


QUOTED = {
    "in the middle of a sentence": f"The page says: {JSON_CALL} and I will not do that.",
    "at the end of a sentence": f"The page says: {JSON_CALL}",
    "with text behind": f"{JSON_CALL}\nThis would write a file.",
    "in a fence": f"```\n{JSON_CALL}\n```",
    "in a fence that is not closed": f"Like this:\n```xml\n{JSON_CALL}",
    "in a tilde fence": f"~~~\n{JSON_CALL}\n```\n{JSON_CALL}",
    "in a longer fence": f"````\n```\n{JSON_CALL}",
    "in inline code": f"`{JSON_CALL}`",
    "in inline code over lines": f"`\n{JSON_CALL}\n`",
    "in a quotation": "> " + JSON_CALL.replace("\n", "\n> "),
    "indented by four": "    " + JSON_CALL,
    "in a JSON string": json.dumps({"text": JSON_CALL}),
    "escaped": JSON_CALL.replace("<", "&lt;"),
    "in an element": f"<example>\n{JSON_CALL}\n</example>",
    "function in a sentence": f"Write {FUNCTION}",
}


@pytest.mark.parametrize("text", QUOTED.values(), ids=QUOTED)
def test_quoted_tool_call_stays_text(text: str) -> None:
    assert split_calls(text, TOOLS) == (text, ())


NOT_WHOLE = {
    "other key than arguments": written("payload"),
    "other key beside arguments": JSON_CALL.replace('"name"', '"force": true, "name"'),
    "two keys for arguments": JSON_CALL.replace('"name"', '"parameters": {}, "name"'),
    "a key twice": JSON_CALL.replace('"path"', '"path": "b", "path"'),
    "a parameter twice": XML_CALL.replace("</function>", "<parameter=path>b</parameter></function>"),
    "text between parameters": XML_CALL.replace("<parameter", "first\n<parameter"),
    "json inside a function": '<tool_call><function=write>{"path": "a"}</function></tool_call>',
    "text behind the json": JSON_CALL.replace("\n</tool", "}\n</tool"),
    "nothing inside": "<tool_call></tool_call>",
    "no name": '<tool_call>{"arguments": {}}</tool_call>',
    "parameter without a key": XML_CALL.replace("=path", "="),
    "one of two functions": XML_CALL.replace("<function", "<function=a>b</function>\n<function"),
    "another tag": XML_CALL.replace("<parameter=path>", "<param=path>"),
    "tool that was not offered": JSON_CALL.replace("write", "delete"),
    "deep json": "<tool_call>" + '{"a":' * 100_000,
    "huge integer": '<tool_call>{"name": "write", "arguments": {"mode": ' + "1" * 5000 + "}}</tool_call>",
}


@pytest.mark.parametrize("text", NOT_WHOLE.values(), ids=NOT_WHOLE)
def test_tool_call_that_is_not_understood_stays_text(text: str) -> None:
    assert split_calls(text, TOOLS) == (text, ())


@pytest.mark.parametrize("text", [JSON_CALL, XML_CALL], ids=["json", "xml"])
def test_truncated_tool_call_is_never_run(text: str) -> None:
    for length in range(len(text)):
        assert calls(text[:length], complete=False) == []
    assert calls(text, complete=False) == [A]
    assert calls(f"{text}\n{text[:-3]}", complete=False) == []


QUOTING_VALUES = {
    "closing tag": "one </parameter> two",
    "closing tags": "</function>\n</tool_call>",
    "a whole call": f"Example:\n{XML_CALL}\nEnd",
    "fences": "```\n<tool_call>\n```",
    "an opening tag": "use <parameter=x> here",
}


@pytest.mark.parametrize("value", QUOTING_VALUES.values(), ids=QUOTING_VALUES)
def test_values_may_quote_tags(value: str) -> None:
    function = f"<function=write>\n<parameter=content>\n{value}\n</parameter>\n<parameter=path>\na\n</parameter>\n"
    expected = ("write", {"content": value, "path": "a"})
    assert calls(f"<tool_call>\n{function}</function>\n</tool_call>\n{XML_CALL}") == [expected, A]
    arguments = json.dumps({"content": value, "path": "a"})
    assert calls(f'<tool_call>{{"name": "write", "arguments": {arguments}}}</tool_call>{JSON_CALL}') == [
        expected,
        A,
    ]


def test_call_of_an_unknown_tool_stays_text_beside_others() -> None:
    unknown = JSON_CALL.replace("write", "delete")
    text, found = split_calls(f"{JSON_CALL}\n{unknown}\n{JSON_CALL}", TOOLS)
    assert (text.strip(), len(found)) == (unknown, 2)


REFERENCES = {"Version": {"type": "string"}, "Loop": {"anyOf": [{"$ref": "#/$defs/Loop"}, {"type": "integer"}]}}
VALUES: list[tuple[Any, str, Any]] = [
    ({"type": "string"}, "1.10", "1.10"),
    ({"type": ["string", "null"]}, "1.10", "1.10"),
    ({"type": ["string", "null"]}, "42", "42"),
    ({"type": ["string", "null"]}, "null", None),
    ({"type": "string"}, "null", "null"),
    ({"enum": ["1", "2"]}, "1", "1"),
    ({"enum": [1, 2]}, "1", 1),
    ({"const": "1"}, "1", "1"),
    ({}, "42", "42"),
    (None, "true", "true"),
    (True, "true", "true"),
    ({"type": "boolean"}, "True", True),
    ({"type": "boolean"}, "False", False),
    ({"type": "boolean"}, "yes", "yes"),
    ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, "True", True),
    ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, "None", None),
    ({"type": "boolean", "nullable": True}, "null", None),
    ({"type": "integer"}, "3", 3),
    ({"type": "integer"}, "3.0", 3),
    ({"type": "integer"}, "007", 7),
    ({"type": "integer"}, "null", None),
    ({"type": "integer"}, "1" * 5000, "1" * 5000),
    ({"type": "number"}, "3", 3),
    ({"type": "number"}, "1.5e3", 1500.0),
    ({"type": "number"}, ".5", 0.5),
    ({"type": "number"}, "NaN", "NaN"),
    ({"type": ["integer", "string"]}, "42", "42"),
    ({"type": "object"}, '{"a": 1}', {"a": 1}),
    ({"type": "object"}, "{'a': True}", {"a": True}),
    ({"type": "array"}, "['a', None]", ["a", None]),
    ({"type": "array"}, "[" * 90_000, "[" * 90_000),
    ({"type": "object"}, "[1]", "[1]"),
    ({"items": {"type": "integer"}}, "[1]", [1]),
    ({"$ref": "#/$defs/Version"}, "1.10", "1.10"),
    ({"$ref": "#/$defs/Missing"}, "1", "1"),
    ({"$ref": "https://example.org/schema"}, "1", "1"),
    ({"$ref": "#/$defs/Loop"}, "1", "1"),
    ({"allOf": [{"$ref": "#/$defs/Version"}], "description": "x"}, "1", "1"),
    ({"allOf": [{"type": ["integer", "string"]}, {"type": "integer"}]}, "1", 1),
    ({"oneOf": [{"type": "integer"}, {"type": "array"}]}, "[1]", [1]),
    ({"type": "float"}, "1", "1"),
    (False, "1", "1"),
]


@pytest.mark.parametrize(("schema", "text", "expected"), VALUES)
def test_values_get_the_type_of_the_schema(schema: Any, text: str, expected: Any) -> None:
    root = {"type": "object", "properties": {"a": schema}, "$defs": REFERENCES}
    value = ToolSchema(root).value("a", text)
    assert (value, type(value)) == (expected, type(expected))


def test_parameters_of_combined_schemas_have_types() -> None:
    root = {
        "allOf": [{"properties": {"a": {"type": "integer"}}}, {"$ref": "#/$defs/More"}],
        "$defs": {"More": {"properties": {"b": {"type": "boolean"}}, "allOf": [{"$ref": "#/$defs/More"}]}},
        "additionalProperties": {"type": "number"},
    }
    schema = ToolSchema(root)
    assert [schema.value(key, text) for key, text in (("a", "1"), ("b", "True"), ("c", "1.5"))] == [1, True, 1.5]


def test_schema_of_nested_references_takes_linear_time() -> None:
    definitions = {
        str(number): {
            "anyOf": [{"$ref": f"#/$defs/{number + 1}"}] * 2,
            "allOf": [{"$ref": f"#/$defs/{number + 1}"}] * 2,
        }
        for number in range(25)
    }
    began = time.process_time()
    schema = ToolSchema(
        {"properties": {"a": {"$ref": "#/$defs/0"}}, "allOf": [{"$ref": "#/$defs/0"}], "$defs": definitions}
    )
    schema.value("a", "1")
    assert time.process_time() - began < 1


def parse(chunks: list[Event]) -> Any:
    request = ChatRequest(
        model="m",
        messages=(Message("user", (TextPart("hi"),)),),
        tools=tuple(TOOLS.values()),
        tool_call_parser="hermes",
        reasoning_parser="qwen3",
    )
    events: list[Event] = [*chunks, Finish(choices=(ChoiceEnd("stop", "stop"),), id="a1")]
    for one in output_filters(request):
        events = [new for event in events for new in one.add(event)]
    return accumulate(events)


LONG: dict[str, Callable[[int], list[Event]]] = {
    "opening tags": lambda n: [TextDelta("<tool_call><function=a>" * n)],
    "opening lines": lambda n: [TextDelta("<tool_call>\n<function=write>\n<parameter=b>\n" * n)],
    "opening lines, closed once": lambda n: [
        TextDelta("<tool_call>\n<function=write>\n<parameter=b>\n" * n + "</parameter></function></tool_call>")
    ],
    "calls and text": lambda n: [TextDelta(f"{XML_CALL}\n" * n + "x")],
    "json calls and text": lambda n: [TextDelta(f"{JSON_CALL}\n" * n + "x")],
    "json calls on one line": lambda n: [TextDelta(JSON_CALL.replace("\n", "") * n + "x")],
    "broken json": lambda n: [TextDelta('<tool_call>{"a": \n' * n)],
    "tags in json": lambda n: [TextDelta('<tool_call>{"name": "write", "a": "' + "</tool_call>" * n)],
    "tag and spaces": lambda n: [TextDelta("<tool_call>" + " " * n)] * 2,
    "parameter and spaces": lambda n: [TextDelta("<parameter" + " " * n + "=" + " " * n)],
    "fences": lambda n: [TextDelta("```\n<tool_call>\n" * n)],
    "the same in reasoning": lambda n: [ReasoningDelta("<tool_call>\n<function=write>\n" * n)],
    "white space in chunks": lambda n: [TextDelta(" \n")] * n,
    "white space in chunks of reasoning": lambda n: [TextDelta("<think>a"), *[TextDelta(" \n")] * n],
    "one character a chunk": lambda n: [*map(TextDelta, f"x\n{XML_CALL}" * (n // 50))],
    "backticks in chunks": lambda n: [TextDelta("`")] * n,
}


@pytest.mark.parametrize("make", LONG.values(), ids=LONG)
def test_parsing_takes_linear_time(make: Callable[[int], list[Event]]) -> None:
    def seconds(size: int) -> float:
        chunks = make(size)
        best = float("inf")
        for _ in range(2):
            began = time.process_time()
            parse(chunks)
            best = min(best, time.process_time() - began)
        return best

    # Quadratic time would be 64 times as much.
    assert seconds(4000) < 16 * max(seconds(500), 0.001)


@given(
    st.lists(
        st.sampled_from([JSON_CALL, XML_CALL, FUNCTION, "Text.\n", "```\n", "`", "\n", "  ", "<tool_call>"]),
        max_size=6,
    ),
    st.lists(st.integers(1, 40), max_size=30),
)
def test_tool_calls_do_not_depend_on_chunk_boundaries(parts: list[str], sizes: list[int]) -> None:
    text = "".join(parts)
    chunks: list[Event] = []
    rest = text
    for size in [*sizes, len(text)]:
        chunks += [TextDelta(rest[:size])] if rest[:size] else []
        rest = rest[size:]
    streamed, whole = parse(chunks), parse([TextDelta(text)] if text else [])
    assert (streamed.text, streamed.tool_calls) == (whole.text, whole.tool_calls)
    remaining, found = split_calls(text, TOOLS)
    assert [(call.name, call.arguments) for call in whole.tool_calls] == list(found)
    assert whole.text.strip() == remaining.strip()
