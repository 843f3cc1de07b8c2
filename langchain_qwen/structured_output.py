"""Schemas as what the model is asked for, and its response as a value of the schema."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, Literal, Protocol, get_args

from langchain_core.exceptions import OutputParserException
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, message_chunk_to_message
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.output_parsers.base import OutputParserLike
from langchain_core.output_parsers.openai_tools import (
    JsonOutputKeyToolsParser,
    JsonOutputToolsParser,
    PydanticToolsParser,
)
from langchain_core.outputs import Generation
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from langchain_core.utils.pydantic import TBaseModel, is_basemodel_subclass
from pydantic import BaseModel, create_model, model_validator

from langchain_qwen.tools import ToolLike, openai_tool
from qwen_core.adapters.structured_output import WRAP, is_wrapped, json_schema_format, needs_wrap, rooted
from qwen_core.models.profile import ModelProfile
from qwen_core.prepare.tool_names import safe_name
from qwen_core.types.warnings import warn

Schema = Mapping[str, Any] | type
Method = Literal["function_calling", "json_schema", "json_mode"]

RESPONSE_FORMATS = ("text", "json_object", "json_schema")


class BindableModel(Protocol):
    """The methods of ``ChatQwen`` that are used here."""

    def bind(self, **kwargs: Any) -> Runnable[Any, Any]:
        """Return the model with arguments bound to it."""

    def bind_tools(self, tools: Sequence[ToolLike], **kwargs: Any) -> Runnable[Any, Any]:
        """Return the model with tools and arguments bound to it."""


# What the model is asked for.


def structured(
    model: BindableModel,
    profile: ModelProfile,
    schema: Schema | None,
    *,
    method: Method | None,
    include_raw: bool,
    strict: bool | None,
    tools: Sequence[ToolLike] | None,
    **kwargs: Any,
) -> Runnable[LanguageModelInput, dict[str, Any] | BaseModel]:
    """Return ``ChatQwen.with_structured_output`` of this model, of which ``profile`` says what it supports."""
    if schema is None and method != "json_mode":
        raise ValueError("with_structured_output needs a schema, except with method='json_mode'.")
    if method == "json_mode" and strict is not None:
        raise ValueError("strict is not available with method='json_mode', which has no schema.")
    if schema is not None:
        schema, strict = unwrap_schema(schema, strict)
    if wraps := needs_wrap(schema):
        schema = wrapper_class(schema)
    method = select_method(profile, schema, method)
    if tools and method != "json_schema":
        raise ValueError("tools beside the schema need method='json_schema'.")
    described = openai_tool(schema, None) if schema is not None else None
    traced = {"kwargs": {"method": method, "strict": strict}, "schema": described}
    if method == "function_calling" and schema is not None:
        with_tool = model.bind_tools(
            [schema],
            tool_choice=schema_tool_name(schema),
            strict=strict,
            ls_structured_output_format=traced,
            **kwargs,
        )
        return parsed_chain(with_tool, unwrap_root(tool_parser(schema), wraps), include_raw)
    response_format: dict[str, Any] = {"type": "json_object"}
    if method == "json_schema" and schema is not None:
        response_format = schema_response_format(schema, strict)
    bind = partial(model.bind_tools, tools) if tools else model.bind
    with_format = bind(response_format=response_format, ls_structured_output_format=traced, **kwargs)
    return parsed_chain(with_format, unwrap_root(text_parser(schema), wraps), include_raw)


def select_method(profile: ModelProfile, schema: Schema | None, method: Method | None) -> Method:
    """Return how to ask for the schema: the caller's method, else what the model supports."""
    if method is None:
        has_json_schema = profile.json_schema and not is_pydantic_v1(schema)
        return "json_schema" if has_json_schema else "function_calling"
    if method not in get_args(Method):
        raise ValueError(f"method must be one of {', '.join(get_args(Method))} (got {method!r}).")
    if method == "json_schema" and is_pydantic_v1(schema):
        warn(
            "A pydantic v1 class has no JSON schema of a supported version. Used method='function_calling'. "
            "Give a pydantic v2 class for method='json_schema'."
        )
        return "function_calling"
    return method


