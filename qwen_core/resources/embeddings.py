"""Texts and other contents to vectors, in the batches that a model takes. Pure; the clients carry it out."""

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
"""Texts in one call where the catalogue knows no limit: the smallest documented (compatible 5.4)."""


def size(request: AnyEmbeddingRequest) -> int:
    """How many vectors a request asks for."""
    return len(request.texts if isinstance(request, EmbeddingRequest) else request.contents)


def split(request: AnyEmbeddingRequest, limit: int | None) -> list[AnyEmbeddingRequest]:
    """Requests of at most so many texts or contents each, in order."""
    if isinstance(request, EmbeddingRequest):
        return list(split_texts(request, limit or resolve(request.model).embedding_batch or DEFAULT_BATCH))
    return list(split_contents(request, limit or resolve(request.model).embedding_batch or 1))


def split_texts(request: EmbeddingRequest, limit: int) -> list[EmbeddingRequest]:
    """Requests of at most so many texts each, in order."""
    return [
        msgspec.structs.replace(request, texts=request.texts[start : start + limit])
        for start in range(0, len(request.texts), limit)
    ]


def split_contents(request: MultimodalEmbeddingRequest, limit: int) -> list[MultimodalEmbeddingRequest]:
    """Requests of so many texts each; and one for each content with media, or of several parts.

    How many images and videos a call may hold differs from model to model and from page to page.
    """
    batches: list[tuple[tuple[object, ...], ...]] = []
    for is_text, group in groupby(request.contents, key=is_one_text):
        contents = tuple(group)
        step = limit if is_text else 1
        batches += [contents[start : start + step] for start in range(0, len(contents), step)]
    return [msgspec.structs.replace(request, contents=contents) for contents in batches]


def is_one_text(content: Sequence[object]) -> bool:
    """Whether a content is a text and nothing else."""
    return len(content) == 1 and isinstance(content[0], TextPart)


def join(
    request: AnyEmbeddingRequest, batches: Sequence[AnyEmbeddingRequest], answers: Sequence[EmbeddingResponse]
) -> EmbeddingResponse:
    """One response for all batches. Raises where a batch came back with a vector too few, too many or empty."""
    for batch, answer in zip(batches, answers, strict=True):
        check(batch, answer)
    last = answers[-1] if answers else EmbeddingResponse(model=request.model)
    return EmbeddingResponse(
        vectors=[vector for answer in answers for vector in answer.vectors],
        sparse_vectors=[vector for answer in answers for vector in answer.sparse_vectors],
        model=last.model,
        total_tokens=total_tokens(answers),
        request_id=last.request_id,
    )


def check(request: AnyEmbeddingRequest, answer: EmbeddingResponse) -> None:
    """Raise where the vectors are not those asked for. Only a sparse vector may be empty."""
    output_type = (request.output_type if isinstance(request, EmbeddingRequest) else None) or "dense"
    for kind, vectors in (("dense", answer.vectors), ("sparse", answer.sparse_vectors)):
        wanted = size(request) if kind in output_type else 0
        if wanted and len(vectors) != wanted:
            raise InvalidResponseError(
                f"{wanted} {kind} vectors were asked for but {len(vectors)} came back.",
                model=request.model,
                request_id=answer.request_id,
            )
    if len(lengths := {len(vector) for vector in answer.vectors}) > 1:
        raise InvalidResponseError(
            f"Vectors of different lengths came back: {', '.join(map(str, sorted(lengths)))}.",
            model=request.model,
            request_id=answer.request_id,
        )
    if not all(answer.vectors):
        raise InvalidResponseError("An empty vector came back.", model=request.model, request_id=answer.request_id)


EMBEDDING: BatchPlan[AnyEmbeddingRequest, EmbeddingResponse] = BatchPlan(
    size=size, split=split, join=join, plan_call=plan_embedding, decode=Exchange.decode_embedding
)
