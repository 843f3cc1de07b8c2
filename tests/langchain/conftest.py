"""Fixtures of the LangChain tests: an emulator of the service, and models that call it."""

import json
from collections.abc import Callable, Iterable
from functools import reduce
from importlib.util import find_spec
from operator import add
from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk, BaseMessageChunk

from langchain_qwen import ChatQwen
from qwen_emulator import Emulator, RawReply

NATIVE = pytest.param("dashscope", marks=pytest.mark.skipif(not find_spec("dashscope"), reason="needs dashscope"))

MakeModel = Callable[..., ChatQwen]


@pytest.fixture
def service(shared_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """Return the emulator, configured through environment variables as a user's setup is."""
    shared_emulator.reset()
    monkeypatch.setenv("DASHSCOPE_API_BASE", shared_emulator.base_url)
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-test-secret")
    monkeypatch.delenv("QWEN_MODEL", raising=False)
    return shared_emulator


@pytest.fixture(params=["openai", NATIVE])
def protocol(request: pytest.FixtureRequest) -> str:
    """Run the test on each protocol."""
    return str(request.param)


@pytest.fixture
def make(service: Emulator, protocol: str) -> MakeModel:
    """Return a factory of models on the protocol of the test."""

    def make_model(**fields: Any) -> ChatQwen:
        return ChatQwen(**{"model": "qwen-plus", "protocol": protocol, **fields})

    return make_model


@pytest.fixture
def model(make: MakeModel) -> ChatQwen:
    """Return a model that does not think by default."""
    return make()


def deltas(*given: dict[str, Any], finish_reason: str = "stop") -> RawReply:
    """Return a stream of exactly these deltas on the OpenAI-compatible protocol."""
    choices: list[dict[str, Any]] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in given]
    choices.append({"index": 0, "delta": {}, "finish_reason": finish_reason})
    chunks = [{"id": "chatcmpl-1", "model": "m", "created": 1, "choices": [choice]} for choice in choices]
    lines = [f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode() for chunk in chunks]
    return RawReply(200, {"content-type": "text/event-stream"}, [*lines, b"data: [DONE]\n\n"])


def total(chunks: Iterable[BaseMessageChunk]) -> AIMessageChunk:
    """Return the sum of a stream, adding chunk by chunk as users do."""
    summed = reduce(add, chunks)
    assert isinstance(summed, AIMessageChunk)
    return summed
