"""Split rerank requests into the batches that a model accepts, and join the rankings.

Rerankers score each document by itself, so that the scores of several calls can be compared.
"""

from collections.abc import Iterator, Sequence

import msgspec

from qwen_core.execution.batching import BatchPlan, total_tokens
from qwen_core.execution.exchange import Exchange
from qwen_core.execution.plan import plan_rerank
from qwen_core.models.catalogue import resolve
from qwen_core.models.profile import ModelProfile
from qwen_core.models.tokens import estimate_tokens
from qwen_core.types.errors import BadRequestError, ContextOverflowError, InvalidResponseError, QwenError
from qwen_core.types.messages import ImagePart, Part, TextPart, VideoPart
from qwen_core.types.requests import Ranked, RerankRequest, RerankResponse

DEFAULT_DOCUMENTS = 100
"""Documents in one call if the catalog has no limit: the smallest documented one (native 7.3)."""


def size(request: RerankRequest) -> int:
    """Return the number of documents in a request."""
    return len(request.documents)


def split(request: RerankRequest, limit: int | None) -> list[RerankRequest]:
    """Return requests within the model's limits, in order. Empty texts are omitted: the service refuses them."""
    if request.top_n is not None and request.top_n < 1:
        raise BadRequestError(f"top_n must be at least 1 (got {request.top_n}).")
    profile = resolve(request.model)
    positions = request.positions or tuple(range(len(request.documents)))
    sent = [
        (position, document)
        for position, document in zip(positions, request.documents, strict=True)
        if not (isinstance(document, TextPart) and not document.text.strip())
    ]
    return [
        msgspec.structs.replace(
            request,
            documents=tuple(document for _, document in batch),
            positions=tuple(position for position, _ in batch),
        )
        for batch in batches(sent, limits(profile, limit), estimate(request.query))
    ]


def limits(profile: ModelProfile, documents: int | None) -> dict[str, int]:
    """Return the limits of one call, as far as they are known."""
    known = {
        "documents": documents or profile.rerank_max_documents or DEFAULT_DOCUMENTS,
        "images": profile.rerank_max_images,
        "videos": profile.rerank_max_videos,
        "tokens": profile.rerank_max_tokens_request,
    }
    return {name: limit for name, limit in known.items() if limit is not None}


def batches(
    documents: Sequence[tuple[int, Part]], limits: dict[str, int], query_tokens: int
) -> Iterator[list[tuple[int, Part]]]:
    """Yield batches within the limits. The query counts once for each document (native 7.3)."""
    batch: list[tuple[int, Part]] = []
    held = dict.fromkeys(limits, 0)
    for position, document in documents:
        cost = {
            "documents": 1,
            "images": isinstance(document, ImagePart),
            "videos": isinstance(document, VideoPart),
            "tokens": query_tokens + estimate(document),
        }
        if batch and any(held[name] + cost[name] > limit for name, limit in limits.items()):
            yield batch
            batch, held = [], dict.fromkeys(limits, 0)
        batch.append((position, document))
        for name in held:
            held[name] += cost[name]
    if batch:
        yield batch


def estimate(part: Part) -> int:
    """Estimate the tokens of a text. Media are limited by number, not by tokens."""
    return estimate_tokens(part.text) if isinstance(part, TextPart) else 0


def join(
    request: RerankRequest, batches: Sequence[RerankRequest], responses: Sequence[RerankResponse]
) -> RerankResponse:
    """Return one ranking of all documents, cut to ``top_n``. A document that was not sent scores 0."""
    results: list[Ranked] = []
    for batch, response in zip(batches, responses, strict=True):
        check(batch, response)
        results += [Ranked(batch.positions[result.index], result.score) for result in response.results]
    sent = {position for batch in batches for position in batch.positions}
    positions = request.positions or range(len(request.documents))
    results += [Ranked(position, 0.0) for position in positions if position not in sent]
    return RerankResponse(
        results=by_own_positions(request, sorted(results, key=lambda result: (-result.score, result.index))),
        total_tokens=total_tokens(responses),
        request_id=responses[-1].request_id if responses else None,
    )


def by_own_positions(request: RerankRequest, results: Sequence[Ranked]) -> list[Ranked]:
    """Return the best results with their indexes in this request."""
    best = results[: request.top_n]
    if not request.positions:
        return list(best)
    own = {position: index for index, position in enumerate(request.positions)}
    return [Ranked(own[result.index], result.score) for result in best]


def check(request: RerankRequest, response: RerankResponse) -> None:
    """Raise InvalidResponseError if the ranking has an unknown index or not as many results as expected."""
    expected = min(request.top_n or size(request), size(request))
    known = all(0 <= result.index < size(request) for result in response.results)
    if not known or len(response.results) != expected:
        raise InvalidResponseError(
            f"The request has {size(request)} documents; the {len(response.results)} results do not match it.",
            model=request.model,
            request_id=response.request_id,
        )


def too_long_hint(request: RerankRequest, error: QwenError) -> str | None:
    """Return which documents look too long, if the error is about the length of the input."""
    longest = resolve(request.model).rerank_max_tokens_item
    if not isinstance(error, ContextOverflowError) or longest is None:
        return None
    named = {"query": request.query}
    named |= {
        f"document {position}": part for position, part in zip(request.positions, request.documents, strict=True)
    }
    suspects = [name for name, part in named.items() if estimate(part) > longest * 0.9]
    which = f" These look longer: {', '.join(suspects[:5])}." if suspects else ""
    return f"{request.model} accepts at most {longest} tokens in one text.{which} Split the documents smaller."


RERANKING: BatchPlan[RerankRequest, RerankResponse] = BatchPlan(
    size=size, split=split, join=join, plan_call=plan_rerank, decode=Exchange.decode_rerank, hint=too_long_hint
)
