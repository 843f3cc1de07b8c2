"""Tools, tool_choice and single tool calls (checklist 6-8)."""

from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ToolCallBlock
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

from llama_index_qwen import Qwen
from qwen_core.errors import UnsupportedFeatureError
from qwen_emulator import Emulator, Reply, ToolCall
from tests.llama_index.conftest import MakeModel


class Place(BaseModel):
    """A place."""

    city: str
    country: str | None = None


class Trip(BaseModel):
    """A trip."""

    places: list[Place]


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


def today() -> str:
    """Tell the date."""
    return "2026-11-23"


ADD, MULTIPLY, TODAY = (FunctionTool.from_defaults(fn) for fn in (add, multiply, today))
TRIP = FunctionTool.from_defaults(lambda **fields: str(fields), name="plan", description="Plan.", fn_schema=Trip)
TWO_CALLS = Reply(tool_calls=[ToolCall("add", {"a": 1, "b": 2}), ToolCall("multiply", {"a": 3, "b": 4})])


def prepared(**options: Any) -> dict[str, Any]:
    options = {"tools": [ADD, MULTIPLY], "user_msg": "Hi", **options}
    return Qwen()._prepare_chat_with_tools(**options)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, None),
        ({"tool_required": True}, "required"),
        ({"tool_choice": "add"}, "add"),
        ({"tool_choice": "auto", "tool_required": True}, "auto"),
        ({"tool_choice": "any"}, "required"),
        ({"tool_choice": "none"}, "none"),
        ({"tool_choice": {"type": "function", "function": {"name": "add"}}}, "add"),
        ({"tool_choice": {"type": "required"}}, "required"),
    ],
)
def test_tool_choice_and_tool_required_are_mapped(options: dict[str, Any], expected: str | None) -> None:
    assert prepared(**options).get("tool_choice") == expected


def test_chat_with_tools_without_tools_sends_no_tool_options() -> None:
    assert prepared(tools=[], temperature=1).keys() == {"messages", "temperature"}


def test_chat_with_tools_combines_history_and_user_msg() -> None:
    history = [ChatMessage(role="system", content="S")]
    for question in ("Q", ChatMessage(role="user", content="Q")):
        messages = prepared(user_msg=question, chat_history=history)["messages"]
        assert [message.content for message in messages] == ["S", "Q"]
    assert len(history) == 1
    assert prepared(user_msg=None, chat_history=history)["messages"] == history


def test_allow_parallel_tool_calls_is_sent(make: MakeModel, service: Emulator) -> None:
    make().chat_with_tools([ADD], "Add 1 and 2", allow_parallel_tool_calls=True)
    assert service.last_request.parameters["parallel_tool_calls"] is True
    make().chat_with_tools([ADD], "Add 1 and 2")
    assert service.last_request.parameters["parallel_tool_calls"] is False


def test_tool_schemas_are_sent_complete(make: MakeModel, service: Emulator) -> None:
    make().chat_with_tools([TRIP, TODAY], "Plan a trip")
    plan, today_ = (tool["function"] for tool in service.last_request.parameters["tools"])
    assert plan["parameters"]["$defs"]["Place"]["properties"].keys() == {"city", "country"}
    assert plan["parameters"]["required"] == ["places"]
    assert today_["parameters"] == {"type": "object", "properties": {}}
    assert today_["description"].endswith("Tell the date.")


class Folder(BaseModel):
    """A folder."""

    name: str
    folders: list["Folder"] = []


def test_recursive_tool_schema_is_sent_complete(make: MakeModel, service: Emulator) -> None:
    tool = FunctionTool.from_defaults(lambda **fields: str(fields), name="f", description="F.", fn_schema=Folder)
    make().chat_with_tools([tool], "Call.")
    (sent,) = service.last_request.parameters["tools"]
    parameters = sent["function"]["parameters"]
    assert (parameters["type"], parameters["properties"].keys()) == ("object", {"name", "folders"})
    assert parameters["properties"]["folders"]["items"] == {"$ref": "#/$defs/Folder"}
    assert parameters["$defs"]["Folder"]["required"] == ["name"]


def test_without_parallel_tool_calls_only_one_call_is_returned(make: MakeModel, service: Emulator) -> None:
    llm = make()
    service.reply(TWO_CALLS, TWO_CALLS, TWO_CALLS)
    response = llm.chat_with_tools([ADD, MULTIPLY], "Calculate")
    assert [call.tool_name for call in llm.get_tool_calls_from_response(response)] == ["add"]
    assert len(response.message.additional_kwargs["tool_calls"]) == 1
    chunks = list(llm.stream_chat_with_tools([ADD, MULTIPLY], "Calculate"))
    assert all(len(llm.get_tool_calls_from_response(chunk, False)) <= 1 for chunk in chunks)
    assert [call.tool_name for call in llm.get_tool_calls_from_response(chunks[-1])] == ["add"]
    both = llm.chat_with_tools([ADD, MULTIPLY], "Calculate", allow_parallel_tool_calls=True)
    assert len(llm.get_tool_calls_from_response(both)) == 2


