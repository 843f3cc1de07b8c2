"""Rerankers in both frameworks on both protocols: order, limits, errors, events, requests."""

import asyncio
import json
import pickle
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from langchain_core.documents import BaseDocumentCompressor, Document
from llama_index.core.callbacks import CallbackManager, CBEventType, LlamaDebugHandler
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import ImageDocument, ImageNode, NodeWithScore, QueryBundle, TextNode
from llama_index_instrumentation import get_dispatcher

from langchain_qwen import QwenRerank as LangChainRerank
from langchain_qwen.errors import ContextOverflowError
from llama_index_qwen import QwenRerank as LlamaIndexRerank
from qwen_core import RerankRequest, count_usage
from qwen_core.errors import (
    AuthenticationError,
    InvalidResponseError,
    QwenWarning,
    RateLimitError,
    UnsupportedFeatureError,
)
from qwen_core.resources.rerank import RERANKING
from qwen_core.types.messages import ImagePart, TextPart, VideoPart
from qwen_emulator import Emulator, Failure, RawReply
from tests.media.generated_media import data_uri, png_image
from tests.retrieval.conftest import KEY, both_protocols, needs_native

QUESTION = "Which river is long?"
TEXTS = ["Bread is baked from flour.", "The Nile is a long river.", "A river flows.", "Cats sleep a lot."]

Rank = Callable[..., list[tuple[str, float]]]


def with_langchain(texts: Sequence[str], asynchronous: bool, **fields: Any) -> list[tuple[str, float]]:
    model = LangChainRerank(**fields)
    documents = [Document(text, metadata={"place": place}) for place, text in enumerate(texts)]
    ranked = (
        asyncio.run(model.acompress_documents(documents, QUESTION))
        if asynchronous
        else model.compress_documents(documents, QUESTION)
    )
    assert all("relevance_score" not in document.metadata for document in documents)
    assert all(texts[document.metadata["place"]] == document.page_content for document in ranked)
    return [(document.page_content, document.metadata["relevance_score"]) for document in ranked]


def with_llama_index(texts: Sequence[str], asynchronous: bool, **fields: Any) -> list[tuple[str, float]]:
    model = LlamaIndexRerank(**fields)
    nodes = [NodeWithScore(node=TextNode(text=text), score=0.5) for text in texts]
    ranked = (
        asyncio.run(model.apostprocess_nodes(nodes, query_str=QUESTION))
        if asynchronous
        else model.postprocess_nodes(nodes, query_str=QUESTION)
    )
    assert all(node.score == 0.5 for node in nodes)
    return [(node.node.get_content(), node.score or 0.0) for node in ranked]


@pytest.fixture(params=[with_langchain, with_llama_index], ids=["langchain", "llama_index"])
def framework(request: pytest.FixtureRequest) -> Callable[..., Any]:
    found: Callable[..., Any] = request.param
    return found


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def rank(request: pytest.FixtureRequest, framework: Callable[..., Any]) -> Rank:
    """Return a function that ranks texts in one framework, sync or async."""
    return lambda texts, **fields: framework(texts, request.param, **fields)


def documents_of(body: dict[str, Any]) -> list[Any]:
    return list((body.get("input") or body)["documents"])


@both_protocols
@pytest.mark.parametrize("model", ["qwen3-rerank", "gte-rerank-v2", "qwen3.7-text-rerank", "my-own-reranker"])
@pytest.mark.filterwarnings("ignore::qwen_core.errors.QwenWarning")
def test_rerank_models_on_both_protocols(protocol: str, model: str, rank: Rank, service: Emulator) -> None:
    ranked = rank(TEXTS, protocol=protocol, model=model)
    assert [text for text, _ in ranked[:2]] == ["The Nile is a long river.", "A river flows."]
    assert len(ranked) == 4 and [score for _, score in ranked] == sorted((s for _, s in ranked), reverse=True)
    assert service.last_request.model == model
    path = (
        "/compatible-api/v1/reranks" if protocol == "openai" else "/api/v1/services/rerank/text-rerank/text-rerank"
    )
    assert service.last_request.path == path


