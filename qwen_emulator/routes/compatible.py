"""Paths below /compatible-mode/v1."""

from __future__ import annotations

from qwen_emulator import tokens
from qwen_emulator.conversation import Conversation, read_conversation
from qwen_emulator.embeddings import embed
from qwen_emulator.models import LISTED, embedding_facts
from qwen_emulator.protocols import COMPATIBLE, RESPONSES
from qwen_emulator.protocols.base import json_reply
from qwen_emulator.protocols.compatible import embeddings_object
from qwen_emulator.replies import RawReply
from qwen_emulator.requests import RecordedRequest
from qwen_emulator.routes import documents, speech
from qwen_emulator.service import Service, route
from qwen_emulator.speech import is_speech
from qwen_emulator.validation import compatible as rules
from qwen_emulator.validation import responses

_ROOT = "/compatible-mode/v1"
_CREATED = 1_780_000_000
"""``created`` of the listed models."""


def _chat(service: Service, request: RecordedRequest) -> RawReply:
    body = request.body
    if is_speech(request.model):
        return speech.chat(service, request)

    def read() -> Conversation:
        return read_conversation("openai", body["model"], body["messages"], body, stream=request.stream)

    return service.chat(request, COMPATIBLE, lambda: rules.chat(body), read)


def _responses(service: Service, request: RecordedRequest) -> RawReply:
    body = request.body
    if documents.is_document(body):
        return documents.parse(service, request)

    def read() -> Conversation:
        chat = responses.as_chat(body)
        return read_conversation("openai", chat["model"], chat["messages"], chat, stream=request.stream)

    return service.chat(request, RESPONSES, lambda: responses.validate(body), read)


def _embeddings(service: Service, request: RecordedRequest) -> RawReply:
    body = request.body

    def produce() -> RawReply:
        rows = [body["input"]] if isinstance(body["input"], str) else body["input"]
        size = body.get("dimensions") or embedding_facts(body["model"]).default
        payload = embeddings_object(
            [embed(row, size) for row in rows],
            body["model"],
            tokens.count_all(rows),
            request.request_id,
            as_base64=body.get("encoding_format") == "base64",
        )
        return json_reply(payload, request.request_id)

    return service.other(request, COMPATIBLE, lambda: rules.embeddings(body), produce)


def _models(service: Service, request: RecordedRequest) -> RawReply:
    listed = [{"id": name, "object": "model", "created": _CREATED, "owned_by": "system"} for name in LISTED]
    return json_reply({"object": "list", "data": listed}, request.request_id)


ROUTES = (
    route("POST", f"{_ROOT}/chat/completions", _chat),
    route("POST", f"{_ROOT}/responses", _responses),
    route("POST", f"{_ROOT}/embeddings", _embeddings),
    route("GET", f"{_ROOT}/models", _models),
)
