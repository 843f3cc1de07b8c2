"""Connections: incremental streaming, closing, reuse, event loops, threads."""

import asyncio
import gc
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import msgspec
import pytest

from qwen_core import AsyncQwenClient, ChatRequest, ClientSettings, QwenClient, QwenError
from qwen_core.execution import retry
from qwen_core.types.events import TextDelta
from qwen_emulator import Emulator, Failure, Reply, faults
from tests.core.surfaces import generate, stream


def test_stream_chunks_arrive_as_they_are_sent(
    settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(faults.slow(Reply(text=["one", "two", "three"]), 0.1))
    times = [time.monotonic() for event in QwenClient(settings).stream(request_) if isinstance(event, TextDelta)]
    assert len(times) == 3 and times[2] - times[0] > 0.15


def wait_for(condition: Callable[[], bool]) -> bool:
    """Return whether the condition becomes true within two seconds."""
    end = time.monotonic() + 2
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


LONG = Reply(text=["word "] * 400)


def test_closing_a_stream_closes_the_connection(
    settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(faults.slow(LONG, 0.01))
    gc.disable()
    try:
        events = QwenClient(settings).stream(request_)
        next(iter(events))
        events.close()  # type: ignore[attr-defined]
        assert wait_for(lambda: len(qwen_emulator.aborted_requests) == 1)
    finally:
        gc.enable()


async def test_closing_an_async_stream_closes_the_connection(
    settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(faults.slow(LONG, 0.01))
    events = AsyncQwenClient(settings).stream(request_)
    await anext(aiter(events))
    await events.aclose()
    assert await asyncio.to_thread(wait_for, lambda: len(qwen_emulator.aborted_requests) == 1)


async def test_cancelling_an_async_call_closes_the_connection(
    settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(faults.stall_before_headers())
    task = asyncio.create_task(AsyncQwenClient(settings).generate(request_))
    assert await asyncio.to_thread(wait_for, lambda: len(qwen_emulator.requests) == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(wait_for, lambda: len(qwen_emulator.aborted_requests) == 1)


def test_connections_are_reused(settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator) -> None:
    before = qwen_emulator.connections_opened
    for run in (generate, stream, generate, stream):
        run(settings, request_)
    assert qwen_emulator.connections_opened - before <= 1


async def test_async_connections_are_reused(
    settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    before = qwen_emulator.connections_opened
    for _ in range(3):
        await AsyncQwenClient(settings).generate(request_)
        async for _event in AsyncQwenClient(settings).stream(request_):
            pass
    assert qwen_emulator.connections_opened - before <= 1


def test_client_in_twenty_successive_event_loops_closes_its_connections(
    settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    client = AsyncQwenClient(msgspec.structs.replace(settings, max_retries=0))
    before = qwen_emulator.open_connections
    for _ in range(20):
        assert asyncio.run(client.generate(request_)).text
    assert wait_for(lambda: qwen_emulator.open_connections <= before), "each event loop closed its connections"


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_event_loop_closed_without_shutdown_asyncgens_leaves_no_warning(
    settings: ClientSettings, request_: ChatRequest, caplog: pytest.LogCaptureFixture
) -> None:
    client = AsyncQwenClient(settings)
    for _ in range(2):
        loop = asyncio.new_event_loop()
        assert loop.run_until_complete(client.generate(request_)).text
        loop.close()
    assert asyncio.run(client.generate(request_)).text
    gc.collect()
    assert "Unclosed" not in caplog.text


def test_eight_threads_share_one_client(
    settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(lambda request: str(request.messages[-1]["content"]).upper())
    client = QwenClient(settings)

    def ask(number: int) -> bool:
        from qwen_core.types.messages import Message, TextPart

        request = msgspec.structs.replace(request_, messages=(Message("user", (TextPart(f"thread {number}"),)),))
        return client.generate(request).text == f"THREAD {number}"

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(64)))


async def test_slow_response_does_not_block_the_event_loop(
    settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(faults.slow(Reply(text=["a"] * 8), 0.05))
    longest = 0.0

    async def tick() -> None:
        nonlocal longest
        while True:
            start = time.monotonic()
            await asyncio.sleep(0.005)
            longest = max(longest, time.monotonic() - start)

    await AsyncQwenClient(settings).generate(request_)  # import of the SDK and the first connection
    ticker = asyncio.create_task(tick())
    await AsyncQwenClient(settings).generate(request_)
    ticker.cancel()
    assert longest < 0.15


def test_concurrent_first_calls_create_one_pool(
    settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    """Start eight threads together: they create one pool between them."""
    fresh = msgspec.structs.replace(settings, default_headers=(("X-Fresh", "pool"),))
    barrier = threading.Barrier(8)

    def ask(_: int) -> int:
        barrier.wait()
        return len(QwenClient(fresh).generate(request_).text)

    before = qwen_emulator.connections_opened
    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(8)))
    assert qwen_emulator.connections_opened - before <= 8


OURS = {"qwen_core", "openai", "tenacity", "dashscope"}


def count_our_objects() -> Counter[str]:
    """Count the live objects of each class of our packages and the SDKs."""
    kinds = (type(one) for one in gc.get_objects())
    names = (f"{kind.__module__}.{kind.__name__}" for kind in kinds if isinstance(kind.__module__, str))
    return Counter(name for name in names if name.partition(".")[0] in OURS)


@pytest.fixture
def disabled_gc() -> Iterator[None]:
    """Disable the garbage collector, so that only reference counting frees objects."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("disabled_gc")
def test_calls_create_no_reference_cycles(settings: ClientSettings, request_: ChatRequest) -> None:
    client = QwenClient(settings)
    counts = []
    for _ in range(2):
        client.generate(request_)
        list(client.stream(request_))
        counts.append(count_our_objects())
    assert not counts[1] - counts[0]


@pytest.mark.usefixtures("disabled_gc")
async def test_async_calls_create_no_reference_cycles(settings: ClientSettings, request_: ChatRequest) -> None:
    client = AsyncQwenClient(settings)
    counts = []
    for _ in range(2):
        await client.generate(request_)
        async for _event in client.stream(request_):
            pass
        counts.append(count_our_objects())
    assert not counts[1] - counts[0]


@pytest.fixture
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "backoff", lambda attempt: 0.0)


REFUSED = pytest.mark.parametrize(
    "replies",
    [
        [Failure.named("invalid_api_key")],
        [Failure.named("rate_limit", times=3)],
        [faults.reset_before_headers()] * 3,
    ],
    ids=["refused", "throttled", "reset"],
)


@REFUSED
@pytest.mark.usefixtures("disabled_gc", "no_backoff")
def test_failed_calls_create_no_reference_cycles(
    replies: list[Any], settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    client = QwenClient(settings)
    counts = []
    for _ in range(2):
        for ask in (client.generate, lambda request: list(client.stream(request))):
            qwen_emulator.reply(*replies)
            with suppress(QwenError):
                ask(request_)
        counts.append(count_our_objects())
    assert not counts[1] - counts[0]


@REFUSED
@pytest.mark.usefixtures("disabled_gc", "no_backoff")
async def test_failed_async_calls_create_no_reference_cycles(
    replies: list[Any], settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    client = AsyncQwenClient(settings)
    counts = []
    for _ in range(2):
        qwen_emulator.reply(*replies)
        with suppress(QwenError):
            await client.generate(request_)
        qwen_emulator.reply(*replies)
        with suppress(QwenError):
            async for _event in client.stream(request_):
                pass
        counts.append(count_our_objects())
    assert not counts[1] - counts[0]
