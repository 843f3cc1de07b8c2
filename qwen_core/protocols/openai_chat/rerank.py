"""Reranking of texts on the flat route beside the OpenAI-compatible one: ``POST /compatible-api/v1/reranks``."""

from collections.abc import Mapping, Sequence

import msgspec

from qwen_core.protocols.base import NATIVE_EXTRA, EncodedRequest, merge_body
from qwen_core.protocols.error_decoding import decode_body
from qwen_core.protocols.messages import with_values
from qwen_core.protocols.retrieval import Result, RetrievalUsage, sort_by_score, total_tokens
from qwen_core.types.errors import UnsupportedFeatureError
from qwen_core.types.json import encode_json
from qwen_core.types.messages import Part, TextPart
from qwen_core.types.requests import RerankRequest, RerankResponse


class RerankBody(msgspec.Struct):
    """The body of a response of ``/reranks``. Errors come in the native form (section 6)."""

    results: list[Result]
    usage: RetrievalUsage | None = None
    id: str | None = None


class BareResult(msgspec.Struct):
    """A document's index and score, as SGLang lists them without an envelope ("Rerank models")."""

    index: int
    score: float


_decode_json = msgspec.json.Decoder(RerankBody | list[BareResult]).decode


def encode_rerank(request: RerankRequest) -> EncodedRequest:
    """Encode one flat body (section 1.2). ``top_n`` is at most the number of documents."""
    query, *documents = require_texts((request.query, *request.documents))
    body = with_values(
        {"model": request.model, "query": query, "documents": documents},
        top_n=None if request.top_n is None else min(request.top_n, len(documents)),
        instruct=request.instruct,
    )
    return EncodedRequest(path="/reranks", body=encode_json(merge_body(body, request.extra_body)))


def require_texts(parts: Sequence[Part]) -> list[str]:
    """Return the parts as texts. Raises UnsupportedFeatureError if one is not text."""
    found = [part.text for part in parts if isinstance(part, TextPart)]
    if len(found) != len(parts):
        raise UnsupportedFeatureError(
            "The OpenAI-compatible protocol can rerank only texts.",
            hint=f'Use protocol="dashscope" or "auto" ({NATIVE_EXTRA}).',
        )
    return found


def decode_rerank(payload: bytes, headers: Mapping[str, str]) -> RerankResponse:
    """Decode the ranking, best first."""
    body = decode_body(_decode_json, payload, headers)
    if isinstance(body, list):
        body = RerankBody([Result(result.index, result.score) for result in body])
    return RerankResponse(
        results=sort_by_score(body.results),
        total_tokens=total_tokens(body.usage),
        request_id=body.id or headers.get("x-request-id"),
    )
