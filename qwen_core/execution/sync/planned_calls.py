# Generated from qwen_core/execution/planned_calls.py by scripts/generate_sync.py: do not edit.
"""Send a planned call whose response is one body, and decode it: retried as a chat is, over the same pool."""

from functools import partial

from qwen_core.config.settings import ClientSettings
from qwen_core.execution.exchange import Exchange, show_warnings
from qwen_core.execution.observers import OF_BATCHES, with_token_charge
from qwen_core.execution.plan import CallPlan
from qwen_core.execution.planned_calls import Decode, T
from qwen_core.execution.retry import OnRetry
from qwen_core.execution.sync.retry import retry
from qwen_core.protocols.error_decoding import invalid_response
from qwen_core.protocols.stream_parser import DECODE_ERRORS
from qwen_core.transports.base import HTTPStatusError, normalize_headers
from qwen_core.transports.pool import POOL
from qwen_core.types.errors import QwenError


def call_plan(plan: CallPlan, settings: ClientSettings, decode: Decode[T], on_retry: OnRetry | None = None) -> T:
    """Send what is planned and return the decoded response. Raises a QwenError."""
    show_warnings(plan)
    exchange = Exchange(plan, with_token_charge(OF_BATCHES, settings))
    return retry(partial(attempt_call, exchange, decode), exchange, settings.max_retries, on_retry)


def attempt_call(exchange: Exchange, decode: Decode[T]) -> T:
    """Send the request once."""
    plan = exchange.plan
    try:
        transport = POOL.get(plan.connection)
        response = transport.send(plan.encoded, exchange.deadline.end)
        try:
            decoded = decode(response.body, normalize_headers(response.headers))
        except DECODE_ERRORS as reason:
            raise invalid_response(response.body, f"{type(reason).__name__}: {reason}") from reason
    except (QwenError, HTTPStatusError) as error:
        raise exchange.map_error(error) from error.__cause__
    exchange.on_batch(decoded.total_tokens, decoded.request_id)
    return decoded
