"""Retrievers over hosted knowledge bases, in both frameworks, on exact bytes and on the emulator."""

import asyncio
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from langchain_core.runnables import Runnable, RunnablePassthrough
from llama_index.core.schema import MetadataMode, NodeWithScore, QueryBundle
from pydantic import ValidationError

from langchain_qwen import QwenKnowledgeBaseRetriever
from langchain_qwen.errors import QwenError as LangChainQwenError
from llama_index_qwen import QwenKnowledgeBaseRetriever as LlamaIndexRetriever
from qwen_core.errors import BadRequestError, NotFoundError, QwenError, RateLimitError
from qwen_emulator import Emulator
from tests.canned_server import KEY, Canned, CannedServer, canned_server

RETRIEVE = "/api/v1/indices/rag/index/retrieve"
SEARCH = "/api/v1/indices/knowledge/search"
NODE = {
    "score": 0.71,
    "text": "X1: 6.7 inch",
    "metadata": {
        "doc_id": "file_1",
        "doc_name": "phones",
        "title": "X1",
        "content": "X1: 6.7 inch",
        "page_number": [2],
        "image_url": ["https://a/1.png"],
        "doc_url": "https://a/phones.pdf",
        "_id": "llm-1_1",
        "_score": 0.71,
    },
}
BARE: dict[str, Any] = {"score": None, "text": "bare", "metadata": None}
FOUND = {
    "success": True,
    "status_code": 200,
    "code": "Success",
    "data": {"nodes": [NODE, BARE]},
    "request_id": "r",
}


class Found(NamedTuple):
    """A document or node."""

    id: str | None
    text: str
    score: float | None
    metadata: dict[str, Any]


@pytest.fixture
def server() -> Iterator[CannedServer]:
    with canned_server() as server:
        yield server


@pytest.fixture(params=["langchain", "llama_index"])
def framework(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["sync", "async"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def retrieve(framework: str, way: str, url: str, **fields: Any) -> list[Found]:
    """Retrieve over one surface."""
    fields = {"api_key": KEY, "base_url": url, "max_retries": 0, **fields}
    if framework == "langchain":
        retriever = QwenKnowledgeBaseRetriever(**fields)
        documents = retriever.invoke("zoom") if way == "sync" else asyncio.run(retriever.ainvoke("zoom"))
        return [Found(d.id, d.page_content, d.metadata.get("score"), d.metadata) for d in documents]
    engine = LlamaIndexRetriever(**fields)
    nodes = engine.retrieve("zoom") if way == "sync" else asyncio.run(engine.aretrieve("zoom"))
    return [Found(n.node.node_id, n.text, n.score, n.metadata) for n in nodes]


def test_results_carry_name_id_score_page_and_images(server: CannedServer, framework: str, way: str) -> None:
    server.on(RETRIEVE, FOUND)
    first, second = retrieve(framework, way, server.url, index_id="thie5bysoj", top_k=2)
    assert server.requests[0].body == {"index_id": "thie5bysoj", "query": "zoom", "top_k": 2}
    assert (first.id, first.text, first.score) == ("llm-1_1", "X1: 6.7 inch", 0.71)
    names = ("doc_name", "page", "images", "source", "title")
    assert [first.metadata[name] for name in names] == [
        "phones",
        2,
        ["https://a/1.png"],
        "https://a/phones.pdf",
        "X1",
    ]
    assert not [name for name in first.metadata if name.startswith("_")]
    assert (second.text, second.score) == ("bare", None)


def test_search_service_and_threshold(server: CannedServer, framework: str, way: str) -> None:
    server.on(SEARCH, FOUND)
    found = retrieve(framework, way, server.url, agent_id="aid-1", agent_version="draft", score_threshold=0.5)
    assert [one.text for one in found] == ["X1: 6.7 inch"]
    assert server.requests[0].body == {"agent_id": "aid-1", "query": "zoom", "agent_version": "draft"}


def test_empty_result(server: CannedServer, framework: str, way: str) -> None:
    server.on(RETRIEVE, {**FOUND, "data": {"nodes": []}})
    assert retrieve(framework, way, server.url, index_id="a") == []


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"success": False, "status_code": 404, "code": "Index.NotFound", "message": "no"}, NotFoundError),
        ({"error": {"code": "RATE_LIMITED", "message": "slow"}}, RateLimitError),
    ],
)
def test_error_inside_http_200_is_typed(
    server: CannedServer, framework: str, way: str, body: dict[str, Any], kind: type[QwenError]
) -> None:
    server.on(RETRIEVE, Canned(body, headers=(("Retry-After", "7"),)))
    with pytest.raises(kind) as caught:
        retrieve(framework, way, server.url, index_id="a")
    assert isinstance(caught.value, LangChainQwenError) is (framework == "langchain")
    assert caught.value.retry_after == 7.0


def test_several_bases_are_reranked_and_filtered(shared_emulator: Emulator, framework: str, way: str) -> None:
    shared_emulator.reset()
    shared_emulator.knowledge.add_base("one", {"phones": "The X1 has zoom.", "tv": "A zoom for shows."})
    shared_emulator.knowledge.add_base("two", {"phones": "The X2 has much zoom zoom.\n\nThe X3 is light."})
    found = retrieve(
        framework,
        way,
        shared_emulator.base_url,
        index_id=["one", "two"],
        metadata_filter={"doc_name": ["phones"]},
        rerank_model="qwen3-rerank",
        limit=2,
    )
    assert sorted(one.text for one in found) == ["The X1 has zoom.", "The X2 has much zoom zoom."]
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True, key=lambda s: s or 0)
    shared_emulator.reset()


def test_images_are_sent_to_a_search_service(server: CannedServer) -> None:
    server.on(SEARCH, FOUND)
    options: dict[str, Any] = {"agent_id": "aid-1", "api_key": KEY, "base_url": server.url}
    QwenKnowledgeBaseRetriever(**options).invoke("zoom", images=["https://a/1.png"])
    LlamaIndexRetriever(**options).retrieve(QueryBundle("zoom", image_path="https://a/1.png"))
    assert [request.body["images"] for request in server.requests] == [["https://a/1.png"]] * 2
    with pytest.raises(BadRequestError, match="data URI"):
        LlamaIndexRetriever(**options).retrieve(QueryBundle("zoom", image_path="/etc/passwd"))


@pytest.mark.parametrize(
    "fields", [{}, {"index_id": "a", "agent_id": "b"}, {"index_id": []}, {"index_id": "a", "k": 4}]
)
def test_invalid_fields_are_refused(fields: dict[str, Any]) -> None:
    for kind in (QwenKnowledgeBaseRetriever, LlamaIndexRetriever):
        with pytest.raises(ValidationError):
            kind(**fields)


def test_retriever_in_a_chain_and_hidden_metadata(server: CannedServer) -> None:
    server.on(RETRIEVE, FOUND)
    retriever = QwenKnowledgeBaseRetriever(index_id="a", api_key=KEY, base_url=server.url)
    assert KEY not in repr(retriever)
    chain: Runnable[str, Any] = {"context": retriever, "question": RunnablePassthrough()} | RunnablePassthrough()
    assert len(chain.invoke("zoom")["context"]) == 2
    engine = LlamaIndexRetriever(index_id="a", api_key=KEY, base_url=server.url)
    assert KEY not in repr(engine)
    node: NodeWithScore = engine.retrieve("zoom")[0]
    assert node.node.get_content(MetadataMode.LLM).startswith("doc_name: phones\ntitle: X1\npage: 2")
    assert "https" not in node.node.get_content(MetadataMode.EMBED)
