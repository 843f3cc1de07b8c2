"""Structured output: four methods, three modes, complete and streamed (checklist 9, 10)."""

import asyncio
import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Generic, Literal, TypeVar

import pytest
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ToolCallBlock
from llama_index.core.prompts import PromptTemplate
from llama_index.core.types import PydanticProgramMode
from pydantic import BaseModel, Field, RootModel, model_validator

from llama_index_qwen import Qwen, UnusableAnswerError
from llama_index_qwen.structured_output import object_schema, parse_response, structured_options
from qwen_core.errors import UnsupportedFeatureError
from qwen_core.models.catalogue import resolve
from qwen_emulator import Emulator, RecordedRequest, Reply, ToolCall
from tests.llama_index.conftest import OLD_CORE, MakeModel


class City(BaseModel):
    """A city."""

    name: str
    country: str = Field(description="Where it is.")
    inhabitants: int


PROMPT = PromptTemplate("Describe {place}.")
PARIS = City(name="Paris", country="France", inhabitants=2_100_000)
JSON = PARIS.model_dump_json()

SCHEMA_MODEL, TOOL_MODEL = "qwen3.7-plus", "qwen-plus"

Predict = Callable[..., list[Any]]


def _sync(llm: Qwen, output_cls: type[BaseModel], **options: Any) -> list[Any]:
    return [llm.structured_predict(output_cls, PROMPT, place="Paris", **options)]


def _async(llm: Qwen, output_cls: type[BaseModel], **options: Any) -> list[Any]:
    return [asyncio.run(llm.astructured_predict(output_cls, PROMPT, place="Paris", **options))]


def _stream(llm: Qwen, output_cls: type[BaseModel], **options: Any) -> list[Any]:
    return list(llm.stream_structured_predict(output_cls, PROMPT, place="Paris", **options))


def _astream(llm: Qwen, output_cls: type[BaseModel], **options: Any) -> list[Any]:
    async def collect() -> list[Any]:
        objects = await llm.astream_structured_predict(output_cls, PROMPT, place="Paris", **options)
        return [item async for item in objects]

    return asyncio.run(collect())


four_ways = pytest.mark.parametrize("predict", [_sync, _async, _stream, _astream])
both_modes = pytest.mark.parametrize("model", [SCHEMA_MODEL, TOOL_MODEL])


def answering(text: str, finish_reason: str | None = None) -> Callable[[RecordedRequest], Reply]:
    """Return a responder with this text, as tool call arguments if a tool is forced."""

    def respond(request: RecordedRequest) -> Reply:
        tools = request.parameters.get("tools")
        if not tools:
            return Reply(text, finish_reason=finish_reason)
        call = ToolCall(tools[0]["function"]["name"], text)
        return Reply(tool_calls=[call], finish_reason=finish_reason)

    return respond


@both_modes
@four_ways
def test_structured_predict_returns_an_object(
    make: MakeModel, service: Emulator, model: str, predict: Predict
) -> None:
    service.reply(answering(JSON))
    assert (
        predict(make(model=model, system_prompt="Be exact."), City, llm_kwargs={"temperature": 0.5})[-1] == PARIS
    )
    sent = service.last_request
    assert [message["role"] for message in sent.messages] == ["system", "user"]
    assert sent.parameters["temperature"] == 0.5
    if model == SCHEMA_MODEL:
        assert sent.parameters["response_format"]["json_schema"]["schema"] == City.model_json_schema()
        assert sent.parameters["response_format"]["json_schema"]["name"] == "City"
    else:
        assert sent.parameters["tool_choice"] == {"type": "function", "function": {"name": "City"}}
        assert sent.parameters["tools"][0]["function"]["parameters"] == City.model_json_schema()


@both_modes
@pytest.mark.parametrize("predict", [_stream, _astream])
def test_structured_predict_stream_grows_strings(
    make: MakeModel, service: Emulator, model: str, predict: Predict
) -> None:
    service.reply(answering(JSON))
    objects = predict(make(model=model), City)
    names = [item.name for item in objects if getattr(item, "name", None)]
    assert names[0] != "Paris"
    assert all("Paris".startswith(name) for name in names)
    assert objects[-1] == PARIS
    assert isinstance(objects[-1], City)
    assert all(earlier != later for earlier, later in pairwise(objects))


def test_structured_output_from_tool_call_block() -> None:
    """Parse a response restored from JSON, or of a class that has no ``additional_kwargs``."""
    call = ToolCallBlock(tool_name="City", tool_kwargs={**PARIS.model_dump(), "name": "Köln"})
    response = ChatResponse(message=ChatMessage(role="assistant", blocks=[call]))
    assert parse_response(City, response).name == "Köln"


