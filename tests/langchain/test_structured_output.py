"""``with_structured_output``: three methods, every kind of schema, complete and streamed."""

import json
from functools import partial
from itertools import pairwise
from typing import Any, Literal

import pytest
from langchain_core.exceptions import OutputParserException
from pydantic import BaseModel, Field, RootModel
from pydantic import v1 as pydantic_v1
from typing_extensions import TypedDict

from qwen_core.errors import QwenWarning
from qwen_emulator import Emulator, Reply, ToolCall
from tests.langchain.conftest import MakeModel


class Joke(BaseModel):
    """A joke."""

    setup: str = Field(description="How it begins.")
    punchline: str = Field(description="How it ends.")
    rating: int | None = None


class JokeV1(pydantic_v1.BaseModel):
    """A joke."""

    setup: str
    punchline: str


class JokeDict(TypedDict):
    """A joke."""

    setup: str
    punchline: str


SCHEMA = {
    "title": "Joke",
    "description": "A joke.",
    "type": "object",
    "properties": {"setup": {"type": "string"}, "punchline": {"type": "string"}},
    "required": ["setup", "punchline"],
}
SCHEMAS = {"pydantic": Joke, "pydantic v1": JokeV1, "TypedDict": JokeDict, "JSON schema": SCHEMA}
ASK = "Tell a joke. Return JSON with `setup` and `punchline` keys."
CAN, CANNOT = "qwen3.7-plus", "qwen-plus"

pytestmark = pytest.mark.filterwarnings("ignore::qwen_core.errors.QwenWarning")


def as_dict(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(exclude_none=True)
    return value.dict() if isinstance(value, pydantic_v1.BaseModel) else value


@pytest.mark.parametrize("model_name", [CAN, CANNOT])
@pytest.mark.parametrize("include_raw", [False, True])
@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode", None])
async def test_structured_output_with_every_method_and_schema(
    make: MakeModel, schema: Any, method: Any, include_raw: bool, model_name: str
) -> None:
    chain = make(model=model_name).with_structured_output(schema, method=method, include_raw=include_raw)
    for found in (chain.invoke(ASK), await chain.ainvoke(ASK)):
        if include_raw:
            assert found.keys() == {"raw", "parsed", "parsing_error"}
            assert found["parsing_error"] is None
            found = found["parsed"]
        assert isinstance(found, schema if schema in (Joke, JokeV1) else dict)
        assert {"setup", "punchline"} <= as_dict(found).keys()


class Jokes(RootModel[list[Joke]]):
    """Some jokes."""


class Kind(RootModel[Literal["pun", "riddle"]]):
    """What a joke is."""


class Nested(RootModel[list["Nested"]]):
    """Lists in lists."""


@pytest.mark.parametrize("model_name", [CAN, CANNOT])
@pytest.mark.parametrize("include_raw", [False, True])
@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode", None])
@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (Jokes, [{"setup": "a", "punchline": "b", "rating": None}]),
        (RootModel[list[int]], [1, 2]),
        (Kind, "pun"),
        (Nested, [[], [[]]]),
    ],
    ids=["list", "generic", "choice", "recursive"],
)
async def test_non_object_schema_is_wrapped_in_an_object(
    service: Emulator, make: MakeModel, schema: Any, value: Any, method: Any, include_raw: bool, model_name: str
) -> None:
    written = json.dumps({"value": value})

    def respond(request: Any) -> Reply:
        tools = request.parameters.get("tools")
        asked = tools[0]["function"] if tools else request.parameters["response_format"].get("json_schema")
        if asked:
            wanted = asked.get("parameters") or asked["schema"]
            assert (wanted["type"], list(wanted["properties"])) == ("object", ["value"])
        return Reply(tool_calls=[ToolCall(tools[0]["function"]["name"], written)]) if tools else Reply(written)

    service.reply(respond)
    chain = make(model=model_name).with_structured_output(schema, method=method, include_raw=include_raw)
    whole: list[Any] = [chain.invoke(ASK), await chain.ainvoke(ASK)]
    pieces: list[Any] = list(chain.stream(ASK))
    if include_raw:
        assert [answer["parsed"] for answer in whole] == [schema(value)] * 2
        assert [piece["parsed"] for piece in pieces if "parsed" in piece][-1] == schema(value)
    else:
        assert [*whole, pieces[-1]] == [schema(value)] * 3


