"""Reranking on the native wire: texts, images and videos."""

from collections.abc import Mapping
from typing import Any

import msgspec

from qwen_core.protocols.base import EncodedRequest
from qwen_core.protocols.dashscope.embeddings import item
from qwen_core.protocols.dashscope.encode import WHOLE_HEADERS, merge_extra
from qwen_core.protocols.error_decoding import read_answer
from qwen_core.protocols.messages import oss_headers, with_values
from qwen_core.protocols.retrieval import Result, RetrievalUsage, ranking, tokens
from qwen_core.types.json import encode_json
from qwen_core.types.messages import Message, TextPart
from qwen_core.types.requests import RerankRequest, RerankResponse

PATH = "/services/rerank/text-rerank/text-rerank"


class RerankOutput(msgspec.Struct):
    """The results, sorted by score (section 7.3)."""

    results: list[Result]


class RerankAnswer(msgspec.Struct):
    """The answer of the rerank service."""

    output: RerankOutput
    usage: RetrievalUsage | None = None
    request_id: str | None = None


_read = msgspec.json.Decoder(RerankAnswer).decode


def encode(request: RerankRequest) -> EncodedRequest:
    """Texts as they are; items of one key each as soon as one of them is none (section 7.3)."""
    parts = (request.query, *request.documents)
    plain = all(isinstance(part, TextPart) for part in parts)
    query, *documents = [part.text if plain and isinstance(part, TextPart) else item(part) for part in parts]
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


def decode(payload: bytes, headers: Mapping[str, str]) -> RerankResponse:
    """The ranking, best first."""
    answer = read_answer(_read, payload, headers)
    return RerankResponse(
        results=ranking(answer.output.results),
        total_tokens=tokens(answer.usage),
        request_id=answer.request_id or headers.get("x-request-id"),
    )
