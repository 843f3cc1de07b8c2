"""Embeddings on the OpenAI-compatible protocol: ``POST /embeddings``, only for dense vectors of texts."""

from collections.abc import Mapping
from typing import Any

import msgspec

from qwen_core.models.profile import ModelProfile
from qwen_core.protocols.base import NATIVE_EXTRA, EncodedRequest, merge_body
from qwen_core.protocols.error_decoding import decode_body
from qwen_core.protocols.retrieval import RetrievalUsage, sort_by_index, total_tokens
from qwen_core.types.errors import UnsupportedFeatureError
from qwen_core.types.json import encode_json
from qwen_core.types.requests import AnyEmbeddingRequest, EmbeddingRequest, EmbeddingResponse

HINT = f'Use protocol="dashscope" or "auto" ({NATIVE_EXTRA}).'


class Embedding(msgspec.Struct):
    """A vector and the index of its text."""

    embedding: list[float]
    index: int


class EmbeddingBody(msgspec.Struct):
    """The body of a response of ``/embeddings``."""

    data: list[Embedding]
    model: str | None = None
    usage: RetrievalUsage | None = None


_decode_json = msgspec.json.Decoder(EmbeddingBody).decode


def encode_embeddings(request: AnyEmbeddingRequest, profile: ModelProfile) -> EncodedRequest:
    """Encode strings, and request floats by name (section 1.2). ``text_type`` is not available here."""
    if not isinstance(request, EmbeddingRequest):
        raise UnsupportedFeatureError(
            "Multimodal embeddings are not available over the OpenAI-compatible protocol.", hint=HINT
        )
    if request.output_type not in (None, "dense"):
        raise UnsupportedFeatureError(
            "Sparse embeddings are not available over the OpenAI-compatible protocol.", hint=HINT
        )
    body: dict[str, Any] = {"model": request.model, "input": request.texts, "encoding_format": "float"}
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    return EncodedRequest(path="/embeddings", body=encode_json(merge_body(body, request.extra_body)))


def decode_embeddings(payload: bytes, headers: Mapping[str, str]) -> EmbeddingResponse:
    """Decode the vectors, in the order of their texts."""
    body = decode_body(_decode_json, payload, headers)
    return EmbeddingResponse(
        vectors=sort_by_index([(row.index, row.embedding) for row in body.data]),
        model=body.model,
        total_tokens=total_tokens(body.usage),
        request_id=headers.get("x-request-id"),
    )
