"""Schemas to what the model is asked for, and its answer, whole or growing, to an object of the schema."""

import re
from collections.abc import Mapping
from typing import Any, Generic

from llama_index.core.base.llms.types import ChatResponse
from llama_index.core.program.utils import FlexibleModel, create_flexible_model
from llama_index.core.types import Model, PydanticProgramMode
from pydantic import BaseModel, TypeAdapter, ValidationError

from llama_index_qwen.exceptions import UnusableAnswerError
from llama_index_qwen.tools import partial_json, written_calls
from qwen_core.adapters.schemas import WRAP, is_wrapped, needs_wrap, rooted
from qwen_core.errors import UnsupportedFeatureError
from qwen_core.models.profile import ModelProfile
from qwen_core.prepare.tool_names import safe_name
from qwen_core.types.json import json_text

FENCED = re.compile(r"```\w*\s*\n(.*?)\s*```[ \t]*$", re.DOTALL | re.MULTILINE)
"""Neither end is found within JSON, where a line's end in a text is escaped."""

# Options of core's programs that mean nothing here: the one tool is always forced.
NOT_FOR_CHAT = frozenset({"tool_required", "tool_choice", "allow_parallel_tool_calls"})


def structured_options(
    output_cls: type[BaseModel],
    profile: ModelProfile,
    mode: PydanticProgramMode,
    *,
    calls_functions: bool,
    llm_kwargs: dict[str, Any] | None,
) -> dict[str, Any] | None:
    """What ``chat`` is to be called with for an object of this class; None: core's own way, text and a parser.

    The schema itself where the model takes one, else a forced call of the one tool that the class becomes, else
    the schema in words.
    """
    given = {name: value for name, value in (llm_kwargs or {}).items() if name not in NOT_FOR_CHAT}
    if mode is PydanticProgramMode.FUNCTION or (
        mode is PydanticProgramMode.DEFAULT and calls_functions and not profile.json_schema
    ):
        return {**given, **tool_for(output_cls)}
    if mode is PydanticProgramMode.DEFAULT and (profile.json_schema or profile.json_object):
        return {**given, "response_format": response_format(output_cls)}
    return None


def tool_for(output_cls: type[BaseModel]) -> dict[str, Any]:
    """The class as a tool, and the choice that forces it."""
    schema = object_schema(output_cls)
    name = schema_name(output_cls, schema)
    function = {"name": name, "description": schema.get("description") or "", "parameters": schema}
    return {
        "tools": [{"type": "function", "function": function}],
        "tool_choice": name,
        "parallel_tool_calls": False,
    }


def as_response_format(wanted: Mapping[str, Any] | type[BaseModel]) -> dict[str, Any]:
    """OpenAI's ``response_format`` as it is, or that of a class."""
    if isinstance(wanted, Mapping):
        return dict(wanted)
    if isinstance(wanted, type) and issubclass(wanted, BaseModel):
        return response_format(wanted)
    raise UnsupportedFeatureError(f"response_format takes OpenAI's dict or a pydantic class, and not {wanted!r}.")


def response_format(output_cls: type[BaseModel]) -> dict[str, Any]:
    """The class as OpenAI's ``response_format``."""
    schema = object_schema(output_cls)
    inner: dict[str, Any] = {"name": schema_name(output_cls, schema), "schema": schema}
    if description := schema.get("description"):
        inner["description"] = description
    return {"type": "json_schema", "json_schema": inner}


def object_schema(output_cls: type[BaseModel]) -> dict[str, Any]:
    """The schema of the class, or of an object with it as its one field."""
    schema = output_cls.model_json_schema()
    root = rooted(schema)
    if not needs_wrap(output_cls):
        return root
    about: dict[str, Any] = {name: root[name] for name in ("title", "description") if name in root}
    definitions = {"$defs": schema.pop("$defs")} if "$defs" in schema else {}
    return {**about, "type": "object", "properties": {WRAP: schema}, "required": [WRAP], **definitions}


def schema_name(output_cls: type[BaseModel], schema: dict[str, Any]) -> str:
    """The schema's title as a name that the service accepts; a generic class has brackets in its own."""
    return safe_name(str(schema.get("title") or output_cls.__name__))


def answer_json(response: ChatResponse) -> str:
    """The JSON text of an answer, finished or not: the arguments of its call, else its text."""
    listed = response.message.additional_kwargs.get("tool_calls")
    if listed:
        return str(listed[0]["function"]["arguments"]) or "{}"
    if calls := written_calls(response.message):
        arguments = calls[0][2]
        return arguments if isinstance(arguments, str) else json_text(arguments)
    text = response.message.content or ""
    fenced = FENCED.search(text)
    return fenced.group(1) if fenced else text


def parse_answer(output_cls: type[Model], response: ChatResponse) -> Model:
    """The object of a finished answer. Raises UnusableAnswerError with the reason where it is none."""
    wanted = output_cls.__name__
    if invalid := response.additional_kwargs.get("invalid_tool_calls"):
        raise UnusableAnswerError(f"The answer is no {wanted}. {invalid[0]['error']}")
    text = answer_json(response)
    try:
        return validated(output_cls, text)
    except ValidationError as error:
        finish_reason = response.additional_kwargs.get("finish_reason")
        why = "it was cut" if finish_reason == "length" else f"finish reason {finish_reason}"
        raise UnusableAnswerError(
            f"The answer is no {wanted} ({why}): {_shortened(text)!r}. {error}",
        ) from error


def validated(output_cls: type[Model], text: str) -> Model:
    """The object that a JSON text says, wrapped or as it is. Raises ValidationError."""
    if needs_wrap(output_cls) and is_wrapped(partial_json(text)):
        wrapped: dict[str, Model] = TypeAdapter(dict[str, output_cls]).validate_json(text)  # type: ignore[valid-type]
        return wrapped[WRAP]
    return output_cls.model_validate_json(text)


class GrowingObject(Generic[Model]):
    """The object while its answer arrives: of the class as soon as it fits, before that of a flexible likeness."""

    __slots__ = ("_flexible", "_output_cls", "_value", "_wrap", "latest")

    def __init__(self, output_cls: type[Model]) -> None:
        self._output_cls = output_cls
        self._flexible = create_flexible_model(output_cls)
        self._wrap = needs_wrap(output_cls)
        self._value: Any = None
        self.latest: Model | FlexibleModel | None = None

    def add(self, response: ChatResponse) -> Model | FlexibleModel | None:
        """The object of this chunk; None where the chunk brought nothing new."""
        value = partial_json(answer_json(response))
        if self._wrap:
            value = value[WRAP] if is_wrapped(value) else value
        elif not isinstance(value, dict):
            return None
        if not value or value == self._value:
            return None
        self._value = value
        try:
            self.latest = self._output_cls.model_validate(value)
        except Exception:  # whatever the class's own validators say of half an object
            self.latest = self._flexible.model_validate({"root": value} if self._wrap else value)
        return self.latest

    def finish(self, response: ChatResponse | None) -> Model | None:
        """The whole object; None where the latest was it already. Raises where the answer was no such object."""
        if response is None:
            raise UnusableAnswerError(f"There was no answer that could be a {self._output_cls.__name__}.")
        whole = parse_answer(self._output_cls, response)
        return None if whole == self.latest else whole


def _shortened(text: str) -> str:
    return text if len(text) <= 200 else text[:200] + "…"