async def test_without_parallel_tool_calls_only_one_call_is_returned_async(
    make: MakeModel, service: Emulator
) -> None:
    llm = make()
    service.reply(TWO_CALLS, TWO_CALLS)
    response = await llm.achat_with_tools([ADD, MULTIPLY], "Calculate")
    assert len(llm.get_tool_calls_from_response(response)) == 1
    chunks = [chunk async for chunk in await llm.astream_chat_with_tools([ADD, MULTIPLY], "Calculate")]
    assert len(llm.get_tool_calls_from_response(chunks[-1])) == 1


def test_validate_chat_with_tools_response_keeps_one_call() -> None:
    blocks = [ToolCallBlock(tool_call_id=f"c{n}", tool_name="add", tool_kwargs={"a": n}) for n in range(2)]
    response = ChatResponse(message=ChatMessage(role="assistant", blocks=blocks))
    cut = Qwen()._validate_chat_with_tools_response(response, [ADD])
    assert len(cut.message.blocks) == 1
    assert len(response.message.blocks) == 2
    assert Qwen()._validate_chat_with_tools_response(response, [ADD], allow_parallel_tool_calls=True) is response
    alike = ChatResponse(message=ChatMessage(role="assistant", blocks=[blocks[0], blocks[0].model_copy()]))
    assert len(Qwen()._validate_chat_with_tools_response(alike, [ADD]).message.blocks) == 1


def test_predict_and_call_runs_the_tool(make: MakeModel, service: Emulator) -> None:
    service.reply(TWO_CALLS)
    response = make().predict_and_call([ADD, MULTIPLY], "What is 1 plus 2?")
    assert response.sources[0].raw_output == 3


async def test_apredict_and_call_runs_parallel_tool_calls(make: MakeModel, service: Emulator) -> None:
    service.reply(TWO_CALLS)
    response = await make().apredict_and_call([ADD, MULTIPLY], "Calculate", allow_parallel_tool_calls=True)
    assert [source.raw_output for source in response.sources] == [3, 12]


def test_error_on_no_tool_call(make: MakeModel, service: Emulator) -> None:
    llm = make()
    service.reply("No.")
    response = llm.chat_with_tools([ADD], "Add")
    with pytest.raises(ValueError, match="No\\."):
        llm.get_tool_calls_from_response(response)
    assert llm.get_tool_calls_from_response(response, error_on_no_tool_call=False) == []


def test_tool_required_disables_default_thinking_with_warning(make: MakeModel, service: Emulator) -> None:
    with pytest.warns(UserWarning, match="Thinking was switched off"):
        make(model="qwen3.7-plus").chat_with_tools([ADD], "Add 1 and 2", tool_required=True)
    assert service.last_request.parameters["enable_thinking"] is False
    assert service.last_request.parameters["tool_choice"] == {"type": "function", "function": {"name": "add"}}


def test_tool_round_with_tool_result(make: MakeModel, service: Emulator) -> None:
    llm = make()
    history = [ChatMessage(role="user", content="What is 12 plus 30?")]
    response = llm.chat_with_tools([ADD, TODAY], chat_history=history)
    (call,) = llm.get_tool_calls_from_response(response)
    result = ChatMessage(
        role="tool",
        content=str(ADD(**call.tool_kwargs)),
        additional_kwargs={"tool_call_id": call.tool_id},
    )
    answer = llm.chat_with_tools([ADD, TODAY], chat_history=[*history, response.message, result])
    assert "42" in (answer.message.content or "")


def test_invalid_tool_name_is_restored_in_tool_calls(make: MakeModel, service: Emulator) -> None:
    llm, named = make(), FunctionTool.from_defaults(ADD.fn, name="sum.of 两个", description="Add two numbers.")
    response = llm.chat_with_tools([named], "Add 1 and 2", tool_required=True)
    assert [call.tool_name for call in llm.get_tool_calls_from_response(response)] == ["sum.of 两个"]
    *_, last = llm.stream_chat_with_tools([named], "Add 1 and 2", tool_required=True)
    assert [call.tool_name for call in llm.get_tool_calls_from_response(last)] == ["sum.of 两个"]


@pytest.mark.parametrize("tool", [Trip, add])
def test_invalid_tool_is_refused(make: MakeModel, tool: Any) -> None:
    question = [ChatMessage(role="user", content="?")]
    with pytest.raises(UnsupportedFeatureError, match=r"Expected a tool, got .*FunctionTool"):
        make().chat(question, tools=[tool])
