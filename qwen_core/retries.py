"""When a call is tried again, and after how long. The same on both wires: the SDKs' own retries are off.

Only what cannot be billed twice: refusals to serve (429, 5xx) and connections that broke before any answer. A
stream is tried again until its first event and never after. All attempts and waits are bounded by the call's
deadline (``timeouts``).
"""

from collections.abc import Callable
from inspect import isawaitable
from time import monotonic
from typing import Any

from tenacity import AsyncRetrying, RetryCallState, Retrying, retry_if_exception
from tenacity.wait import wait_exponential, wait_random

from qwen_core.call import Call
from qwen_core.call_log import log_retry
from qwen_core.errors import QwenError

FIRST_WAIT = 0.5
LONGEST_WAIT = 8.0
LONGEST_RETRY_AFTER = 120.0

OnRetry = Callable[[RetryCallState], object]
"""Told before each wait. For asynchronous calls it may be a coroutine function."""

_backoff = wait_exponential(multiplier=FIRST_WAIT, max=LONGEST_WAIT) + wait_random(0, FIRST_WAIT / 2)


def is_retryable(error: BaseException) -> bool:
    """Whether another attempt is safe and useful. A wait longer than the limit is the caller's to decide."""
    if not isinstance(error, QwenError) or not error.is_retryable:
        return False
    return error.retry_after is None or error.retry_after <= LONGEST_RETRY_AFTER


def wait(state: RetryCallState) -> float:
    """Seconds until the next attempt: what the service asked for, else exponential with jitter."""
    error = failure_of(state)
    if error is not None and error.retry_after is not None:
        return error.retry_after
    return _backoff(state)


def is_too_late(state: RetryCallState) -> bool:
    """Whether the next attempt would begin behind the call's deadline."""
    return not call_of(state).deadline.allows_attempt(monotonic() + state.upcoming_sleep)


def begin(state: RetryCallState) -> None:
    """Before each attempt: count it."""
    call_of(state).attempt = state.attempt_number


def say(state: RetryCallState) -> None:
    """Before each wait: one line in the log."""
    error = failure_of(state)
    if error is not None:
        log_retry(call_of(state), error, state.upcoming_sleep)


def call_of(state: RetryCallState) -> Call:
    """The call that is being tried: the last argument of what is tried."""
    call: Call = state.args[-1]
    return call


def failure_of(state: RetryCallState) -> QwenError | None:
    """What the attempt came to, where it was ours."""
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, QwenError) else None


def _arguments(max_retries: int) -> dict[str, Any]:
    return {
        "stop": lambda state: state.attempt_number > max_retries or is_too_late(state),
        "wait": wait,
        "retry": retry_if_exception(is_retryable),
        "before": begin,
        "reraise": True,
    }


def retrying(max_retries: int, on_retry: OnRetry | None = None) -> Retrying:
    """Attempts for a synchronous call."""

    def before_sleep(state: RetryCallState) -> None:
        say(state)
        if on_retry is not None:
            on_retry(state)

    return Retrying(before_sleep=before_sleep, **_arguments(max_retries))


def async_retrying(max_retries: int, on_retry: OnRetry | None = None) -> AsyncRetrying:
    """Attempts for an asynchronous call."""

    async def before_sleep(state: RetryCallState) -> None:
        say(state)
        told = None if on_retry is None else on_retry(state)
        if isawaitable(told):
            await told

    return AsyncRetrying(before_sleep=before_sleep, **_arguments(max_retries))
