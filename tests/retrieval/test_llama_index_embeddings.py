"""A contract for LlamaIndex embeddings, as strict as langchain-tests, for every class and both protocols."""

import asyncio
import json
import pickle
from collections.abc import Callable
from io import BytesIO
from typing import Any, ClassVar

import pytest
from llama_index.core import Document, VectorStoreIndex
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.base.embeddings.base_sparse import BaseSparseEmbedding
from llama_index.core.base.llms.types import ImageBlock, TextBlock
from llama_index.core.embeddings import MultiModalEmbedding
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.ingestion.pipeline import get_transformation_hash
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.schema import TextNode
from llama_index.core.storage.kvstore import SimpleKVStore
from llama_index_instrumentation import get_dispatcher

from llama_index_qwen import QwenEmbedding, QwenMultiModalEmbedding, QwenSparseEmbedding
from qwen_core import count_usage
from qwen_core.errors import AuthenticationError, BadRequestError
from qwen_emulator import Emulator, Failure
from tests.retrieval.conftest import KEY, needs_native, sent_texts

TEXTS = [f"text number {number} of many" for number in range(23)]
GIF = b"GIF89a" + (16).to_bytes(2, "little") * 2 + b"\0\0\0;"


class Seen(BaseEventHandler):
    """Record event names."""

    names: list[str]

    @classmethod
    def class_name(cls) -> str:
        return "Seen"

    def handle(self, event: Any, **_: Any) -> None:
        self.names.append(event.class_name())


@pytest.fixture
def seen() -> Any:
    handler, dispatcher = Seen(names=[]), get_dispatcher()
    dispatcher.add_event_handler(handler)
    yield handler
    dispatcher.event_handlers.remove(handler)


class EmbeddingContract:
    """The contract of every embedding class. Subclasses set the class and its fields."""

    kind: ClassVar[type[Any]]
    base: ClassVar[type[Any]]
    fields: ClassVar[dict[str, Any]] = {}
    event: ClassVar[str] = "Embedding"

    @pytest.fixture
    def model(self, service: Emulator) -> Any:
        return self.kind(**self.fields)

    def is_vector(self, vector: Any) -> bool:
        return type(vector) is list and bool(vector) and all(type(number) is float for number in vector)

    def test_class_and_model_name(self, model: Any) -> None:
        assert isinstance(model, self.base)
        assert model.class_name() == self.kind.__name__
        assert model.model == model.model_name

    def test_init_from_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-env")
        assert self.kind(**self.fields).api_key.get_secret_value() == "sk-env"
        monkeypatch.delenv("DASHSCOPE_API_KEY")
        assert self.kind(**self.fields).api_key is None

    def test_query_embedding(self, model: Any) -> None:
        vector = model.get_query_embedding("rivers")
        assert self.is_vector(vector)
        assert asyncio.run(model.aget_query_embedding("rivers")) == vector

    def test_text_embedding(self, model: Any) -> None:
        vector = model.get_text_embedding("rivers")
        assert self.is_vector(vector)
        assert asyncio.run(model.aget_text_embedding("rivers")) == vector

    def test_text_embedding_batch(self, model: Any) -> None:
        vectors = model.get_text_embedding_batch(TEXTS)
        assert len(vectors) == len(TEXTS) and all(map(self.is_vector, vectors))
        assert vectors == asyncio.run(model.aget_text_embedding_batch(TEXTS))
        assert vectors == [model.get_text_embedding(text) for text in TEXTS]
        assert model.get_text_embedding_batch([]) == asyncio.run(model.aget_text_embedding_batch([])) == []

    @pytest.mark.parametrize("workers", [None, 1, 3])
    def test_num_workers_does_not_change_the_vectors(self, model: Any, workers: int | None) -> None:
        alone = self.kind(**self.fields, num_workers=workers, embed_batch_size=4)
        assert alone.get_text_embedding_batch(TEXTS) == model.get_text_embedding_batch(TEXTS)
        assert asyncio.run(alone.aget_text_embedding_batch(TEXTS)) == model.get_text_embedding_batch(TEXTS)

    def test_get_text_embeddings_splits_into_batches(self, model: Any) -> None:
        whole = model._get_text_embeddings(TEXTS)
        assert whole == asyncio.run(model._aget_text_embeddings(TEXTS)) == model.get_text_embedding_batch(TEXTS)

    def test_related_texts_are_more_similar(self, model: Any) -> None:
        river, again, bread = (
            model.get_text_embedding(t) for t in ("a long river", "the long river", "fresh bread")
        )
        assert model.similarity(river, again) > model.similarity(river, bread)

    def test_start_and_end_events_are_paired(self, model: Any, seen: Seen) -> None:
        model.get_text_embedding_batch(TEXTS)
        asyncio.run(model.aget_text_embedding_batch(TEXTS))
        model.get_query_embedding("x")
        begun = seen.names.count(f"{self.event}StartEvent")
        assert begun == seen.names.count(f"{self.event}EndEvent") >= 3

    @pytest.mark.parametrize("asynchronous", [False, True])
    def test_errors_are_typed(self, model: Any, service: Emulator, asynchronous: bool) -> None:
        service.reply(Failure.named("invalid_api_key", times=100))
        with pytest.raises(AuthenticationError):
            if asynchronous:
                asyncio.run(model.aget_text_embedding_batch(TEXTS))
            else:
                model.get_text_embedding_batch(TEXTS)

    def test_pickled_copies_work(self, model: Any) -> None:
        copy = pickle.loads(pickle.dumps(model))
        assert copy.model_dump() == model.model_dump()
        assert copy.api_key.get_secret_value() == KEY
        assert copy.get_query_embedding("x") == model.get_query_embedding("x")
        assert KEY.encode() not in pickle.dumps(model) and KEY not in repr(model)

    def test_dumps_omit_api_key(self, model: Any) -> None:
        assert KEY not in json.dumps(model.model_dump(), default=str)
        if hasattr(model, "to_payload"):  # newer llama-index-core
            assert KEY not in json.dumps(model.to_payload())

    def test_show_progress(self, model: Any, capsys: pytest.CaptureFixture[str]) -> None:
        model.get_text_embedding_batch(TEXTS, show_progress=True)
        asyncio.run(model.aget_text_embedding_batch(TEXTS, show_progress=True))
        assert capsys.readouterr().err.count("23/23") >= 2

    def test_count_usage(self, model: Any) -> None:
        with count_usage() as usage:
            model.get_text_embedding_batch(TEXTS)
            asyncio.run(model.aget_text_embedding_batch(TEXTS))
        assert usage.calls >= 4 and usage.total_tokens > 0

    def test_async_embedding_does_not_block_the_event_loop(self, model: Any) -> None:
        async def ticks() -> int:
            task = asyncio.ensure_future(model.aget_text_embedding_batch(TEXTS))
            count = 0
            while not task.done():
                await asyncio.sleep(0)
                count += 1
            return count

        assert asyncio.run(ticks()) > 10

    def test_unknown_constructor_argument_is_refused(self) -> None:
        with pytest.raises(ValueError, match="api_kee"):
            self.kind(api_kee="x")


