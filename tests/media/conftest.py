"""Fixtures of the media tests: an emulator, and uniform ways to call frameworks, protocols and modes."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from llama_index.core.base.llms.types import ChatMessage

from langchain_qwen import ChatQwen
from llama_index_qwen import Qwen
from qwen_emulator import Emulator

KEY = "sk-media-secret"
MODEL = "qwen3-vl-plus"

Make = Callable[..., Any]


@pytest.fixture
def service(shared_emulator: Emulator) -> Emulator:
    """Reset the shared emulator."""
    shared_emulator.reset()
    return shared_emulator


@pytest.fixture(params=["openai", "dashscope"])
def protocol(request: pytest.FixtureRequest) -> str:
    """Run the test on each protocol."""
    return str(request.param)


@pytest.fixture
def chat(service: Emulator, protocol: str) -> Make:
    """Return a factory of LangChain models that call the emulator."""

    def make(**fields: Any) -> ChatQwen:
        return ChatQwen(
            **{"model": MODEL, "api_key": KEY, "base_url": service.base_url, "protocol": protocol, **fields}
        )

    return make


@pytest.fixture
def llm(service: Emulator, protocol: str) -> Make:
    """Return a factory of LlamaIndex models that call the emulator."""

    def make(**fields: Any) -> Qwen:
        return Qwen(
            **{"model": MODEL, "api_key": KEY, "base_url": service.base_url, "protocol": protocol, **fields}
        )

    return make


Ask = Callable[[ChatQwen, list[Any]], str]


def _invoke(model: ChatQwen, content: list[Any]) -> str:
    return str(model.invoke([HumanMessage(content)]).content)


def _ainvoke(model: ChatQwen, content: list[Any]) -> str:
    return str(asyncio.run(model.ainvoke([HumanMessage(content)])).content)


def _stream(model: ChatQwen, content: list[Any]) -> str:
    return "".join(str(chunk.content) for chunk in model.stream([HumanMessage(content)]))


def _astream(model: ChatQwen, content: list[Any]) -> str:
    async def collect() -> str:
        return "".join([str(chunk.content) async for chunk in model.astream([HumanMessage(content)])])

    return asyncio.run(collect())


@pytest.fixture(params=[_invoke, _ainvoke, _stream, _astream], ids=lambda way: way.__name__.strip("_"))
def ask(request: pytest.FixtureRequest) -> Ask:
    """Return one of the four methods to call a LangChain model."""
    chosen: Ask = request.param
    return chosen


def ask_llm(model: Qwen, blocks: list[Any], **extra: Any) -> str:
    """Ask a LlamaIndex model with these blocks."""
    message = ChatMessage(role="user", blocks=blocks, additional_kwargs=extra)
    return str(model.chat([message]).message.content)