@both_protocols
def test_rerank_request_is_encoded(protocol: str, rank: Rank, service: Emulator) -> None:
    assert len(rank(TEXTS, protocol=protocol, top_n=2, instruct="Find rivers.", extra_body={"x": 1})) == 2
    body = service.last_request.body
    options = {"top_n": 2, "instruct": "Find rivers.", "x": 1}
    if protocol == "openai":
        assert body == {"model": "qwen3-rerank", "query": QUESTION, "documents": TEXTS, **options}
    else:
        assert body == {
            "model": "qwen3-rerank",
            "input": {"query": QUESTION, "documents": TEXTS},
            "parameters": options,
        }


def test_rerank_of_no_documents_sends_no_request(
    rank: Rank, service: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DASHSCOPE_API_KEY")
    assert rank([]) == []
    assert not service.requests


def test_top_n_is_capped_by_the_number_of_documents(rank: Rank, service: Emulator) -> None:
    assert len(rank(TEXTS, top_n=50)) == 4
    assert service.last_request.body["top_n"] == 4


def test_empty_documents_are_ranked_last_without_being_sent(rank: Rank, service: Emulator) -> None:
    ranked = rank(["", *TEXTS, " \n"])
    assert [text for text, _ in ranked[-2:]] == ["", " \n"] and [score for _, score in ranked[-2:]] == [0, 0]
    assert service.last_request.body["documents"] == TEXTS
    assert len(rank(["", *TEXTS], top_n=3)) == 3
    service.reset()
    assert rank(["", ""]) == [("", 0.0), ("", 0.0)]
    assert not service.requests


@both_protocols
def test_many_documents_are_merged_into_one_ranking(protocol: str, rank: Rank, service: Emulator) -> None:
    texts = [f"Bread number {number}." for number in range(1100)]
    texts[777] = "The Nile is a long river."
    texts[1050] = "Which river is long? The Nile river is long."
    with count_usage() as usage:
        ranked = rank(texts, protocol=protocol, top_n=5)
    assert sorted(len(documents_of(request.body)) for request in service.requests) == [100, 500, 500]
    assert {text for text, _ in ranked[:2]} == {texts[777], texts[1050]} and len(ranked) == 5
    assert usage.calls == 3 and usage.total_tokens > 4000


def test_long_documents_are_split_into_requests_by_tokens(rank: Rank, service: Emulator) -> None:
    texts = [f"word{number} " * 1500 for number in range(40)]
    ranked = rank(texts, model="qwen3-rerank")
    assert len(ranked) == 40 and len(service.requests) >= 2


def test_stated_document_limit_splits_the_request(rank: Rank, service: Emulator) -> None:
    def strict(request: Any) -> Failure | None:
        too_many = len(request.body["documents"]) > 3
        message = "The number of documents should not be larger than 3"
        return Failure(400, "InvalidParameter", message) if too_many else None

    service.reply(strict)
    ranked = rank([*TEXTS, *TEXTS[:3]], top_n=2)
    assert [text for text, _ in ranked] == ["The Nile is a long river."] * 2
    assert sorted(len(request.body["documents"]) for request in service.requests) == [1, 3, 3, 7]


def test_oversized_document_raises_context_overflow_error(rank: Rank, service: Emulator) -> None:
    with pytest.raises(Exception, match="document 1") as caught:
        rank(["short", "word " * 9000])
    assert "ContextOverflowError" in type(caught.value).__name__
    assert ContextOverflowError.__mro__[1] in type(caught.value).__mro__


@both_protocols
@pytest.mark.parametrize(
    ("failure", "error"),
    [("invalid_api_key", AuthenticationError), ("rate_limit", RateLimitError)],
)
def test_rerank_errors_are_typed(
    protocol: str, rank: Rank, failure: str, error: type[Exception], service: Emulator
) -> None:
    service.reply(Failure.named(failure))
    with pytest.raises(error):
        rank(TEXTS, protocol=protocol, max_retries=0)


def test_rerank_rate_limit_is_retried(rank: Rank, service: Emulator, no_backoff: None) -> None:
    service.reply(Failure.named("rate_limit", times=5))
    assert len(rank(TEXTS)) == 4
    assert len(service.requests) == 6


@pytest.mark.parametrize(
    "results",
    [
        [{"index": 9, "relevance_score": 0.5}],
        [{"index": 0, "relevance_score": 0.5}],
        [{"index": 0, "relevance_score": 0.5}] * 4,
    ],
)
def test_invalid_rerank_results_raise_invalid_response_error(
    rank: Rank, service: Emulator, results: list[Any]
) -> None:
    body = json.dumps({"results": results}).encode()
    service.reply(RawReply(200, {"content-type": "application/json"}, (body,)))
    with pytest.raises(InvalidResponseError):
        rank(TEXTS)


def test_rerank_without_api_key_raises_authentication_error(
    rank: Rank, service: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DASHSCOPE_API_KEY")
    with pytest.raises(AuthenticationError, match="DASHSCOPE_API_KEY"):
        rank(TEXTS)


@needs_native
def test_rerank_of_images_and_videos(service: Emulator) -> None:
    model = LangChainRerank(model="qwen3-vl-rerank")
    items: list[Any] = [
        "A river.",
        {"image": "https://example.com/river.png"},
        {"type": "image", "url": "https://example.com/cat.png"},
        {"video": "https://example.com/flow.mp4"},
    ]
    results = model.rerank("river", items)
    assert asyncio.run(model.arerank("river", items)) == results
    assert sorted(result.index for result in results) == [0, 1, 2, 3]
    assert service.last_request.body["input"] == {
        "query": {"text": "river"},
        "documents": [
            {"text": "A river."},
            {"image": "https://example.com/river.png"},
            {"image": "https://example.com/cat.png"},
            {"video": "https://example.com/flow.mp4"},
        ],
    }
    with_image = Document("alt text", metadata={"picture": "https://example.com/river.png"})
    keyed = LangChainRerank(model="qwen3-vl-rerank", image_key="picture")
    keyed.compress_documents([with_image], "river")
    assert documents_of(service.last_request.body) == [{"image": "https://example.com/river.png"}]


@needs_native
@pytest.mark.parametrize("model", ["qwen3-vl-rerank", "qwen3-rerank"])
def test_query_image_beside_text_warns(service: Emulator, model: str) -> None:
    nodes = [NodeWithScore(node=TextNode(text="A river."))]
    question = QueryBundle("river", image_path="https://example.com/river.png")
    with pytest.warns(QwenWarning, match="Left out the image of the query"):
        LlamaIndexRerank(model=model).postprocess_nodes(nodes, question)
    question = QueryBundle("", image_path="https://example.com/river.png")
    LlamaIndexRerank(model="qwen3-vl-rerank").postprocess_nodes(nodes, question)
    assert service.last_request.body["input"]["query"] == {"image": "https://example.com/river.png"}


@needs_native
def test_image_nodes_are_sent_as_images_to_vision_rerankers(service: Emulator) -> None:
    nodes = [
        NodeWithScore(node=ImageNode(text="alt", image_url="https://example.com/river.png")),
        NodeWithScore(node=TextNode(text="A river.")),
    ]
    LlamaIndexRerank(model="qwen3-vl-rerank").postprocess_nodes(nodes, query_str="river")
    assert documents_of(service.last_request.body) == [
        {"image": "https://example.com/river.png"},
        {"text": "A river."},
    ]
    LlamaIndexRerank(model="qwen3-rerank").postprocess_nodes(nodes, query_str="river")
    assert documents_of(service.last_request.body) == ["alt", "A river."]
    document = NodeWithScore(node=ImageDocument(image=png_image(), image_mimetype="image/png"))
    LlamaIndexRerank(model="qwen3-vl-rerank").postprocess_nodes([document], query_str="river")
    assert documents_of(service.last_request.body) == [{"image": data_uri(png_image())}]


def test_rerank_of_media_is_refused_on_openai_protocol(service: Emulator) -> None:
    with pytest.raises(UnsupportedFeatureError, match="rerank only texts"):
        LangChainRerank(protocol="openai").rerank("x", [{"image": "https://example.com/a.png"}])


def test_rerank_requests_are_split_by_media_limits() -> None:
    images = tuple(ImagePart(f"https://example.com/{number}.png") for number in range(90))
    videos = tuple(VideoPart(f"https://example.com/{number}.mp4") for number in range(5))
    request = RerankRequest(model="qwen3-vl-rerank", query=TextPart("x"), documents=(*images, *videos))
    parts = RERANKING.split(request, None)
    assert [len(part.documents) for part in parts] == [40, 40, 14, 1]


class Seen(BaseEventHandler):
    """Record rerank events."""

    events: list[Any]

    @classmethod
    def class_name(cls) -> str:
        return "Seen"

    def handle(self, event: Any, **_: Any) -> None:
        if event.class_name().startswith("ReRank"):
            self.events.append(event)


@pytest.fixture
def seen() -> Iterator[Seen]:
    handler, dispatcher = Seen(events=[]), get_dispatcher()
    dispatcher.add_event_handler(handler)
    yield handler
    dispatcher.event_handlers.remove(handler)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_rerank_start_and_end_events_are_paired(service: Emulator, seen: Seen, asynchronous: bool) -> None:
    debug = LlamaDebugHandler(print_trace_on_end=False)
    fields: dict[str, Any] = {"callback_manager": CallbackManager([debug]), "max_retries": 0}
    with_llama_index(TEXTS, asynchronous, top_n=2, **fields)
    begin, end = seen.events
    assert begin.class_name() == "ReRankStartEvent" and end.class_name() == "ReRankEndEvent"
    assert begin.model_name == "qwen3-rerank" and begin.top_n == 2 and begin.query.query_str == QUESTION
    assert len(begin.nodes) == 4 and len(end.nodes) == 2
    with_llama_index([], asynchronous, **fields)
    assert len(seen.events) == 2
    service.reply(Failure.named("internal_error"))
    with pytest.raises(Exception, match="internal error"):
        with_llama_index(TEXTS, asynchronous, **fields)
    assert [event.class_name() for event in seen.events[2:]] == ["ReRankStartEvent", "ReRankEndEvent"]
    assert len(debug.get_event_pairs(CBEventType.RERANKING)) == 2


def test_rerank_classes_meet_both_frameworks_contracts(service: Emulator) -> None:
    assert issubclass(LangChainRerank, BaseDocumentCompressor)
    assert issubclass(LlamaIndexRerank, BaseNodePostprocessor)
    with pytest.raises(ValueError, match="needs the query"):
        LlamaIndexRerank().postprocess_nodes([NodeWithScore(node=TextNode(text="x"))])
    LlamaIndexRerank().postprocess_nodes([NodeWithScore(node=TextNode(text="x"))], QueryBundle("x"))
    assert LlamaIndexRerank(model="gte-rerank-v2").model == "gte-rerank-v2"
    assert LlamaIndexRerank.class_name() == "QwenRerank"
    assert KEY not in json.dumps(LlamaIndexRerank().to_dict())
    for kind in (LangChainRerank, LlamaIndexRerank):
        model = kind(top_n=3)
        copy = pickle.loads(pickle.dumps(model))
        assert copy.top_n == 3 and copy.api_key.get_secret_value() == KEY
        assert KEY not in repr(model) and KEY.encode() not in pickle.dumps(model)
        with pytest.raises(ValueError, match="top_k"):
            kind(**{"top_k": 3})


def test_rerank_in_contextual_compression_retriever(service: Emulator) -> None:
    retrievers = pytest.importorskip("langchain_classic.retrievers")
    from langchain_core.vectorstores import InMemoryVectorStore

    from langchain_qwen import QwenEmbeddings

    store = InMemoryVectorStore.from_texts(TEXTS, QwenEmbeddings())
    retriever = retrievers.ContextualCompressionRetriever(
        base_compressor=LangChainRerank(top_n=1), base_retriever=store.as_retriever(search_kwargs={"k": 4})
    )
    assert retriever.invoke(QUESTION)[0].page_content == "The Nile is a long river."
    assert asyncio.run(retriever.ainvoke(QUESTION))[0].page_content == "The Nile is a long river."
