"""Batching of embeddings: batch sizes, refused batches, and validation of the responses."""

import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from qwen_core import (
    AsyncQwenClient,
    ClientSettings,
    EmbeddingRequest,
    EmbeddingResponse,
    QwenClient,
    RerankRequest,
    count_usage,
)
from qwen_core.errors import (
    BadRequestError,
    InvalidResponseError,
    QwenWarning,
    RateLimitError,
    UnsupportedFeatureError,
)
from qwen_core.execution.batching import KNOWN_LIMITS, stated_limit
from qwen_core.execution.sync import batching
from qwen_core.models.catalogue import resolve
from qwen_core.protocols.registry import select_protocol
from qwen_core.types.messages import TextPart
from qwen_emulator import Emulator, Failure, RawReply, faults
from tests.retrieval.conftest import KEY, both_protocols, needs_native, sent_texts

TEXTS = tuple(f"text number {number} of many" for number in range(25))

REFUSAL = (
    "<400> InternalError.Algo.InvalidParameter: Value error, batch size is invalid, it should not be larger than"
)


def settings(protocol: Any, service: Emulator, **fields: Any) -> ClientSettings:
    return ClientSettings(api_key=KEY, base_url=service.base_url, protocol=protocol, **fields)


def request_for(
    model: str = "text-embedding-v4", texts: tuple[str, ...] = TEXTS, **fields: Any
) -> EmbeddingRequest:
    return EmbeddingRequest(model=model, texts=texts, **fields)


@pytest.mark.parametrize(
    ("message", "limit"),
    [
        (f"{REFUSAL} 10.: input.contents", 10),
        (f"{REFUSAL} 20.: input.contents", 20),
        ("The number of documents should not be larger than 500", 500),
        ("Range of max_tokens should be [1, 131072]", None),
        ("dimension 7 is invalid, it should be in [64, 128]", None),
    ],
)
def test_stated_batch_limit_is_parsed_from_the_error(message: str, limit: int | None) -> None:
    assert stated_limit(BadRequestError(message)) == limit
    assert stated_limit(RateLimitError(message)) is None


@both_protocols
def test_refused_batch_is_split_and_the_limit_is_remembered(
    protocol: str, service: Emulator, both_ways: Callable[..., EmbeddingResponse]
) -> None:
    # The catalog does not know this model; the service accepts 7 texts per batch and says so.
    def strict(request: Any) -> Failure | None:
        texts = request.body["input"] if protocol == "openai" else request.body["input"]["texts"]
        return Failure(400, "InvalidParameter", f"{REFUSAL} 7.: input.contents") if len(texts) > 7 else None

    service.reply(strict)
    way = settings(protocol, service)
    request = request_for("my-embedding", dimensions=64)
    answer = both_ways(
        lambda: QwenClient(way).embed(request, batch_size=25),
        lambda: AsyncQwenClient(way).embed(request, batch_size=25),
    )
    assert sorted(map(len, sent_texts(service))) == [4, 7, 7, 7, 25]
    alone = QwenClient(way).embed(request_for("my-embedding", TEXTS[17:18], dimensions=64))
    assert answer.vectors[17] == alone.vectors[0] and len(answer.vectors) == 25
    service.reset()
    service.reply(strict)
    QwenClient(way).embed(request, batch_size=25)
    assert sorted(map(len, sent_texts(service))) == [4, 7, 7, 7]  # not refused again


def test_learned_batch_limit_is_per_model_and_host(service: Emulator) -> None:
    KNOWN_LIMITS.put("elsewhere.example", "text-embedding-v2", 5)
    QwenClient(settings("openai", service)).embed(request_for("text-embedding-v2"))
    assert [len(texts) for texts in sent_texts(service)] == [25]


def test_refused_batch_within_the_stated_limit_is_not_retried(service: Emulator) -> None:
    service.reply(Failure(400, "InvalidParameter", f"{REFUSAL} 10.: input.contents", times=5))
    with pytest.raises(BadRequestError, match="larger than 10"):
        QwenClient(settings("openai", service)).embed(request_for(texts=TEXTS[:10]))
    assert len(service.requests) == 1


