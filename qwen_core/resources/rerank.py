"""Documents in the order of their relevance, in the batches that a model takes. Pure; the clients carry it out.

Rerankers score each document by itself, so that the scores of several calls make one ranking.
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
"""Documents in one call where the catalogue knows no limit: the smallest documented (native 7.3)."""


def size(request: RerankRequest) -> int:
    """How many documents a request holds."""
    return len(request.documents)


def split(request: RerankRequest, limit: int | None) -> list[RerankRequest]:
    """Requests within the model's limits, in order. Empty texts are left out: the service refuses them."""
    if request.top_n is not None and request.top_n < 1:
        raise BadRequestError(f"A top_n of {request.top_n} asks for no documents.")
    profile = resolve(request.model)
    positions = request.positions or tuple(range(len(request.documents)))
    sent = [
        (place, document)
        for place, document in zip(positions, request.documents, strict=True)
        if not (isinstance(document, TextPart) and not document.text.strip())
    ]
    return [
        msgspec.structs.replace(
            request,
            documents=tuple(document for _, document in batch),
            positions=tuple(place for place, _ in batch),
        )
        for batch in batches(sent, limits(profile, limit), estimate(request.query))
    ]


def limits(profile: ModelProfile, documents: int | None) -> dict[str, int]:
    """What one call may hold, of each kind that is known to be limited."""
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
    """Cut where the next document would break a limit. The query counts once for each document (native 7.3)."""
    batch: list[tuple[int, Part]] = []
    held = dict.fromkeys(limits, 0)
    for place, document in documents:
        cost = {
            "documents": 1,
            "images": isinstance(document, ImagePart),
            "videos": isinstance(document, VideoPart),
            "tokens": query_tokens + estimate(document),
        }
        if batch and any(held[name] + cost[name] > limit for name, limit in limits.items()):
            yield batch
            batch, held = [], dict.fromkeys(limits, 0)
        batch.append((place, document))
        for name in held:
            held[name] += cost[name]
    if batch:
        yield batch


def estimate(part: Part) -> int:
    """About how many tokens a text is; media are limited by number."""
    return estimate_tokens(part.text) if isinstance(part, TextPart) else 0


def join(
    request: RerankRequest, batches: Sequence[RerankRequest], answers: Sequence[RerankResponse]
) -> RerankResponse:
    """One ranking of all documents, the ``top_n`` best of them. What was not sent has no relevance."""
    results: list[Ranked] = []
    for batch, answer in zip(batches, answers, strict=True):
        check(batch, answer)
        results += [Ranked(batch.positions[result.index], result.score) for result in answer.results]
    sent = {place for batch in batches for place in batch.positions}
    positions = request.positions or range(len(request.documents))
    results += [Ranked(place, 0.0) for place in positions if place not in sent]
    return RerankResponse(
        results=by_own_positions(request, sorted(results, key=lambda result: (-result.score, result.index))),
        total_tokens=total_tokens(answers),
        request_id=answers[-1].request_id if answers else None,
    )


def by_own_positions(request: RerankRequest, results: Sequence[Ranked]) -> list[Ranked]:
    """The best results, by their positions in this request."""
    best = results[: request.top_n]
    if not request.positions:
        return list(best)
    own = {place: position for position, place in enumerate(request.positions)}
    return [Ranked(own[result.index], result.score) for result in best]


def check(request: RerankRequest, answer: RerankResponse) -> None:
    """Raise where the ranking is of other documents than were sent, or leaves some out."""
    wanted = min(request.top_n or size(request), size(request))
    known = all(0 <= result.index < size(request) for result in answer.results)
    if not known or len(answer.results) != wanted:
        raise InvalidResponseError(
            f"{size(request)} documents were sent, and the ranking that came back does not fit them.",
            model=request.model,
            request_id=answer.request_id,
        )


def too_long_hint(request: RerankRequest, error: QwenError) -> str | None:
    """Which documents are too long, as far as that can be estimated."""
    longest = resolve(request.model).rerank_max_tokens_item
    if not isinstance(error, ContextOverflowError) or longest is None:
        return None
    named = {"query": request.query}
    named |= {f"document {place}": part for place, part in zip(request.positions, request.documents, strict=True)}
    suspects = [name for name, part in named.items() if estimate(part) > longest * 0.9]
    which = f" These look longer: {', '.join(suspects[:5])}." if suspects else ""
    return f"{request.model} takes at most {longest} tokens in one text.{which} Split the documents smaller."


RERANKING: BatchPlan[RerankRequest, RerankResponse] = BatchPlan(
    size=size, split=split, join=join, plan_call=plan_rerank, decode=Exchange.decode_rerank, hint=too_long_hint
)
