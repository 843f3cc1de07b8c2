"""A large embedding job on a throttling service: nothing lost, nothing sent twice, constant memory."""

import asyncio
import logging
import threading
import tracemalloc
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from langchain_qwen import QwenEmbeddings
from llama_index_qwen import QwenEmbedding
from qwen_emulator import Emulator, Failure
from qwen_emulator.embeddings import embed
from tests.retrieval.conftest import texts_of

TEXTS = [f"text {number}" for number in range(10_000)]
DIMENSIONS = 64

Job = Callable[[Any], list[list[float]]]


def langchain(protocol: Any) -> list[list[float]]:
    return QwenEmbeddings(protocol=protocol, dimensions=DIMENSIONS, show_progress=True).embed_documents(TEXTS)


def langchain_async(protocol: Any) -> list[list[float]]:
    model = QwenEmbeddings(protocol=protocol, dimensions=DIMENSIONS, show_progress=True)
    return asyncio.run(model.aembed_documents(TEXTS))


def llama_index(protocol: Any) -> list[list[float]]:
    model = QwenEmbedding(protocol=protocol, dimensions=DIMENSIONS)
    vectors: list[list[float]] = model.get_text_embedding_batch(TEXTS, show_progress=True)
    return vectors


def llama_index_async(protocol: Any) -> list[list[float]]:
    model = QwenEmbedding(protocol=protocol, dimensions=DIMENSIONS)
    vectors: list[list[float]] = asyncio.run(model.aget_text_embedding_batch(TEXTS, show_progress=True))
    return vectors


class EveryTenth:
    """Refuse every tenth request and record the texts of the others."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.count = 0
        self.refused = 0
        self.served: Counter[tuple[str, ...]] = Counter()

    def __call__(self, request: Any) -> Failure | None:
        with self._lock:
            self.count += 1
            if self.count % 10 == 0:
                self.refused += 1
                return Failure.named("rate_limit")
            self.served[tuple(texts_of(request.body))] += 1
            return None


@pytest.mark.parametrize(
    ("job", "protocol"),
    [
        (langchain, "openai"),
        (langchain_async, "dashscope"),
        (llama_index, "dashscope"),
        (llama_index_async, "openai"),
    ],
)
def test_ten_thousand_embeddings_keep_order_without_duplicate_batches(
    job: Job,
    protocol: str,
    service: Emulator,
    no_backoff: None,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    if protocol == "dashscope":
        pytest.importorskip("dashscope")
    throttling = EveryTenth()
    service.reply(throttling)
    caplog.set_level(logging.INFO, "qwen_core")
    vectors = job(protocol)
    assert len(vectors) == 10_000
    for place in range(0, 10_000, 97):
        assert vectors[place] == embed(TEXTS[place], DIMENSIONS)
    assert {vars(record)["error"] for record in caplog.records} == {"RateLimitError"}, "what else was tried again?"
    assert set(throttling.served.values()) == {1}
    assert sorted(text for texts in throttling.served for text in texts) == sorted(TEXTS)
    assert throttling.refused >= 110
    assert "10000/10000" in capsys.readouterr().err


def test_embedding_memory_does_not_grow_with_batches(service: Emulator) -> None:
    """Measure peak memory beside the result; it does not depend on the number of batches."""
    model = QwenEmbeddings(protocol="openai", dimensions=DIMENSIONS)
    model.embed_documents(TEXTS[:200])

    def overhead(count: int) -> int:
        tracemalloc.start()
        try:
            vectors = model.embed_documents(TEXTS[:count])
            held, peak = tracemalloc.get_traced_memory()
            assert len(vectors) == count
            return peak - held
        finally:
            tracemalloc.stop()

    few, many = overhead(300), overhead(3000)
    assert many < few + 2_000_000, f"{few / 1e6:.2f} MB beside 300 vectors, {many / 1e6:.2f} MB beside 3000"
