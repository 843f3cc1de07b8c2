"""Knowledge bases: retrieve from one, search by a service, and chat with a service.

Errors come in two forms, and some of them with HTTP status 200: a missing base is such a one here, a missing
service is not. The documents do not say which call has which.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from qwen_emulator import tokens
from qwen_emulator.knowledge import Chunk
from qwen_emulator.protocols import NATIVE
from qwen_emulator.protocols.base import dump, event_reply, json_reply
from qwen_emulator.replies import RawReply
from qwen_emulator.requests import RecordedRequest
from qwen_emulator.service import Service, route

_DEFAULT_TOP = 5
_RAW_SCALE = 0.8
"""Raw similarities are lower than scores after reranking, and cannot be compared with them."""


def _retrieve(service: Service, request: RecordedRequest) -> RawReply:
    body = request.body

    def produce() -> RawReply:
        problem = _missing(body, "index_id", "query")
        top = body.get("top_k", _DEFAULT_TOP) if problem is None else _DEFAULT_TOP
        if problem is None and (not isinstance(top, int) or isinstance(top, bool) or top < 1):
            problem = "top_k must be a positive integer"
        if problem is not None:
            return _enclosed(request, 400, "Index.InvalidParameter", problem)
        if unknown := set(body) - {"index_id", "query", "top_k"}:
            return _enclosed(request, 400, "Index.InvalidParameter", f"unknown parameter {sorted(unknown)[0]}")
        if body["index_id"] not in service.knowledge.bases:
            return _enclosed(request, 404, "Index.NotFound", "The knowledge base does not exist.")
        chunks = service.knowledge.search(body["query"], [body["index_id"]], top)
        return _success(request, {"nodes": [_node(chunk, _RAW_SCALE) for chunk in chunks]})

    return service.other(request, NATIVE, lambda: None, produce)


def _search(service: Service, request: RecordedRequest) -> RawReply:
    body = request.body

    def produce() -> RawReply:
        problem = _missing(body, "agent_id")
        images = (body.get("images") or []) if problem is None else []
        if problem is None and not body.get("query") and not images:
            problem = "query or images is required"
        if problem is not None:
            return _error(request, 400, "INVALID_PARAMETER", problem)
        if body["agent_id"] not in service.knowledge.services:
            return _error(request, 404, "KB_NOT_FOUND", "The service does not exist or is not published.")
        index_ids = service.knowledge.services[body["agent_id"]]
        chunks = service.knowledge.search(body.get("query") or "image", index_ids, _DEFAULT_TOP)
        nodes = [_node(chunk, 1.0) for chunk in chunks]
        return _success(request, {"total": len(nodes), "nodes": nodes, "cost_time": 12})

    return service.other(request, NATIVE, lambda: None, produce)


def _chat(service: Service, request: RecordedRequest) -> RawReply:
    body = request.body

    def produce(text: str | None = None) -> RawReply:
        messages = ((body.get("input") or {}).get("messages") or []) if isinstance(body, dict) else []
        options = ((body.get("parameters") or {}).get("agent_options") or {}) if messages else {}
        agent_id = options.get("agent_id")
        if body.get("stream") is not True or not messages or not agent_id:
            return _error(request, 400, "INVALID_PARAMETER", "stream, input.messages and agent_id are required")
        if agent_id not in service.knowledge.services:
            failed = {"code": "AgentApp.NotFound", "message": "The agent does not exist.", "status_code": 500}
            return event_reply(
                (_event("error", {**failed, "request_id": request.request_id}),), request.request_id
            )
        question = _text(messages[-1].get("content"))
        chunks = service.knowledge.search(question, service.knowledge.services[agent_id], 2)
        answer = text if text is not None else " ".join(chunk.text for chunk in chunks[:1])
        frames = _frames(request.request_id, question, chunks, answer, service.settings.chunk_size)
        return event_reply(tuple(_event("message", frame) for frame in frames), request.request_id)

    return service.compose_text(request, NATIVE, produce)


def _frames(identity: str, question: str, chunks: list[Chunk], answer: str, size: int) -> Iterator[dict[str, Any]]:
    def frame(content: str, group: str, change: str, finish: str = "", **fields: Any) -> dict[str, Any]:
        step = {"plan": "planning", "tool": "tool_calling"}.get(change.partition("_")[0], "generating")
        extra = {"group": group, "step": step, "step_change": change}
        message = {
            "role": "assistant",
            "content": content,
            "id": "m1",
            "type": "ai",
            "tool_calls": [],
            "extra": extra,
        }
        choice = {"message": {**message, **fields}, "finish_reason": finish}
        return {"code": "200", "request_id": identity, "output": {"choices": [choice]}}

    call = {"id": "call_1", "name": "semantic_search", "args": {"query": question}}
    documents = [_node(chunk, 1.0) for chunk in chunks]
    docs = [{**node["metadata"], "text": node["text"], "score": node["score"]} for node in documents]
    yield frame("Searching the knowledge bases.", "planning", "plan_start")
    yield frame("", "planning", "tool_calling", tool_calls=[call])
    yield frame(
        json.dumps([chunk.text for chunk in chunks]),
        "planning",
        "tool_return",
        role="tool",
        type="tool",
        name="semantic_search",
        tool_call_id="call_1",
        additional_kwargs={"extra_json": {"docs": docs}},
    )
    parts = [answer[start : start + size] for start in range(0, len(answer), size)]
    for number, part in enumerate(parts):
        yield frame(part, "generating", "generation_end" if number == len(parts) - 1 else "generation_start")
    yield frame("", "generating", "generation_end", "stop")
    used = {"input_tokens": tokens.count(question) + 40, "output_tokens": tokens.count(answer), "cached_tokens": 0}
    total = {"total_tokens": used["input_tokens"] + used["output_tokens"]}
    yield {"code": "200", "request_id": identity, "output": {"choices": []}, "usage": {**used, **total}}


def _event(name: str, payload: dict[str, Any]) -> bytes:
    return f"event:{name}\ndata:".encode() + dump(payload) + b"\n\n"


def _node(chunk: Chunk, scale: float) -> dict[str, Any]:
    score = round(chunk.score * scale, 6)
    return {
        "score": score,
        "text": chunk.text,
        "metadata": {
            "doc_id": chunk.doc_id,
            "doc_name": chunk.doc_name,
            "title": chunk.doc_name,
            "content": chunk.text,
            "page_number": [chunk.page],
            "image_url": list(chunk.images),
            "doc_url": chunk.url,
            "pipeline_id": chunk.index_id,
            "workspace_id": "llm-emulator",
            "nid": chunk.id,
            "_id": chunk.id,
            "_score": score,
            "_rc_v_score": score,
            **chunk.metadata,
        },
    }


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return " ".join(str(part.get("text") or "") for part in parts if isinstance(part, dict))


def _missing(body: Any, *names: str) -> str | None:
    for name in names:
        if not isinstance(body, dict) or not isinstance(body.get(name), str) or not body[name]:
            return f"{name} is required"
    return None


def _success(request: RecordedRequest, data: dict[str, Any]) -> RawReply:
    envelope = {"code": "Success", "status_code": 200, "success": True, "status": "SUCCESS", "message": "success"}
    return json_reply({**envelope, "request_id": request.request_id, "data": data}, request.request_id)


def _enclosed(request: RecordedRequest, status: int, code: str, message: str) -> RawReply:
    """Return an error in the first form, with HTTP status 200."""
    body = {"code": code, "status_code": status, "success": False, "status": "FAILED", "message": message}
    return json_reply({**body, "request_id": request.request_id}, request.request_id)


def _error(request: RecordedRequest, status: int, code: str, message: str) -> RawReply:
    """Return an error in the second form, under its own HTTP status."""
    body = {"error": {"code": code, "message": message, "param": None}, "request_id": request.request_id}
    return json_reply(body, request.request_id, status)


ROUTES = (
    route("POST", "/api/v1/indices/rag/index/retrieve", _retrieve),
    route("POST", "/api/v1/indices/knowledge/search", _search),
    route("POST", "/api/v2/apps/knowledge/chat", _chat),
)
