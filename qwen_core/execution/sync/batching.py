# Generated from qwen_core/execution/batching.py by scripts/generate_sync.py: do not edit.
"""Split work into batches, and learn a service's batch limits on the way."""

from functools import partial

from qwen_core.config.settings import ClientSettings
from qwen_core.execution.batching import (
    BatchOptions,
    BatchPlan,
    RequestT,
    ResponseT,
    plan_batches,
    rebatch_after_error,
    rebatch_for_known_limit,
)
from qwen_core.execution.exchange import Exchange, show_warnings
from qwen_core.execution.observers import OF_BATCHES, with_token_charge
from qwen_core.execution.ordered import map_in_order
from qwen_core.execution.retry import OnRetry
from qwen_core.execution.sync.retry import retry
from qwen_core.transports.base import HTTPStatusError
from qwen_core.transports.blocking import run
from qwen_core.transports.pool import POOL
from qwen_core.types.errors import BadRequestError, QwenError


def run_batches(
    batch_plan: BatchPlan[RequestT, ResponseT], request: RequestT, settings: ClientSettings, options: BatchOptions
) -> ResponseT:
    """Send a request in batches, several at once, and join the responses."""
    size, on_batch = batch_plan.size, options.on_batch
    batches = run(plan_batches, batch_plan, request, settings, options.batch_size)
    send = partial(send_batch, batch_plan, settings, options.on_retry)
    on_done = (lambda batch: on_batch(size(batch))) if on_batch else None
    return batch_plan.join(request, batches, map_in_order(send, batches, options.workers, on_done))


def send_batch(
    batch_plan: BatchPlan[RequestT, ResponseT],
    settings: ClientSettings,
    on_retry: OnRetry | None,
    request: RequestT,
) -> ResponseT:
    """Send one batch, or smaller ones if the service's limit is lower."""
    plan = batch_plan.plan_call(request, settings, asynchronous=False)
    show_warnings(plan)
    exchange = Exchange(plan, with_token_charge(OF_BATCHES, settings))
    parts = rebatch_for_known_limit(batch_plan, request, plan)
    if parts is None:
        try:
            attempt = partial(attempt_batch, batch_plan, exchange)
            return retry(attempt, exchange, settings.max_retries, on_retry)
        except BadRequestError as error:
            parts = rebatch_after_error(batch_plan, request, plan, error)
            if parts is None:
                raise
    responses = [send_batch(batch_plan, settings, on_retry, part) for part in parts]
    return batch_plan.join(request, parts, responses)


def attempt_batch(batch_plan: BatchPlan[RequestT, ResponseT], exchange: Exchange) -> ResponseT:
    """Send one batch once."""
    plan = exchange.plan
    try:
        transport = POOL.get(plan.connection)
        response = batch_plan.decode(exchange, transport.send(plan.encoded, exchange.deadline.end))
    except (QwenError, HTTPStatusError) as error:
        raise exchange.map_error(error) from error.__cause__
    exchange.on_batch(response.total_tokens, response.request_id)
    return response
