"""Schemas to what the model is asked for, and its answer to a value of the schema."""

from collections.abc import Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal, get_args

from langchain_core.exceptions import OutputParserException
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.output_parsers.base import OutputParserLike
from langchain_core.output_parsers.openai_tools import (
    JsonOutputKeyToolsParser,
    JsonOutputToolsParser,
    PydanticToolsParser,
)
from langchain_core.outputs import Generation
from langchain_core.runnables import Runnable, RunnableLambda, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from langchain_core.utils.pydantic import TBaseModel, is_basemodel_subclass
from pydantic import BaseModel, create_model, model_validator

from langchain_qwen.recursive_schemas import openai_tool
from langchain_qwen.tools import ToolLike
from qwen_core.adapters.schemas import WRAP, is_wrapped, needs_wrap, rooted
from qwen_core.prepare.tool_names import safe_name
from qwen_core.types.warnings import warn

if TYPE_CHECKING:
    from langchain_qwen.chat_models import ChatQwen

Schema = Mapping[str, Any] | type
Method = Literal["function_calling", "json_schema", "json_mode"]

RESPONSE_FORMATS = ("text", "json_object", "json_schema")


def response_format(schema: Schema, strict: bool | None) -> dict[str, Any]:
    """The ``response_format`` that asks for this schema."""
    json_schema = convert_to_json_schema(openai_tool(schema, strict))
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
        return with_root(wanted)
    return response_format(*plain_schema(wanted, strict))


def with_root(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """A ``response_format`` with the fields of its schema at the root, where agents give a recursive class."""
    inner = wanted.get("json_schema")
    schema = inner.get("schema") if isinstance(inner, Mapping) else None
    if not isinstance(inner, Mapping) or not isinstance(schema, Mapping):
        return dict(wanted)
    return {**wanted, "json_schema": {**inner, "schema": rooted(schema)}}


def plain_schema(schema: Schema, strict: bool | None) -> tuple[Schema, bool | None]:
    """The schema within OpenAI's ``response_format``, or within its ``json_schema``; any other as it is."""
    if not isinstance(schema, Mapping):
        return schema, strict
    inner = schema.get("json_schema") if schema.get("type") == "json_schema" else schema
    if not isinstance(inner, Mapping) or "name" not in inner or not isinstance(inner.get("schema"), Mapping):
        return schema, strict
    described = {"description": inner["description"]} if inner.get("description") else {}
    return {**inner["schema"], **described, "title": inner["name"]}, inner.get(
        "strict"
    ) if strict is None else strict


def as_object(schema: Any) -> type[BaseModel]:
    """The class of an object with this class as its one field."""

    def wrap(given: Any) -> Any:
        return given if is_wrapped(given) else {WRAP: given}

    # A model that takes the schema lightly answers with what the field should hold.
    lenient: Any = model_validator(mode="before")(wrap)
    fields: dict[str, Any] = {WRAP: (schema, ...)}
    name = safe_name(schema.__name__)
    return create_model(name, __doc__=schema.__doc__, __validators__={"wrap": lenient}, **fields)


def tool_name(schema: Schema) -> str:
    """The name of the tool that a schema becomes."""
    return str(convert_to_openai_tool(schema)["function"]["name"])


class WholeAnswer:
    """Before a parser: an answer that was cut is an error, where parsers would complete it or give None."""

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """The value, or an OutputParserException that says why there is none."""
        if (reason := unusable(result, isinstance(self, JsonOutputToolsParser))) is not None:
            raise OutputParserException(reason, llm_output=result[0].text)
        return super().parse_result(result, partial=partial)  # type: ignore[misc]


class WholeText(WholeAnswer):
    """The same for text. An answer that asks for other tools first is none yet: it gives None."""

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """The value, None, or an OutputParserException that says why there is none."""
        message = getattr(result[0], "message", None) if result else None
        if isinstance(message, AIMessage) and message.tool_calls:
            return None
        return super().parse_result(result, partial=partial)


class WholeJson(WholeText, JsonOutputParser):
    """JSON text to a dict."""


class WholeObject(WholeText, PydanticOutputParser[TBaseModel]):
    """JSON text to an object."""


class WholeCall(WholeAnswer, JsonOutputKeyToolsParser):
    """A tool call to a dict."""


class WholeCallObject(WholeAnswer, PydanticToolsParser):
    """A tool call to an object."""


def unusable(result: list[Generation], wants_call: bool) -> str | None:
    """Why a finished answer gives no value; None also for one that is still being streamed."""
    message = getattr(result[0], "message", None) if result else None
    reason = message.response_metadata.get("finish_reason") if isinstance(message, AIMessage) else None
    if not isinstance(message, AIMessage) or reason is None:
        return None
    if reason == "length":
        return "The answer was cut by max_tokens, or by the longest answer that the model gives."
    if not wants_call or message.tool_calls:
        return None
    if message.invalid_tool_calls:
        return f"The tool call cannot be used: {message.invalid_tool_calls[0].get('error')}"
    return "The model answered in text instead of calling the tool that holds the structure."


def text_parser(schema: Schema | None) -> OutputParserLike[Any]:
    """A parser for an answer that is JSON text."""
    if isinstance(schema, type) and is_basemodel_subclass(schema):
        return WholeObject(pydantic_object=schema)
    return WholeJson()


def tool_parser(schema: Schema) -> OutputParserLike[Any]:
    """A parser for an answer that is a tool call."""
    if isinstance(schema, type) and is_basemodel_subclass(schema):
        return WholeCallObject(tools=[schema], first_tool_only=True)
    return WholeCall(key_name=tool_name(schema), first_tool_only=True)


def as_asked(parser: OutputParserLike[Any], wraps: bool) -> Runnable[Any, Any]:
    """The parser, which takes the value out of the object that was asked for in its place."""
    return parser | RunnableLambda(lambda wrapped: getattr(wrapped, WRAP, None)) if wraps else parser


def chain(
    model: Runnable[Any, Any], parser: Runnable[Any, Any], include_raw: bool
) -> Runnable[Any, dict[str, Any] | BaseModel]:
    """Model and parser; with ``include_raw`` the message, the value and the error side by side."""
    if not include_raw:
        return model | parser
    parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
    failed = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=model) | parsed.with_fallbacks(
        [failed], exceptions_to_handle=(OutputParserException, ValueError), exception_key="parsing_error"
    )


