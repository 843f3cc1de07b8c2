"""Embeddings on the native protocol: dense and sparse vectors of texts, dense ones of texts, images and videos."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from qwen_core.models.profile import ModelProfile
from qwen_core.protocols.base import EncodedRequest
from qwen_core.protocols.dashscope.encode import PROTOCOL, WHOLE_HEADERS, merge_extra
from qwen_core.protocols.error_decoding import decode_body
from qwen_core.protocols.messages import oss_headers, refuse_part, with_values
from qwen_core.protocols.retrieval import RetrievalUsage, sort_by_index, total_tokens
from qwen_core.types.errors import UnsupportedFeatureError
from qwen_core.types.json import encode_json
from qwen_core.types.messages import AudioPart, ImagePart, Message, Part, TextPart, VideoPart
from qwen_core.types.requests import (
    AnyEmbeddingRequest,
    EmbeddingRequest,
    EmbeddingResponse,
    MultimodalEmbeddingRequest,
    SparseVector,
)

TEXT_PATH = "/services/embeddings/text-embedding/text-embedding"
MULTIMODAL_PATH = "/services/embeddings/multimodal-embedding/multimodal-embedding"


class SparseItem(msgspec.Struct):
    """The weight of one token. ``token`` beside it is for people (section 7.1)."""

    index: int
    value: float


class Embedding(msgspec.Struct):
    """Vectors and the index of their text: ``text_index``, or ``index`` if it is multimodal (section 7.2).

    A sparse response has no ``embedding``, a dense one no ``sparse_embedding`` (section 7.1).
    """

    embedding: list[float] | None = None
    sparse_embedding: list[SparseItem] | None = None
    text_index: int | None = None
    index: int | None = None


class EmbeddingOutput(msgspec.Struct):
    """The vectors, in any order."""

    embeddings: list[Embedding]


class EmbeddingBody(msgspec.Struct):
    """The body of a response of both embedding services."""

    output: EmbeddingOutput
    usage: RetrievalUsage | None = None
    request_id: str | None = None


_decode_json = msgspec.json.Decoder(EmbeddingBody).decode


def encode_embeddings(request: AnyEmbeddingRequest, profile: ModelProfile) -> EncodedRequest:
    """Encode one batch."""
    if isinstance(request, EmbeddingRequest):
        return encode_text_embeddings(request)
    return encode_multimodal_embeddings(request, profile)


def encode_text_embeddings(request: EmbeddingRequest) -> EncodedRequest:
    """Encode texts with their type. ``instruct`` goes with queries only (section 7.1)."""
    text_type = request.text_type or request.role
    body: dict[str, Any] = {
        "model": request.model,
        "input": {"texts": request.texts},
        "parameters": with_values(
            {"text_type": text_type},
            dimension=request.dimensions,
            output_type=request.output_type,
            instruct=request.instruct if text_type == "query" else None,
        ),
    }
    merge_extra(body, request.extra_body)
    return EncodedRequest(path=TEXT_PATH, body=encode_json(body), headers=WHOLE_HEADERS)


def encode_multimodal_embeddings(request: MultimodalEmbeddingRequest, profile: ModelProfile) -> EncodedRequest:
    """Encode contents of one part each, or one of several parts, which the model fuses in its own way."""
    parts = [part for content in request.contents for part in content]
    contents = [encode_item(part) for part in parts]
    fused = len(parts) > len(request.contents)
    if fused and len(request.contents) > 1:
        raise UnsupportedFeatureError(
            "One call can fuse the parts of only one content. Embed the others in calls of their own."
        )
    rates = {part.fps for part in parts if isinstance(part, VideoPart)}
    if len(rates) > 1:
        raise UnsupportedFeatureError(
            "The videos of one call must have the same fps. Embed the others in calls of their own."
        )
    body: dict[str, Any] = {
        "model": request.model,
        "input": {"contents": contents},
        "parameters": with_values(
            {},
            dimension=request.dimensions,
            instruct=request.instruct,
            fps=rates.pop() if rates else None,
            enable_fusion=True if fused and profile.embedding_fusion != "always" else None,
        ),
    }
    merge_extra(body, request.extra_body)
    return EncodedRequest(
        path=MULTIMODAL_PATH,
        body=encode_json(body),
        headers={**WHOLE_HEADERS, **oss_headers([Message("user", tuple(parts))])},
    )


def encode_item(part: Part) -> dict[str, Any]:
    """Encode one part: its kind is its key (section 7.2)."""
    match part:
        case TextPart():
            return {"text": part.text}
        case ImagePart():
            return {"image": part.url}
        case VideoPart():
            return {"video": part.url}
        case AudioPart():
            return {"audio": part.url}
        case _:
            raise refuse_part(part, PROTOCOL)


def decode_embeddings(payload: bytes, headers: Mapping[str, str]) -> EmbeddingResponse:
    """Decode the vectors, in the order of their texts (section 7.1)."""
    body = decode_body(_decode_json, payload, headers)
    rows = sort_by_index([(row_index(row), row) for row in body.output.embeddings])
    return EmbeddingResponse(
        vectors=[row.embedding for row in rows if row.embedding is not None],
        sparse_vectors=[
            decode_sparse_vector(row.sparse_embedding) for row in rows if row.sparse_embedding is not None
        ],
        total_tokens=total_tokens(body.usage),
        request_id=body.request_id or headers.get("x-request-id"),
    )


def row_index(row: Embedding) -> int:
    """Return the index of what a vector belongs to; a fused vector has none, and is the only one."""
    return (row.index or 0) if row.text_index is None else row.text_index


def decode_sparse_vector(items: Sequence[SparseItem]) -> SparseVector:
    """Return weights by token id; the larger one if a token id is repeated."""
    weights: SparseVector = {}
    for entry in items:
        weights[entry.index] = max(entry.value, weights.get(entry.index, entry.value))
    return weights
