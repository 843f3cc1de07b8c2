"""Schemas to what the model is asked for, and its answer to a value of the schema."""

from collections.abc import Mapping
from operator import itemgetter
from typing import Any, Literal

from langchain_core.exceptions import OutputParserException
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.output_parsers.base import OutputParserLike
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser, PydanticToolsParser
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import BaseModel

Schema = Mapping[str, Any] | type
Method = Literal["function_calling", "json_schema", "json_mode"]

RESPONSE_FORMATS = ("text", "json_object", "json_schema")


def response_format(schema: Schema, strict: bool | None) -> dict[str, Any]:
    """The ``response_format`` that asks for this schema."""
    json_schema = convert_to_json_schema(schema, strict=strict)  # type: ignore[arg-type]
    name = json_schema.get("title") or "answer"
    inner: dict[str, Any] = {"name": safe_name(str(name)), "schema": json_schema}
    if description := json_schema.get("description"):
        inner["description"] = description
    if strict is not None:
        inner["strict"] = strict
    return {"type": "json_schema", "json_schema": inner}


def as_response_format(wanted: Schema, strict: bool | None = None) -> dict[str, Any]:
    """A ``response_format`` as it is, or that of a schema."""
    if isinstance(wanted, Mapping) and wanted.get("type") in RESPONSE_FORMATS:
        return dict(wanted)
    return response_format(wanted, strict)


def safe_name(name: str) -> str:
    """A name of letters, digits, ``_`` and ``-``, 64 at most: what the service accepts (compatible, section 2)."""
    return "".join(
        letter if (letter.isascii() and letter.isalnum()) or letter in "_-" else "_" for letter in name
    )[:64]


def tool_name(schema: Schema) -> str:
    """The name of the tool that a schema becomes."""
    return str(convert_to_openai_tool(schema)["function"]["name"])


def text_parser(schema: Schema | None) -> OutputParserLike[Any]:
    """A parser for an answer that is JSON text."""
    if isinstance(schema, type) and is_basemodel_subclass(schema):
        return PydanticOutputParser(pydantic_object=schema)
    return JsonOutputParser()


def tool_parser(schema: Schema) -> OutputParserLike[Any]:
    """A parser for an answer that is a tool call."""
    if isinstance(schema, type) and is_basemodel_subclass(schema):
        return PydanticToolsParser(tools=[schema], first_tool_only=True)
    return JsonOutputKeyToolsParser(key_name=tool_name(schema), first_tool_only=True)


def chain(
    model: Runnable[Any, Any], parser: OutputParserLike[Any], include_raw: bool
) -> Runnable[Any, dict[str, Any] | BaseModel]:
    """Model and parser; with ``include_raw`` the message, the value and the error side by side."""
    if not include_raw:
        return model | parser
    parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
    failed = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=model) | parsed.with_fallbacks(
        [failed], exceptions_to_handle=(OutputParserException, ValueError), exception_key="parsing_error"
    )
