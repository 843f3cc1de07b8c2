"""Clients against the emulator: responses, retries, embeddings, and secrets that are never shown."""

import asyncio
import logging
import math
import pickle
import time
import traceback
from typing import Any

import msgspec
import pytest

from qwen_core import (
    AsyncQwenClient,
    ChatRequest,
    ClientSettings,
    EmbeddingRequest,
    QwenClient,
    errors,
)
from qwen_core.config.timeouts import Timeout
from qwen_core.execution import retry
from qwen_core.types.events import Finish
from qwen_emulator import Emulator, Failure, RecordedRequest, Reply, faults
from tests.core.conftest import KEY
from tests.core.surfaces import WAYS, Run, async_generate, generate


@pytest.fixture(autouse=True)
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "backoff", lambda attempt: 0.0)


@pytest.mark.parametrize("run", WAYS)
def test_response_has_text_reasoning_usage_and_ids(
    run: Run, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
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
def test_retryable_error_is_retried(
    run: Run, name: str, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(Failure.named(name, times=2), "at last")
    assert run(settings, request_).text == "at last"
    assert len(qwen_emulator.requests) == 3


@pytest.mark.parametrize("run", WAYS)
def test_max_retries_exhausted_raises_rate_limit_error_with_context(
    run: Run, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
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
def test_client_error_status_is_not_retried(
    run: Run, status: int, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(faults.failing(status))
    with pytest.raises(errors.QwenError) as caught:
        run(settings, request_)
    assert caught.value.status_code == status
    assert len(qwen_emulator.requests) == 1


@pytest.mark.parametrize("run", WAYS)
def test_retry_after_header_is_honoured(
    run: Run, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(faults.failing(429, retry_after="0.3"), "ok")
    start = time.monotonic()
    assert run(settings, request_).text == "ok"
    assert time.monotonic() - start >= 0.3


def test_long_retry_after_raises_without_retry(
    settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(faults.failing(429, retry_after="3600"))
    with pytest.raises(errors.RateLimitError) as caught:
        generate(settings, request_)
    assert caught.value.retry_after == 3600
    assert len(qwen_emulator.requests) == 1


def test_missing_api_key_raises_authentication_error_at_first_call(
    request_: ChatRequest, qwen_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DASHSCOPE_API_KEY", raising=False)
    settings = ClientSettings(base_url=qwen_emulator.base_url)
    with pytest.raises(errors.AuthenticationError, match="DASHSCOPE_API_KEY"):
        generate(settings, request_)
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-later")
    assert generate(settings, request_).text


def test_openai_environment_variables_and_headers_are_not_sent(
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
        # Nor the openai SDK's headers about this machine.
        assert not [name for name in sent.headers if "stainless" in name.lower()]
        assert "gzip" in sent.headers["accept-encoding"] and sent.headers["user-agent"]


@pytest.mark.parametrize("run", WAYS)
def test_api_key_is_absent_from_repr_errors_and_logs(
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
    """Return the texts of an embedding request on either protocol."""
    assert isinstance(request.body, dict)
    sent = request.body["input"]
    return tuple(sent["texts"] if isinstance(sent, dict) else sent)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_embeddings_keep_input_order_across_batches(
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


def test_embedding_batch_size_is_25_for_text_embedding_v2(
    settings: ClientSettings, qwen_emulator: Emulator
) -> None:
    QwenClient(settings).embed(EmbeddingRequest(model="text-embedding-v2", texts=("x",) * 30))
    assert sorted(len(texts_of(seen)) for seen in qwen_emulator.requests) == [5, 25]


def test_embedding_of_no_texts_sends_no_request(settings: ClientSettings, qwen_emulator: Emulator) -> None:
    assert QwenClient(settings).embed(EmbeddingRequest(model="text-embedding-v4", texts=())).vectors == []
    assert not qwen_emulator.requests


@pytest.mark.parametrize("run", WAYS)
@pytest.mark.parametrize(
    ("name", "value"),
    [("X-A", "\N{LATIN SMALL LETTER U WITH DIAERESIS}"), ("X-A", "a\nb"), ("X-A", 3), ("X A", "a")],
)
def test_invalid_http_header_is_refused(
    run: Run, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator, name: str, value: Any
) -> None:
    with pytest.raises(errors.UnsupportedFeatureError, match="header"):
        run(settings, msgspec.structs.replace(request_, extra_headers={name: value}))
    with pytest.raises(errors.UnsupportedFeatureError, match="header"):
        run(msgspec.structs.replace(settings, default_headers=((name, value),)), request_)
    assert not qwen_emulator.requests


@pytest.mark.parametrize("run", WAYS)
@pytest.mark.parametrize("timeout", [0, -1, math.inf, math.nan, Timeout(connect=-1)])
def test_invalid_timeout_raises_bad_request_error(
    run: Run, settings: ClientSettings, request_: ChatRequest, timeout: float | Timeout
) -> None:
    with pytest.raises(errors.BadRequestError, match="timeout"):
        run(msgspec.structs.replace(settings, timeout=timeout), request_)


@pytest.mark.parametrize("run", WAYS)
def test_lone_surrogate_in_model_name_is_refused(
    run: Run, settings: ClientSettings, request_: ChatRequest
) -> None:
    with pytest.raises(errors.UnsupportedFeatureError, match="lone surrogate"):
        run(settings, msgspec.structs.replace(request_, model="q\ud83d"))


@pytest.mark.parametrize("run", WAYS)
def test_stream_only_model_is_streamed_for_generate(
    run: Run, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    response = run(settings, msgspec.structs.replace(request_, model="qwq-plus"))
    assert response.text and response.reasoning
    assert qwen_emulator.last_request.stream


def test_stream_ends_with_exactly_one_finish_event(settings: ClientSettings, request_: ChatRequest) -> None:
    events = list(QwenClient(settings).stream(request_))
    assert [isinstance(event, Finish) for event in events].count(True) == 1
    assert isinstance(events[-1], Finish)


@pytest.mark.parametrize("way", ["sync", "async"])
def test_stream_closed_after_finish_event_reports_token_usage(
    way: str, settings: ClientSettings, request_: ChatRequest
) -> None:
    spent: list[int] = []
    charged = msgspec.structs.replace(settings, spend=spent.append)

    async def leave_at_the_end() -> None:
        async for event in AsyncQwenClient(charged).stream(request_):
            if isinstance(event, Finish):
                break

    if way == "async":
        asyncio.run(leave_at_the_end())
    else:
        assert any(isinstance(event, Finish) for event in QwenClient(charged).stream(request_))
    assert len(spent) == 1 and spent[0] > 0
