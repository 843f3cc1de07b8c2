"""When a call is tried again, and after how long. The same on both wires: the SDKs' own retries are off.

Only what cannot be billed twice: refusals to serve (429, 5xx) and connections that broke before any answer. A
stream is tried again until its first event and never after.
"""

import logging
from typing import Any

from tenacity import AsyncRetrying, RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_exponential, wait_random

from qwen_core.errors import QwenError

FIRST_WAIT = 0.5
LONGEST_WAIT = 8.0
LONGEST_RETRY_AFTER = 120.0

logger = logging.getLogger("qwen_core")

_backoff = wait_exponential(multiplier=FIRST_WAIT, max=LONGEST_WAIT) + wait_random(0, FIRST_WAIT / 2)


def is_retryable(error: BaseException) -> bool:
    """Whether another attempt is safe and useful. A wait longer than the limit is the caller's to decide."""
    if not isinstance(error, QwenError) or not error.is_retryable:
        return False
    return error.retry_after is None or error.retry_after <= LONGEST_RETRY_AFTER


def wait(state: RetryCallState) -> float:
    """Seconds until the next attempt: what the service asked for, else exponential with jitter."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, QwenError) and error.retry_after is not None:
        return error.retry_after
    return _backoff(state)


def log_retry(state: RetryCallState) -> None:
    """One line for each retry, without content or key."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, QwenError):
        logger.info(
            "Attempt %d failed with %s (status %s, code %s, request id %s); next in %.1f s",
            state.attempt_number,
            type(error).__name__,
            error.status_code,
            error.code,
            error.request_id,
            state.upcoming_sleep,
        )


def _arguments(max_retries: int) -> dict[str, Any]:
    return {
        "stop": stop_after_attempt(max_retries + 1),
        "wait": wait,
        "retry": retry_if_exception(is_retryable),
        "before_sleep": log_retry,
        "reraise": True,
    }


def retrying(max_retries: int) -> Retrying:
    """Attempts for a synchronous call."""
    return Retrying(**_arguments(max_retries))


def async_retrying(max_retries: int) -> AsyncRetrying:
    """Attempts for an asynchronous call."""
    return AsyncRetrying(**_arguments(max_retries))
