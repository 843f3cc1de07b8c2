"""Reranking on the native protocol: texts, images and videos."""

from collections.abc import Mapping
from typing import Any

import msgspec

from qwen_core.protocols.base import EncodedRequest
from qwen_core.protocols.dashscope.embeddings import encode_item
from qwen_core.protocols.dashscope.encode import WHOLE_HEADERS, merge_extra
from qwen_core.protocols.error_decoding import decode_body
from qwen_core.protocols.messages import oss_headers, with_values
from qwen_core.protocols.retrieval import Result, RetrievalUsage, sort_by_score, total_tokens
from qwen_core.types.json import encode_json
from qwen_core.types.messages import Message, TextPart
from qwen_core.types.requests import RerankRequest, RerankResponse

PATH = "/services/rerank/text-rerank/text-rerank"


class RerankOutput(msgspec.Struct):
    """The results, sorted by score (section 7.3)."""

    results: list[Result]


class RerankBody(msgspec.Struct):
    """The body of a response of the rerank service."""

    output: RerankOutput
    usage: RetrievalUsage | None = None
    request_id: str | None = None


_decode_json = msgspec.json.Decoder(RerankBody).decode


def encode_rerank(request: RerankRequest) -> EncodedRequest:
    """Encode texts as strings; items of one key each if any of them is not text (section 7.3)."""
    parts = (request.query, *request.documents)
    plain = all(isinstance(part, TextPart) for part in parts)
    query, *documents = [
        part.text if plain and isinstance(part, TextPart) else encode_item(part) for part in parts
    ]
    body: dict[str, Any] = {
        "model": request.model,
        "input": {"query": query, "documents": documents},
        "parameters": with_values(
            {},
            top_n=None if request.top_n is None else min(request.top_n, len(documents)),
            instruct=request.instruct,
        ),
    }
    merge_extra(body, request.extra_body)
    headers = {**WHOLE_HEADERS, **oss_headers([Message("user", parts)])}
    return EncodedRequest(path=PATH, body=encode_json(body), headers=headers)


def decode_rerank(payload: bytes, headers: Mapping[str, str]) -> RerankResponse:
    """Decode the ranking, best first."""
    body = decode_body(_decode_json, payload, headers)
    return RerankResponse(
        results=sort_by_score(body.output.results),
        total_tokens=total_tokens(body.usage),
        request_id=body.request_id or headers.get("x-request-id"),
    )
