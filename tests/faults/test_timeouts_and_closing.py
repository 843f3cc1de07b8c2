"""Connect, read and total timeouts, and consumers that stop early: the connection is closed at once."""

import asyncio
import gc
import gzip
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import httpx2
import msgspec
import pytest

from langchain_qwen import ChatQwen
from llama_index_qwen import Qwen
from qwen_core import AsyncQwenClient, ChatRequest, ClientSettings, QwenClient, errors
from qwen_core.config.timeouts import Timeout
from qwen_core.resources.files import AsyncQwenFiles
from qwen_core.resources.sync.files import QwenFiles
from qwen_emulator import Emulator, Failure, RawReply, Reply, faults
from tests.faults.conftest import KEY
from tests.faults.matrix import PROTOCOLS

LONG = faults.slow(Reply(["word "] * 400), 0.01)


def wait_for(condition: Callable[[], bool]) -> bool:
    """Return whether the condition becomes true within three seconds."""
    end = time.monotonic() + 3
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def timed(settings: ClientSettings, timeout: Any) -> ClientSettings:
    return msgspec.structs.replace(settings, timeout=timeout, max_retries=0)


def test_total_timeout_ends_a_continuing_stream(
    settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    QwenClient(settings).generate(request_)
    qwen_emulator.reply(LONG)
    begin = time.monotonic()
    with pytest.raises(errors.APITimeoutError, match="total") as caught:
        list(QwenClient(timed(settings, Timeout(read=5, total=0.4))).stream(request_))
    assert time.monotonic() - begin < 1.5
    assert caught.value.partial is not None and caught.value.partial.text.startswith("word word")


def test_total_timeout_ends_a_slow_complete_response(
    settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    QwenClient(settings).generate(request_)
    qwen_emulator.reply(faults.slow(faults.byte_by_byte(Reply("slow")), 0.05))
    with pytest.raises(errors.APITimeoutError, match="total"):
        QwenClient(timed(settings, Timeout(read=5, total=0.4))).generate(request_)


Ask = Callable[[ClientSettings, ChatRequest], Any]

CHATS: dict[str, Ask] = {
    "whole": lambda settings, request: QwenClient(settings).generate(request),
    "stream": lambda settings, request: list(QwenClient(settings).stream(request)),
    "whole async": lambda settings, request: asyncio.run(AsyncQwenClient(settings).generate(request)),
    "stream async": lambda settings, request: asyncio.run(drained(AsyncQwenClient(settings).stream(request))),
}
FILES: dict[str, Ask] = {
    "file": lambda settings, _: QwenFiles(settings).get("file-1"),
    "file async": lambda settings, _: asyncio.run(AsyncQwenFiles(settings).get("file-1")),
}


async def drained(events: AsyncIterator[Any]) -> list[Any]:
    return [event async for event in events]


@pytest.fixture(
    params=[
        *(
            pytest.param((protocol, ask), id=f"{protocol} {name}")
            for protocol in PROTOCOLS
            for name, ask in CHATS.items()
        ),
        *(pytest.param(("auto", ask), id=name) for name, ask in FILES.items()),
    ]
)
def ask(
    qwen_emulator: Emulator, request: pytest.FixtureRequest, request_: ChatRequest
) -> Callable[[Timeout], object]:
    """Return each kind of call, after one warm-up call."""
    protocol, asked = request.param

    def ask_within(timeout: Timeout, **fields: Any) -> object:
        settings = ClientSettings(
            api_key=KEY,
            base_url=qwen_emulator.base_url,
            protocol=protocol,
            timeout=timeout,
            max_retries=0,
            **fields,
        )
        return asked(settings, request_)

    return ask_within


@pytest.mark.parametrize("pause", [0.0, 0.02])
def test_endless_error_body_raises_the_error_of_its_status(
    pause: float, ask: Callable[[Timeout], object], qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(faults.endless_error(429, pause=pause))
    begin = time.monotonic()
    with pytest.raises(errors.RateLimitError) as caught:
        ask(Timeout(read=5, total=0.3 if pause else 60))
    assert time.monotonic() - begin < 3
    assert caught.value.status_code == 429
    assert wait_for(lambda: len(qwen_emulator.aborted_requests) == 1)
    assert qwen_emulator.last_request.chunks_sent < 1000


@pytest.mark.parametrize("http", [httpx, httpx2])
def test_endless_error_body_over_users_http_client_raises_the_error(
    http: Any, ask: Callable[..., object], qwen_emulator: Emulator
) -> None:
    own, own_async = http.Client(), http.AsyncClient()
    try:
        qwen_emulator.reply(faults.endless_error(429))
        with pytest.raises((errors.RateLimitError, errors.UnsupportedFeatureError)) as caught:
            ask(Timeout(), http_client=own, http_async_client=own_async)
        if http is httpx2 and isinstance(caught.value, errors.UnsupportedFeatureError):
            assert "httpx.Client" in caught.value.message or "httpx.AsyncClient" in caught.value.message
            return
        assert caught.value.status_code == 429 and len(caught.value.message) <= 1024 * 1024
        assert wait_for(lambda: len(qwen_emulator.aborted_requests) == 1)
        assert qwen_emulator.last_request.chunks_sent < 1000
        assert not any([*own.event_hooks.values(), *own_async.event_hooks.values()])
    finally:
        own.close()
        asyncio.run(own_async.aclose())


def test_error_body_read_by_an_event_hook_is_still_decoded(
    ask: Callable[..., object], qwen_emulator: Emulator
) -> None:
    seen: list[bytes] = []

    def read(response: httpx.Response) -> None:
        seen.append(response.read())

    async def async_read(response: httpx.Response) -> None:
        seen.append(await response.aread())

    # No connections are kept open, because each event loop ends.
    own = httpx.Client(event_hooks={"response": [read]})
    limits = httpx.Limits(max_keepalive_connections=0)
    own_async = httpx.AsyncClient(event_hooks={"response": [async_read]}, limits=limits)
    try:
        qwen_emulator.reply(Failure.named("bill_overdue"))
        with pytest.raises(errors.PermissionDeniedError, match="overdue"):
            ask(Timeout(), http_client=own, http_async_client=own_async)
        assert b"verdue" in seen[0]
    finally:
        own.close()
        asyncio.run(own_async.aclose())


def test_broken_error_body_raises_the_error_of_its_status(
    ask: Callable[[Timeout], object], qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(RawReply(401, {"content-length": "99"}, (b'{"code": ',), end="reset"))
    with pytest.raises(errors.AuthenticationError) as caught:
        ask(Timeout())
    assert caught.value.status_code == 401


def test_compressed_error_body_is_decoded(ask: Callable[[Timeout], object], qwen_emulator: Emulator) -> None:
    body = b'{"code": "PostpaidBillOverdue", "message": "The postpaid bill is overdue."}'
    qwen_emulator.reply(RawReply(429, {"content-encoding": "gzip"}, (gzip.compress(body),)))
    with pytest.raises(errors.PermissionDeniedError) as caught:
        ask(Timeout())
    assert "overdue" in caught.value.message and caught.value.status_code == 429


def test_connect_timeout_is_separate(settings: ClientSettings, request_: ChatRequest) -> None:
    """Connect to an address that does not reply (RFC 5737) or is unreachable: both fail soon."""
    nowhere = msgspec.structs.replace(timed(settings, Timeout(connect=0.2, read=60)), base_url="https://192.0.2.1")
    begin = time.monotonic()
    with pytest.raises(errors.APIConnectionError, match=r"192\.0\.2\.1"):
        QwenClient(nowhere).generate(request_)
    assert time.monotonic() - begin < 5


def test_timeout_accepts_a_number_or_timeout_object(qwen_emulator: Emulator) -> None:
    for timeout in (5, 5.0, Timeout(connect=1, read=2, total=3), None):
        model = ChatQwen(api_key=KEY, base_url=qwen_emulator.base_url, timeout=timeout)
        llm = Qwen(api_key=KEY, base_url=qwen_emulator.base_url, timeout=timeout)
        assert model.invoke("Hi").text and llm.complete("Hi").text
        assert Qwen.from_dict(llm.to_dict()).timeout == timeout


def surfaces(settings: ClientSettings, request: ChatRequest) -> dict[str, Callable[[], Any]]:
    common: dict[str, Any] = {"api_key": KEY, "base_url": settings.base_url, "protocol": settings.protocol}
    model, llm = ChatQwen(**common), Qwen(**common)
    return {
        "core": lambda: QwenClient(settings).stream(request),
        "LangChain": lambda: model.stream("Hi"),
        "LlamaIndex": lambda: llm.stream_complete("Hi"),
    }


async def as_is(stream: Any) -> Any:
    return await stream if asyncio.iscoroutine(stream) else stream


def async_surfaces(settings: ClientSettings, request: ChatRequest) -> dict[str, Callable[[], Any]]:
    common: dict[str, Any] = {"api_key": KEY, "base_url": settings.base_url, "protocol": settings.protocol}
    model, llm = ChatQwen(**common), Qwen(**common)
    return {
        "core": lambda: AsyncQwenClient(settings).stream(request),
        "LangChain": lambda: model.astream("Hi"),
        "LlamaIndex": lambda: llm.astream_complete("Hi"),
    }


@pytest.mark.parametrize("surface", ["core", "LangChain", "LlamaIndex"])
@pytest.mark.parametrize("leave", ["break", "close", "forget"])
def test_stopping_a_stream_closes_the_connection(
    leave: str, surface: str, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(LONG)
    gc.disable()
    try:
        stream = surfaces(settings, request_)[surface]()
        for _ in stream:
            break
        if leave == "close":
            stream.close()
        elif leave == "forget":
            del stream
        else:
            stream = None
        assert wait_for(lambda: len(qwen_emulator.aborted_requests) == 1)
    finally:
        gc.enable()


@pytest.mark.parametrize("surface", ["core", "LangChain", "LlamaIndex"])
@pytest.mark.parametrize("leave", ["break", "close", "cancel"])
async def test_stopping_an_async_stream_closes_the_connection(
    leave: str, surface: str, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(LONG)
    open_stream = async_surfaces(settings, request_)[surface]
    began = asyncio.Event()

    async def consume() -> None:
        stream = await as_is(open_stream())
        async for _ in stream:
            began.set()
            if leave != "cancel":
                break
        if leave == "close":
            await stream.aclose()

    task = asyncio.create_task(consume())
    if leave == "cancel":
        await asyncio.wait_for(began.wait(), 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    else:
        await task
    assert await asyncio.to_thread(wait_for, lambda: len(qwen_emulator.aborted_requests) == 1)


@pytest.mark.parametrize("pause", [0.005, 0.3])
def test_stream_ends_at_done_although_the_server_keeps_sending(
    pause: float, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    if settings.protocol == "dashscope":
        pytest.skip("the native protocol has no end-of-stream marker")
    done = b'data: {"choices":[{"delta":{"content":"hi"},"finish_reason":"stop","index":0}]}\n\ndata: [DONE]\n\n'
    events = RawReply(200, {"content-type": "text/event-stream"}, (done, *[b": x\n\n"] * 1000), pause=pause)
    qwen_emulator.reply(events)
    begin = time.monotonic()
    list(QwenClient(settings).stream(request_))
    assert time.monotonic() - begin < 2


def test_calls_leave_no_threads(settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator) -> None:
    before = threading.active_count()
    for _ in range(5):
        list(QwenClient(settings).stream(request_))
        asyncio.run(AsyncQwenClient(settings).generate(request_))
    assert threading.active_count() <= before + 1
