"""Embeddings: batches, order, sync and async, progress, pipelines (checklist 27, 30)."""

import asyncio
import json
from typing import Any

import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.callbacks import CallbackManager, CBEventType, LlamaDebugHandler
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.ingestion.cache import IngestionCache
from llama_index.core.ingestion.pipeline import get_transformation_hash
from llama_index.core.schema import Document, TextNode

from llama_index_qwen import QwenEmbedding
from qwen_emulator import Emulator
from tests.llama_index.conftest import MakeEmbedding

TEXTS = [f"text number {number}" for number in range(23)]


def sizes(service: Emulator) -> list[int]:
    def rows(body: dict[str, Any]) -> int:
        return len(body["input"] if isinstance(body["input"], list) else body["input"]["texts"])

    # Batches run concurrently, so that only their sizes are certain.
    return sorted((rows(request.body) for request in service.requests), reverse=True)


def test_qwen_embedding_is_a_base_embedding() -> None:
    assert issubclass(QwenEmbedding, BaseEmbedding)
    assert QwenEmbedding.class_name() == "QwenEmbedding"


@pytest.mark.parametrize("name", ["model", "model_name"])
def test_embedding_model_and_model_name_are_one_field(name: str) -> None:
    model = QwenEmbedding(**{name: "text-embedding-v3"})
    assert model.model == model.model_name == "text-embedding-v3"
    setattr(model, name, "text-embedding-v2")
    assert model.model == model.model_name == "text-embedding-v2"
    copy = model.model_copy(update={name: "text-embedding-v4"})
    assert copy.model == copy.model_name == "text-embedding-v4"
    assert QwenEmbedding().model == QwenEmbedding().model_name == "text-embedding-v4"
    with pytest.raises(ValueError, match="must be equal"):
        QwenEmbedding(model="a", model_name="b")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, 10),
        ({"embed_batch_size": 100}, 10),
        ({"embed_batch_size": 3}, 3),
        ({"model": "text-embedding-v2"}, 25),
        ({"model": "my-own", "embed_batch_size": 64}, 64),
    ],
)
def test_embed_batch_size_is_capped_per_model(fields: dict[str, Any], expected: int) -> None:
    assert QwenEmbedding(**fields).embed_batch_size == expected


def test_embedding_batches_keep_input_order(make_embedding: MakeEmbedding, service: Emulator) -> None:
    model = make_embedding()
    whole = model.get_text_embedding_batch(TEXTS)
    assert sizes(service) == [10, 10, 3]
    assert whole == [model.get_text_embedding(text) for text in TEXTS]
    assert whole == asyncio.run(model.aget_text_embedding_batch(TEXTS))
    assert all(type(number) is float for number in whole[0])
    assert type(whole[0]) is list


def test_get_text_embeddings_splits_into_batches(make_embedding: MakeEmbedding, service: Emulator) -> None:
    model = make_embedding()
    assert len(model._get_text_embeddings(TEXTS)) == 23
    assert sizes(service) == [10, 10, 3]
    service.reset()
    assert len(asyncio.run(model._aget_text_embeddings(TEXTS))) == 23
    assert sizes(service) == [10, 10, 3]


@pytest.mark.parametrize("workers", [None, -1, 0, 1, 9])
def test_embedding_num_workers_accepts_any_value(make_embedding: MakeEmbedding, workers: int | None) -> None:
    model = make_embedding(num_workers=workers, embed_batch_size=2, dimensions=64)
    vectors = model.get_text_embedding_batch(["a", "b", "c"])
    assert asyncio.run(model.aget_text_embedding_batch(["a", "b", "c"])) == vectors
    assert [len(vector) for vector in vectors] == [64] * 3


def test_query_embeddings_use_dimensions(make_embedding: MakeEmbedding) -> None:
    model = make_embedding(dimensions=256)
    one = model.get_query_embedding("rivers")
    assert len(one) == 256
    assert asyncio.run(model.aget_query_embedding("rivers")) == one
    assert len(model.get_agg_embedding_from_queries(["rivers", "lakes"])) == 256


def test_async_embedding_does_not_block_the_event_loop(make_embedding: MakeEmbedding) -> None:
    model = make_embedding()

    async def ticks_meanwhile() -> int:
        task = asyncio.ensure_future(model.aget_text_embedding_batch(TEXTS))
        ticks = 0
        while not task.done():
            await asyncio.sleep(0)
            ticks += 1
        await task
        return ticks

    assert asyncio.run(ticks_meanwhile()) > 10


@pytest.mark.parametrize("asynchronous", [False, True])
def test_embedding_show_progress(
    make_embedding: MakeEmbedding, capsys: pytest.CaptureFixture[str], asynchronous: bool
) -> None:
    model = make_embedding()
    if asynchronous:
        asyncio.run(model.aget_text_embedding_batch(TEXTS, show_progress=True))
    else:
        model.get_text_embedding_batch(TEXTS, show_progress=True)
    assert "Generating embeddings: 100%" in capsys.readouterr().err


def test_embedding_callback_events_per_batch(make_embedding: MakeEmbedding) -> None:
    handler = LlamaDebugHandler(print_trace_on_end=False)
    make_embedding(callback_manager=CallbackManager([handler])).get_text_embedding_batch(TEXTS)
    assert len(handler.get_event_pairs(CBEventType.EMBEDDING)) == 3


def test_embeddings_cache_avoids_requests(make_embedding: MakeEmbedding, service: Emulator) -> None:
    from llama_index.core.storage.kvstore import SimpleKVStore

    model = make_embedding(embeddings_cache=SimpleKVStore())
    first = model.get_text_embedding_batch(TEXTS)
    count = len(service.requests)
    assert model.get_text_embedding_batch(TEXTS) == first
    assert len(service.requests) == count


def test_pipeline_cache_key_ignores_api_key(make_embedding: MakeEmbedding) -> None:
    nodes = [TextNode(text="x", id_="1")]
    first = get_transformation_hash(nodes, make_embedding())
    assert first == get_transformation_hash(nodes, make_embedding(api_key="sk-another"))
    assert first != get_transformation_hash(nodes, make_embedding(dimensions=256))
    assert "sk-" not in json.dumps(make_embedding().to_dict())


@pytest.mark.parametrize("asynchronous", [False, True])
def test_vector_store_index_with_embeddings(make_embedding: MakeEmbedding, asynchronous: bool) -> None:
    nodes = [TextNode(text="The Nile flows north."), TextNode(text="Bread is baked from flour.")]
    index = VectorStoreIndex(nodes, embed_model=make_embedding(), use_async=asynchronous)
    best = index.as_retriever(similarity_top_k=1).retrieve("Where does the Nile flow?")
    assert best[0].text == "The Nile flows north."


def test_ingestion_pipeline_with_embeddings(make_embedding: MakeEmbedding, service: Emulator) -> None:
    documents = [Document(text=text, id_=text) for text in TEXTS]
    pipeline = IngestionPipeline(transformations=[make_embedding()], cache=IngestionCache())
    assert all(node.embedding for node in pipeline.run(documents=documents))
    assert all(node.embedding for node in asyncio.run(pipeline.arun(documents=documents)))
    assert sizes(service) == [10, 10, 3]  # the second run was served from the cache
