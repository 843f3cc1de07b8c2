"""Retries: number, backoff, Retry-After, callbacks and log, and the shared rate limiter."""

import asyncio
import logging
import math
import pickle
import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from typing import Any

import msgspec
import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.event_handlers import BaseEventHandler

from langchain_qwen import ChatQwen, RateLimiter
from llama_index_qwen import Qwen
from qwen_core import AsyncQwenClient, ChatRequest, ClientSettings, QwenClient, errors
from qwen_core.config.timeouts import Timeout, as_timeout
from qwen_core.execution import retry
from qwen_core.resources.files import AsyncQwenFiles
from qwen_core.resources.sync.files import QwenFiles
from qwen_emulator import Emulator, Failure, Reply, faults
from tests.faults.conftest import KEY

BUSY = Failure.named("rate_limit")


def test_backoff_grows_with_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()

    waits = [[retry.backoff(attempt) for _ in range(20)] for attempt in (1, 2, 3, 9)]
    assert all(len(set(row)) > 1 for row in waits)
    assert max(waits[0]) < min(waits[1]) and max(waits[1]) < min(waits[2])
    assert max(waits[3]) <= retry.LONGEST_WAIT + retry.FIRST_WAIT


def test_retry_after_as_http_date_is_honoured(
    settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(faults.failing(429, retry_after=formatdate(time.time() + 2, usegmt=True)), "ok")
    begin = time.monotonic()
    assert QwenClient(settings).generate(request_).text == "ok"
    assert 0.5 < time.monotonic() - begin < 4


@pytest.mark.parametrize("timeout", [Timeout(total=1.0), Timeout(read=5, attempts=1.0)])
def test_no_retry_starts_after_the_timeout(
    timeout: Any, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    QwenClient(settings).generate(request_)  # imports the SDK
    qwen_emulator.reset()
    qwen_emulator.reply(faults.failing(429, retry_after="0.6", times=9))
    with pytest.raises(errors.RateLimitError):
        QwenClient(msgspec.structs.replace(settings, timeout=timeout, max_retries=8)).generate(request_)
    assert len(qwen_emulator.requests) == 2


def test_number_as_timeout_limits_the_silence_of_one_attempt_and_not_the_retries(
    settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    assert as_timeout(0.3) == Timeout(connect=0.3, read=0.3)
    qwen_emulator.reply(faults.failing(429, retry_after="0.2", times=3), "ok")
    limited = msgspec.structs.replace(settings, timeout=0.3, max_retries=3)
    assert QwenClient(limited).generate(request_).text == "ok"
    assert len(qwen_emulator.requests) == 4


class RetryRecorder(BaseCallbackHandler):
    def __init__(self) -> None:
        self.retries: list[int] = []

    def on_retry(self, retry_state: Any, **kwargs: Any) -> None:
        self.retries.append(retry_state.attempt_number)


class AsyncRetryRecorder(AsyncCallbackHandler):
    def __init__(self) -> None:
        self.retries: list[int] = []

    async def on_retry(self, retry_state: Any, **kwargs: Any) -> None:
        self.retries.append(retry_state.attempt_number)


async def test_langchain_on_retry_callbacks_are_called(settings: ClientSettings, qwen_emulator: Emulator) -> None:
    """Check ``invoke`` only: LangChain passes no run manager to ``_stream``. The log has both."""
    common: dict[str, Any] = {"api_key": KEY, "base_url": settings.base_url, "protocol": settings.protocol}
    model = ChatQwen(**common)
    heard, heard_async = RetryRecorder(), AsyncRetryRecorder()
    qwen_emulator.reply(BUSY, BUSY, "ok", BUSY, BUSY, "ok")
    model.invoke("Hi", config={"callbacks": [heard]})
    await model.ainvoke("Hi", config={"callbacks": [heard_async]})
    assert heard.retries == heard_async.retries == [1, 2]


def test_llama_index_retry_events_are_dispatched(settings: ClientSettings, qwen_emulator: Emulator) -> None:
    events: list[Any] = []

    class Handler(BaseEventHandler):
        def handle(self, event: Any, **kwargs: Any) -> None:
            events.append(event)

    dispatcher = get_dispatcher()
    handler = Handler()
    dispatcher.add_event_handler(handler)
    try:
        llm = Qwen(**{"api_key": KEY, "base_url": settings.base_url, "protocol": settings.protocol})
        qwen_emulator.reply(BUSY, "ok")
        llm.complete("Hi")
    finally:
        dispatcher.event_handlers.remove(handler)
    told = [event for event in events if event.class_name() == "QwenRetryEvent"]
    assert [(event.attempt, event.error, event.status_code) for event in told] == [(1, "RateLimitError", 429)]
    assert KEY not in repr(told)


def test_log_records_attempts_retries_and_usage(
    settings: ClientSettings,
    request_: ChatRequest,
    qwen_emulator: Emulator,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG, logger="qwen_core")
    qwen_emulator.reply(BUSY, Reply("A secret answer", usage={"input_tokens": 7, "output_tokens": 3}))
    QwenClient(settings).generate(request_)
    qwen_emulator.reply("A secret answer")
    list(QwenClient(settings).stream(request_))
    records: list[Any] = [record for record in caplog.records if record.name == "qwen_core"]
    assert [record.event for record in records] == ["failed", "retry", "answered", "answered"]
    failed, retry, answered, streamed = records
    assert (failed.status, failed.error, failed.attempt) == (429, "RateLimitError", 1)
    assert retry.levelno == logging.INFO and retry.wait == 0
    assert (answered.attempt, answered.input_tokens, answered.output_tokens) == (2, 7, 3)
    for record in (answered, streamed):
        assert record.model == "qwen-plus" and record.protocol == settings.protocol and record.duration > 0
        assert record.request_id
    assert not [word for word in ("secret", "Paris", KEY) if word in repr([vars(record) for record in records])]
    monkeypatch.setenv("QWEN_LOG_CONTENT", "1")
    QwenClient(settings).generate(request_)
    assert "Paris" in caplog.records[-1].request  # type: ignore[attr-defined]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_rate_limiter_requests_per_minute() -> None:
    clock = Clock()
    limiter = RateLimiter(requests_per_minute=60, burst=2, clock=clock)
    assert [limiter.acquire(blocking=False) for _ in range(3)] == [True, True, False]
    clock.now = 1.0
    assert [limiter.acquire(blocking=False) for _ in range(2)] == [True, False]


def test_rate_limiter_charges_tokens_after_the_response() -> None:
    clock = Clock()
    limiter = RateLimiter(tokens_per_minute=600, clock=clock)
    assert limiter.acquire(blocking=False)
    limiter.spend(900)
    assert not limiter.acquire(blocking=False)
    clock.now = 29.0
    assert not limiter.acquire(blocking=False)
    clock.now = 31.0
    assert limiter.acquire(blocking=False)
    assert limiter.acquire(10_000, blocking=False) is False
    clock.now = 100.0
    assert limiter.acquire(10_000, blocking=False), (
        "more than a minute's tokens wait for a full bucket, not for ever"
    )


def test_rate_limiter_is_shared_by_threads_and_event_loops() -> None:
    limiter = RateLimiter(requests_per_minute=6000, burst=1)
    begin = time.monotonic()

    async def ask() -> None:
        await asyncio.gather(*(limiter.aacquire() for _ in range(10)))

    with ThreadPoolExecutor(4) as threads:
        jobs: list[Any] = [threads.submit(limiter.acquire) for _ in range(10)]
        jobs += [threads.submit(lambda: asyncio.run(ask())) for _ in range(2)]
        assert all(job.exception() is None for job in jobs)
    assert time.monotonic() - begin > 0.28, "30 at 100 per second, the first immediately"


def test_rate_limiter_works_in_both_frameworks(settings: ClientSettings, qwen_emulator: Emulator) -> None:
    if "rate_limiter" not in Qwen.model_fields:
        pytest.skip("this LlamaIndex core has no rate limiters")
    limiter = RateLimiter(requests_per_minute=60_000, tokens_per_minute=60_000)
    common: dict[str, Any] = {"api_key": KEY, "base_url": settings.base_url, "protocol": settings.protocol}
    model = ChatQwen(**common, rate_limiter=limiter)
    llm = Qwen(**common, rate_limiter=limiter)
    bucket = limiter._tokens
    assert bucket is not None
    model.invoke("Hi")
    list(model.stream("Hi"))
    llm.complete("Hi")
    assert bucket._level < 60_000
    copied = pickle.loads(pickle.dumps(limiter))
    assert copied.requests_per_minute == 60_000 and copied.acquire(blocking=False)
    assert id(model.model_copy(deep=True).rate_limiter) == id(limiter)


def test_rate_limiter_refuses_non_positive_limits() -> None:
    with pytest.raises(ValueError, match="tokens_per_minute"):
        RateLimiter(tokens_per_minute=0)
    for limit in (math.nan, math.inf):
        with pytest.raises(ValueError, match="above 0"):
            RateLimiter(requests_per_minute=limit)


async def test_on_retry_coroutine_function_is_awaited(
    settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    told: list[int] = []

    async def on_retry(state: Any) -> None:
        await asyncio.sleep(0)
        told.append(state.attempt_number)

    qwen_emulator.reply(BUSY, "ok")
    await AsyncQwenClient(settings, on_retry).generate(request_)
    assert told == [1]


@pytest.mark.parametrize("way", ["sync", "async"])
def test_file_calls_respect_total_timeout(way: str, qwen_emulator: Emulator) -> None:
    qwen_emulator.reply(Failure.named("rate_limit", headers={"retry-after": "5"}, times=9))
    settings = ClientSettings(api_key=KEY, base_url=qwen_emulator.base_url, timeout=Timeout(total=0.5))
    begin = time.monotonic()
    with pytest.raises(errors.RateLimitError):
        QwenFiles(settings).get("file-1") if way == "sync" else asyncio.run(AsyncQwenFiles(settings).get("file-1"))
    assert time.monotonic() - begin < 2 and len(qwen_emulator.requests) == 1


def test_retry_after_is_never_shortened_and_is_spread() -> None:
    for seconds in (0.0, 1.0, 8.0):
        error = errors.RateLimitError("slow down", retry_after=seconds)
        waits = [retry.next_wait(retry.Attempts(), error, 2) or 0.0 for _ in range(50)]
        assert min(waits) >= seconds and max(waits) - min(waits) > retry.LEAST_JITTER / 2
        assert max(waits) <= seconds + max(retry.LEAST_JITTER, seconds / 4)
