"""Reranking on both routes: the flat body below /compatible-api/v1, and the native one."""

from __future__ import annotations

from typing import Any, NamedTuple

from qwen_emulator import tokens
from qwen_emulator.failures import Failure, invalid_parameter
from qwen_emulator.models import exists
from qwen_emulator.protocols import NATIVE
from qwen_emulator.protocols.base import json_reply
from qwen_emulator.ranking import best, relevance
from qwen_emulator.replies import RawReply
from qwen_emulator.requests import RecordedRequest
from qwen_emulator.service import Service, route
from qwen_emulator.validation.compatible import not_found

_MEDIA_LIMITS = (("image", 40), ("video", 4))


class _Limits(NamedTuple):
    """Limits of one request. The query counts once for each document."""

    documents: int = 500
    tokens: int = 4_000
    request_tokens: int = 120_000
    media: bool = False


_LIMITS = {
    "gte-rerank-v2": _Limits(request_tokens=30_000),
    "qwen3-vl-rerank": _Limits(documents=100, tokens=8_000, media=True),
}


def _flat(service: Service, request: RecordedRequest) -> RawReply:
    body = request.body

    def produce() -> RawReply:
        results, used = _results(body, body, show_documents=False)
        payload = {
            "object": "list",
            "results": results,
            "model": body["model"],
            "id": request.request_id,
            "usage": {"total_tokens": used},
        }
        return json_reply(payload, request.request_id)

    return service.other(request, NATIVE, lambda: _validate(body, body, body), produce)


def _nested(service: Service, request: RecordedRequest) -> RawReply:
    body = request.body
    held: Any = body.get("input") if isinstance(body, dict) else None
    given = (body.get("parameters") if isinstance(body, dict) else None) or {}

    def produce() -> RawReply:
        results, used = _results(held, given, show_documents=given.get("return_documents") is True)
        payload = {
            "output": {"results": results},
            "usage": {"total_tokens": used},
            "request_id": request.request_id,
        }
        return json_reply(payload, request.request_id)

    return service.other(request, NATIVE, lambda: _validate(body, held, given), produce)


def _validate(body: Any, held: Any, given: Any) -> Failure | None:
    if not isinstance(body, dict) or not isinstance(body.get("model"), str):
        return invalid_parameter("you must provide a model parameter.")
    if not exists(body["model"]):
        return not_found(body["model"])
    if not isinstance(held, dict) or not held.get("query"):
        return invalid_parameter("'query' is a required property")
    documents = held.get("documents")
    if not isinstance(documents, list) or not documents:
        return invalid_parameter("[] is too short - 'documents'")
    limits = _LIMITS.get(body["model"], _Limits())
    if len(documents) > limits.documents:
        return invalid_parameter(f"The number of documents should not be larger than {limits.documents}")
    for kind, most in _MEDIA_LIMITS:
        held_media = [item for item in documents if isinstance(item, dict) and kind in item]
        if held_media and not limits.media:
            return invalid_parameter("documents should be texts")
        if len(held_media) > most:
            return invalid_parameter(f"The number of {kind}s should not be larger than {most}")
    query, *counts = [tokens.count(_text(item)) for item in (held["query"], *documents)]
    if any(not 1 <= count <= limits.tokens for count in (query, *counts)):
        return invalid_parameter(f"Range of input length should be [1, {limits.tokens}]")
    if query * len(counts) + sum(counts) > limits.request_tokens:
        return invalid_parameter(f"Total tokens of the request should not be larger than {limits.request_tokens}")
    return None


def _results(
    held: dict[str, Any], given: dict[str, Any], *, show_documents: bool
) -> tuple[list[dict[str, Any]], int]:
    query, documents = _text(held["query"]), held["documents"]
    texts = [_text(document) for document in documents]
    results = [
        {
            **({"document": _shown(documents[index])} if show_documents else {}),
            "index": index,
            "relevance_score": score,
        }
        for index, score in best(relevance(query, texts), given.get("top_n"))
    ]
    return results, tokens.count_all([query, *texts])


def _text(document: Any) -> str:
    if isinstance(document, dict):
        return str(document.get("text") or document.get("image") or document.get("video") or "")
    return str(document)


def _shown(document: Any) -> dict[str, Any]:
    return document if isinstance(document, dict) else {"text": document}


ROUTES = (
    route("POST", "/compatible-api/v1/reranks", _flat),
    route("POST", "/api/v1/services/rerank/text-rerank/text-rerank", _nested),
)
