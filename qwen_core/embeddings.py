"""Many texts to vectors: cut into the batches that a model takes, and put together again in order."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from qwen_core.errors import InvalidResponseError
from qwen_core.request import EmbeddingRequest, EmbeddingResponse

DEFAULT_BATCH = 10
"""Rows in one call for a model of which the catalogue knows no limit: the smallest documented (compatible 5.4)."""

DEFAULT_CONCURRENCY = 8

OnBatch = Callable[[int], None]
"""Told after each batch how many texts it held."""


def split(request: EmbeddingRequest, limit: int) -> list[EmbeddingRequest]:
    """Requests of at most ``limit`` texts each, in order."""
    return [
        msgspec.structs.replace(request, texts=request.texts[start : start + limit])
        for start in range(0, len(request.texts), limit)
    ]


def join(requests: Sequence[EmbeddingRequest], responses: Sequence[EmbeddingResponse]) -> EmbeddingResponse:
    """One response for all batches. Raises where a batch came back with a vector too few or too many."""
    vectors: list[list[float]] = []
    total_tokens: int | None = 0
    for request, response in zip(requests, responses, strict=True):
        if len(response.vectors) != len(request.texts):
            raise InvalidResponseError(
                f"{len(request.texts)} texts were sent but {len(response.vectors)} vectors came back.",
                model=request.model,
                request_id=response.request_id,
            )
        vectors += response.vectors
        known = total_tokens is not None and response.total_tokens is not None
        total_tokens = (total_tokens or 0) + (response.total_tokens or 0) if known else None
    last = responses[-1] if responses else EmbeddingResponse(vectors=[])
    return EmbeddingResponse(
        vectors=vectors, model=last.model, total_tokens=total_tokens, request_id=last.request_id
    )


def map_in_order(
    embed: Callable[[EmbeddingRequest], EmbeddingResponse],
    requests: Sequence[EmbeddingRequest],
    on_batch: OnBatch | None = None,
) -> list[EmbeddingResponse]:
    """Embed each batch, one after the other."""
    responses: list[EmbeddingResponse] = []
    for request in requests:
        responses.append(embed(request))
        if on_batch:
            on_batch(len(request.texts))
    return responses


async def async_map_in_order(
    embed: Callable[[EmbeddingRequest], Awaitable[EmbeddingResponse]],
    requests: Sequence[EmbeddingRequest],
    on_batch: OnBatch | None = None,
) -> list[EmbeddingResponse]:
    """Embed the batches, a bounded number at once, and keep their order. The first failure cancels the rest."""
    slots = asyncio.Semaphore(DEFAULT_CONCURRENCY)

    async def one(request: EmbeddingRequest) -> EmbeddingResponse:
        async with slots:
            response = await embed(request)
        if on_batch:
            on_batch(len(request.texts))
        return response

    tasks = [asyncio.ensure_future(one(request)) for request in requests]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
