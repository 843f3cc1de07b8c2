"""Self-hosted servers, below ``/vllm/v1``, ``/sglang/v1``, ``/llama.cpp/v1`` and ``/ollama/v1``.

They need no API key and ignore unknown parameters, so no parameter is refused here. Sources: see
``protocols.self_hosted``; SGLang's "Rerank models".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from qwen_emulator import tokens
from qwen_emulator.conversation import Conversation, read_conversation
from qwen_emulator.embeddings import embed
from qwen_emulator.failures import Failure
from qwen_emulator.models import chat_facts, exists
from qwen_emulator.protocols.base import dump
from qwen_emulator.protocols.compatible import embeddings_object
from qwen_emulator.protocols.self_hosted import DIALECTS
from qwen_emulator.ranking import best, relevance
from qwen_emulator.replies import RawReply
from qwen_emulator.requests import RecordedRequest
from qwen_emulator.service import Service, route

_DIMENSIONS = 1024
_TAKES_NO_CHOICE = ("ollama",)
_BARE_RANKING = ("sglang",)


def _json(payload: Any) -> RawReply:
    return RawReply(200, {"content-type": "application/json"}, (dump(payload),))


def _chat(server: str, service: Service, request: RecordedRequest) -> RawReply:
    body = request.body
    return service.chat(
        request,
        DIALECTS[server],
        lambda: _validate_chat(server, body),
        lambda: _read(server, body, request.stream),
    )


def _read(server: str, body: Mapping[str, Any], stream: bool) -> Conversation:
    """Read a request; each server has its own parameter for thinking."""
    thinking = (body.get("chat_template_kwargs") or {}).get("enable_thinking")
    if server == "ollama":
        thinking = False if body.get("reasoning_effort") == "none" else None
    foreign: tuple[str, ...] = ("enable_thinking", "enable_search", "chat_template_kwargs", "reasoning_effort")
    if server in _TAKES_NO_CHOICE:
        foreign = (*foreign, "tool_choice")
    parameters = {name: value for name, value in body.items() if name not in foreign}
    # These servers default to parallel tool calls.
    parameters["parallel_tool_calls"] = body.get("parallel_tool_calls") is not False
    if thinking is not None:
        parameters["enable_thinking"] = thinking
    model = body["model"]
    facts = chat_facts(model.rpartition("/")[2].replace(":", "-"))
    conversation = read_conversation("openai", model, body["messages"], parameters, stream=stream)
    return replace(conversation, facts=replace(facts, json_schema=True, json_while_thinking=True))


def _embeddings(server: str, service: Service, request: RecordedRequest) -> RawReply:
    body = request.body

    def produce() -> RawReply:
        rows = [body["input"]] if isinstance(body["input"], str) else body["input"]
        vectors = [embed(row, body.get("dimensions") or _DIMENSIONS) for row in rows]
        used = tokens.count_all(rows)
        as_base64 = body.get("encoding_format") == "base64"
        return _json(embeddings_object(vectors, body["model"], used, request.request_id, as_base64=as_base64))

    return service.other(request, DIALECTS[server], lambda: _validate(body, "input"), produce)


def _rerank(server: str, service: Service, request: RecordedRequest) -> RawReply:
    body = request.body

    def produce() -> RawReply:
        ranked = best(relevance(body["query"], body["documents"]), body.get("top_n"))
        if server in _BARE_RANKING:
            return _json([{"score": score, "document": body["documents"][index], "index": index}
                          for index, score in ranked])  # fmt: skip
        used = tokens.count_all([body["query"], *body["documents"]])
        results = [{"index": index, "relevance_score": score} for index, score in ranked]
        return _json({"model": body["model"], "usage": {"total_tokens": used}, "results": results})

    return service.other(request, DIALECTS[server], lambda: _validate(body, "documents"), produce)


def _models(server: str, service: Service, request: RecordedRequest) -> RawReply:
    return _json({"object": "list", "data": [{"id": "Qwen/Qwen3-8B", "object": "model", "owned_by": server}]})


def _validate(body: Any, needed: str) -> Failure | None:
    if not isinstance(body, dict) or not isinstance(body.get("model"), str) or not body.get(needed):
        return Failure(400, "BadRequestError", f"Field required: {needed}")
    if not exists(body["model"]):
        return Failure(404, "NotFoundError", f"The model `{body['model']}` does not exist.")
    return None


def _validate_chat(server: str, body: Any) -> Failure | None:
    """Refuse what the chat templates of Qwen3.5 and later refuse. Some servers take their errors for their own."""
    failure = _validate(body, "messages")
    if failure is not None:
        return failure
    roles = [message.get("role") for message in body["messages"] if isinstance(message, dict)]
    status = 500 if server in ("llama.cpp", "ollama") else 400
    if "system" in roles[1:]:
        return Failure(status, "BadRequestError", "System message must be at the beginning.")
    if "user" not in roles:
        return Failure(status, "BadRequestError", "No user query found in messages.")
    return None


ROUTES = tuple(
    route(method, f"/{re.escape(server)}/v1{path}", partial(handler, server), open_to_all=True)
    for server in DIALECTS
    for method, path, handler in (
        ("POST", "/chat/completions", _chat),
        ("POST", "/embeddings", _embeddings),
        ("POST", "/rerank", _rerank),
        ("GET", "/models", _models),
    )
)
