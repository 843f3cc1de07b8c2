"""Searches in knowledge bases: all shapes of responses and errors, on a server of exact bytes."""

import asyncio
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from qwen_core import (
    AsyncQwenKnowledge,
    ClientSettings,
    KnowledgeOptions,
    KnowledgeRequest,
    KnowledgeResponse,
    QwenKnowledge,
)
from qwen_core.errors import (
    AuthenticationError,
    BadRequestError,
    InvalidResponseError,
    NotFoundError,
    PermissionDeniedError,
    QwenError,
    RateLimitError,
    ServerError,
    UnsupportedFeatureError,
)
from qwen_core.execution import retry
from qwen_core.execution.service_plans import plan_knowledge
from qwen_emulator import Emulator, Failure
from tests.canned_server import KEY, Canned, CannedServer, canned_server

RETRIEVE = "/api/v1/indices/rag/index/retrieve"
SEARCH = "/api/v1/indices/knowledge/search"
OK = {"code": "Success", "status_code": 200, "success": True, "status": "SUCCESS", "message": "success"}


def found(*nodes: dict[str, Any], **data: Any) -> dict[str, Any]:
    """Return a successful response."""
    return {**OK, "request_id": "r-1", "data": {**data, "nodes": list(nodes)}}


def node(text: str, score: float = 0.71, **metadata: Any) -> dict[str, Any]:
    """Return a chunk."""
    return {"score": score, "text": text, "metadata": {"doc_id": "file_1", "doc_name": "phones", **metadata}}


@pytest.fixture
def server() -> Iterator[CannedServer]:
    with canned_server() as server:
        yield server


