"""Split work into batches, and learn a service's batch limits on the way.

A batch plan is pure, and ``run_batches`` carries it out. The limits that an error named are remembered for this
process, by host and model, and nothing else is.
"""

import re
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, NamedTuple, Protocol, TypeVar

from qwen_core.config.settings import ClientSettings
from qwen_core.execution.exchange import Exchange, show_warnings
from qwen_core.execution.observers import OF_BATCHES, with_token_charge
from qwen_core.execution.ordered import async_map_in_order
from qwen_core.execution.plan import CallPlan
from qwen_core.execution.retry import OnRetry, async_retry
from qwen_core.transports.base import HTTPResponse, HTTPStatusError
from qwen_core.transports.blocking import async_run
from qwen_core.transports.pool import ASYNC_POOL
from qwen_core.types.errors import BadRequestError, QwenError

STATED_LIMIT = re.compile(
    r"(?:batch size|documents|contents|texts)\b.*?not (?:be )?(?:larger|greater|more|exceed)(?: than)? (\d+)",
    re.IGNORECASE | re.DOTALL,
)
"""The number in an error such as "batch size is invalid, it should not be larger than 10" (native 7.1)."""


class BatchResponse(Protocol):
    """A response that reports what it used."""

    @property
    def total_tokens(self) -> int | None: ...

    @property
    def request_id(self) -> str | None: ...


class BatchRequest(Protocol):
    """A request that names its model."""

    @property
    def model(self) -> str: ...


RequestT = TypeVar("RequestT", bound=BatchRequest)
ResponseT = TypeVar("ResponseT", bound=BatchResponse)
RequestIn = TypeVar("RequestIn", contravariant=True)


class PlanCall(Protocol[RequestIn]):
    """Plans the call for one batch."""

    def __call__(self, request: RequestIn, settings: ClientSettings, *, asynchronous: bool) -> CallPlan: ...


def no_hint(request: object, error: QwenError) -> None:
    """Return no hint: the service's own message is all there is to say."""


class BatchPlan(NamedTuple, Generic[RequestT, ResponseT]):
    """How one kind of request is split, sent and joined again.

    Attributes:
        size: how many items a request holds.
        split: a request as requests of at most so many items (None: as the catalog says), in order.
        join: one response to a request from the responses to its parts.
        plan_call: the plan of the call for one batch.
        decode: the response to one batch.
        hint: what to do about an error, if that can be told from the batch.
    """

    size: Callable[[RequestT], int]
    split: Callable[[RequestT, int | None], list[RequestT]]
    join: Callable[[RequestT, Sequence[RequestT], Sequence[ResponseT]], ResponseT]
    plan_call: PlanCall[RequestT]
    decode: Callable[[Exchange, HTTPResponse], ResponseT]
    hint: Callable[[RequestT, QwenError], str | None] = no_hint


OnBatch = Callable[[int], object]
"""Called after each batch with the number of its items."""


class BatchOptions(NamedTuple):
    """How a caller wants batches to be sent.

    Attributes:
        batch_size: the most items in one call; None: what the model is documented to take.
        workers: how many calls are made at once.
        on_batch: called after each batch with the number of its items.
        on_retry: called before each wait.
    """

    batch_size: int | None
    workers: int
    on_batch: OnBatch | None
    on_retry: OnRetry | None


def total_tokens(responses: Sequence[BatchResponse]) -> int | None:
    """Return what several batches used together; None if one of them does not report it."""
    counts = [response.total_tokens for response in responses]
    return None if None in counts else sum(count or 0 for count in counts)