def is_pydantic_v1(schema: object) -> bool:
    """Return whether this is a class of pydantic v1, whose schema is of an old version of JSON Schema."""
    return isinstance(schema, type) and not issubclass(schema, BaseModel) and hasattr(schema, "__fields_set__")


def schema_response_format(schema: Schema, strict: bool | None) -> dict[str, Any]:
    """Return the ``response_format`` that asks for this schema."""
    json_schema = convert_to_json_schema(openai_tool(schema, strict))
    name = str(json_schema.get("title") or "answer")
    return json_schema_format(name, json_schema, description=json_schema.get("description"), strict=strict)


def to_response_format(source: Schema, strict: bool | None = None) -> dict[str, Any]:
    """Return the ``response_format`` of a schema, or a ``response_format`` itself with its fields at the root."""
    if isinstance(source, Mapping) and source.get("type") in RESPONSE_FORMATS:
        return with_root(source)
    return schema_response_format(*unwrap_schema(source, strict))


def with_root(response_format: Mapping[str, Any]) -> dict[str, Any]:
    """Return a ``response_format`` with the fields of its schema at the root; it may be a recursive class's."""
    inner = response_format.get("json_schema")
    schema = inner.get("schema") if isinstance(inner, Mapping) else None
    if not isinstance(inner, Mapping) or not isinstance(schema, Mapping):
        return dict(response_format)
    return {**response_format, "json_schema": {**inner, "schema": rooted(schema)}}


def unwrap_schema(schema: Schema, strict: bool | None) -> tuple[Schema, bool | None]:
    """Return the schema within OpenAI's ``response_format`` or its ``json_schema``; any other unchanged."""
    if not isinstance(schema, Mapping):
        return schema, strict
    inner = schema.get("json_schema") if schema.get("type") == "json_schema" else schema
    if not isinstance(inner, Mapping) or "name" not in inner or not isinstance(inner.get("schema"), Mapping):
        return schema, strict
    description = {"description": inner["description"]} if inner.get("description") else {}
    plain = {**inner["schema"], **description, "title": inner["name"]}
    return plain, inner.get("strict") if strict is None else strict


def wrapper_class(schema: Any) -> type[BaseModel]:
    """Return the class of an object that has this class as its only field."""

    def wrap(value: Any) -> Any:
        return value if is_wrapped(value) else {WRAP: value}

    # A model that does not adhere strictly to the schema responds with the value of the field alone.
    lenient: Any = model_validator(mode="before")(wrap)
    fields: dict[str, Any] = {WRAP: (schema, ...)}
    name = safe_name(schema.__name__)
    return create_model(name, __doc__=schema.__doc__, __validators__={"wrap": lenient}, **fields)


def schema_tool_name(schema: Schema) -> str:
    """Return the name of the tool that a schema becomes."""
    return str(convert_to_openai_tool(schema)["function"]["name"])


# The response.


class CompleteOutputMixin:
    """Make a truncated response an error; LangChain's parsers would complete it or return None.

    Goes before a parser.
    """

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """Return the value, or raise an OutputParserException that says why there is none."""
        if (reason := incomplete_reason(result, isinstance(self, JsonOutputToolsParser))) is not None:
            raise OutputParserException(reason, llm_output=result[0].text)
        # LangChain's parsers pass over what they cannot parse as long as more may come.
        return super().parse_result(result, partial=partial and not is_finished(result))  # type: ignore[misc]


class CompleteTextMixin(CompleteOutputMixin):
    """Make truncated JSON text an error. A response that calls other tools first has no value yet: None."""

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """Return the value or None, or raise an OutputParserException that says why there is none."""
        message = getattr(result[0], "message", None) if result else None
        if isinstance(message, AIMessage) and message.tool_calls:
            return None
        return super().parse_result(result, partial=partial)


class CompleteJsonParser(CompleteTextMixin, JsonOutputParser):
    """Parse JSON text to a dict."""


class CompleteObjectParser(CompleteTextMixin, PydanticOutputParser[TBaseModel]):
    """Parse JSON text to an object."""


class CompleteToolCallParser(CompleteOutputMixin, JsonOutputKeyToolsParser):
    """Parse a tool call to a dict."""


