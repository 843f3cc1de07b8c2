"""Tool names that the service refuses: sent under valid names, returned under the user's."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_core.config.settings import ClientSettings
from qwen_core.prepare.tool_names import valid_tool_names, with_valid_tool_names
from qwen_core.resources.client import AsyncQwenClient
from qwen_core.resources.sync.client import QwenClient
from qwen_core.types.events import ToolCallDelta
from qwen_core.types.messages import Message, TextPart, Tool, ToolCallPart
from qwen_core.types.requests import ChatRequest
from qwen_emulator import Emulator, Reply, ToolCall

NAME = "weather.查询 v2"
SENT = "weather____v2"


def request_for(*names: str, **fields: Any) -> ChatRequest:
    tools = tuple(Tool(name, parameters={"type": "object", "properties": {}}) for name in names)
    question = Message("user", (TextPart("Weather?"),))
    return ChatRequest(model="qwen-plus", messages=(question,), tools=tools, **fields)


@given(st.lists(st.text(max_size=80), unique=True, max_size=8))
def test_tool_names_sent_are_unique_and_valid(names: list[str]) -> None:
    sent, back = with_valid_tool_names(request_for(*names))
    given_names = [tool.name for tool in sent.tools]
    assert len(set(given_names)) == len(names)
    assert all(0 < len(name) <= 64 and name.isascii() and " " not in name for name in given_names)
    assert [back.get(name, name) for name in given_names] == names


def test_valid_tool_names_are_kept_and_not_reused() -> None:
    request = request_for("get_weather", "x-1")
    assert with_valid_tool_names(request) == (request, {})
    assert valid_tool_names(dict.fromkeys(["a b", "a_b", "a.b"])) == {"a b": "a_b_2", "a.b": "a_b_3"}


@pytest.mark.parametrize("name", ["search", "auto", "required", "none"])
async def test_reserved_tool_names_are_sent_renamed_and_restored(
    settings: ClientSettings, qwen_emulator: Emulator, name: str
) -> None:
    """Rename ``search``, which is refused, and names that equal a tool_choice mode."""
    qwen_emulator.reply(*[Reply(tool_calls=[ToolCall(f"{name}_tool", {"city": "Rome"})])] * 3)
    request = msgspec.structs.replace(
        request_for(name, f"{name}_2", tool_choice="auto"),
        model="qwen3-max",  # of qwen-plus a recording shows that it accepts "search"
    )
    whole = QwenClient(settings).generate(request), await AsyncQwenClient(settings).generate(request)
    assert [answer.message.tool_calls[0].name for answer in whole] == [name, name]
    deltas = [event for event in QwenClient(settings).stream(request) if isinstance(event, ToolCallDelta)]
    assert deltas[0].name == name
    sent = qwen_emulator.last_request.parameters
    assert [tool["function"]["name"] for tool in sent["tools"]] == [f"{name}_tool", f"{name}_2"]
    assert sent["tool_choice"] == "auto"


def test_self_hosted_server_accepts_a_tool_named_search(qwen_emulator: Emulator) -> None:
    qwen_emulator.reply(Reply(tool_calls=[ToolCall("search", {"city": "Rome"})]))
    settings = ClientSettings(base_url=qwen_emulator.self_hosted_url("vllm"), server="vllm")
    request = msgspec.structs.replace(request_for("search"), model="Qwen/Qwen3-8B")
    answer = QwenClient(settings).generate(request)
    assert answer.tool_calls[0].name == "search"
    assert qwen_emulator.last_request.parameters["tools"][0]["function"]["name"] == "search"


@pytest.mark.parametrize("forced", [None, NAME])
async def test_tool_calls_return_the_users_tool_name(
    settings: ClientSettings, qwen_emulator: Emulator, forced: str | None
) -> None:
    qwen_emulator.reply(*[Reply(tool_calls=[ToolCall(SENT, {"city": "Rome"})])] * 3)
    request = request_for(NAME, tool_choice=forced)
    whole = QwenClient(settings).generate(request), await AsyncQwenClient(settings).generate(request)
    for answer in whole:
        assert [call.name for call in answer.message.tool_calls] == [NAME]
    deltas = [event for event in QwenClient(settings).stream(request) if isinstance(event, ToolCallDelta)]
    assert deltas[0].name == NAME
    sent = qwen_emulator.last_request.parameters
    assert sent["tools"][0]["function"]["name"] == SENT
    assert forced is None or sent["tool_choice"]["function"]["name"] == SENT


def test_tool_calls_in_history_are_sent_under_the_renamed_tool_name(
    settings: ClientSettings, qwen_emulator: Emulator
) -> None:
    request = request_for(NAME)
    call = Message("assistant", (ToolCallPart("c1", NAME, "{}"),))
    result = Message("tool", (TextPart("Sunny"),), name=NAME, tool_call_id="c1")
    history = (*request.messages, call, result)
    QwenClient(settings).generate(ChatRequest(model="qwen-plus", messages=history, tools=request.tools))
    called, answered = qwen_emulator.last_request.messages[1:]
    assert called["tool_calls"][0]["function"]["name"] == SENT
    assert answered.get("name", SENT) == SENT