class BatchLimits:
    """The most items in one call, as errors named it, by host and model. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._limits: dict[tuple[str, str], int] = {}

    def put(self, host: str, model: str, limit: int) -> None:
        """Remember the limit of a host for a model."""
        with self._lock:
            self._limits[host, model] = limit

    def get(self, host: str, model: str) -> int | None:
        """Return the limit of a host for a model, if it is known."""
        with self._lock:
            return self._limits.get((host, model))

    def clear(self) -> None:
        """Forget all limits."""
        with self._lock:
            self._limits.clear()


KNOWN_LIMITS = BatchLimits()


def stated_limit(error: QwenError) -> int | None:
    """Return the most items in one call, if the error names it."""
    match = STATED_LIMIT.search(error.message) if isinstance(error, BadRequestError) else None
    return int(match.group(1)) if match else None


def plan_batches(
    batch_plan: BatchPlan[RequestT, ResponseT],
    request: RequestT,
    settings: ClientSettings,
    batch_size: int | None,
) -> list[RequestT]:
    """Split a request as the caller wants, else as the catalog says, within the limit that is known."""
    if batch_size is not None and batch_size < 1:
        raise BadRequestError(f"batch_size must be at least 1 (got {batch_size}).")
    known = KNOWN_LIMITS.get(settings.endpoint("openai").host, request.model)
    batches = batch_plan.split(request, batch_size)
    if known is None or all(batch_plan.size(batch) <= known for batch in batches):
        return batches
    return batch_plan.split(request, known)


def rebatch_for_known_limit(
    batch_plan: BatchPlan[RequestT, ResponseT], request: RequestT, plan: CallPlan
) -> list[RequestT] | None:
    """Split a batch again if a limit became known since it was split; else return None."""
    known = KNOWN_LIMITS.get(plan.host, plan.model)
    return batch_plan.split(request, known) if known and batch_plan.size(request) > known else None


def rebatch_after_error(
    batch_plan: BatchPlan[RequestT, ResponseT], request: RequestT, plan: CallPlan, error: QwenError
) -> list[RequestT] | None:
    """Split a batch again if the error named a limit that it exceeds, and remember the limit; else return None.

    A batch that is within the limit and was refused all the same is not sent again.
    """
    limit = stated_limit(error)
    if limit and batch_plan.size(request) > limit:
        KNOWN_LIMITS.put(plan.host, plan.model, limit)
        return batch_plan.split(request, limit)
    error.hint = error.hint or batch_plan.hint(request, error)
    return None


async def async_run_batches(
    batch_plan: BatchPlan[RequestT, ResponseT], request: RequestT, settings: ClientSettings, options: BatchOptions
) -> ResponseT:
    """Send a request in batches, several at once, and join the responses without blocking."""
    size, on_batch = batch_plan.size, options.on_batch
    batches = await async_run(plan_batches, batch_plan, request, settings, options.batch_size)
    send = partial(async_send_batch, batch_plan, settings, options.on_retry)
    on_done = (lambda batch: on_batch(size(batch))) if on_batch else None
    return batch_plan.join(request, batches, await async_map_in_order(send, batches, options.workers, on_done))


async def async_send_batch(
    batch_plan: BatchPlan[RequestT, ResponseT],
    settings: ClientSettings,
    on_retry: OnRetry | None,
    request: RequestT,
) -> ResponseT:
    """Send one batch without blocking, or smaller ones if the service's limit is lower."""
    plan = batch_plan.plan_call(request, settings, asynchronous=True)
    show_warnings(plan)
    exchange = Exchange(plan, with_token_charge(OF_BATCHES, settings))
    parts = rebatch_for_known_limit(batch_plan, request, plan)
    if parts is None:
        try:
            attempt = partial(async_attempt_batch, batch_plan, exchange)
            return await async_retry(attempt, exchange, settings.max_retries, on_retry)
        except BadRequestError as error:
            parts = rebatch_after_error(batch_plan, request, plan, error)
            if parts is None:
                raise
    responses = [await async_send_batch(batch_plan, settings, on_retry, part) for part in parts]
    return batch_plan.join(request, parts, responses)


async def async_attempt_batch(batch_plan: BatchPlan[RequestT, ResponseT], exchange: Exchange) -> ResponseT:
    """Send one batch once."""
    plan = exchange.plan
    try:
        transport = await ASYNC_POOL.get(plan.connection)
        response = batch_plan.decode(exchange, await transport.send(plan.encoded, exchange.deadline.end))
    except (QwenError, HTTPStatusError) as error:
        raise exchange.map_error(error) from error.__cause__
    exchange.on_batch(response.total_tokens, response.request_id)
    return response