@pytest.fixture(params=["sync", "async"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def search(way: str, settings: ClientSettings, request: KnowledgeRequest) -> KnowledgeResponse:
    """Search one base or service."""
    if way == "sync":
        return QwenKnowledge(settings).search(request)
    return asyncio.run(AsyncQwenKnowledge(settings).search(request))


def search_all(way: str, settings: ClientSettings, ids: list[str], **options: Any) -> KnowledgeResponse:
    """Search several bases."""
    request, chosen = KnowledgeRequest(query="zoom"), KnowledgeOptions(**options)
    if way == "sync":
        return QwenKnowledge(settings).search_all(request, ids, options=chosen)
    return asyncio.run(AsyncQwenKnowledge(settings).search_all(request, ids, options=chosen))


BASE = KnowledgeRequest(query="Which phone has zoom?", index_id="thie5bysoj")
SERVICE = KnowledgeRequest(query="Which phone has zoom?", agent_id="aid-1")


def test_retrieve_sends_only_what_is_set_and_decodes_metadata(server: CannedServer, way: str) -> None:
    fields: dict[str, Any] = {
        "title": "X1",
        "page_number": [2, 3],
        "image_url": ["https://a/1.png"],
        "doc_url": "https://a/d.pdf",
    }
    service_fields: dict[str, Any] = {"_id": "llm-1_1", "_score": 0.71, "_rc_v_score": 0.7}
    server.on(RETRIEVE, found(node("X1: 6.7 inch", content="X1: 6.7 inch", **fields, **service_fields)))
    response = search(way, server.settings(), BASE)
    (chunk,) = response.nodes
    assert server.requests[0].body == {"index_id": "thie5bysoj", "query": "Which phone has zoom?"}
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert (chunk.text, chunk.score, chunk.id, chunk.name) == ("X1: 6.7 inch", 0.71, "llm-1_1", "phones")
    assert (chunk.page, chunk.images, chunk.url) == (2, ("https://a/1.png",), "https://a/d.pdf")
    assert chunk.service_fields == service_fields
    assert not {"content", *service_fields} & chunk.metadata.keys()
    assert response.request_id == "r-1"


def test_search_service_sends_images_and_version(server: CannedServer, way: str) -> None:
    server.on(SEARCH, found(node("X1", 0.97, nid="n-1"), total=1, cost_time=12))
    request = KnowledgeRequest(agent_id="aid-1", images=("https://a/1.png",), agent_version="draft")
    response = search(way, server.settings(), request)
    assert server.requests[0].body == {
        "agent_id": "aid-1",
        "images": ["https://a/1.png"],
        "agent_version": "draft",
    }
    assert (response.total, response.nodes[0].id, response.nodes[0].score) == (1, "n-1", 0.97)


@pytest.mark.parametrize("nodes", [[], None])
def test_empty_result_is_not_an_error(server: CannedServer, way: str, nodes: Any) -> None:
    server.on(RETRIEVE, {**OK, "data": {"nodes": nodes}})
    assert search(way, server.settings(), BASE).nodes == ()


def test_sparse_nodes_are_decoded(server: CannedServer, way: str) -> None:
    server.on(
        RETRIEVE, {**OK, "data": {"nodes": [{"text": "a"}, {"metadata": {"content": "b", "page_number": []}}]}}
    )
    nodes = search(way, server.settings(), BASE).nodes
    assert [(n.text, n.score, n.id, n.page, n.images) for n in nodes] == [
        ("a", None, None, None, ()),
        ("b", None, None, None, ()),
    ]


FIRST_FORM = {"success": False, "status": "FAILED", "request_id": "r-2"}

ENCLOSED: list[tuple[dict[str, Any], type[QwenError]]] = [
    ({**FIRST_FORM, "code": "Index.InvalidParameter", "status_code": 400, "message": "top_k"}, BadRequestError),
    ({**FIRST_FORM, "code": "Index.NotFound", "status_code": 404, "message": "no such"}, NotFoundError),
    (
        {**FIRST_FORM, "code": "Index.NoRight", "status_code": 403, "message": "no"},
        PermissionDeniedError,
    ),
    ({**FIRST_FORM, "code": "SystemError", "status_code": 500, "message": "oops"}, ServerError),
    ({**FIRST_FORM, "code": "Index.Odd", "message": "no status"}, BadRequestError),
    ({"code": "Index.Odd", "message": "neither success nor data", "request_id": "r-2"}, BadRequestError),
    ({"error": {"code": "UNAUTHORIZED", "message": "key"}, "request_id": "r-2"}, AuthenticationError),
    ({"error": {"code": "FORBIDDEN", "message": "no"}, "request_id": "r-2"}, PermissionDeniedError),
    ({"error": {"code": "KB_NOT_FOUND", "message": "no"}, "request_id": "r-2"}, NotFoundError),
    ({"error": {"code": "DOCUMENT_NOT_FOUND", "message": "no"}, "request_id": "r-2"}, NotFoundError),
    (
        {"error": {"code": "INVALID_PARAMETER", "message": "q"}, "request_id": "r-2"},
        BadRequestError,
    ),
    ({"error": {"code": "RATE_LIMITED", "message": "slow"}, "request_id": "r-2"}, RateLimitError),
    ({"error": {"code": "QUOTA_EXCEEDED", "message": "slow"}, "request_id": "r-2"}, RateLimitError),
    ({"error": {"code": "EMBEDDING_FAILED", "message": "no"}, "request_id": "r-2"}, ServerError),
    ({"error": {"code": "RETRIEVAL_TIMEOUT", "message": "no"}, "request_id": "r-2"}, ServerError),
]


@pytest.mark.parametrize(("body", "kind"), ENCLOSED, ids=lambda value: str(getattr(value, "__name__", "")))
def test_error_inside_http_200_is_typed(
    server: CannedServer, way: str, body: dict[str, Any], kind: type[QwenError]
) -> None:
    server.on(RETRIEVE, body)
    with pytest.raises(kind) as caught:
        search(way, server.settings(), BASE)
    assert type(caught.value) is kind
    assert caught.value.request_id == "r-2"
    assert KEY not in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize(("body", "kind"), ENCLOSED[6:], ids=lambda value: str(getattr(value, "__name__", "")))
def test_error_with_its_own_status_is_typed(
    server: CannedServer, way: str, body: dict[str, Any], kind: type[QwenError]
) -> None:
    status = {
        "AuthenticationError": 401,
        "PermissionDeniedError": 403,
        "NotFoundError": 404,
        "RateLimitError": 429,
    }
    server.on(SEARCH, Canned(body, status.get(kind.__name__, 500 if kind is ServerError else 400)))
    with pytest.raises(kind):
        search(way, server.settings(), SERVICE)


@pytest.mark.parametrize("status", [200, 429])
def test_retry_after_is_honoured_inside_http_200_too(
    server: CannedServer, way: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    real = retry.next_wait

    def next_wait(*arguments: Any) -> float | None:
        wait = real(*arguments)
        waits.append(wait or 0.0)
        return None if wait is None else 0.0

    monkeypatch.setattr(retry, "next_wait", next_wait)
    monkeypatch.setattr("qwen_core.execution.sync.retry.next_wait", next_wait, raising=False)
    limited = {"error": {"code": "RATE_LIMITED", "message": "slow"}, "request_id": "r-2"}
    server.on(RETRIEVE, Canned(limited, status, headers=(("Retry-After", "3"),)), found(node("X1")))
    assert search(way, server.settings(max_retries=2), BASE).nodes[0].text == "X1"
    assert len(waits) == 1 and 3.0 <= waits[0] <= 3.75  # never shorter, up to a quarter of jitter


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"code":"Success"}', b'{"data":{"nodes":5}}', b"\xff"])
def test_body_without_envelope_is_an_invalid_response(server: CannedServer, way: str, body: bytes) -> None:
    server.on(RETRIEVE, Canned(body))
    with pytest.raises(InvalidResponseError):
        search(way, server.settings(), BASE)


def test_several_bases_are_merged_by_score_and_filtered(server: CannedServer, way: str) -> None:
    one = node("same", 0.5, _id="1")
    server.on(
        RETRIEVE, found(one, node("best", 0.9, _id="2", tags=["new", "b"]), node("other", 0.95, doc_name="tv"))
    )
    response = search_all(way, server.settings(), ["a", "b", "a"], metadata_filter={"doc_name": ["phones", "x"]})
    assert len(server.requests) == 2
    assert [n.text for n in response.nodes] == ["best", "same"]
    response = search_all(
        way, server.settings(), ["a"], metadata_filter={"tags": "new"}, score_threshold=0.8, limit=1
    )
    assert [n.text for n in response.nodes] == ["best"]


def test_chunks_of_several_bases_are_reranked(server: CannedServer, way: str) -> None:
    server.on(RETRIEVE, found(node("first", 0.9, _id="1"), node("second", 0.8, _id="2")))
    ranking = {
        "results": [{"index": 1, "relevance_score": 0.99}, {"index": 0, "relevance_score": 0.2}],
        "id": "r-3",
    }
    server.on("/compatible-api/v1/reranks", ranking)
    response = search_all(way, server.settings(), ["a"], rerank_model="qwen3-rerank", score_threshold=0.5)
    assert [(n.text, n.score) for n in response.nodes] == [("second", 0.99)]
    assert server.requests[-1].body["documents"] == ["first", "second"]


@pytest.mark.parametrize(
    ("request_fields", "words"),
    [
        ({"query": "a"}, "index_id"),
        ({"query": "a", "index_id": "b", "agent_id": "c"}, "not both"),
        ({"query": " ", "index_id": "b"}, "empty"),
        ({"query": "a", "index_id": "b", "images": ("https://a/1.png",)}, "agent_id"),
        ({"query": "a", "index_id": "b", "top_k": 0}, "top_k"),
        ({"agent_id": "b", "images": ("/etc/passwd",)}, "data URI"),
    ],
)
def test_invalid_search_is_refused_before_it_is_sent(
    server: CannedServer, way: str, request_fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadRequestError, match=words):
        search(way, server.settings(), KnowledgeRequest(**request_fields))
    assert server.requests == []


def test_knowledge_base_needs_a_workspace_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DASHSCOPE_API_BASE", raising=False)
    with pytest.raises(UnsupportedFeatureError, match="workspace"):
        plan_knowledge(BASE, ClientSettings(api_key=KEY), asynchronous=False)
    settings = ClientSettings(api_key=KEY, workspace="llm-1", region="intl")
    plan = plan_knowledge(BASE, settings, asynchronous=False)
    assert plan.connection.base_url == "https://llm-1.ap-southeast-1.maas.aliyuncs.com/api/v1"


def test_self_hosted_server_has_no_knowledge_bases() -> None:
    settings = ClientSettings(api_key=KEY, base_url="http://localhost:8000/v1")
    with pytest.raises(UnsupportedFeatureError, match="Only Alibaba"):
        plan_knowledge(BASE, settings, asynchronous=False)


def test_emulator_base_and_service(shared_emulator: Emulator, way: str) -> None:
    emulator = shared_emulator
    emulator.reset()
    emulator.knowledge.add_base(
        "phones0001", {"phones": "The X1 has 50x zoom.\n\nThe X2 is light.\fThe X3 folds."}
    )
    emulator.knowledge.publish("aid-phones", ["phones0001"])
    settings = ClientSettings(api_key=KEY, base_url=emulator.base_url, max_retries=1)
    response = search(way, settings, KnowledgeRequest(query="zoom", index_id="phones0001", top_k=1))
    assert [n.text for n in response.nodes] == ["The X1 has 50x zoom."]
    served = search(way, settings, KnowledgeRequest(query="folds", agent_id="aid-phones"))
    assert (served.nodes[0].page, served.total) == (2, 3)
    for unknown in (
        KnowledgeRequest(query="zoom", index_id="none"),
        KnowledgeRequest(query="zoom", agent_id="aid-unpublished"),
    ):
        with pytest.raises(NotFoundError, match="published"):
            search(way, settings, unknown)
    emulator.reply(Failure.named("rate_limit", headers={"Retry-After": "0"}))
    assert search(way, settings, KnowledgeRequest(query="zoom", index_id="phones0001")).nodes
    emulator.reset()