@both_protocols
def test_only_the_throttled_batch_is_retried(
    protocol: str, service: Emulator, no_backoff: None, both_ways: Callable[..., EmbeddingResponse]
) -> None:
    service.reply(Failure.named("rate_limit"), Failure.named("burst_rate"))
    way = settings(protocol, service, max_retries=4)
    answer = both_ways(
        lambda: QwenClient(way).embed(request_for()), lambda: AsyncQwenClient(way).embed(request_for())
    )
    assert len(answer.vectors) == 25
    succeeded = [tuple(texts) for texts, seen in zip(sent_texts(service), service.requests, strict=True)]
    assert len(succeeded) == 5 and len(set(succeeded)) == 3


def test_concurrent_batches_are_limited_by_workers(service: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    running, most, lock = 0, 0, threading.Lock()

    def watch(request: Any) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)

    texts = tuple(f"text {number}" for number in range(200))
    request = request_for(texts=texts, dimensions=64)
    client = QwenClient(settings("openai", service))
    counted = batching.attempt_batch

    def send(*arguments: Any) -> Any:
        nonlocal running
        watch(None)
        try:
            return counted(*arguments)
        finally:
            with lock:
                running -= 1

    monkeypatch.setattr(batching, "attempt_batch", send)
    client.embed(request, workers=3)
    assert 2 <= most <= 3


def test_invalid_batch_size_is_refused_and_zero_workers_is_accepted(
    service: Emulator, both_ways: Callable[..., EmbeddingResponse]
) -> None:
    sync = QwenClient(settings("openai", service))
    twin = AsyncQwenClient(settings("openai", service))
    request = request_for()
    with pytest.raises(BadRequestError, match="batch_size"):
        both_ways(lambda: sync.embed(request, batch_size=0), lambda: twin.embed(request, batch_size=-1))
    answer = both_ways(lambda: sync.embed(request, workers=0), lambda: twin.embed(request, workers=0))
    assert len(answer.vectors) == len(TEXTS)
    ranking = RerankRequest(
        model="qwen3-rerank", query=TextPart("a"), documents=(TextPart("a"), TextPart("b")), top_n=0
    )
    with pytest.raises(BadRequestError, match="top_n"):
        both_ways(lambda: sync.rerank(ranking), lambda: twin.rerank(ranking))


def test_failed_batch_stops_the_remaining_batches(
    service: Emulator, both_ways: Callable[..., EmbeddingResponse]
) -> None:
    service.reply(Failure.named("invalid_parameter", times=100))
    request = request_for(texts=tuple(f"text {number}" for number in range(1000)))
    way = settings("openai", service)
    with pytest.raises(BadRequestError):
        both_ways(
            lambda: QwenClient(way).embed(request, workers=2),
            lambda: AsyncQwenClient(way).embed(request, workers=2),
        )
    assert len(service.requests) < 20


@both_protocols
def test_count_usage_includes_threads_and_tasks(
    protocol: str, service: Emulator, both_ways: Callable[..., EmbeddingResponse]
) -> None:
    way = settings(protocol, service)
    with count_usage() as usage:
        answer = both_ways(
            lambda: QwenClient(way).embed(request_for()), lambda: AsyncQwenClient(way).embed(request_for())
        )
    assert usage.calls == 3 and usage.uncounted_calls == 0
    assert usage.tokens_by_model == {"text-embedding-v4": answer.total_tokens}
    assert usage.total_tokens > 25
    QwenClient(way).embed(request_for())
    assert usage.calls == 3


