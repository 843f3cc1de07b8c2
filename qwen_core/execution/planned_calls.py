"""Send a planned call whose response is one body, and decode it: retried as a chat is, over the same pool.

The decoding is part of the attempt, so that an error inside a response with HTTP status 200 is retried too.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol, TypeVar

from qwen_core.config.settings import ClientSettings
from qwen_core.execution.exchange import Exchange, show_warnings
from qwen_core.execution.observers import OF_BATCHES, with_token_charge
from qwen_core.execution.plan import CallPlan
from qwen_core.execution.retry import OnRetry, async_retry
from qwen_core.protocols.error_decoding import invalid_response
from qwen_core.protocols.stream_parser import DECODE_ERRORS
from qwen_core.transports.base import HTTPStatusError, normalize_headers
from qwen_core.transports.pool import ASYNC_POOL
from qwen_core.types.errors import QwenError


class ServiceResponse(Protocol):
    """A response that observers are told of."""

    @property
    def total_tokens(self) -> int | None:
        """The tokens that the call consumed, if it reports them."""

    @property
    def request_id(self) -> str | None:
        """The id that Alibaba's support asks for."""


T = TypeVar("T", bound=ServiceResponse)

Decode = Callable[[bytes, Mapping[str, str]], T]
"""Returns the response to a body and its headers, whose names are in lower case."""


async def async_call_plan(
    plan: CallPlan, settings: ClientSettings, decode: Decode[T], on_retry: OnRetry | None = None
) -> T:
    """Send what is planned and return the decoded response, without blocking. Raises a QwenError."""
    show_warnings(plan)
    exchange = Exchange(plan, with_token_charge(OF_BATCHES, settings))
    return await async_retry(
        partial(async_attempt_call, exchange, decode), exchange, settings.max_retries, on_retry
    )


async def async_attempt_call(exchange: Exchange, decode: Decode[T]) -> T:
    """Send the request once, without blocking."""
    plan = exchange.plan
    try:
        transport = await ASYNC_POOL.get(plan.connection)
        response = await transport.send(plan.encoded, exchange.deadline.end)
        try:
            decoded = decode(response.body, normalize_headers(response.headers))
        except DECODE_ERRORS as reason:
            raise invalid_response(response.body, f"{type(reason).__name__}: {reason}") from reason
    except (QwenError, HTTPStatusError) as error:
        raise exchange.map_error(error) from error.__cause__
    exchange.on_batch(decoded.total_tokens, decoded.request_id)
    return decoded
