"""Fixtures of the LlamaIndex tests: an emulator of the service, and models that call it."""

import asyncio
import inspect
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # an old llama-index-core on a new pydantic warns at import
    import llama_index.core  # noqa: F401

import aiosqlite
import pytest
from aiosqlite.core import _STOP_RUNNING_SENTINEL
from llama_index.core import Settings
from llama_index.core.base.llms.types import ChatMessage, ChatResponse

from llama_index_qwen import Qwen, QwenEmbedding
from qwen_core.execution import retry
from qwen_emulator import Emulator

MakeModel = Callable[..., Qwen]
MakeEmbedding = Callable[..., QwenEmbedding]

KEY = "sk-test-secret-key"

OLD_CORE = "rate_limiter" not in Qwen.model_fields
"""Whether llama-index-core is at the low end of the supported range."""


@pytest.fixture
def service(shared_emulator: Emulator) -> Iterator[Emulator]:
    """Reset the shared emulator: nothing scripted, nothing recorded."""
    shared_emulator.reset()
    yield shared_emulator
    shared_emulator.reset()


@pytest.fixture(params=["openai", "dashscope"])
def protocol(request: pytest.FixtureRequest) -> str:
    """Run every test that uses a model on each protocol."""
    return str(request.param)


@pytest.fixture
def make(service: Emulator, protocol: str) -> MakeModel:
    """Return a factory of chat models that call the emulator."""

    def make_model(**fields: Any) -> Qwen:
        return Qwen(**{"api_key": KEY, "base_url": service.base_url, "protocol": protocol, **fields})

    return make_model


@pytest.fixture
def make_embedding(service: Emulator, protocol: str) -> MakeEmbedding:
    """Return a factory of embedding models that call the emulator."""

    def make_model(**fields: Any) -> QwenEmbedding:
        return QwenEmbedding(**{"api_key": KEY, "base_url": service.base_url, "protocol": protocol, **fields})

    return make_model


@pytest.fixture
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without backoff."""
    monkeypatch.setattr(retry, "backoff", lambda attempt: 0.0)


@pytest.fixture(autouse=True)
def no_default_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove default models, so that a component that ignores its model fails."""
    monkeypatch.setattr(Settings, "_llm", None)
    monkeypatch.delenv("DASHSCOPE_API_KEY", raising=False)
    monkeypatch.delenv("DASHSCOPE_API_BASE", raising=False)


def raw(response: ChatResponse) -> dict[str, Any]:
    """Return the raw response, which is always a dict."""
    assert isinstance(response.raw, dict)
    return response.raw


def _chat(llm: Qwen, messages: list[ChatMessage], **options: Any) -> ChatResponse:
    response: ChatResponse = llm.chat(messages, **options)
    return response


def _achat(llm: Qwen, messages: list[ChatMessage], **options: Any) -> ChatResponse:
    response: ChatResponse = asyncio.run(llm.achat(messages, **options))
    return response


def _stream_chat(llm: Qwen, messages: list[ChatMessage], **options: Any) -> ChatResponse:
    chunks: list[ChatResponse] = list(llm.stream_chat(messages, **options))
    return chunks[-1]


def _astream_chat(llm: Qwen, messages: list[ChatMessage], **options: Any) -> ChatResponse:
    async def collect() -> list[ChatResponse]:
        return [chunk async for chunk in await llm.astream_chat(messages, **options)]

    return asyncio.run(collect())[-1]


@pytest.fixture(autouse=True)
def core_event_loop_closed(request: pytest.FixtureRequest) -> Iterator[None]:
    """Close the main thread's event loop, which LlamaIndex uses and on Python 3.11 leaves unclosed."""
    if inspect.iscoroutinefunction(request.function):
        yield
        return
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
    asyncio.set_event_loop(None)


@pytest.fixture(autouse=True)
def databases_closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close the databases that LlamaIndex's Memory leaves open, before later tests warn of them."""
    opened: list[aiosqlite.Connection] = []
    connect = aiosqlite.Connection.__init__

    def note(connection: aiosqlite.Connection, *arguments: Any, **options: Any) -> None:
        connect(connection, *arguments, **options)
        opened.append(connection)

    monkeypatch.setattr(aiosqlite.Connection, "__init__", note)
    yield
    for connection in opened:
        connection._tx.put_nowait((None, partial(_close, connection)))


def _close(connection: aiosqlite.Connection) -> object:
    if connection._connection is not None:
        connection._connection.close()
        connection._connection = None
    return _STOP_RUNNING_SENTINEL


Way = Callable[..., ChatResponse]


@pytest.fixture(params=[_chat, _achat, _stream_chat, _astream_chat], ids=lambda way: way.__name__.strip("_"))
def way(request: pytest.FixtureRequest) -> Way:
    """Return one of the four chat methods, each returning the complete response."""
    chosen: Way = request.param
    return chosen
