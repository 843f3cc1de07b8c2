"""Model profiles in LangChain, metadata in LlamaIndex, and the agents and middleware that use them."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from pydantic import BaseModel

from langchain_qwen import ChatQwen
from langchain_qwen.profiles import PROFILE_KEYS, langchain_profile
from llama_index_qwen import Qwen
from qwen_core.models import all_models, resolve
from qwen_emulator import Emulator


class Weather(BaseModel):
    """The weather in a city."""

    city: str
    rain: bool


# Model -> whether the structured-output page lists it for json_schema (compatible 2.3).
STRATEGIES = {
    "qwen3.8-max": True,
    "qwen3.8-flash": True,
    "qwen3.7-max": True,
    "qwen3.7-plus": True,
    "qwen3.7-flash": True,
    "qwen-plus": False,
    "qwen-max": False,
    "qwen-flash": False,
    "qwen3.5-plus": False,
    "qwen3-vl-plus": False,
    "deepseek-v4-pro": False,
    "my-finetune": False,
}


def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It rains in {city}."


def schema_and_tool_requested(service: Emulator) -> tuple[bool, bool]:
    """Return whether any request had a json_schema response_format, and whether any had the schema as a tool."""
    schema = tool = False
    for request in service.requests:
        parameters = request.parameters
        schema = schema or (parameters.get("response_format") or {}).get("type") == "json_schema"
        tool = tool or any(offered["function"]["name"] == "Weather" for offered in parameters.get("tools") or ())
    return schema, tool


@pytest.mark.filterwarnings(
    "ignore::qwen_core.errors.QwenWarning"
)  # forced tool_choice that becomes an instruction
@pytest.mark.parametrize(("model", "native"), STRATEGIES.items())
def test_create_agent_uses_json_schema_or_tool_strategy_by_profile(
    service: Emulator, beijing: dict[str, Any], model: str, native: bool
) -> None:
    agents = pytest.importorskip("langchain.agents")
    agent = agents.create_agent(ChatQwen(model=model, **beijing), [weather], response_format=Weather)
    state = agent.invoke({"messages": [("user", "What is the weather in Paris?")]})
    assert isinstance(state["structured_response"], Weather)
    assert schema_and_tool_requested(service) == (native, not native)


def test_profile_structured_output_follows_thinking() -> None:
    """Report structured_output as False if a model excludes schemas while thinking; no documented model does."""
    assert langchain_profile(resolve("qwen3.7-plus"), enable_thinking=True)["structured_output"] is True
    exclusive = resolve("qwen3.7-plus", {"json_object_thinking": False})
    for asked, expected in ((True, False), (None, False), (False, True)):
        assert langchain_profile(exclusive, enable_thinking=asked)["structured_output"] is expected
    assert langchain_profile(exclusive, reasoning_effort="none")["structured_output"] is True
    assert langchain_profile(exclusive, reasoning_effort="low")["structured_output"] is False


def test_model_copy_with_enable_thinking_has_its_own_profile() -> None:
    model = ChatQwen(model="qwen-plus", api_key="k")
    thinking = model.model_copy(update={"enable_thinking": True})
    assert model.profile and thinking.profile
    assert (model.profile["max_input_tokens"], thinking.profile["max_input_tokens"]) == (997_952, 995_904)
    assert (model.profile["tool_choice"], thinking.profile["tool_choice"]) == (True, False)


def test_profile_of_qwen3_8_max_is_complete() -> None:
    assert ChatQwen(model="qwen3.8-max", api_key="k").profile == {
        "name": "qwen3.8-max",
        "status": "active",
        "release_date": "2026-08-02",
        "max_input_tokens": 983_616,
        "max_output_tokens": 131_072,
        "text_inputs": True,
        "image_inputs": True,
        "image_url_inputs": True,
        "image_tool_message": True,
        "pdf_inputs": True,
        "pdf_tool_message": True,
        "audio_inputs": False,
        "video_inputs": True,
        "attachment": True,
        "text_outputs": True,
        "image_outputs": False,
        "audio_outputs": False,
        "video_outputs": False,
        "reasoning_output": True,
        "reasoning_effort_levels": ["low", "medium", "xhigh"],
        "reasoning_effort_default": "xhigh",
        "tool_calling": True,
        "tool_choice": True,
        "tool_call_streaming": True,
        "structured_output": True,
        "temperature": True,
    }


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("qwen-max", {"reasoning_output": False, "attachment": False, "max_input_tokens": 30_720}),
        ("qwq-plus", {"reasoning_output": True, "tool_choice": False, "status": "deprecated"}),
        ("qwen3-vl-plus", {"image_inputs": True, "video_inputs": True, "image_tool_message": True}),
        ("qwen3.5-omni-plus", {"audio_inputs": True, "audio_outputs": True}),
        ("qwen-turbo", {"status": "deprecated"}),
    ],
)
def test_langchain_profile_fields_match_the_catalog(model: str, expected: dict[str, Any]) -> None:
    profile: dict[str, Any] = {**(ChatQwen(model=model, api_key="k").profile or {})}
    assert {name: profile.get(name) for name in expected} == expected


def test_unknown_model_profile_claims_no_capabilities() -> None:
    profile = ChatQwen(model="my-finetune", api_key="k").profile
    assert profile is not None
    assert profile.keys().isdisjoint({"status", "tool_calling", "reasoning_output", "max_output_tokens"})
    assert (profile["max_input_tokens"], profile["structured_output"]) == (131_072, False)


def test_every_model_profile_has_only_langchains_keys() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for model in all_models():
            profile = ChatQwen(model=model, api_key="k").profile
            assert profile is not None
            assert profile.keys() <= PROFILE_KEYS


def test_users_profile_overrides_the_catalog() -> None:
    assert ChatQwen(model="qwen-plus", api_key="k", profile={"max_input_tokens": 7}).profile == {
        "max_input_tokens": 7
    }


def test_summarization_middleware_triggers_by_fraction_of_the_context(
    service: Emulator, beijing: dict[str, Any]
) -> None:
    """Summarize at a fifth of qwen-max's 30,720 tokens a conversation three times that long."""
    middleware = pytest.importorskip("langchain.agents.middleware")
    agents = pytest.importorskip("langchain.agents")
    model = ChatQwen(model="qwen-max", **beijing)
    summarise = middleware.SummarizationMiddleware(
        model=model,
        trigger=("fraction", 0.2),
        keep=("messages", 2),
        token_counter=model.get_num_tokens_from_messages,
    )
    agent = agents.create_agent(model, [], middleware=[summarise])
    history: list[AnyMessage] = []
    for number in range(20):
        history += [HumanMessage(f"Question {number}? " + "The tide is high. " * 90), AIMessage("Yes.")]
    before = model.get_num_tokens_from_messages([*history])
    assert 0.2 * 30_720 < before < 30_720
    state = agent.invoke({"messages": [*history, HumanMessage("And now?")]})
    assert len(state["messages"]) <= 4
    assert "summary" in str(state["messages"][0].content).lower()
    short = agent.invoke({"messages": [HumanMessage("Hello")]})
    assert len(short["messages"]) == 2
    assert len(service.requests) == 3


