"""Work that is cut into batches: the plan of it, and what is learned of a service's limits on the way.

A plan is pure; the two clients carry it out. The limits that refusals named are remembered for this process, by
host and model, and nothing else is.
"""

import re
import threading
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from qwen_core.config.settings import ClientSettings
from qwen_core.execution.call import Call
from qwen_core.transports.base import HTTPResponse
from qwen_core.types.errors import BadRequestError, QwenError

STATED_LIMIT = re.compile(
    r"(?:batch size|documents|contents|texts)\b.*?not (?:be )?(?:larger|greater|more|exceed)(?: than)? (\d+)",
    re.IGNORECASE | re.DOTALL,
)
"""The number in a refusal such as "batch size is invalid, it should not be larger than 10" (native 7.1)."""


class HasUsage(Protocol):
    """An answer that says what it cost."""

    @property
    def total_tokens(self) -> int | None: ...


class HasModel(Protocol):
    """A request that says which model it is for."""

    @property
    def model(self) -> str: ...


RequestT = TypeVar("RequestT", bound=HasModel)
AnswerT = TypeVar("AnswerT", bound=HasUsage)
RequestIn = TypeVar("RequestIn", contravariant=True)


class MakeCall(Protocol[RequestIn]):
    """Makes the call for one batch."""

    def __call__(self, settings: ClientSettings, request: RequestIn, *, asynchronous: bool) -> Call: ...


def nothing_to_add(request: object, error: QwenError) -> None:
    """No explanation beyond the service's own words."""


class Work(NamedTuple, Generic[RequestT, AnswerT]):
    """One kind of work in batches.

    size            how many items a request holds
    split           a request as requests of at most so many items (None: as the catalogue says), in order
    join            one answer to a request from the answers to its parts
    make_call       the call for one batch
    decode          the answer to one batch
    explain         what to do about a refusal, where that can be told from the batch
    """

    size: Callable[[RequestT], int]
    split: Callable[[RequestT, int | None], list[RequestT]]
    join: Callable[[RequestT, Sequence[RequestT], Sequence[AnswerT]], AnswerT]
    make_call: MakeCall[RequestT]
    decode: Callable[[Call, HTTPResponse], AnswerT]
    explain: Callable[[RequestT, QwenError], str | None] = nothing_to_add


OnBatch = Callable[[int], object]
"""Told after each batch how many items it held."""


def total_tokens(answers: Sequence[HasUsage]) -> int | None:
    """What several batches cost; None where one of them does not say it."""
    counts = [answer.total_tokens for answer in answers]
    return None if None in counts else sum(count or 0 for count in counts)


def counting(work: Work[RequestT, AnswerT], on_batch: OnBatch | None) -> Callable[[RequestT], object] | None:
    """A function to be told of each batch that is done, where anyone wants to know."""
    return (lambda batch: on_batch(work.size(batch))) if on_batch else None


class LearnedLimits:
    """The most items in one call, where a refusal named the number. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._limits: dict[tuple[str, str], int] = {}

    def learn(self, host: str, model: str, limit: int) -> None:
        """Remember what a host said of a model."""
        with self._lock:
            self._limits[host, model] = limit

    def get(self, host: str, model: str) -> int | None:
        """What a host said of a model, if it did."""
        with self._lock:
            return self._limits.get((host, model))

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._limits.clear()


LEARNED_LIMITS = LearnedLimits()


def stated_limit(error: QwenError) -> int | None:
    """The most items in one call, where a refusal names it."""
    found = STATED_LIMIT.search(error.message) if isinstance(error, BadRequestError) else None
    return int(found.group(1)) if found else None


def first_split(
    work: Work[RequestT, AnswerT], settings: ClientSettings, request: RequestT, batch_size: int | None
) -> list[RequestT]:
    """The batches to begin with: as the caller wants, else as the catalogue says, within what was learned."""
    if batch_size is not None and batch_size < 1:
        raise BadRequestError(f"A batch_size of {batch_size} is none: it is the most items in one call.")
    learned = LEARNED_LIMITS.get(settings.endpoint("openai").host, request.model)
    batches = work.split(request, batch_size)
    if learned is None or all(work.size(batch) <= learned for batch in batches):
        return batches
    return work.split(request, learned)


def split_if_learned(work: Work[RequestT, AnswerT], call: Call, request: RequestT) -> list[RequestT] | None:
    """Smaller batches, where a limit was learned since this one was cut; else None."""
    learned = LEARNED_LIMITS.get(call.host, call.model)
    return work.split(request, learned) if learned and work.size(request) > learned else None


def split_after_refusal(
    work: Work[RequestT, AnswerT], call: Call, request: RequestT, error: QwenError
) -> list[RequestT] | None:
    """Smaller batches, where the refusal named a limit that this one exceeds; it is remembered. Else None.

    A batch that is within the limit and refused all the same is not sent again.
    """
    limit = stated_limit(error)
    if limit and work.size(request) > limit:
        LEARNED_LIMITS.learn(call.host, call.model, limit)
        return work.split(request, limit)
    error.hint = error.hint or work.explain(request, error)
    return None