@four_ways
@both_modes
def test_structured_output_with_a_code_fence_inside(
    make: MakeModel, service: Emulator, model: str, predict: Predict
) -> None:
    place = City(name="```py\nprint()\n```", country="x", inhabitants=0)
    written = place.model_dump_json(indent=1)
    service.reply(answering(written))
    assert predict(make(model=model), City)[-1] == place
    service.reply(Reply(f"```json\n{written}\n```"))
    assert predict(make(model=model), City)[-1] == place


@both_modes
@four_ways
@pytest.mark.parametrize(
    ("text", "finish_reason", "message"),
    [
        (JSON[:30], "length", "truncated"),
        ('{"name": "Paris"}', None, "inhabitants"),
        ("I would rather not.", None, "is not a City"),
    ],
    ids=["cut", "not of the schema", "refusal"],
)
def test_structured_output_invalid_response_raises_an_error(
    make: MakeModel,
    service: Emulator,
    model: str,
    predict: Predict,
    text: str,
    finish_reason: str | None,
    message: str,
) -> None:
    service.reply(answering(text, finish_reason))
    with pytest.raises(UnusableAnswerError, match=message) as caught:
        predict(make(model=model), City)
    assert isinstance(caught.value, ValueError)
    assert "City" in str(caught.value)


@four_ways
@pytest.mark.parametrize("text", [f"```json\n{JSON}\n```", f"Here it is:\n\n```\n{JSON}\n```\nIt is large."])
def test_structured_output_from_text_instead_of_a_tool_call(
    make: MakeModel, service: Emulator, predict: Predict, text: str
) -> None:
    service.reply(Reply(text))
    assert predict(make(model=TOOL_MODEL), City)[-1] == PARIS


@pytest.mark.filterwarnings("ignore:A tool call cannot be forced, because qwq-plus always thinks")
@four_ways
def test_structured_predict_on_always_thinking_model_uses_tool_choice_auto(
    make: MakeModel, service: Emulator, predict: Predict
) -> None:
    service.reply(Reply(reasoning="Hm.", tool_calls=[ToolCall("City", JSON)]))
    assert predict(make(model="qwq-plus"), City)[-1] == PARIS
    assert service.last_request.parameters["tool_choice"] == "auto"


@pytest.mark.filterwarnings("ignore:qwen-turbo does not support JSON schemas")
@four_ways
def test_structured_predict_without_schema_or_tools_uses_json_object(
    make: MakeModel, service: Emulator, predict: Predict
) -> None:
    service.reply(answering(JSON))
    assert predict(make(model="qwen-turbo", is_function_calling_model=False), City)[-1] == PARIS
    assert service.last_request.parameters["response_format"] == {"type": "json_object"}
    assert "inhabitants" in str(service.last_request.messages[0])


@four_ways
def test_pydantic_program_mode_llm_uses_cores_text_program(
    make: MakeModel, service: Emulator, predict: Predict
) -> None:
    if OLD_CORE and predict in (_stream, _astream):
        pytest.skip("this core cannot stream it")
    service.reply(answering(JSON))
    assert predict(make(pydantic_program_mode=PydanticProgramMode.LLM), City)[-1].name == "Paris"
    assert "tools" not in service.last_request.parameters


def test_pydantic_program_mode_decides_the_options() -> None:
    def mode(model: str, mode: PydanticProgramMode) -> set[str] | None:
        options = structured_options(City, resolve(model), mode, calls_functions=True, llm_kwargs=None)
        return None if options is None else set(options)

    tools = {"tools", "tool_choice", "parallel_tool_calls"}
    assert mode(SCHEMA_MODEL, PydanticProgramMode.DEFAULT) == {"response_format"}
    assert mode(SCHEMA_MODEL, PydanticProgramMode.FUNCTION) == tools
    assert mode(TOOL_MODEL, PydanticProgramMode.DEFAULT) == tools
    assert mode("unknown", PydanticProgramMode.DEFAULT) == tools
    assert mode(SCHEMA_MODEL, PydanticProgramMode.LLM) is None


Item = TypeVar("Item")


class Listed(BaseModel, Generic[Item]):
    items: list[Item]


@both_modes
def test_generic_class_gets_a_valid_schema_name(make: MakeModel, service: Emulator, model: str) -> None:
    service.reply(answering('{"items": [1]}'))
    assert make(model=model).structured_predict(Listed[int], PROMPT, place="Paris").items == [1]
    assert "Listed_int_" in service.last_request.raw.decode()


class Folder(BaseModel):
    """A folder."""

    name: str
    folders: list["Folder"] = []


class Route(BaseModel):
    start: str
    end: str
    both: str

    @model_validator(mode="before")
    @classmethod
    def _join(cls, fields: dict[str, str]) -> dict[str, str]:
        return {**fields, "both": fields["start"] + fields["end"]}


@four_ways
@both_modes
def test_structured_predict_with_before_validator(
    make: MakeModel, service: Emulator, model: str, predict: Predict
) -> None:
    service.reply(answering('{"start": "Xi\'an", "end": "Lanzhou"}'))
    assert predict(make(model=model), Route)[-1].both == "Xi'anLanzhou"


