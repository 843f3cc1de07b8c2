"""Schemas as what the model is asked for, and its response, complete or partial, as an object of the schema."""

import re
from collections.abc import Mapping
from typing import Any, Generic

from llama_index.core.base.llms.types import ChatResponse
from llama_index.core.program.utils import FlexibleModel, create_flexible_model
from llama_index.core.types import Model, PydanticProgramMode
from pydantic import BaseModel, TypeAdapter, ValidationError

from llama_index_qwen.errors import UnusableAnswerError
from llama_index_qwen.tools import block_calls, partial_json
from qwen_core.adapters.structured_output import WRAP, is_wrapped, json_schema_format, needs_wrap, rooted
from qwen_core.adapters.tool_arguments import arguments_text
from qwen_core.errors import UnsupportedFeatureError
from qwen_core.models.profile import ModelProfile
from qwen_core.prepare.tool_names import safe_name

FENCED = re.compile(r"```\w*\s*\n(.*?)\s*```[ \t]*$", re.DOTALL | re.MULTILINE)
"""Cannot match within JSON, in whose strings line breaks are escaped."""

# Options of llama-index-core's programs that have no effect here: the tool is always forced.
NOT_FOR_CHAT = frozenset({"tool_required", "tool_choice", "allow_parallel_tool_calls"})


def structured_options(
    output_cls: type[BaseModel],
    profile: ModelProfile,
    mode: PydanticProgramMode,
    *,
    calls_functions: bool,
    llm_kwargs: dict[str, Any] | None,
) -> dict[str, Any] | None:
    """Return the arguments of ``chat`` for an object of this class; None for llama-index-core's own way.

    They have the schema as a response format if the model supports that, else a forced call of the tool that the
    class becomes, else None: text and a parser, where the schema is then described in the prompt.
    """
    options = {name: value for name, value in (llm_kwargs or {}).items() if name not in NOT_FOR_CHAT}
    if mode is PydanticProgramMode.FUNCTION or (
        mode is PydanticProgramMode.DEFAULT and calls_functions and not profile.json_schema
    ):
        return {**options, **tool_for(output_cls)}
    if mode is PydanticProgramMode.DEFAULT and (profile.json_schema or profile.json_object):
        return {**options, "response_format": class_response_format(output_cls)}
    return None


def tool_for(output_cls: type[BaseModel]) -> dict[str, Any]:
    """Return the class as a tool, and the tool choice that forces it."""
    schema = object_schema(output_cls)
    name = schema_name(output_cls, schema)
    function = {"name": name, "description": schema.get("description") or "", "parameters": schema}
    return {
        "tools": [{"type": "function", "function": function}],
        "tool_choice": name,
        "parallel_tool_calls": False,
    }


def resolve_response_format(source: Mapping[str, Any] | type[BaseModel]) -> dict[str, Any]:
    """Return the ``response_format`` of a class, or a ``response_format`` itself."""
    if isinstance(source, Mapping):
        return dict(source)
    if isinstance(source, type) and issubclass(source, BaseModel):
        return class_response_format(source)
    raise UnsupportedFeatureError(f"response_format must be OpenAI's dict or a pydantic class (got {source!r}).")


def class_response_format(output_cls: type[BaseModel]) -> dict[str, Any]:
    """Return the class as OpenAI's ``response_format``."""
    schema = object_schema(output_cls)
    return json_schema_format(schema_name(output_cls, schema), schema, description=schema.get("description"))


def object_schema(output_cls: type[BaseModel]) -> dict[str, Any]:
    """Return the schema of the class, or of an object that has it as its only field."""
    schema = output_cls.model_json_schema()
    root = rooted(schema)
    if not needs_wrap(output_cls):
        return root
    about: dict[str, Any] = {name: root[name] for name in ("title", "description") if name in root}
    definitions = {"$defs": schema.pop("$defs")} if "$defs" in schema else {}
    return {**about, "type": "object", "properties": {WRAP: schema}, "required": [WRAP], **definitions}


def schema_name(output_cls: type[BaseModel], schema: dict[str, Any]) -> str:
    """Return the schema's title as a name that the API accepts; that of a generic class has brackets."""
    return safe_name(str(schema.get("title") or output_cls.__name__))


def response_json(response: ChatResponse) -> str:
    """Return the JSON text of a response, complete or not: the arguments of its tool call, else its text."""
    listed = response.message.additional_kwargs.get("tool_calls")
    if listed:
        return str(listed[0]["function"]["arguments"]) or "{}"
    if calls := block_calls(response.message):
        return arguments_text(calls[0][2])
    text = response.message.content or ""
    fenced = FENCED.search(text)
    return fenced.group(1) if fenced else text


def parse_response(output_cls: type[Model], response: ChatResponse) -> Model:
    """Return the object of a complete response. Raises UnusableAnswerError with the reason if it is invalid."""
    name = output_cls.__name__
    if invalid := response.additional_kwargs.get("invalid_tool_calls"):
        raise UnusableAnswerError(f"The response is not a {name}. {invalid[0]['error']}")
    text = response_json(response)
    try:
        return validate_json(output_cls, text)
    except ValidationError as error:
        finish_reason = response.additional_kwargs.get("finish_reason")
        reason = "it was truncated" if finish_reason == "length" else f"finish reason {finish_reason}"
        raise UnusableAnswerError(
            f"The response is not a {name} ({reason}): {_shortened(text)!r}. {error}",
        ) from error


def validate_json(output_cls: type[Model], text: str) -> Model:
    """Return the object of a JSON text, wrapped or not. Raises ValidationError."""
    if needs_wrap(output_cls) and is_wrapped(partial_json(text)):
        wrapped: dict[str, Model] = TypeAdapter(dict[str, output_cls]).validate_json(text)  # type: ignore[valid-type]
        return wrapped[WRAP]
    return output_cls.model_validate_json(text)


class PartialObject(Generic[Model]):
    """The object while its response arrives: of the class once it validates, before that of a flexible one."""

    __slots__ = ("_flexible", "_output_cls", "_value", "_wrap", "latest")

    def __init__(self, output_cls: type[Model]) -> None:
        self._output_cls = output_cls
        self._flexible = create_flexible_model(output_cls)
        self._wrap = needs_wrap(output_cls)
        self._value: Any = None
        self.latest: Model | FlexibleModel | None = None

    def add(self, response: ChatResponse) -> Model | FlexibleModel | None:
        """Return the object of this chunk; None if the chunk brought nothing new."""
        value = partial_json(response_json(response))
        if self._wrap:
            value = value[WRAP] if is_wrapped(value) else value
        elif not isinstance(value, dict):
            return None
        if not value or value == self._value:
            return None
        self._value = value
        try:
            self.latest = self._output_cls.model_validate(value)
        except Exception:  # the class's own validators may raise anything for half an object
            self.latest = self._flexible.model_validate({"root": value} if self._wrap else value)
        return self.latest

    def finish(self, response: ChatResponse | None) -> Model | None:
        """Return the complete object; None if it is the latest one. Raises UnusableAnswerError if invalid."""
        if response is None:
            raise UnusableAnswerError(
                f"The model did not respond with a {self._output_cls.__name__}: there was no response."
            )
        complete = parse_response(self._output_cls, response)
        return None if complete == self.latest else complete


def _shortened(text: str) -> str:
    return text if len(text) <= 200 else text[:200] + "…"
