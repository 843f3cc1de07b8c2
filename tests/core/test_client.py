"""The clients against a server: answers, retries, broken connections, loops, threads, and what is never shown."""

import asyncio
import gc
import logging
import pickle
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from qwen_core import (
    AsyncQwenClient,
    ChatRequest,
    ChatResponse,
    ClientSettings,
    EmbeddingRequest,
    QwenClient,
    errors,
    retries,
)
from qwen_core.accumulator import accumulate
from qwen_core.events import Event, Finish, TextDelta
from qwen_emulator import Emulator, Failure, RecordedRequest, Reply, faults
from tests.core.conftest import KEY

Run = Callable[[ClientSettings, ChatRequest], ChatResponse]


def generate(settings: ClientSettings, request: ChatRequest) -> ChatResponse:
    return QwenClient(settings).generate(request)


def stream(settings: ClientSettings, request: ChatRequest) -> ChatResponse:
    return accumulate(QwenClient(settings).stream(request))


def async_generate(settings: ClientSettings, request: ChatRequest) -> ChatResponse:
    return asyncio.run(AsyncQwenClient(settings).generate(request))


def async_stream(settings: ClientSettings, request: ChatRequest) -> ChatResponse:
    async def collect() -> list[Event]:
        return [event async for event in AsyncQwenClient(settings).stream(request)]

    return accumulate(asyncio.run(collect()))


WAYS = [generate, stream, async_generate, async_stream]
STREAMS = [stream, async_stream]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "_backoff", lambda state: 0.0)


@pytest.mark.parametrize("run", WAYS)
def test_an_answer(run: Run, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator) -> None:
    qwen_emulator.reply(
        Reply(text="Hello, Paris!", reasoning="A greeting.", usage={"input_tokens": 7, "cached_tokens": 3})
    )
    response = run(settings, request_)
    assert (response.text, response.reasoning, response.finish_reason) == ("Hello, Paris!", "A greeting.", "stop")
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.cached_tokens) == (7, 3)
    assert response.model == "qwen-plus"
    assert response.id is not None and response.request_id is not None
    assert response.id.endswith(response.request_id)