class NodesContract(EmbeddingContract):
    """The additional contract of node embeddings."""

    def test_node_transformation(self, model: Any) -> None:
        nodes = [TextNode(text=text) for text in TEXTS]
        assert [node.embedding for node in model(nodes)] == model.get_text_embedding_batch(TEXTS)
        fresh = [TextNode(text=text) for text in TEXTS]
        assert [node.embedding for node in asyncio.run(model.acall(fresh))] == [node.embedding for node in nodes]

    def test_vector_store_index(self, model: Any) -> None:
        documents = [Document(text="The Nile flows north."), Document(text="Bread is baked from flour.")]
        index = VectorStoreIndex.from_documents(documents, embed_model=model, use_async=True)
        found = index.as_retriever(similarity_top_k=1).retrieve("Where does the Nile flow?")
        assert found[0].node.get_content() == "The Nile flows north."

    def test_transformation_hash_ignores_api_key(self, model: Any) -> None:
        nodes = [TextNode(text="x", id_="1")]
        same = self.kind(**self.fields, api_key="sk-other")
        other = self.kind(**self.fields, dimensions=256)
        assert get_transformation_hash(nodes, model) == get_transformation_hash(nodes, same)
        assert get_transformation_hash(nodes, model) != get_transformation_hash(nodes, other)

    def test_query_embeddings_are_cached_apart_from_texts(self, service: Emulator) -> None:
        cache = SimpleKVStore()
        model = self.kind(**self.fields, embeddings_cache=cache)
        model.get_text_embedding_batch(["same words"])
        count = len(service.requests)
        model.get_text_embedding_batch(["same words"])
        assert len(service.requests) == count
        if self.kind is QwenEmbedding:
            model.get_query_embedding("same words")
            asyncio.run(model.aget_query_embedding("same words"))
            assert len(service.requests) == count + 2


class TestOpenAIProtocol(NodesContract):
    kind = QwenEmbedding
    base = BaseEmbedding
    fields: ClassVar[dict[str, Any]] = {"protocol": "openai"}