@both_protocols
@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda rows: rows[:-1], "asked for"),
        (lambda rows: [*rows[:-1], rows[0]], "indices of the vectors"),
        (lambda rows: [{**row, "embedding": []} for row in rows], "empty vector"),
        (lambda rows: [{**rows[0], "embedding": [1.0]}, *rows[1:]], "different lengths"),
    ],
)
def test_invalid_embedding_vectors_raise_invalid_response_error(
    protocol: str, service: Emulator, edit: Callable[[list[Any]], list[Any]], message: str
) -> None:
    def change(payload: dict[str, Any]) -> dict[str, Any]:
        if protocol == "openai":
            return {**payload, "data": edit(payload["data"])}
        return {**payload, "output": {"embeddings": edit(payload["output"]["embeddings"])}}

    service.reply(faults.edited(None, change))
    with pytest.raises(InvalidResponseError, match=message):
        QwenClient(settings(protocol, service)).embed(request_for(texts=TEXTS[:4]))


@both_protocols
@pytest.mark.parametrize(
    "reply",
    [
        RawReply(200, {"content-type": "application/json"}, (b"{}",)),
        RawReply(200, {"content-type": "text/html"}, (b"<html>gateway</html>",)),
        RawReply(200, {"content-type": "application/json"}, (b"",)),
    ],
)
def test_unreadable_embedding_response_raises_invalid_response_error(
    protocol: str, service: Emulator, reply: RawReply
) -> None:
    service.reply(reply)
    with pytest.raises(InvalidResponseError):
        QwenClient(settings(protocol, service)).embed(request_for(texts=TEXTS[:1]))


@both_protocols
def test_error_body_with_status_200_raises_the_typed_error(protocol: str, service: Emulator) -> None:
    body = (
        b'{"code":"Throttling.RateQuota","message":"Requests rate limit exceeded","request_id":"r","output":null}'
    )
    service.reply(RawReply(200, {"content-type": "application/json"}, (body,)))
    with pytest.raises(RateLimitError, match="rate limit"):
        QwenClient(settings(protocol, service, max_retries=0)).embed(request_for(texts=TEXTS[:1]))


def test_unusual_texts_are_sent_unchanged(service: Emulator) -> None:
    odd = ("", " ", "日本語 🙂", "\u2028", "x" * 5000)
    QwenClient(settings("openai", service)).embed(request_for(texts=odd))
    assert sent_texts(service) == [list(odd)]
    assert service.last_request.body["encoding_format"] == "float"


@needs_native
def test_output_type_dense_and_sparse_returns_both_vectors(service: Emulator) -> None:
    way = settings("dashscope", service)
    both = QwenClient(way).embed(request_for(output_type="dense&sparse", dimensions=64))
    dense = QwenClient(way).embed(request_for(dimensions=64))
    sparse = QwenClient(way).embed(request_for(output_type="sparse"))
    assert both.vectors == dense.vectors and both.sparse_vectors == sparse.sparse_vectors
    assert dense.sparse_vectors == [] and sparse.vectors == []
    assert all(isinstance(token, int) and weight > 0 for token, weight in sparse.sparse_vectors[0].items())


@needs_native
@pytest.mark.parametrize(
    ("fields", "protocol"),
    [
        ({}, "openai"),
        ({"role": "query"}, "openai"),
        ({"output_type": "dense"}, "openai"),
        ({"text_type": "query"}, "dashscope"),
        ({"instruct": "Find answers."}, "dashscope"),
        ({"output_type": "sparse"}, "dashscope"),
    ],
)
def test_protocol_auto_selects_native_only_for_native_embedding_features(
    fields: dict[str, Any], protocol: str
) -> None:
    request = request_for(**fields)
    assert select_protocol("auto", resolve(request.model), request).protocol.name == protocol
    assert select_protocol("openai", resolve(request.model), request).protocol.name == "openai"


def test_openai_protocol_refuses_sparse_and_warns_of_instruct(service: Emulator) -> None:
    client = QwenClient(settings("openai", service))
    with pytest.raises(UnsupportedFeatureError, match="Sparse embeddings"):
        client.embed(request_for(output_type="sparse"))
    with pytest.warns(QwenWarning, match="instruct has no effect"):
        client.embed(request_for(texts=TEXTS[:1], instruct="Find answers."))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        client.embed(request_for(texts=TEXTS[:1], role="query"))
    assert all("instruct" not in request.body for request in service.requests)