@pytest.mark.parametrize("run", WAYS)
@pytest.mark.parametrize("name", ["rate_limit", "burst_rate", "model_serving_error"])
def test_a_refusal_is_tried_again(
    run: Run, name: str, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(Failure.named(name, times=2), "at last")
    assert run(settings, request_).text == "at last"
    assert len(qwen_emulator.requests) == 3


@pytest.mark.parametrize("run", WAYS)
def test_retries_end(run: Run, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator) -> None:
    qwen_emulator.reply(Failure.named("rate_limit", times=9))
    with pytest.raises(errors.RateLimitError) as caught:
        run(settings, request_)
    assert len(qwen_emulator.requests) == 3
    assert caught.value.host == qwen_emulator.base_url.removeprefix("http://")
    assert caught.value.model == "qwen-plus"
    assert caught.value.request_id
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("run", WAYS)
@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_what_is_wrong_stays_wrong(
    run: Run, status: int, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(faults.failing(status))
    with pytest.raises(errors.QwenError) as caught:
        run(settings, request_)
    assert caught.value.status_code == status
    assert len(qwen_emulator.requests) == 1


@pytest.mark.parametrize("run", WAYS)
def test_retry_after_is_honoured(
    run: Run, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(faults.failing(429, retry_after="0.3"), "ok")
    start = time.monotonic()
    assert run(settings, request_).text == "ok"
    assert time.monotonic() - start >= 0.3


def test_a_long_retry_after_is_the_callers_to_decide(
    settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(faults.failing(429, retry_after="3600"))
    with pytest.raises(errors.RateLimitError) as caught:
        generate(settings, request_)
    assert caught.value.retry_after == 3600
    assert len(qwen_emulator.requests) == 1


@pytest.mark.parametrize("run", STREAMS)
@pytest.mark.parametrize("end", ["cut", "reset", "close"])
def test_a_cut_stream_is_an_error_with_what_had_arrived(
    run: Run, end: Any, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(faults.cut_after(Reply(text=["Once ", "upon ", "a time"]), chunks=3, end=end))
    with pytest.raises(errors.IncompleteStreamError) as caught:
        run(settings, request_)
    assert caught.value.partial is not None
    assert "Once upon a time".startswith(caught.value.partial.text)
    assert len(qwen_emulator.requests) == 1, "nothing is asked again after the first event"


@pytest.mark.parametrize("run", STREAMS)
def test_a_stream_that_breaks_before_its_first_event_is_tried_again(
    run: Run, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(faults.cut_after(Reply(text="never seen"), chunks=0), "here it is")
    assert run(settings, request_).text == "here it is"
    assert len(qwen_emulator.requests) == 2


@pytest.mark.parametrize("run", STREAMS)
def test_an_error_in_mid_stream_keeps_the_text(
    run: Run, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    reply = Reply(text=["Once ", "upon "])
    qwen_emulator.reply(Failure.named("output_inspection", after_chunks=3, reply=reply))
    with pytest.raises(errors.ContentFilterError) as caught:
        run(settings, request_)
    assert caught.value.partial is not None
    assert caught.value.partial.text == "Once upon "


@pytest.mark.parametrize("run", STREAMS)
def test_an_error_and_text_in_one_segment(
    run: Run, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    failure = Failure.named("output_inspection", after_chunks=3, reply=Reply(text=["Once ", "upon "]))
    qwen_emulator.reply(faults.at_once(failure))
    with pytest.raises(errors.ContentFilterError) as caught:
        run(settings, request_)
    assert caught.value.partial is not None and caught.value.partial.text == "Once upon "


@pytest.mark.parametrize("run", WAYS)
def test_a_closed_connection_before_any_answer_is_tried_again(
    run: Run, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(faults.closed_before_headers(), "ok")
    assert run(settings, request_).text == "ok"


@pytest.mark.parametrize("run", WAYS)
def test_a_stall_ends_in_a_timeout_and_is_not_asked_again(
    run: Run, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(faults.stall_before_headers())
    with pytest.raises(errors.APITimeoutError):
        run(msgspec.structs.replace(settings, timeout=0.5), request_)
    assert len(qwen_emulator.requests) == 1, "it may have been billed"


@pytest.mark.parametrize("run", STREAMS)
def test_a_stall_in_mid_stream_keeps_the_text(
    run: Run, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(faults.stall_after(Reply(text=["Once ", "upon ", "a time"]), chunks=2))
    with pytest.raises(errors.APITimeoutError) as caught:
        run(msgspec.structs.replace(settings, timeout=0.5), request_)
    assert caught.value.partial is not None
    assert caught.value.partial.text == ("Once " if settings.protocol == "openai" else "Once upon ")


@pytest.mark.parametrize("run", WAYS)
def test_nobody_listens(run: Run, settings: ClientSettings, request_: ChatRequest) -> None:
    closed = msgspec.structs.replace(settings, base_url="http://127.0.0.1:9", max_retries=1)
    with pytest.raises(errors.APIConnectionError, match=r"127\.0\.0\.1:9"):
        run(closed, request_)


@pytest.mark.parametrize("run", [generate, async_generate])
def test_a_partial_answer_is_an_error(
    run: Run, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(faults.without_finish(Reply(text="Half an ans")))
    with pytest.raises(errors.IncompleteStreamError) as caught:
        run(settings, request_)
    assert caught.value.partial is not None and caught.value.partial.text == "Half an ans"
    assert len(qwen_emulator.requests) == 1


@pytest.mark.parametrize("run", WAYS)
@pytest.mark.parametrize(
    "form",
    [
        faults.crlf,
        faults.comments,
        faults.bom,
        faults.without_spaces,
        faults.without_done,
        faults.at_once,
        faults.byte_by_byte,
        faults.json_for_stream,
        faults.stream_for_json,
    ],
)
def test_every_form_of_body(
    run: Run, form: Any, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    if form is faults.stream_for_json and settings.protocol == "dashscope":
        pytest.skip("natively, what was not asked to be incremental repeats itself, and nothing says so")
    qwen_emulator.reply(form(Reply(text="Grüße aus 杭州", usage={"input_tokens": 5})))
    response = run(settings, request_)
    assert response.text == "Grüße aus 杭州"
    if form is not faults.stream_for_json:  # a stream that was not asked for was not asked for its usage either
        assert response.usage is not None and response.usage.input_tokens == 5


@pytest.mark.parametrize("run", WAYS)
@pytest.mark.parametrize("answer", [faults.not_json(), faults.empty(), faults.html(200)])
def test_what_is_no_answer(
    run: Run, answer: Any, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(answer, answer, answer)
    with pytest.raises((errors.InvalidResponseError, errors.IncompleteStreamError)):
        run(settings, request_)


@pytest.mark.parametrize("run", WAYS)
def test_an_error_in_a_success(
    run: Run, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(faults.error_in_success(name="model_not_found"))
    with pytest.raises(errors.NotFoundError):
        run(settings, request_)


def test_a_stream_arrives_as_it_is_written(
    settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(faults.slow(Reply(text=["one", "two", "three"]), 0.1))
    times = [time.monotonic() for event in QwenClient(settings).stream(request_) if isinstance(event, TextDelta)]
    assert len(times) == 3 and times[2] - times[0] > 0.15


def wait_for(condition: Callable[[], bool]) -> bool:
    """Whether it becomes true within two seconds."""
    end = time.monotonic() + 2
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


LONG = Reply(text=["word "] * 400)


def test_leaving_a_stream_closes_it(
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


async def test_leaving_an_async_stream_closes_it(
    settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(faults.slow(LONG, 0.01))
    events = AsyncQwenClient(settings).stream(request_)
    await anext(aiter(events))
    await events.aclose()  # type: ignore[attr-defined]
    assert await asyncio.to_thread(wait_for, lambda: len(qwen_emulator.aborted_requests) == 1)


async def test_cancelling_an_async_call_closes_it(
    settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(faults.stall_before_headers())
    task = asyncio.create_task(AsyncQwenClient(settings).generate(request_))
    assert await asyncio.to_thread(wait_for, lambda: len(qwen_emulator.requests) == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(wait_for, lambda: len(qwen_emulator.aborted_requests) == 1)


def test_connections_are_used_again(
    settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    before = qwen_emulator.connections_opened
    for run in (generate, stream, generate, stream):
        run(settings, request_)
    assert qwen_emulator.connections_opened - before <= 1


async def test_async_connections_are_used_again(
    settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    before = qwen_emulator.connections_opened
    for _ in range(3):
        await AsyncQwenClient(settings).generate(request_)
        async for _event in AsyncQwenClient(settings).stream(request_):
            pass
    assert qwen_emulator.connections_opened - before <= 1


def test_twenty_event_loops_in_a_row(
    settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    client = AsyncQwenClient(msgspec.structs.replace(settings, max_retries=0))
    before = qwen_emulator.open_connections
    for _ in range(20):
        assert asyncio.run(client.generate(request_)).text
    assert wait_for(lambda: qwen_emulator.open_connections <= before), "each loop closed its connections"


def test_eight_threads_share_a_client(
    settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(lambda request: str(request.messages[-1]["content"]).upper())
    client = QwenClient(settings)

    def ask(number: int) -> bool:
        from qwen_core.messages import Message, TextPart

        request = msgspec.structs.replace(request_, messages=(Message("user", (TextPart(f"thread {number}"),)),))
        return client.generate(request).text == f"THREAD {number}"

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(64)))


async def test_a_slow_answer_does_not_block_the_loop(
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

    await AsyncQwenClient(settings).generate(request_)  # the SDK's import and first connection
    ticker = asyncio.create_task(tick())
    await AsyncQwenClient(settings).generate(request_)
    ticker.cancel()
    assert longest < 0.15


def test_a_missing_key_is_said_at_the_first_call(
    request_: ChatRequest, qwen_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DASHSCOPE_API_KEY", raising=False)
    settings = ClientSettings(base_url=qwen_emulator.base_url)
    with pytest.raises(errors.AuthenticationError, match="DASHSCOPE_API_KEY"):
        generate(settings, request_)
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-later")
    assert generate(settings, request_).text


def test_nothing_of_openais_account_is_sent(
    settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-mine")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-mine")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Private: mine\nX-Other: mine")
    for run in (generate, async_generate):
        run(msgspec.structs.replace(settings, default_headers=(("X-Tenant", "t"),)), request_)
        sent: RecordedRequest = qwen_emulator.last_request
        assert "mine" not in str(dict(sent.headers)) and "sk-openai" not in str(dict(sent.headers))
        assert sent.headers["authorization"] == f"Bearer {KEY}"
        assert sent.headers["x-tenant"] == "t"


@pytest.mark.parametrize("run", WAYS)
def test_the_key_is_never_shown(
    run: Run,
    settings: ClientSettings,
    request_: ChatRequest,
    qwen_emulator: Emulator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    qwen_emulator.reply(Failure.named("rate_limit", times=3))
    with pytest.raises(errors.QwenError) as caught:
        run(settings, request_)
    shown = [repr(settings), str(settings), "".join(traceback.format_exception(caught.value)), caplog.text]
    error: BaseException | None = caught.value
    while error is not None:
        shown += [
            str(error),
            repr(error),
            repr(getattr(error, "request", "")),
            repr(getattr(error, "response", "")),
        ]
        error = error.__cause__ or error.__context__
    shown.append(repr(pickle.dumps(caught.value)))
    for text in shown:
        assert KEY not in text


def texts_of(request: RecordedRequest) -> tuple[str, ...]:
    """The texts that an embedding request holds on either wire."""
    assert isinstance(request.body, dict)
    sent = request.body["input"]
    return tuple(sent["texts"] if isinstance(sent, dict) else sent)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_embeddings_keep_their_order(
    asynchronous: bool, settings: ClientSettings, qwen_emulator: Emulator
) -> None:
    texts = tuple(f"text number {number}" for number in range(23))
    request = EmbeddingRequest(model="text-embedding-v4", texts=texts, dimensions=64)
    done: list[int] = []
    if asynchronous:
        response = asyncio.run(AsyncQwenClient(settings).embed(request, done.append))
    else:
        response = QwenClient(settings).embed(request, done.append)
    assert sorted(done) == [3, 10, 10]
    sent = sorted(texts_of(seen) for seen in qwen_emulator.requests)
    assert sent == sorted([texts[:10], texts[10:20], texts[20:]])
    alone = QwenClient(settings).embed(
        EmbeddingRequest(model="text-embedding-v4", texts=texts[21:22], dimensions=64)
    )
    assert response.vectors[21] == alone.vectors[0]
    assert len(response.vectors) == 23 and all(len(vector) == 64 for vector in response.vectors)
    assert response.total_tokens


def test_old_embedding_models_take_larger_batches(settings: ClientSettings, qwen_emulator: Emulator) -> None:
    QwenClient(settings).embed(EmbeddingRequest(model="text-embedding-v2", texts=("x",) * 30))
    assert sorted(len(texts_of(seen)) for seen in qwen_emulator.requests) == [5, 25]


def test_no_texts_need_no_request(settings: ClientSettings, qwen_emulator: Emulator) -> None:
    assert QwenClient(settings).embed(EmbeddingRequest(model="text-embedding-v4", texts=())).vectors == []
    assert not qwen_emulator.requests


@pytest.mark.parametrize("run", WAYS)
def test_a_model_that_only_streams_is_streamed_underneath(
    run: Run, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    response = run(settings, msgspec.structs.replace(request_, model="qwq-plus"))
    assert response.text and response.reasoning
    assert qwen_emulator.last_request.stream


def test_events_end_with_one_finish(settings: ClientSettings, request_: ChatRequest) -> None:
    events = list(QwenClient(settings).stream(request_))
    assert [isinstance(event, Finish) for event in events].count(True) == 1
    assert isinstance(events[-1], Finish)


def test_a_lock_guards_the_pool(settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator) -> None:
    """Threads that start together make one pool between them."""
    fresh = msgspec.structs.replace(settings, default_headers=(("X-Fresh", "pool"),))
    barrier = threading.Barrier(8)

    def ask(_: int) -> int:
        barrier.wait()
        return len(QwenClient(fresh).generate(request_).text)

    before = qwen_emulator.connections_opened
    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(8)))
    assert qwen_emulator.connections_opened - before <= 8