@pytest.mark.parametrize("answer", ["[1, 2]", '{"value": [1, 2]}', "```json\n[1, 2]\n```"])
def test_json_mode_list_is_parsed_bare_or_wrapped(service: Emulator, make: MakeModel, answer: str) -> None:
    service.reply(answer)
    chain = make(model=CAN).with_structured_output(RootModel[list[int]], method="json_mode")
    assert chain.invoke(ASK) == RootModel[list[int]]([1, 2])


@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
@pytest.mark.parametrize("schema", [JokeDict, Joke])
def test_structured_output_stream_yields_growing_objects(
    service: Emulator, make: MakeModel, method: Any, schema: Any
) -> None:
    joke = {"setup": "Why did the model stop?", "punchline": "It ran out of tokens."}
    text = json.dumps(joke)
    answer = Reply(tool_calls=[ToolCall(schema.__name__, text)]) if method == "function_calling" else Reply(text)
    service.reply(answer)
    found = [as_dict(part) for part in make(model=CAN).with_structured_output(schema, method=method).stream(ASK)]
    found = [part for part in found if part]
    assert found[-1] == joke and len(found) > 2
    for before, after in pairwise(found):
        assert all(str(after.get(name, "")).startswith(str(value)) for name, value in before.items())


INNER = {"name": "Joke", "strict": True, "schema": {**SCHEMA, "title": "Something"}}


@pytest.mark.parametrize("schema", [INNER, {"type": "json_schema", "json_schema": INNER}], ids=["inner", "whole"])
@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
def test_openai_json_schema_format_is_accepted(
    service: Emulator, make: MakeModel, method: Any, schema: Any
) -> None:
    found = make(model=CAN).with_structured_output(schema, method=method).invoke(ASK)
    assert {"setup", "punchline"} <= as_dict(found).keys()
    wanted = {**SCHEMA, "title": "Joke"}
    parameters = service.last_request.parameters
    if method == "json_schema":
        inner = parameters["response_format"]["json_schema"]
        assert (inner["name"], inner["strict"]) == ("Joke", True)
        assert {**inner["schema"], "additionalProperties": None} == {**wanted, "additionalProperties": None}
    elif method == "function_calling":
        function = parameters["tools"][0]["function"]
        assert (function["name"], function["strict"]) == ("Joke", True)
        assert function["parameters"]["properties"] == wanted["properties"]
    make(model=CAN).bind_tools([], response_format=schema).invoke(ASK)
    sent = service.last_request.parameters["response_format"]["json_schema"]
    assert (sent["name"], sent["strict"]) == ("Joke", True)
    assert sent["schema"]["properties"] == SCHEMA["properties"]


@pytest.mark.parametrize(
    ("model_name", "method", "wanted"),
    [
        (CAN, None, "json_schema"),
        (CANNOT, None, None),
        (CAN, "json_schema", "json_schema"),
        (CANNOT, "json_schema", "json_object"),
        (CAN, "json_mode", "json_object"),
        ("an-unknown-model", None, None),
    ],
)
def test_structured_output_method_decides_response_format(
    service: Emulator, make: MakeModel, model_name: str, method: Any, wanted: str | None
) -> None:
    make(model=model_name, base_url=service.base_url).with_structured_output(Joke, method=method).invoke(ASK)
    parameters = service.last_request.parameters
    assert (parameters.get("response_format") or {}).get("type") == wanted
    if wanted == "json_schema":
        inner = parameters["response_format"]["json_schema"]
        assert inner["name"] == "Joke" and inner["schema"]["required"] == ["setup", "punchline"]
    if wanted is None:
        assert parameters["tool_choice"] == {"type": "function", "function": {"name": "Joke"}}


def test_structured_output_strict_is_sent(service: Emulator, make: MakeModel) -> None:
    model = make(model=CAN)
    model.with_structured_output(Joke, method="json_schema", strict=True).invoke(ASK)
    assert service.last_request.parameters["response_format"]["json_schema"]["strict"] is True
    model.with_structured_output(Joke, method="function_calling", strict=True).invoke(ASK)
    assert service.last_request.parameters["tools"][0]["function"]["strict"] is True


@pytest.mark.filterwarnings("error::qwen_core.errors.QwenWarning")
def test_structured_output_fallbacks_warn(make: MakeModel) -> None:
    cannot = make(model=CANNOT)
    with pytest.warns(QwenWarning, match="does not support JSON schemas"):
        cannot.with_structured_output(Joke, method="json_schema").invoke("Tell a joke.")
    with pytest.warns(QwenWarning, match="requires the word JSON"):
        cannot.with_structured_output(method="json_mode").invoke("Tell a joke.")
    with pytest.warns(QwenWarning, match="pydantic v1"):
        make(model=CAN, enable_thinking=False).with_structured_output(JokeV1, method="json_schema")
    with pytest.warns(QwenWarning, match="always thinks"):
        make(model="qwq-plus").with_structured_output(Joke, method="function_calling").invoke("Tell a joke.")
    with pytest.warns(QwenWarning, match="works only without thinking"):
        make(model="qwen3-32b").with_structured_output(method="json_mode").invoke("As JSON: a joke.")