@needs_native
class TestDashScopeProtocol(NodesContract):
    kind = QwenEmbedding
    base = BaseEmbedding
    fields: ClassVar[dict[str, Any]] = {"protocol": "dashscope", "instruct": "Find answers."}

    def test_text_type_is_query_or_document(self, model: QwenEmbedding, service: Emulator) -> None:
        model.get_query_embedding("Why?")
        asyncio.run(model.aget_query_embedding("Why?"))
        model.get_text_embedding("Because.")
        asyncio.run(model.aget_text_embedding_batch(["Because."]))
        question, text = {"text_type": "query", "instruct": "Find answers."}, {"text_type": "document"}
        assert [request.body["parameters"] for request in service.requests] == [question, question, text, text]

    def test_transformation_hash_includes_instruct_and_text_type(self, model: QwenEmbedding) -> None:
        nodes = [TextNode(text="x", id_="1")]
        for other in ({"instruct": "Another."}, {"text_type": "query"}):
            changed = QwenEmbedding(**{**self.fields, **other})
            assert get_transformation_hash(nodes, model) != get_transformation_hash(nodes, changed)

    def test_hybrid_embeddings(self, model: QwenEmbedding) -> None:
        both = model.get_hybrid_embeddings(TEXTS)
        assert both == asyncio.run(model.aget_hybrid_embeddings(TEXTS))
        assert both.dense == model.get_text_embedding_batch(TEXTS)
        assert both.sparse == QwenSparseEmbedding().get_text_embedding_batch(TEXTS)


@needs_native
class TestSparse(EmbeddingContract):
    kind = QwenSparseEmbedding
    base = BaseSparseEmbedding
    event = "SparseEmbedding"

    def is_vector(self, vector: Any) -> bool:
        return type(vector) is dict and bool(vector) and all(type(token) is int for token in vector)

    def test_sparse_encoder_functions_for_vector_stores(
        self, model: QwenSparseEmbedding, service: Emulator
    ) -> None:
        numbers, weights = model.encode_documents(TEXTS)
        assert [dict(zip(n, w, strict=True)) for n, w in zip(numbers, weights, strict=True)] == (
            model.get_text_embedding_batch(TEXTS)
        )
        model.encode_queries(["x"])
        assert service.last_request.body["parameters"] == {"text_type": "query", "output_type": "sparse"}


@needs_native
class TestMultiModal(NodesContract):
    kind = QwenMultiModalEmbedding
    base = MultiModalEmbedding

    def test_image_embeddings(self, model: QwenMultiModalEmbedding, tmp_path: Any) -> None:
        urls: list[Any] = [f"https://example.com/{number}.png" for number in range(5)]
        vectors = model.get_image_embedding_batch(urls)
        assert vectors == asyncio.run(model.aget_image_embedding_batch(urls))
        assert vectors[3] == model.get_image_embedding(urls[3])
        assert model.get_image_embedding(BytesIO(GIF)) == asyncio.run(model.aget_image_embedding(BytesIO(GIF)))
        picture = tmp_path / "dot.gif"
        picture.write_bytes(GIF)
        with pytest.raises(BadRequestError):
            model.get_image_embedding(str(picture))
        allowed = QwenMultiModalEmbedding(allow_local_files=True)
        for path in (str(picture), picture):
            assert allowed.get_image_embedding(path) == model.get_image_embedding(BytesIO(GIF))

    def test_fused_content_embeddings(self, model: QwenMultiModalEmbedding, service: Emulator) -> None:
        content = [TextBlock(text="A cat."), ImageBlock(url="https://example.com/cat.png")]
        (vector,) = model.get_content_embeddings([content])
        assert asyncio.run(model.aget_content_embeddings([content])) == [vector]
        assert service.last_request.body["parameters"]["enable_fusion"] is True


def test_ingestion_pipeline_with_spawned_workers(service: Emulator) -> None:
    pipeline = IngestionPipeline(transformations=[QwenEmbedding(dimensions=64)], disable_cache=True)
    nodes = pipeline.run(documents=[Document(text=text) for text in TEXTS], num_workers=2)
    assert sorted(node.get_content() for node in nodes) == sorted(TEXTS)
    assert all(len(node.embedding or ()) == 64 for node in nodes)
    assert sorted(text for texts in sent_texts(service) for text in texts) == sorted(TEXTS)


def test_first_failure_stops_an_embedding_job(service: Emulator) -> None:
    service.reply(Failure.named("invalid_parameter", times=1000))
    texts = [f"text {number}" for number in range(1000)]
    for run in (QwenEmbedding().get_text_embedding_batch, make_async(QwenEmbedding())):
        with pytest.raises(BadRequestError):
            run(texts)
    assert len(service.requests) < 60


def make_async(model: QwenEmbedding) -> Callable[[list[str]], object]:
    return lambda texts: asyncio.run(model.aget_text_embedding_batch(texts))
