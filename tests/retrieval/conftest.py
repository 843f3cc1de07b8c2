"""Fixtures of the retrieval tests: an emulator of the service, and no backoff between attempts."""

import asyncio
import warnings
from collections.abc import Awaitable, Callable, Iterator
from importlib.util import find_spec
from typing import Any, TypeVar

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # an old llama-index-core on a new pydantic warns at import
    import llama_index.core  # noqa: F401

import pytest

from qwen_core.execution import retry
from qwen_core.execution.batching import KNOWN_LIMITS
from qwen_emulator import Emulator

T = TypeVar("T")

KEY = "sk-test-secret-key"
NATIVE = pytest.param("dashscope", marks=pytest.mark.skipif(not find_spec("dashscope"), reason="needs dashscope"))

needs_native = pytest.mark.skipif(not find_spec("dashscope"), reason="needs dashscope")
both_protocols = pytest.mark.parametrize("protocol", ["openai", NATIVE])


@pytest.fixture
def service(qwen_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """Configure the emulator through environment variables and forget learned batch limits."""
    monkeypatch.setenv("DASHSCOPE_API_BASE", qwen_emulator.base_url)
    monkeypatch.setenv("DASHSCOPE_API_KEY", KEY)
    KNOWN_LIMITS.clear()
    yield qwen_emulator
    KNOWN_LIMITS.clear()


@pytest.fixture
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without backoff."""
    monkeypatch.setattr(retry, "backoff", lambda attempt: 0.0)


@pytest.fixture(params=["sync", "async"])
def both_ways(request: pytest.FixtureRequest) -> Callable[[Callable[[], T], Callable[[], Awaitable[T]]], T]:
    """Return a function that calls the sync function or runs the async one in a new event loop."""

    def call(sync: Callable[[], T], asynchronous: Callable[[], Awaitable[T]]) -> T:
        async def run() -> T:
            return await asynchronous()

        return sync() if request.param == "sync" else asyncio.run(run())

    return call


def sent_texts(service: Emulator) -> list[list[str]]:
    """Return the texts of each embedding request, in order of arrival."""
    return [texts_of(request.body) for request in service.requests]


def texts_of(body: dict[str, Any]) -> list[str]:
    """Return the texts of one embedding request, on either protocol."""
    return list(body["input"]["texts"] if isinstance(body["input"], dict) else body["input"])