def test_structured_output_does_not_alter_the_model(service: Emulator, make: MakeModel) -> None:
    model = make(model=CAN, enable_thinking=True)
    before = model.model_dump()
    for method in ("json_schema", "function_calling", "json_mode"):
        model.with_structured_output(Joke, method=method).invoke(ASK)
    assert model.model_dump() == before
    model.invoke("hi")
    assert service.last_request.parameters["enable_thinking"] is True
    assert not {"tools", "response_format"} & service.last_request.parameters.keys()


@pytest.mark.parametrize(("schema", "method"), [(JokeDict, "json_schema"), (Joke, "json_schema")])
def test_structured_output_truncated_raises_output_parser_exception(
    service: Emulator, make: MakeModel, schema: Any, method: Any
) -> None:
    cut = Reply('{"setup": "Why", "punchline": "Beca', finish_reason="length")
    service.reply(cut, cut, cut)
    model = make(model=CAN)
    chain = model.with_structured_output(schema, method=method)
    with pytest.raises(OutputParserException, match="was truncated"):
        chain.invoke(ASK)
    with pytest.raises(OutputParserException, match="was truncated"):
        list(chain.stream(ASK))
    found = model.with_structured_output(schema, method=method, include_raw=True).invoke(ASK)
    assert found["parsed"] is None and "was truncated" in str(found["parsing_error"])


@pytest.mark.parametrize("schema", [JokeDict, Joke])
def test_structured_output_invalid_tool_call_raises_output_parser_exception(
    service: Emulator, make: MakeModel, schema: Any
) -> None:
    chain = make(model=CAN).with_structured_output(schema, method="function_calling")
    service.reply(Reply(tool_calls=[ToolCall(schema.__name__, "{setup: no JSON}")]))
    with pytest.raises(OutputParserException, match="is invalid"):
        chain.invoke(ASK)
    service.reply("I would rather talk.")
    with pytest.raises(OutputParserException, match="responded with text instead"):
        chain.invoke(ASK)


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_structured_output_include_raw_returns_validation_error(
    service: Emulator, make: MakeModel, method: Any
) -> None:
    called = [ToolCall("Joke", {"setup": "Why"})] if method == "function_calling" else []
    service.reply(Reply("" if called else '{"setup": "Why"}', tool_calls=called))
    found = make(model=CAN).with_structured_output(Joke, method=method, include_raw=True).invoke(ASK)
    assert found["parsed"] is None and "punchline" in str(found["parsing_error"])
    assert found["raw"].response_metadata["finish_reason"] == ("tool_calls" if called else "stop")


@pytest.mark.parametrize("schema", [JokeDict, Joke])
def test_structured_output_with_tools_returns_none_for_a_tool_call(
    service: Emulator, make: MakeModel, schema: Any
) -> None:
    tool = {"name": "look_up", "description": "Look up.", "parameters": {"type": "object", "properties": {}}}
    bind = partial(make(model=CAN).with_structured_output, schema, method="json_schema", tools=[tool])
    asks = Reply("Let me see.", tool_calls=[ToolCall("look_up", {})])
    service.reply(asks, asks, asks)
    found = bind(include_raw=True).invoke(ASK)
    assert found["parsed"] is None and found["parsing_error"] is None
    assert found["raw"].tool_calls[0]["name"] == "look_up"
    assert bind().invoke(ASK) is None
    assert not list(bind().stream(ASK))


def test_structured_output_refuses_invalid_arguments(make: MakeModel) -> None:
    model = make()
    with pytest.raises(ValueError, match="needs a schema"):
        model.with_structured_output()
    with pytest.raises(ValueError, match="strict"):
        model.with_structured_output(Joke, method="json_mode", strict=True)
    with pytest.raises(ValueError, match="tools"):
        model.with_structured_output(Joke, method="function_calling", tools=[Joke])
    method: Any = "tool_calling"
    with pytest.raises(ValueError, match="must be one of function_calling, json_schema, json_mode"):
        model.with_structured_output(Joke, method=method)
