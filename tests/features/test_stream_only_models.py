"""A model that answers only in a stream is learned from the refusal, once per host and model."""

import asyncio
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage

from langchain_qwen import ChatQwen
from llama_index_qwen import Qwen
from qwen_core.errors import BadRequestError
from qwen_emulator import Emulator, Failure, Reply

REFUSAL = "This model only support stream mode, please enable the stream parameter to access the model. "
THINKING = "parameter.enable_thinking must be set to false for non-streaming calls"


def ask(framework: Any, asynchronous: bool, **fields: Any) -> str:
    model = framework(api_key="k", **fields)
    if isinstance(model, ChatQwen):
        message = asyncio.run(model.ainvoke("hi")) if asynchronous else model.invoke("hi")
        return str(message.content)
    messages = [ChatMessage("hi")]
    response = asyncio.run(model.achat(messages)) if asynchronous else model.chat(messages)
    return str(response.message.content)


def streams(emulator: Emulator) -> list[bool]:
    return [
        request.body.get("stream") is True or request.headers.get("x-dashscope-sse") == "enable"
        for request in emulator.requests
    ]


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("framework", [ChatQwen, Qwen])
@pytest.mark.parametrize("protocol", ["openai", "dashscope"])
def test_stream_only_model_is_learned_from_the_refusal(
    protocol: str, framework: Any, asynchronous: bool, qwen_emulator: Emulator
) -> None:
    fields = {
        "model": f"my-{protocol}-{framework.__name__}-{asynchronous}",
        "base_url": qwen_emulator.base_url,
        "protocol": protocol,
    }
    code = "InvalidParameter"
    qwen_emulator.reply(Failure(400, "invalid_parameter_error", REFUSAL, native_code=code), "Hello", "Again")
    assert ask(framework, asynchronous, **fields) == "Hello"
    assert streams(qwen_emulator) == [False, True]
    assert ask(framework, asynchronous, **fields) == "Again"
    assert streams(qwen_emulator) == [False, True, True]


def test_model_that_streams_only_while_it_thinks_is_learned(qwen_emulator: Emulator) -> None:
    fields: dict[str, Any] = {"model": "my-qwen3", "base_url": qwen_emulator.base_url, "protocol": "openai"}
    qwen_emulator.reply(Failure(400, "invalid_parameter_error", THINKING), Reply("Hello", "Hm"), "Fast")
    assert ask(ChatQwen, False, enable_thinking=True, **fields) == "Hello"
    assert ask(ChatQwen, False, enable_thinking=False, **fields) == "Fast"
    assert streams(qwen_emulator) == [False, True, False]


def test_second_refusal_is_raised(qwen_emulator: Emulator) -> None:
    failure = Failure(400, "invalid_parameter_error", REFUSAL)
    qwen_emulator.reply(failure, failure)
    with pytest.raises(BadRequestError, match="only support stream mode"):
        ask(ChatQwen, False, model="my-odd-model", base_url=qwen_emulator.base_url, protocol="openai")
    assert streams(qwen_emulator) == [False, True]