# LlamaIndex.


@pytest.mark.parametrize(
    ("fields", "window", "tools"),
    [
        ({"model": "qwen-max"}, 30_720 + 256, True),
        ({"model": "qwen-plus"}, 997_952 + 256, True),
        ({"model": "qwen-plus", "max_tokens": 2_000}, 997_952 + 2_000, True),
        ({"model": "qwen-plus", "max_completion_tokens": 2_000}, 997_952 + 2_000, True),
        ({"model": "qwen-plus", "enable_thinking": True}, 995_904 + 256, True),
        ({"model": "qwen-turbo"}, None, True),
        ({"model": "qwen3-coder-next"}, None, True),
        ({"model": "qwen-vl-max"}, None, False),
        ({"model": "my-finetune"}, 131_072, True),
        ({"model": "my-finetune", "context_window": 8_192}, 8_192, True),
    ],
)
def test_llama_index_metadata_context_window_and_function_calling(
    fields: dict[str, Any], window: int | None, tools: bool
) -> None:
    metadata = Qwen(**{"api_key": "k", **fields}).metadata
    assert metadata.is_chat_model
    assert metadata.model_name == fields["model"]
    assert metadata.is_function_calling_model is tools
    assert metadata.num_output == fields.get("max_tokens", fields.get("max_completion_tokens", -1))
    assert window is None or metadata.context_window == window


def test_every_model_has_a_llama_index_context_window() -> None:
    for model in all_models():
        assert Qwen(model=model, api_key="k").metadata.context_window > 0
