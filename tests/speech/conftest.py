"""Fixtures of the speech tests: a server of exact bytes beside the emulator; sync and async calls alike."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, TypeVar

import pytest

from qwen_core.execution import retry
from qwen_core.types.wav import wav
from qwen_emulator import Emulator
from tests.canned_server import CannedServer, canned_server

T = TypeVar("T")
Both = Callable[[Callable[[], T], Callable[[], Awaitable[T]]], T]

KEY = "sk-speech-secret"
PCM = b"\x01\x00\x02\x00" * 6000
WAV = wav(PCM)


@pytest.fixture
def server() -> Iterator[CannedServer]:
    """Run a server of exact bytes."""
    with canned_server() as server:
        yield server


@pytest.fixture
def service(shared_emulator: Emulator) -> Emulator:
    """Reset the shared emulator."""
    shared_emulator.reset()
    return shared_emulator


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "backoff", lambda attempt: 0.0)


@pytest.fixture(params=["sync", "async"])
def both(request: pytest.FixtureRequest) -> Both[Any]:
    """Call the one function, or run the other in a loop of its own."""

    def call(sync: Callable[[], T], asynchronous: Callable[[], Awaitable[T]]) -> T:
        async def run() -> T:
            return await asynchronous()

        return sync() if request.param == "sync" else asyncio.run(run())

    return call


async def collected(items: AsyncIterator[T]) -> list[T]:
    """Return all items."""
    return [item async for item in items]
