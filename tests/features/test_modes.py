"""Partial messages, translation, code interpreter, mixed text and images, and sampling options, end to end."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from llama_index.core.base.llms.types import ChatMessage

from langchain_qwen import ChatQwen
from llama_index_qwen import Qwen
from qwen_core.errors import QwenWarning, UnsupportedFeatureError
from qwen_core.models.catalogue import resolve
from qwen_core.prepare.for_model import adapt
from qwen_core.types.messages import Message, TextPart, Tool
from qwen_core.types.requests import ChatRequest
from qwen_emulator import Emulator, Reply
from tests.features.conftest import ASKERS, KEY, Ask, Framework, Protocol, Way

SAMPLING: dict[str, tuple[Any, Any]] = {
    # field: value given, value sent
    "temperature": (0.5, 0.5),
    "top_p": (0.5, 0.5),
    "top_k": (7, 7),
    "max_tokens": (50, 50),
    "stop": (["zzz"], ["zzz"]),
    "seed": (42, 42),
    "presence_penalty": (0.5, 0.5),
    "repetition_penalty": (1.1, 1.1),
    "logit_bias": ({"9": 1.0}, {"9": 1.0}),
}


@pytest.mark.parametrize("name", SAMPLING)
def test_sampling_parameters_are_sent(name: str, ask: Ask, qwen_emulator: Emulator) -> None:
    given, sent = SAMPLING[name]
    ask(**{name: given})
    assert qwen_emulator.last_request.parameters[name] == sent


def test_stop_sequence_ends_the_response(ask: Ask) -> None:
    seen = ask("Count to 9", stop=[", 4"])
    assert (seen.text, seen.finish_reason) == ("1, 2, 3", "stop")


def test_logprobs_are_returned(ask: Ask) -> None:
    assert ask(logprobs=True, top_logprobs=2).logprobs > 1


def test_max_tokens_truncation_gives_finish_reason_length(ask: Ask) -> None:
    assert ask("Count to 99", max_tokens=5).finish_reason == "length"


def test_max_completion_tokens_limits_reasoning_and_text(ask: Ask, qwen_emulator: Emulator) -> None:
    fields: dict[str, Any] = {"model": "qwen3.7-plus", "enable_thinking": True}
    seen = ask("Count to 99", max_completion_tokens=5, **fields)
    assert (seen.finish_reason, qwen_emulator.last_request.parameters["max_completion_tokens"]) == ("length", 5)
    assert seen.reasoning_tokens is not None and seen.reasoning_tokens <= 5


def test_max_completion_tokens_on_undocumented_model_warns(ask: Ask, qwen_emulator: Emulator) -> None:
    with pytest.warns(QwenWarning, match="not documented to honour max_completion_tokens"):
        ask(max_completion_tokens=50)
    assert qwen_emulator.last_request.parameters["max_completion_tokens"] == 50


def test_n_returns_several_choices(protocol: Protocol, qwen_emulator: Emulator) -> None:
    chat = ChatQwen(api_key=KEY, base_url=qwen_emulator.base_url, protocol=protocol, n=2)
    qwen_emulator.reply(Reply(choices=[Reply("one"), Reply("two")]))
    result = chat.generate([[HumanMessage("hi")]])
    assert [generation.text for generation in result.generations[0]] == ["one", "two"]
    with pytest.raises(UnsupportedFeatureError):
        list(chat.stream("hi"))


@pytest.mark.parametrize("streamed", [False, True])
def test_partial_assistant_message_is_continued(
    protocol: Protocol, streamed: bool, qwen_emulator: Emulator
) -> None:
    address: dict[str, Any] = {"api_key": KEY, "base_url": qwen_emulator.base_url, "protocol": protocol}
    answer = Reply("(n-1)")
    qwen_emulator.reply(answer, answer)
    chat, llm = ChatQwen(**address), Qwen(**address)
    prefix = AIMessage("return f", additional_kwargs={"partial": True})
    messages = [HumanMessage("Write f"), prefix]
    said = (
        "".join(str(chunk.content) for chunk in chat.stream(messages))
        if streamed
        else chat.invoke(messages).content
    )
    assert said == "(n-1)"
    history = [
        ChatMessage(role="user", content="Write f"),
        ChatMessage(role="assistant", content="return f", additional_kwargs={"partial": True}),
    ]
    response = list(llm.stream_chat(history))[-1] if streamed else llm.chat(history)
    assert response.message.content == "(n-1)"
    for request in qwen_emulator.requests:
        assert request.messages[-1] == {"role": "assistant", "content": "return f", "partial": True}


def test_partial_message_disables_thinking(protocol: Protocol, qwen_emulator: Emulator) -> None:
    chat = ChatQwen(api_key=KEY, base_url=qwen_emulator.base_url, protocol=protocol, model="qwen3.7-plus")
    with pytest.warns(QwenWarning, match="switched off"):
        chat.invoke([HumanMessage("Write f"), AIMessage("return f", additional_kwargs={"partial": True})])
    assert qwen_emulator.last_request.parameters["enable_thinking"] is False


def test_partial_is_dropped_from_earlier_messages() -> None:
    parts = (TextPart("a"),)
    history = (Message("user", parts), Message("assistant", parts, partial=True), Message("user", parts))
    changed, warnings = adapt(ChatRequest(model="qwen-plus", messages=history), resolve("qwen-plus"))
    assert ([message.partial for message in changed.messages], warnings) == ([False] * 3, ())


@pytest.mark.parametrize(("model", "fields"), [("qwq-plus", {}), ("qwen3.7-plus", {"enable_thinking": True})])
def test_partial_message_with_thinking_warns(model: str, fields: dict[str, Any]) -> None:
    messages = (Message("user", (TextPart("a"),)), Message("assistant", (TextPart("b"),), partial=True))
    request = ChatRequest(model=model, messages=messages, **fields)
    changed, (warning,) = adapt(request, resolve(model))
    assert changed == request and "only without thinking" in warning


@pytest.mark.parametrize("model", ["qwen-mt-plus", "qwen-mt-flash"])
def test_translation_options_are_sent(model: str, ask: Ask, qwen_emulator: Emulator) -> None:
    qwen_emulator.reply(Reply(["Code ", "changes ", "the ", "the ", "world."]))
    options = {
        "source_lang": "auto",
        "target_lang": "English",
        "terms": [{"source": "代码", "target": "code"}],
        "domains": "Poetry.",
    }
    seen = ask("代码改变世界。", model=model, translation_options=options)
    assert (seen.text, seen.finish_reason) == ("Code changes the the world.", "stop")
    assert qwen_emulator.last_request.parameters["translation_options"] == options


def test_translation_model_sends_only_one_message(protocol: Protocol, qwen_emulator: Emulator) -> None:
    chat = ChatQwen(
        api_key=KEY,
        base_url=qwen_emulator.base_url,
        protocol=protocol,
        model="qwen-mt-plus",
        translation_options={"target_lang": "English"},
    )
    with pytest.warns(QwenWarning, match="a single user message"):
        chat.invoke([SystemMessage("Be kind."), HumanMessage("你好")])
    assert [message["role"] for message in qwen_emulator.last_request.messages] == ["user"]


@pytest.mark.parametrize("model", ["qwen3-max", "qwen3.5-plus"])
def test_enable_code_interpreter_returns_its_calls(
    model: str, framework: Framework, way: Way, protocol: Protocol, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(Reply("7.7e43", reasoning="I can compute this.", code="123**21"))
    fields = {"model": model, "protocol": protocol, "enable_code_interpreter": True}
    seen = ASKERS[framework](qwen_emulator, way, "What is 123**21?", fields)
    assert (seen.text, seen.reasoning) == ("7.7e43", "I can compute this.")
    assert qwen_emulator.last_request.stream
    assert qwen_emulator.last_request.parameters["enable_code_interpreter"] is True
    if protocol == "dashscope":
        holders = {
            "core": lambda raw: raw.extras,
            "langchain": lambda raw: raw.response_metadata,
            "llama_index": lambda raw: raw.raw,
        }
        told = holders[framework](seen.raw)["tool_info"]
        assert told == [{"code_interpreter": {"code": "123**21"}, "type": "code_interpreter"}]
        assert seen.plugins["code_interpreter"]["count"] == 1


CODE: list[tuple[dict[str, Any], bool | None, bool | None, int]] = [
    # fields beside enable_code_interpreter; thinking, interpreter and warnings after preparing
    ({"model": "qwen-max"}, None, True, 0),
    ({"reasoning_effort": "none", "model": "qwen3.8-max"}, None, True, 1),
    ({}, True, True, 0),
    ({"enable_thinking": True}, True, True, 0),
    ({"enable_thinking": False}, False, True, 1),
    ({"tools": (Tool("f"),)}, None, None, 1),
]


@pytest.mark.parametrize(("asked", "thinking", "interpreter", "warned"), CODE)
def test_enable_code_interpreter_resolves_thinking_and_tools(
    asked: dict[str, Any], thinking: bool | None, interpreter: bool | None, warned: int
) -> None:
    messages = (Message("user", (TextPart("hi"),)),)
    fields = {"model": "qwen3-max", "enable_code_interpreter": True, **asked}
    request = ChatRequest(messages=messages, **fields)
    changed, warnings = adapt(request, resolve(request.model))
    assert (changed.enable_thinking, changed.enable_code_interpreter, len(warnings)) == (
        thinking,
        interpreter,
        warned,
    )


def test_enable_text_image_mixed_selects_native_protocol(
    framework: Framework, way: Way, qwen_emulator: Emulator
) -> None:
    fields = {
        "model": "qwen3.6-plus",
        "enable_thinking": False,
        "enable_search": True,
        "enable_text_image_mixed": True,
    }
    seen = ASKERS[framework](qwen_emulator, way, "Show me Paris", fields)
    assert "<img " in seen.text
    assert seen.plugins["image_search"]["count"] == 1
    assert qwen_emulator.last_request.protocol == "dashscope"
