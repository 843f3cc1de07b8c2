"""LangChain embeddings: langchain-tests' suites on both protocols, text_type, copies, caches."""

import asyncio
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from langchain_core.embeddings import Embeddings
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.stores import InMemoryByteStore
from langchain_tests.integration_tests import EmbeddingsIntegrationTests
from langchain_tests.unit_tests import EmbeddingsUnitTests

from langchain_qwen import QwenEmbeddings, QwenMultiModalEmbeddings, QwenRerank, QwenSparseEmbeddings
from langchain_qwen.errors import AuthenticationError, RateLimitError
from qwen_core import count_usage
from qwen_core.errors import BadRequestError, UnsupportedFeatureError
from qwen_emulator import Emulator, Failure
from tests.retrieval.conftest import KEY, both_protocols, needs_native, sent_texts

TEXTS = [f"text number {number}" for number in range(23)]
IMAGE_BLOCK = {"type": "image", "url": "https://example.com/cat.png"}


@pytest.mark.usefixtures("service")
class EmbeddingsSuite(EmbeddingsIntegrationTests):
    kind: ClassVar[type[Embeddings]] = QwenEmbeddings
    fields: ClassVar[dict[str, Any]]

    @property
    def embeddings_class(self) -> type[Embeddings]:
        return self.kind

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return self.fields


class TestOpenAIProtocol(EmbeddingsSuite):
    fields: ClassVar[dict[str, Any]] = {"protocol": "openai"}


@needs_native
class TestDashScopeProtocol(EmbeddingsSuite):
    fields: ClassVar[dict[str, Any]] = {"protocol": "dashscope", "instruct": "Find answers."}


@needs_native
class TestMultiModal(EmbeddingsSuite):
    kind = QwenMultiModalEmbeddings
    fields: ClassVar[dict[str, Any]] = {}


@pytest.mark.parametrize("fields", [{"protocol": "openai"}, {"protocol": "dashscope"}])
class TestUnit(EmbeddingsUnitTests):
    @pytest.fixture(autouse=True)
    def _fields(self, fields: dict[str, Any]) -> None:
        self.fields = fields

    @property
    def embeddings_class(self) -> type[Embeddings]:
        return QwenEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"api_key": "sk-test", **self.fields}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        return {"DASHSCOPE_API_KEY": "sk-env"}, self.fields, {"api_key": "sk-env"}


@both_protocols
def test_message_text_can_be_embedded_and_reranked(service: Emulator, protocol: Any) -> None:
    """Embed ``message.text``, a str subclass of LangChain that ``StrOutputParser`` passes on."""
    text = StrOutputParser().invoke(AIMessage("The Nile flows north."))
    embeddings = QwenEmbeddings(protocol=protocol)
    assert embeddings.embed_documents([text]) == embeddings.embed_documents(["The Nile flows north."])
    assert sent_texts(service)[0] == ["The Nile flows north."]
    assert QwenRerank(protocol=protocol).rerank(text, [text])[0].score > 0


@both_protocols
def test_embeddings_keep_order_across_batches_with_dimensions(
    protocol: Any, service: Emulator, both_ways: Callable[..., list[list[float]]]
) -> None:
    model = QwenEmbeddings(protocol=protocol, dimensions=128)
    vectors = both_ways(lambda: model.embed_documents(TEXTS), lambda: model.aembed_documents(TEXTS))
    assert sorted(map(len, sent_texts(service))) == [3, 10, 10]
    assert [len(vector) for vector in vectors] == [128] * 23
    assert vectors[21] == QwenEmbeddings(protocol=protocol, dimensions=128).embed_documents(TEXTS[21:22])[0]
    assert both_ways(lambda: model.embed_documents([]), lambda: model.aembed_documents([])) == []


@needs_native
def test_text_type_is_query_or_document(service: Emulator, both_ways: Callable[..., object]) -> None:
    model = QwenEmbeddings(protocol="dashscope", instruct="Find the answer.")
    both_ways(lambda: model.embed_query("Why?"), lambda: model.aembed_query("Why?"))
    both_ways(lambda: model.embed_documents(["Because."]), lambda: model.aembed_documents(["Because."]))
    question, text = (request.body["parameters"] for request in service.requests)
    assert question == {"text_type": "query", "instruct": "Find the answer."}
    assert text == {"text_type": "document"}
    QwenEmbeddings(protocol="dashscope", text_type="query").embed_documents(["x"])
    assert service.last_request.body["parameters"] == {"text_type": "query"}


@needs_native
def test_protocol_auto_selects_native_for_instruct(service: Emulator) -> None:
    QwenEmbeddings().embed_query("x")
    QwenEmbeddings(instruct="Find answers.").embed_query("x")
    QwenEmbeddings(instruct="Find answers.").embed_documents(["x"])
    assert [request.protocol for request in service.requests] == ["openai", "dashscope", "dashscope"]


