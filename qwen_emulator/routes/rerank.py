"""Reranking on both of its routes: the flat body below /compatible-api/v1, and the native one."""

from __future__ import annotations

from typing import Any

from qwen_emulator import tokens
from qwen_emulator.failures import invalid_parameter
from qwen_emulator.models import exists
from qwen_emulator.ranking import best, relevance
from qwen_emulator.replies import Failure, RawReply
from qwen_emulator.requests import RecordedRequest
from qwen_emulator.service import Service, route
from qwen_emulator.validation.compatible import not_found
from qwen_emulator.wires import NATIVE
from qwen_emulator.wires.base import json_reply

_MOST_DOCUMENTS = 500
_MOST_TOKENS = 4_000


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

    return service.other(request, NATIVE, lambda: _judge(body, body, body), produce)


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

    return service.other(request, NATIVE, lambda: _judge(body, held, given), produce)


def _judge(body: Any, held: Any, given: Any) -> Failure | None:
    if not isinstance(body, dict) or not isinstance(body.get("model"), str):
        return invalid_parameter("you must provide a model parameter.")
    if not exists(body["model"]):
        return not_found(body["model"])
    if not isinstance(held, dict) or not held.get("query"):
        return invalid_parameter("'query' is a required property")
    documents = held.get("documents")
    if not isinstance(documents, list) or not documents:
        return invalid_parameter("[] is too short - 'documents'")
    if len(documents) > _MOST_DOCUMENTS:
        return invalid_parameter(f"The number of documents should not be larger than {_MOST_DOCUMENTS}")
    top = given.get("top_n") if isinstance(given, dict) else None
    if top is not None and (not isinstance(top, int) or isinstance(top, bool) or top < 1):
        return invalid_parameter(f"{top!r} is not of type 'integer' - 'top_n'")
    texts = [_text(held["query"]), *(_text(document) for document in documents)]
    if any(not 1 <= tokens.count(text) <= _MOST_TOKENS for text in texts):
        return invalid_parameter(f"Range of input length should be [1, {_MOST_TOKENS}]")
    return None


def _results(
    held: dict[str, Any], given: dict[str, Any], *, show_documents: bool
) -> tuple[list[dict[str, Any]], int]:
    query, documents = _text(held["query"]), held["documents"]
    texts = [_text(document) for document in documents]
    results = [
        {
            **({"document": _shown(documents[place])} if show_documents else {}),
            "index": place,
            "relevance_score": score,
        }
        for place, score in best(relevance(query, texts), given.get("top_n"))
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