class CompleteToolCallObjectParser(CompleteOutputMixin, PydanticToolsParser):
    """Parse a tool call to an object."""


def is_finished(result: list[Generation]) -> bool:
    """Return whether a response, as far as it has been streamed, has its finish reason."""
    message = getattr(result[0], "message", None) if result else None
    return isinstance(message, AIMessage) and message.response_metadata.get("finish_reason") is not None


def incomplete_reason(result: list[Generation], expects_call: bool) -> str | None:
    """Return why a finished response has no value; None also for one that is still being streamed."""
    message = getattr(result[0], "message", None) if result else None
    reason = message.response_metadata.get("finish_reason") if isinstance(message, AIMessage) else None
    if not isinstance(message, AIMessage) or reason is None:
        return None
    if reason == "length":
        return "The response was truncated by max_tokens, or by the model's own output limit. Raise max_tokens."
    if not expects_call or message.tool_calls:
        return None
    if message.invalid_tool_calls:
        return f"The tool call is invalid: {message.invalid_tool_calls[0].get('error')}"
    return "The model responded with text instead of calling the tool of the schema."


def text_parser(schema: Schema | None) -> OutputParserLike[Any]:
    """Return a parser for a response that is JSON text."""
    if isinstance(schema, type) and is_basemodel_subclass(schema):
        return CompleteObjectParser(pydantic_object=schema)
    return CompleteJsonParser()


def tool_parser(schema: Schema) -> OutputParserLike[Any]:
    """Return a parser for a response that is a tool call."""
    if isinstance(schema, type) and is_basemodel_subclass(schema):
        return CompleteToolCallObjectParser(tools=[schema], first_tool_only=True)
    return CompleteToolCallParser(key_name=schema_tool_name(schema), first_tool_only=True)


def unwrap_root(parser: OutputParserLike[Any], wraps: bool) -> Runnable[Any, Any]:
    """Return the parser; if the schema was wrapped in an object, take the value out of it."""
    return parser | RunnableLambda(lambda wrapper: getattr(wrapper, WRAP, None)) if wraps else parser


def parsed_chain(
    model: Runnable[Any, Any], parser: Runnable[Any, Any], include_raw: bool
) -> Runnable[Any, dict[str, Any] | BaseModel]:
    """Return model and parser as a chain; with ``include_raw`` its output is message, value and error."""
    if not include_raw:
        return model | parser
    raw = itemgetter("raw")
    return RunnableMap(raw=model) | RunnablePassthrough.assign(
        parsed=raw | ParsedOrNone(parser), parsing_error=raw | RunnableLambda(partial(parsing_error, parser))
    )


PARSING_ERRORS = (OutputParserException, ValueError)


class ParsedOrNone(Runnable[Any, Any]):
    """A parser that returns None for a response that cannot be parsed; in a stream, at its end."""

    def __init__(self, parser: Runnable[Any, Any]) -> None:
        self._parser = parser

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Parse a message."""
        try:
            return self._parser.invoke(input, config, **kwargs)
        except PARSING_ERRORS:
            return None

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Parse a message without blocking."""
        try:
            return await self._parser.ainvoke(input, config, **kwargs)
        except PARSING_ERRORS:
            return None

    def transform(
        self, input: Iterator[Any], config: RunnableConfig | None = None, **kwargs: Any
    ) -> Iterator[Any]:
        """Yield the value as it grows, and None if it turns out to be invalid."""
        try:
            yield from self._parser.transform(input, config, **kwargs)
        except PARSING_ERRORS:
            yield None

    async def atransform(
        self, input: AsyncIterator[Any], config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[Any]:
        """Yield the value as it grows, and None if it turns out to be invalid, without blocking."""
        try:
            async for value in self._parser.atransform(input, config, **kwargs):
                yield value
        except PARSING_ERRORS:
            yield None


def parsing_error(parser: Runnable[Any, Any], message: AIMessage) -> Exception | None:
    """Return the error that parsing a complete message raises, or None."""
    if isinstance(message, AIMessageChunk):
        message = message_chunk_to_message(message)  # type: ignore[assignment]
    try:
        parser.invoke(message, {"callbacks": []})
    except PARSING_ERRORS as error:
        return error
    return None
