"""Recursive JSON schemas are sent complete, as tools and as response_format."""

import warnings
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.tools import StructuredTool, tool
from pydantic import BaseModel

from qwen_core.errors import QwenWarning
from qwen_emulator import Emulator
from tests.langchain.conftest import MakeModel

MODEL = "qwen3.7-plus"


class Folder(BaseModel):
    """A folder."""

    name: str
    folders: list["Folder"] = []


class Person(BaseModel):
    """Who works somewhere."""

    name: str
    team: "Team | None" = None


class Team(BaseModel):
    """Who works together."""

    people: list[Person] = []
    notes: Any = None


def file(folder: Folder, copies: int = 1) -> str:
    """File a folder."""
    return folder.name * copies


OF_2019 = {
    "type": "object",
    "properties": {"folder": {"$ref": "#/definitions/Folder"}},
    "definitions": {
        "Folder": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "folders": {"type": "array", "items": {"$ref": "#/definitions/Folder"}},
            },
        }
    },
}
OF_OPENAI = {"type": "function", "function": {"name": "file", "parameters": OF_2019}}
TOOLS: dict[str, Any] = {
    "class": Folder,
    "function": file,
    "tool": tool(file),
    "MCP tool": StructuredTool(name="file", description="", args_schema=OF_2019, func=print),
    "OpenAI": OF_OPENAI,
    "OpenAI with extra fields": {"title": "file", **OF_2019, "additionalProperties": {}},
    "indirect recursion": Person,
}


def fields_at(schema: dict[str, Any], *path: str) -> set[str]:
    """Return the field names at the end of a path of fields, resolving optional and list types."""
    part = schema
    for name in (*path, None):
        part = next((kind for kind in part.get("anyOf", ()) if kind != {"type": "null"}), part).copy()
        part = part.get("items", part)
        if "$ref" in part:
            _, place, definition = part["$ref"].split("/")
            part = schema[place][definition]
        if name is not None:
            part = part["properties"][name]
    return set(part["properties"])


@pytest.mark.parametrize("strict", [None, True])
@pytest.mark.parametrize("form", TOOLS.values(), ids=TOOLS)
def test_recursive_tool_schema_is_sent_complete(
    service: Emulator, make: MakeModel, form: Any, strict: bool | None
) -> None:
    make(model=MODEL).bind_tools([form], strict=strict).invoke("Hello")
    (sent,) = service.last_request.parameters["tools"]
    parameters = sent["function"]["parameters"]
    assert parameters["type"] == "object"
    if form is Person:
        assert fields_at(parameters, "team", "people", "team", "people") == {"name", "team"}
    else:
        path = [] if form is Folder else ["folder"]
        assert fields_at(parameters, *path, "folders", "folders") == {"name", "folders"}
    if strict and form is not OF_OPENAI:
        assert sent["function"]["strict"] is True
        assert parameters["additionalProperties"] is False


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_recursive_structured_output_schema_is_sent_complete(
    service: Emulator, make: MakeModel, method: Any
) -> None:
    model = make(model=MODEL, enable_thinking=False)
    found = model.with_structured_output(Folder, method=method).invoke("A folder named home.")
    assert isinstance(found, Folder)
    assert fields_at(asked_schema(service), "folders", "folders") == {"name", "folders"}


@pytest.mark.parametrize("of_agents", [lambda: {"title": "Folder", **Folder.model_json_schema()}, lambda: Folder])
def test_recursive_response_format_has_its_fields_at_the_root(
    service: Emulator, make: MakeModel, of_agents: Callable[[], Any]
) -> None:
    schema = of_agents()
    if isinstance(schema, dict):
        schema = {"type": "json_schema", "json_schema": {"name": "Folder", "schema": schema}}
    make(model=MODEL).bind_tools([], response_format=schema).invoke("A folder named home.")
    sent = asked_schema(service)
    assert sent["type"] == "object"
    assert set(sent["properties"]) == {"name", "folders"}


def test_recursive_schema_in_a_json_instruction(service: Emulator, make: MakeModel) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", QwenWarning)
        make().with_structured_output(Folder, method="json_schema").invoke("A folder named home, as JSON.")
    assert "#/$defs/Folder" in str(service.last_request.messages[0]["content"])


def test_non_recursive_tool_schema_is_langchains_own(service: Emulator, make: MakeModel) -> None:
    class Open(BaseModel):
        """A class with untyped fields."""

        anything: Any
        inner: dict[str, Any] | None = None

    make(model=MODEL).bind_tools([Open]).invoke("Hello")
    (sent,) = service.last_request.parameters["tools"]
    assert sent["function"]["parameters"]["properties"]["anything"] == {}
    assert "$defs" not in sent["function"]["parameters"]


def asked_schema(service: Emulator) -> dict[str, Any]:
    """Return the schema of the latest request, from its tool or response_format."""
    parameters = service.last_request.parameters
    if tools := parameters.get("tools"):
        schema: dict[str, Any] = tools[0]["function"]["parameters"]
    else:
        schema = parameters["response_format"]["json_schema"]["schema"]
    return schema
