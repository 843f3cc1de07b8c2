"""Paths below /api/v1."""

from __future__ import annotations

from qwen_emulator import tokens
from qwen_emulator.conversation import Conversation, read_conversation
from qwen_emulator.embeddings import embed, sparse
from qwen_emulator.models import embedding_facts
from qwen_emulator.replies import RawReply
from qwen_emulator.requests import RecordedRequest
from qwen_emulator.service import Service, route
from qwen_emulator.validation import native as rules
from qwen_emulator.wires import NATIVE
from qwen_emulator.wires.base import json_reply

_ROOT = "/api/v1"
_SERVICES = f"{_ROOT}/services"


def _text(service: Service, request: RecordedRequest) -> RawReply:
    return _generation(service, request, multimodal=False)


def _multimodal(service: Service, request: RecordedRequest) -> RawReply:
    return _generation(service, request, multimodal=True)


def _generation(service: Service, request: RecordedRequest, *, multimodal: bool) -> RawReply:
    body = request.body

    def read() -> Conversation:
        held = body["input"]
        messages = held["messages"] if "messages" in held else rules.prompt_messages(held)
        return read_conversation(
            "dashscope",
            body["model"],
            messages,
            body.get("parameters") or {},
            stream=request.stream,
            multimodal=multimodal,
        )

    return service.chat(
        request, NATIVE, lambda: rules.chat(body, stream=request.stream, multimodal=multimodal), read
    )


def _embeddings(service: Service, request: RecordedRequest) -> RawReply:
    body = request.body

    def produce() -> RawReply:
        texts, given = body["input"]["texts"], body.get("parameters") or {}
        size = given.get("dimension") or embedding_facts(body["model"]).default
        wanted = given.get("output_type") or "dense"
        made = [
            {
                **({"sparse_embedding": sparse(text)} if "sparse" in wanted else {}),
                **({"embedding": embed(text, size)} if "dense" in wanted else {}),
                "text_index": index,
            }
            for index, text in enumerate(texts)
        ]
        payload = {
            "output": {"embeddings": made},
            "usage": {"total_tokens": tokens.count_all(texts)},
            "request_id": request.request_id,
        }
        return json_reply(payload, request.request_id)

    return service.other(request, NATIVE, lambda: rules.embeddings(body), produce)


ROUTES = (
    route("POST", f"{_SERVICES}/aigc/text-generation/generation", _text),
    route("POST", f"{_SERVICES}/aigc/multimodal-generation/generation", _multimodal),
    route("POST", f"{_SERVICES}/embeddings/text-embedding/text-embedding", _embeddings),
)