def structured(
    model: "ChatQwen",
    schema: Schema | None,
    *,
    method: Method | None,
    include_raw: bool,
    strict: bool | None,
    tools: Sequence[ToolLike] | None,
    **kwargs: Any,
) -> Runnable[LanguageModelInput, dict[str, Any] | BaseModel]:
    """See ``ChatQwen.with_structured_output``."""
    if schema is None and method != "json_mode":
        raise ValueError("with_structured_output needs a schema, except with method='json_mode'.")
    if method == "json_mode" and strict is not None:
        raise ValueError("strict means nothing in json_mode: there is no schema to be strict about.")
    if schema is not None:
        schema, strict = plain_schema(schema, strict)
    if wraps := needs_wrap(schema):
        schema = as_object(schema)
    method = method_for(model, schema, method)
    if tools and method != "json_schema":
        raise ValueError("tools beside the schema need method='json_schema'.")
    described = openai_tool(schema, None) if schema is not None else None
    traced = {"kwargs": {"method": method, "strict": strict}, "schema": described}
    if method == "function_calling" and schema is not None:
        called = model.bind_tools(
            [schema],
            tool_choice=tool_name(schema),
            strict=strict,
            ls_structured_output_format=traced,
            **kwargs,
        )
        return chain(called, as_asked(tool_parser(schema), wraps), include_raw)
    wanted: dict[str, Any] = {"type": "json_object"}
    if method == "json_schema" and schema is not None:
        wanted = response_format(schema, strict)
    bind = partial(model.bind_tools, tools) if tools else model.bind
    answered = bind(response_format=wanted, ls_structured_output_format=traced, **kwargs)
    return chain(answered, as_asked(text_parser(schema), wraps), include_raw)


def method_for(model: "ChatQwen", schema: Schema | None, method: Method | None) -> Method:
    """The way to ask for the schema: as the caller says, else as the model can take it."""
    if method is None:
        takes_schema = model.known_profile().json_schema and not is_pydantic_v1(schema)
        return "json_schema" if takes_schema else "function_calling"
    if method not in get_args(Method):
        raise ValueError(f"method {method!r} is none of {', '.join(get_args(Method))}.")
    if method == "json_schema" and is_pydantic_v1(schema):
        warn("A class of pydantic v1 has no JSON schema of today: method='function_calling' is used instead.")
        return "function_calling"
    return method


def is_pydantic_v1(schema: object) -> bool:
    """Whether this is a class of pydantic's first generation, whose schema is not a JSON schema of today."""
    return isinstance(schema, type) and not issubclass(schema, BaseModel) and hasattr(schema, "__fields_set__")
