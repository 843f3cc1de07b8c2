"""Paths below /api/v1."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from qwen_emulator import tokens
from qwen_emulator.conversation import Conversation, read_conversation
from qwen_emulator.embeddings import embed, sparse, token_number
from qwen_emulator.files import read_form
from qwen_emulator.models import LISTED, chat_facts, embedding_facts, image_facts
from qwen_emulator.protocols import NATIVE
from qwen_emulator.protocols.base import json_reply
from qwen_emulator.replies import RawReply
from qwen_emulator.requests import RecordedRequest
from qwen_emulator.routes import images, speech
from qwen_emulator.service import Service, route
from qwen_emulator.speech import is_speech
from qwen_emulator.validation import native as rules

_ROOT = "/api/v1"
_SERVICES = f"{_ROOT}/services"
_UPLOAD = "/temporary-uploads"
_MODALITIES = ("text", "image", "multi_images", "video", "audio")


def _text(service: Service, request: RecordedRequest) -> RawReply:
    return _generation(service, request, multimodal=False)


def _multimodal(service: Service, request: RecordedRequest) -> RawReply:
    if image_facts(str(request.model)):
        return images.direct(service, request)
    if is_speech(request.model):
        return speech.multimodal(service, request)
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


def _multimodal_embeddings(service: Service, request: RecordedRequest) -> RawReply:
    body = request.body

    def produce() -> RawReply:
        contents, given = body["input"]["contents"], body.get("parameters") or {}
        size = given.get("dimension") or embedding_facts(body["model"]).default
        made = [
            {"index": index, "embedding": embed(source, size), "type": kind}
            for index, (kind, source) in enumerate(_sources(body["model"], contents, given))
        ]
        texts = [item["text"] for item in contents if "text" in item]
        images = 258 * (len(contents) - len(texts))
        usage = {"input_tokens": tokens.count_all(texts), "image_tokens": images}
        return json_reply(
            {"output": {"embeddings": made}, "usage": usage, "request_id": request.request_id},
            request.request_id,
        )

    return service.other(request, NATIVE, lambda: rules.multimodal_embeddings(body, _MODALITIES), produce)


def _sources(model: str, contents: list[dict[str, Any]], given: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what gets a vector: each item, or all together if fusion is requested or all the model does."""
    kinds = [[(kind, _source(item[kind])) for kind in _MODALITIES if kind in item] for item in contents]
    if given.get("enable_fusion") is True or model.startswith("qwen2.5-vl-embedding"):
        kinds = [[pair for pairs in kinds for pair in pairs]]
    return [
        pairs[0] if len(pairs) == 1 else ("fusion", " ".join(source for _, source in pairs)) for pairs in kinds
    ]


def _source(value: Any) -> str:
    return value if isinstance(value, str) else " ".join(map(str, value))


def _tokenizer(service: Service, request: RecordedRequest) -> RawReply:
    body = request.body

    def produce() -> RawReply:
        held = body["input"]
        messages = held["messages"] if "messages" in held else rules.prompt_messages(held)
        cut = tokens.split("".join(str(message.get("content") or "") for message in messages))
        numbers = [token_number(token) for token in cut]
        payload = {
            "output": {"token_ids": numbers, "tokens": cut},
            "usage": {"input_tokens": len(cut)},
            "request_id": request.request_id,
        }
        return json_reply(payload, request.request_id)

    return service.other(request, NATIVE, lambda: rules.tokenizer(body), produce)


def _models(service: Service, request: RecordedRequest) -> RawReply:
    given = parse_qs(request.query)
    page, size = int(given.get("page_no", ["1"])[0]), int(given.get("page_size", ["20"])[0])
    wanted = given.get("model", given.get("name", [""]))[0]
    named = [name for name in LISTED if wanted in name]
    shown = [_described(name) for name in named[(page - 1) * size : page * size]]
    return _listing({"total": len(named), "page_no": page, "page_size": size, "models": shown}, request)


def _model(service: Service, request: RecordedRequest) -> RawReply:
    name = request.path.rpartition("/")[2]
    if name not in LISTED:
        return NATIVE.encode_failure(rules.not_found(name), request.request_id)
    return _listing(_described(name), request)


def _listing(output: dict[str, Any], request: RecordedRequest) -> RawReply:
    payload = {
        "code": None,
        "message": None,
        "success": True,
        "output": output,
        "request_id": request.request_id,
    }
    return json_reply(payload, request.request_id)


def _described(name: str) -> dict[str, Any]:
    facts = chat_facts(name)
    embeds = "embedding" in name or "rerank" in name
    reads = ["Text"] if facts.text_only or embeds else ["Text", "Image", "Video"]
    return {
        "model": name,
        "name": name.replace("qwen", "Qwen").title().replace("Vl", "VL"),
        "description": "",
        "provider": "qwen",
        "inference_provider": "alibaba",
        "capabilities": ["TR"] if embeds else ["TG"],
        "features": ["function-calling"] if facts.tools and not embeds else [],
        "inference_metadata": {"request_modality": reads, "response_modality": ["Text"]},
        "model_info": {"max_output_tokens": facts.max_output},
    }


def _upload_policy(service: Service, request: RecordedRequest) -> RawReply:
    """Return the policy for uploading a temporary file, which points to this emulator."""
    data = {
        "policy": "ZW11bGF0b3I=",
        "signature": "ZW11bGF0b3I=",
        "upload_dir": f"dashscope-instant/emulator/{request.request_id}",
        "upload_host": f"http://{request.headers.get('Host', '127.0.0.1')}{_UPLOAD}",
        "expire_in_seconds": 300,
        "max_file_size_mb": 1024,
        "capacity_limit_mb": 999_999_999,
        "oss_access_key_id": "emulator",
        "x_oss_object_acl": "private",
        "x_oss_forbid_overwrite": "true",
    }
    return json_reply({"data": data, "request_id": request.request_id}, request.request_id)


def _upload(service: Service, request: RecordedRequest) -> RawReply:
    """Store a temporary file; the request must carry the policy, and the response is empty."""
    form = read_form(request.headers.get("Content-Type", ""), request.raw)
    if request.headers.get("Authorization", "").strip() or form.get("policy", ("", b""))[1] != b"ZW11bGF0b3I=":
        return RawReply(403)
    service.files.keep(form["key"][1].decode(), form["file"][1])
    return RawReply(200)


ROUTES = (
    route("POST", f"{_SERVICES}/aigc/text-generation/generation", _text),
    route("POST", f"{_SERVICES}/aigc/multimodal-generation/generation", _multimodal),
    route("POST", f"{_SERVICES}/embeddings/text-embedding/text-embedding", _embeddings),
    route("POST", f"{_SERVICES}/embeddings/multimodal-embedding/multimodal-embedding", _multimodal_embeddings),
    route("POST", f"{_ROOT}/tokenizer", _tokenizer),
    route("GET", f"{_ROOT}/models", _models),
    route("GET", f"{_ROOT}/models/[^/]+", _model),
    route("GET", f"{_ROOT}/uploads", _upload_policy),
    route("POST", _UPLOAD, _upload, open_to_all=True),
)
