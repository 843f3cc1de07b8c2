"""Split embedding requests into the batches that a model accepts, and join and check the responses."""

from collections.abc import Sequence
from itertools import groupby

import msgspec

from qwen_core.execution.batching import BatchPlan, total_tokens
from qwen_core.execution.exchange import Exchange
from qwen_core.execution.plan import plan_embedding
from qwen_core.models.catalogue import resolve
from qwen_core.types.errors import InvalidResponseError
from qwen_core.types.messages import TextPart
from qwen_core.types.requests import (
    AnyEmbeddingRequest,
    EmbeddingRequest,
    EmbeddingResponse,
    MultimodalEmbeddingRequest,
)

DEFAULT_BATCH = 10
"""Texts in one call if the catalog has no limit: the smallest documented one (compatible 5.4)."""


def size(request: AnyEmbeddingRequest) -> int:
    """Return the number of vectors that a request asks for."""
    return len(request.texts if isinstance(request, EmbeddingRequest) else request.contents)


def split(request: AnyEmbeddingRequest, limit: int | None) -> list[AnyEmbeddingRequest]:
    """Return requests of at most ``limit`` texts or contents each, in order."""
    if isinstance(request, EmbeddingRequest):
        return list(split_texts(request, limit or resolve(request.model).embedding_batch or DEFAULT_BATCH))
    return list(split_contents(request, limit or resolve(request.model).embedding_batch or 1))


def split_texts(request: EmbeddingRequest, limit: int) -> list[EmbeddingRequest]:
    """Return requests of at most ``limit`` texts each, in order."""
    return [
        msgspec.structs.replace(request, texts=request.texts[start : start + limit])
        for start in range(0, len(request.texts), limit)
    ]


def split_contents(request: MultimodalEmbeddingRequest, limit: int) -> list[MultimodalEmbeddingRequest]:
    """Return requests of ``limit`` texts each, and one for each content with media or several parts.

    How many images and videos a call may hold differs from model to model and from page to page.
    """
    batches: list[tuple[tuple[object, ...], ...]] = []
    for is_text, group in groupby(request.contents, key=is_one_text):
        contents = tuple(group)
        step = limit if is_text else 1
        batches += [contents[start : start + step] for start in range(0, len(contents), step)]
    return [msgspec.structs.replace(request, contents=contents) for contents in batches]


def is_one_text(content: Sequence[object]) -> bool:
    """Return whether a content is a single text."""
    return len(content) == 1 and isinstance(content[0], TextPart)


def join(
    request: AnyEmbeddingRequest, batches: Sequence[AnyEmbeddingRequest], responses: Sequence[EmbeddingResponse]
) -> EmbeddingResponse:
    """Return one response for all batches. Raises InvalidResponseError if a batch lacks or repeats a vector."""
    for batch, response in zip(batches, responses, strict=True):
        check(batch, response)
    last = responses[-1] if responses else EmbeddingResponse(model=request.model)
    return EmbeddingResponse(
        vectors=[vector for response in responses for vector in response.vectors],
        sparse_vectors=[vector for response in responses for vector in response.sparse_vectors],
        model=last.model,
        total_tokens=total_tokens(responses),
        request_id=last.request_id,
    )


def check(request: AnyEmbeddingRequest, response: EmbeddingResponse) -> None:
    """Raise InvalidResponseError if the vectors do not match the request. Only a sparse vector may be empty."""
    output_type = (request.output_type if isinstance(request, EmbeddingRequest) else None) or "dense"
    for kind, vectors in (("dense", response.vectors), ("sparse", response.sparse_vectors)):
        expected = size(request) if kind in output_type else 0
        if expected and len(vectors) != expected:
            raise InvalidResponseError(
                f"The request asked for {expected} {kind} vectors, and the response has {len(vectors)}.",
                model=request.model,
                request_id=response.request_id,
            )
    if len(lengths := {len(vector) for vector in response.vectors}) > 1:
        raise InvalidResponseError(
            f"The response has vectors of different lengths: {', '.join(map(str, sorted(lengths)))}.",
            model=request.model,
            request_id=response.request_id,
        )
    if not all(response.vectors):
        raise InvalidResponseError(
            "The response has an empty vector.", model=request.model, request_id=response.request_id
        )


EMBEDDING: BatchPlan[AnyEmbeddingRequest, EmbeddingResponse] = BatchPlan(
    size=size, split=split, join=join, plan_call=plan_embedding, decode=Exchange.decode_embedding
)