@needs_native
def test_embed_hybrid_returns_dense_and_sparse(service: Emulator, both_ways: Callable[..., Any]) -> None:
    model = QwenEmbeddings(dimensions=64)
    both = both_ways(lambda: model.embed_hybrid(TEXTS), lambda: model.aembed_hybrid(TEXTS))
    assert len(both.dense) == len(both.sparse) == 23
    sparse = QwenSparseEmbeddings().embed_documents(TEXTS)
    assert [dict(zip(vector.indices, vector.values, strict=True)) for vector in sparse] == both.sparse


@needs_native
def test_sparse_embeddings(service: Emulator, both_ways: Callable[..., Any]) -> None:
    model = QwenSparseEmbeddings()
    vector = both_ways(lambda: model.embed_query("red wind"), lambda: model.aembed_query("red wind"))
    assert service.last_request.body["parameters"] == {"text_type": "query", "output_type": "sparse"}
    assert len(vector.indices) == len(vector.values) == len(set(vector.indices)) == 2
    texts = both_ways(lambda: model.embed_documents(["red wind"]), lambda: model.aembed_documents(["red wind"]))
    assert texts == [vector]


def test_sparse_embeddings_are_refused_on_openai_protocol(service: Emulator) -> None:
    with pytest.raises(UnsupportedFeatureError, match="Sparse embeddings"):
        QwenSparseEmbeddings(protocol="openai").embed_query("x")


@needs_native
def test_embed_contents_mixes_text_and_images(
    service: Emulator, both_ways: Callable[..., list[list[float]]]
) -> None:
    model = QwenMultiModalEmbeddings(dimensions=256)
    contents: list[Any] = ["a", "b", [IMAGE_BLOCK], ["A cat.", IMAGE_BLOCK], "c"]
    vectors = both_ways(lambda: model.embed_contents(contents), lambda: model.aembed_contents(contents))
    assert [len(vector) for vector in vectors] == [256] * 5
    bodies = sorted((request.body for request in service.requests), key=lambda body: json.dumps(body["input"]))
    assert [body["input"]["contents"] for body in bodies] == [
        [{"image": "https://example.com/cat.png"}],
        [{"text": "A cat."}, {"image": "https://example.com/cat.png"}],
        [{"text": "a"}, {"text": "b"}],
        [{"text": "c"}],
    ]
    assert [body["parameters"].get("enable_fusion") for body in bodies] == [None, True, None, None]
    assert model.embed_image(["https://example.com/cat.png"]) == [vectors[2]]


@needs_native
def test_local_images_require_allow_local_files(service: Emulator, tmp_path: Path) -> None:
    picture = tmp_path / "dot.gif"
    picture.write_bytes(b"GIF89a" + (16).to_bytes(2, "little") * 2 + b"\0\0\0;")
    with pytest.raises(BadRequestError):
        QwenMultiModalEmbeddings().embed_image([str(picture)])
    assert not service.requests
    QwenMultiModalEmbeddings(allow_local_files=True).embed_image([str(picture)])
    assert service.last_request.body["input"]["contents"][0]["image"].startswith("data:image/gif;base64,")


def test_embedding_errors_are_langchain_error_classes(service: Emulator, both_ways: Callable[..., object]) -> None:
    service.reply(Failure.named("rate_limit"))
    model = QwenEmbeddings(max_retries=0)
    with pytest.raises(RateLimitError):
        both_ways(lambda: model.embed_query("x"), lambda: model.aembed_query("x"))
    service.reply(Failure.named("invalid_api_key"))
    with pytest.raises(AuthenticationError):
        both_ways(lambda: model.embed_documents(["x"]), lambda: model.aembed_documents(["x"]))


@pytest.mark.parametrize("kind", [QwenEmbeddings, QwenSparseEmbeddings, QwenMultiModalEmbeddings])
def test_pickles_and_repr_omit_api_key(kind: type[Any], service: Emulator) -> None:
    model = kind()
    copy = pickle.loads(pickle.dumps(model))
    assert copy == model and copy.api_key.get_secret_value() == KEY
    assert KEY not in repr(model) and KEY.encode() not in pickle.dumps(model)
    assert model.model_copy(deep=True) == model


def test_embedding_show_progress_and_count_usage(service: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    with count_usage() as usage:
        QwenEmbeddings(show_progress=True).embed_documents(TEXTS)
    assert "23/23" in capsys.readouterr().err
    assert usage.calls == 3 and usage.total_tokens > 0


def test_cache_backed_embeddings(service: Emulator) -> None:
    classic = pytest.importorskip("langchain_classic.embeddings")
    model = QwenEmbeddings(dimensions=64)
    store = InMemoryByteStore()
    cached = classic.CacheBackedEmbeddings.from_bytes_store(
        model, store, namespace=f"{model.model}:{model.dimensions}", key_encoder="sha256"
    )
    first = cached.embed_documents(TEXTS)
    count = len(service.requests)
    assert cached.embed_documents(TEXTS) == asyncio.run(cached.aembed_documents(TEXTS)) == first
    assert len(service.requests) == count
    assert all(KEY not in key for key in store.yield_keys())


def test_unknown_constructor_argument_is_refused() -> None:
    with pytest.raises(ValueError, match="chunk_size"):
        QwenEmbeddings(chunk_size=4)  # type: ignore[call-arg]
