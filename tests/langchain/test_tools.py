"""Tools and tool_choice in every form LangChain has, and what is sent."""

import warnings
from typing import Annotated, Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableBinding
from langchain_core.tools import StructuredTool, tool
from pydantic import BaseModel, Field
from pydantic import v1 as pydantic_v1
from typing_extensions import TypedDict

from langchain_qwen import ChatQwen
from langchain_qwen.errors import UnsupportedFeatureError
from qwen_core.errors import QwenWarning
from qwen_emulator import Emulator
from tests.langchain.conftest import MakeModel, total


def get_weather(city: str, days: int = 1) -> str:
    """The weather of a city.

    Args:
        city: Its name.
        days: How many days ahead.
    """
    return f"Sunny in {city} for {days} days."


class get_weather_model(BaseModel):
    """The weather of a city."""

    city: str = Field(description="Its name.")
    days: int = 1


class get_weather_v1(pydantic_v1.BaseModel):
    """The weather of a city."""

    city: str = pydantic_v1.Field(description="Its name.")
    days: int = 1


class get_weather_dict(TypedDict):
    """The weather of a city."""

    city: Annotated[str, ..., "Its name."]
    days: Annotated[int, 1, "How many days ahead."]


PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "Its name."}, "days": {"type": "integer"}},
    "required": ["city"],
}
OPENAI_TOOL = {
    "type": "function",
    "function": {"name": "get_weather", "description": "The weather of a city.", "parameters": PARAMETERS},
}
FORMS: dict[str, Any] = {
    "function": get_weather,
    "tool": tool(parse_docstring=True)(get_weather),
    "tool with extras": StructuredTool.from_function(
        get_weather, parse_docstring=True, extras={"defer_loading": True}
    ),
    "pydantic": get_weather_model,
    "pydantic v1": get_weather_v1,
    "TypedDict": get_weather_dict,
    "OpenAI": OPENAI_TOOL,
    "Anthropic": {"name": "get_weather", "description": "The weather of a city.", "input_schema": PARAMETERS},
    "JSON schema": {"title": "get_weather", "description": "The weather of a city.", **PARAMETERS},
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_bind_tools_accepts_every_form_of_tool(service: Emulator, model: ChatQwen, form: Any) -> None:
    bound = model.bind_tools([form])
    answer = bound.invoke("What is the weather in Rome for 3 days?")
    (sent,) = service.last_request.parameters["tools"]
    assert sent["type"] == "function" and "cache_control" not in sent
    function = sent["function"]
    assert function["name"].startswith("get_weather")
    assert function["description"].startswith("The weather of a city.")
    assert function["parameters"]["required"][0] == "city"
    properties = function["parameters"]["properties"]
    assert properties["city"]["description"] == "Its name." and properties["days"]["type"] == "integer"
    assert [call["args"]["city"] for call in answer.tool_calls] == ["Rome"]
    streamed = total(bound.stream("What is the weather in Rome for 3 days?"))  # type: ignore[arg-type]
    assert [(call["name"], call["args"]) for call in streamed.tool_calls] == [
        (call["name"], call["args"]) for call in answer.tool_calls
    ]


def test_bind_tools_without_tools_sends_no_tool_choice(service: Emulator, model: ChatQwen) -> None:
    model.bind_tools([], tool_choice="any", parallel_tool_calls=True).invoke("hi")
    assert not {"tools", "tool_choice"} & service.last_request.parameters.keys()


def test_tools_as_call_arguments(service: Emulator, model: ChatQwen) -> None:
    model.invoke("hi", tools=[get_weather, OPENAI_TOOL], tool_choice="auto", model=None)
    first, second = service.last_request.parameters["tools"]
    assert first["function"]["name"] == second["function"]["name"] == "get_weather"
    assert service.last_request.model == model.model


def test_strict_and_parallel_tool_calls_are_sent(service: Emulator, model: ChatQwen) -> None:
    model.bind_tools([get_weather], strict=True, parallel_tool_calls=True).invoke("Weather in Rome and in Paris?")
    parameters = service.last_request.parameters
    assert parameters["parallel_tool_calls"] is True
    assert parameters["tools"][0]["function"]["strict"] is True


def test_parallel_tool_calls_are_returned(make: MakeModel) -> None:
    bound = make(parallel_tool_calls=True).bind_tools([get_weather])
    for answer in (bound.invoke("Weather in Rome and Paris?"), total(bound.stream("Weather in Rome and Paris?"))):  # type: ignore[arg-type]
        assert [call["args"]["city"] for call in answer.tool_calls] == ["Rome", "Paris"]


def look_up(query: str) -> str:
    """Search the web."""
    return query


NAMED = {"type": "function", "function": {"name": "get_weather"}}
CHOICES: dict[str, tuple[Any, Any]] = {
    "None": (None, None),
    "auto": ("auto", "auto"),
    "none": ("none", "none"),
    "False": (False, "none"),
    "tool name": ("get_weather", NAMED),
    "any": ("any", "required"),
    "required": ("required", "required"),
    "True": (True, "required"),
    "OpenAI dict": (NAMED, NAMED),
    "Anthropic dict": ({"type": "tool", "name": "get_weather"}, NAMED),
    "Anthropic any dict": ({"type": "any"}, "required"),
}


@pytest.mark.parametrize(("choice", "wanted"), CHOICES.values(), ids=CHOICES)
def test_tool_choice_in_every_form(service: Emulator, model: ChatQwen, choice: Any, wanted: Any) -> None:
    bound = model.bind_tools([get_weather], tool_choice=choice)
    assert isinstance(bound, RunnableBinding)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answer = bound.invoke("hello")
    is_forced = wanted in (NAMED, "required")
    if wanted == "required" and service.last_request.protocol == "dashscope":
        wanted = NAMED  # "required" was recorded on the compatible protocol only
    assert service.last_request.parameters.get("tool_choice") == wanted
    assert bool(answer.tool_calls) == is_forced


def test_tool_choice_of_an_unbound_tool_is_refused(model: ChatQwen) -> None:
    with pytest.raises(ValueError, match="must name one of the bound tools: get_weather"):
        model.bind_tools([get_weather], tool_choice="get_whether")


@pytest.mark.parametrize("thinking", [None, True])
def test_tool_choice_any_with_several_tools_becomes_an_instruction(
    service: Emulator, make: MakeModel, thinking: bool | None
) -> None:
    model = make(enable_thinking=thinking)
    bound = model.bind_tools([get_weather, look_up], tool_choice="any")
    with pytest.warns(QwenWarning, match="prompt now asks"):
        answer = bound.invoke("Hello!")
    assert len(answer.tool_calls) == 1
    request = service.last_request
    assert request.parameters.get("tool_choice") in (None, "auto")
    assert "get_weather, look_up" in str(request.messages[0]["content"])
    assert request.parameters.get("enable_thinking") is thinking


def test_forced_tool_choice_disables_default_thinking_for_one_call(service: Emulator, make: MakeModel) -> None:
    model = make(model="qwen3.7-plus", reasoning_effort=None)
    before = model.model_dump()
    bound = model.bind_tools([get_weather], tool_choice="get_weather")
    with pytest.warns(QwenWarning, match="Thinking was switched off for this call"):
        bound.invoke("hello")
    assert service.last_request.parameters["enable_thinking"] is False
    assert service.last_request.parameters["tool_choice"] == NAMED
    model.invoke("hello")
    assert "enable_thinking" not in service.last_request.parameters
    assert model.model_dump() == before


def test_forced_tool_choice_keeps_enable_thinking(service: Emulator, make: MakeModel) -> None:
    model = make(model="qwen3.7-plus", enable_thinking=True)
    with pytest.warns(QwenWarning, match="thinking is enabled"):
        answer = model.bind_tools([get_weather], tool_choice="get_weather").invoke("Rome?")
    assert [call["name"] for call in answer.tool_calls] == ["get_weather"]
    assert answer.additional_kwargs["reasoning_content"]
    assert service.last_request.parameters["enable_thinking"] is True
    assert model.enable_thinking is True


def test_unknown_call_argument_is_refused(model: ChatQwen) -> None:
    with pytest.raises(UnsupportedFeatureError, match="temprature"):
        model.bind(temprature=1).invoke("hi")


@pytest.mark.parametrize(
    ("argument", "advice"),
    [
        ("temprature", "Did you mean `temperature`?"),
        ("no_such_argument", "extra_body"),
        ("timeout", "model_copy"),
        ("api_key", "model_copy"),
        ("request_timeout", "use `timeout`"),
        ("functions", "tools"),
        ("model_name", "use `model`"),
    ],
)
def test_refused_call_argument_error_names_the_alternative(model: ChatQwen, argument: str, advice: str) -> None:
    with pytest.raises(UnsupportedFeatureError, match=argument) as caught:
        model.bind(**{argument: "x"}).invoke("hi")
    assert advice in str(caught.value)
    assert ("extra_body" in str(caught.value)) == (advice == "extra_body")


def test_model_copy_accepts_timeout_and_api_key(service: Emulator, model: ChatQwen) -> None:
    patient = model.model_copy(update={"timeout": 5, "api_key": "sk-other"})
    patient.bind_tools([get_weather]).invoke("hi")
    assert service.last_request.headers["Authorization"] == "Bearer sk-other"


def test_tool_round_with_tool_message(service: Emulator, model: ChatQwen) -> None:
    bound = model.bind_tools([get_weather])
    question = HumanMessage("What is the weather in Rome?")
    asked = bound.invoke([question])
    result = ToolMessage(get_weather(**asked.tool_calls[0]["args"]), tool_call_id=asked.tool_calls[0]["id"])
    answer = bound.invoke([question, asked, result])
    assert "Sunny in Rome" in answer.text and not answer.tool_calls
    assert isinstance(answer, AIMessage)


def test_response_format_beside_tools_is_sent(service: Emulator, make: MakeModel) -> None:
    schema = {"title": "Report", "type": "object", "properties": {"sky": {"type": "string"}}, "required": ["sky"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "Report", "schema": schema}}
    model = make(model="qwen3.7-plus")
    for response_format in (wanted, schema):
        model.bind_tools([get_weather], response_format=response_format).invoke("What is the weather in Rome?")
        parameters = service.last_request.parameters
        assert parameters["response_format"] == wanted
        assert parameters["tools"][0]["function"]["name"] == "get_weather"


def test_invalid_tool_name_is_restored_in_tool_calls(service: Emulator, model: ChatQwen) -> None:
    weather = StructuredTool.from_function(get_weather, name="weather.today in 中国")
    bound = model.bind_tools([weather], tool_choice="weather.today in 中国")
    for answer in (bound.invoke("What is the weather in Rome?"), total(bound.stream("Weather in Rome?"))):  # type: ignore[arg-type]
        assert isinstance(answer, AIMessage)
        assert [call["name"] for call in answer.tool_calls] == ["weather.today in 中国"]