@four_ways
@both_modes
def test_structured_predict_with_recursive_class(
    make: MakeModel, service: Emulator, model: str, predict: Predict
) -> None:
    folder = predict(make(model=model), Folder)[-1]
    assert isinstance(folder, Folder) and folder.name
    sent = service.last_request.parameters
    schema = sent["tools"][0]["function"] if "tools" in sent else sent["response_format"]["json_schema"]
    assert schema["description"] == "A folder."
    assert (schema.get("parameters") or schema["schema"])["required"] == ["name"]


class Cities(RootModel[list[City]]):
    """Cities of a country."""


class Kind(RootModel[Literal["town", "city"]]):
    pass


class Nested(RootModel[list["Nested"]]):
    pass


class ByName(RootModel[dict[str, City]]):
    pass


NON_OBJECTS: list[tuple[type[BaseModel], str]] = [
    (Cities, f"[{JSON}]"),
    (Kind, '"town"'),
    (Nested, "[[], [[]]]"),
]


def test_non_object_schema_is_wrapped_in_an_object() -> None:
    """Wrap non-object schemas: tool arguments and OpenAI's outputs are objects; Alibaba documents neither."""
    for output_cls, _ in NON_OBJECTS:
        schema = object_schema(output_cls)
        assert (schema["type"], schema["required"], schema["title"]) == ("object", ["value"], output_cls.__name__)
        assert all(f'"#/$defs/{name}"' in json.dumps(schema) for name in schema.get("$defs", ()))
    assert object_schema(Cities)["description"] == "Cities of a country."
    assert object_schema(Cities)["$defs"] == {"City": City.model_json_schema()}
    assert object_schema(ByName) == ByName.model_json_schema()


@pytest.mark.parametrize(("output_cls", "text"), NON_OBJECTS, ids=["list", "choice", "recursive"])
@pytest.mark.parametrize("bare", [False, True], ids=["as asked", "bare"])
@four_ways
@both_modes
def test_structured_predict_non_object_is_unwrapped(
    make: MakeModel,
    service: Emulator,
    model: str,
    predict: Predict,
    bare: bool,
    output_cls: type[BaseModel],
    text: str,
) -> None:
    service.reply(Reply(text) if bare else answering(f'{{"value": {text}}}'))
    assert predict(make(model=model), output_cls)[-1] == output_cls.model_validate_json(text)


@both_modes
@pytest.mark.parametrize("predict", [_stream, _astream])
def test_structured_predict_stream_grows_lists(
    make: MakeModel, service: Emulator, model: str, predict: Predict
) -> None:
    service.reply(answering(f'{{"value": [{JSON}, {JSON}]}}'))
    lists = [item.root for item in predict(make(model=model), Cities)]
    assert lists[-1] == [PARIS, PARIS]
    assert any(len(cities) == 1 for cities in lists)


@both_modes
def test_structured_predict_invalid_list_item_raises_an_error(
    make: MakeModel, service: Emulator, model: str
) -> None:
    service.reply(answering('{"value": [{"name": "Paris"}]}'))
    with pytest.raises(UnusableAnswerError, match="inhabitants"):
        make(model=model).structured_predict(Cities, PROMPT, place="France")


@pytest.mark.filterwarnings("ignore:The `json` method is deprecated")  # of pydantic's, called by core
@both_modes
def test_as_structured_llm_returns_objects(make: MakeModel, service: Emulator, model: str) -> None:
    service.reply(answering(JSON))
    llm = make(model=model).as_structured_llm(City)
    question = [ChatMessage(role="user", content="Describe Paris {exactly}.")]
    assert llm.chat(question).raw == PARIS
    assert asyncio.run(llm.achat(question)).raw == PARIS
    chunks = list(llm.stream_chat(question))
    assert chunks[-1].raw == PARIS
    assert llm.complete("Describe Paris.").raw == PARIS


def test_structured_predict_on_default_emulator_reply(make: MakeModel) -> None:
    llm = make(model=TOOL_MODEL)
    city = llm.structured_predict(
        City, PromptTemplate("{text}"), text="name: Oslo, country: Norway, inhabitants: 5"
    )
    assert (city.name, city.country) == ("Oslo", "Norway")


def test_chat_response_format_accepts_a_pydantic_class(make: MakeModel, service: Emulator) -> None:
    llm = make(model=SCHEMA_MODEL)
    question = [ChatMessage(role="user", content="Paris?")]
    llm.chat(question, response_format=City)
    asked = service.last_request.parameters["response_format"]
    assert asked["json_schema"]["schema"] == City.model_json_schema()
    llm.chat(question, response_format=asked)
    assert service.last_request.parameters["response_format"] == asked
    with pytest.raises(UnsupportedFeatureError, match="pydantic class"):
        llm.chat(question, response_format="json_object")
