"""Retry a request, after how long, and how often. The same over both protocols: the SDKs' own retries are off.

Only what cannot be billed twice is retried: refusals to serve (429, 5xx) and connections that could not be made or
broke at once. A request that was sent and unanswered for ``SILENCE`` seconds may have been processed
(``Exchange``). A stream is retried until its first event and never after. All attempts and waits end with the
deadline (``timeouts``).
"""

from collections.abc import Awaitable, Callable
from random import uniform
from time import monotonic
from typing import Any, TypeVar

from tenacity import RetryCallState, Retrying

from qwen_core.config.timeouts import Deadline, Timeout
from qwen_core.transports.blocking import async_call, async_sleep
from qwen_core.types.errors import QwenError

FIRST_WAIT = 0.5
LONGEST_WAIT = 8.0
LONGEST_RETRY_AFTER = 120.0
JITTER = 0.25
"""Share of Retry-After that is added at most, so that callers throttled together do not return together."""
LEAST_JITTER = 0.1
"""Seconds: a Retry-After of 1 s or less is spread too."""
SILENCE = 1.0
"""Seconds after which a request that was sent may have been processed, although its connection broke without a
response. The service's gateway drops calls that are silent for about 60 s (measured by a user, 2026-07)."""

UNBOUNDED = Timeout(connect=None, read=None, total=None)

OnRetry = Callable[[RetryCallState], object]
"""Called before each wait, with the state that both frameworks' callbacks know. For asynchronous calls it may be a
coroutine function."""


class Attempts:
    """Counts the attempts of one request, and holds the deadline of them all.

    Attributes:
        attempt: the number of the current attempt, from 1.
        deadline: when no further attempt begins, and when the current one fails.
        began: when the first attempt began, on the monotonic clock.
        attempt_began: when the current attempt began.
        waited: seconds spent between attempts.
    """

    __slots__ = ("attempt", "attempt_began", "began", "deadline", "waited")

    def __init__(self, timeout: Timeout = UNBOUNDED) -> None:
        self.attempt = 1
        self.began = self.attempt_began = monotonic()
        self.deadline = Deadline.of(timeout, self.began)
        self.waited = 0.0

    def elapsed(self) -> float:
        """Return the seconds since the first attempt began."""
        return monotonic() - self.began

    def begin_attempt(self) -> None:
        """Take note that an attempt begins now."""
        self.attempt_began = monotonic()

    def on_retry(self, error: QwenError, wait: float) -> None:
        """Take note that another attempt follows after ``wait`` seconds."""


T = TypeVar("T")


def is_retryable(error: QwenError) -> bool:
    """Return whether another attempt is safe and useful.

    A wait longer than ``LONGEST_RETRY_AFTER`` is for the caller to decide.
    """
    return error.is_retryable and (error.retry_after is None or error.retry_after <= LONGEST_RETRY_AFTER)


def backoff(attempt: int) -> float:
    """Return the seconds to wait after that many attempts if the service named none: exponential, with jitter."""
    return min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** (attempt - 1)) + uniform(0, FIRST_WAIT / 2)


def after(seconds: float, deadline: Deadline) -> float:
    """Return the wait for a Retry-After: never shorter, and longer by a random part if the deadline allows it."""
    wait = seconds + uniform(0, max(LEAST_JITTER, JITTER * seconds))
    return wait if deadline.allows_attempt(monotonic() + wait) else seconds


def next_wait(attempts: Attempts, error: QwenError, max_retries: int) -> float | None:
    """Return the seconds to wait before the next attempt, or None if there is none."""
    if attempts.attempt > max_retries or not is_retryable(error):
        return None
    wait = backoff(attempts.attempt) if error.retry_after is None else after(error.retry_after, attempts.deadline)
    return wait if attempts.deadline.allows_attempt(monotonic() + wait) else None


def retry_state(attempts: Attempts, attempt: Callable[..., Any], error: QwenError, wait: float) -> RetryCallState:
    """Describe a failed attempt as tenacity does, which LangChain's callbacks take."""
    state = RetryCallState(Retrying(), attempt, (), {"exchange": attempts})
    state.start_time = attempts.began
    state.attempt_number = attempts.attempt
    state.idle_for = attempts.waited
    state.upcoming_sleep = wait
    state.set_exception((type(error), error, error.__traceback__))
    return state


def exchange_of(state: RetryCallState) -> Any:
    """Return the exchange that is retried."""
    return state.kwargs["exchange"]


def error_of(state: RetryCallState) -> QwenError | None:
    """Return the error of the attempt, if it is one of ours."""
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, QwenError) else None


async def async_retry(
    attempt: Callable[[], Awaitable[T]], attempts: Attempts, max_retries: int, on_retry: OnRetry | None = None
) -> T:
    """Return what the attempt returns, and repeat it after each retryable error, without blocking."""
    while True:
        attempts.begin_attempt()
        try:
            return await attempt()
        except QwenError as error:
            wait = next_wait(attempts, error, max_retries)
            if wait is None:
                raise
            attempts.on_retry(error, wait)
            if on_retry is not None:
                await async_call(on_retry, retry_state(attempts, attempt, error, wait))
        await async_sleep(wait)
        attempts.waited += wait
        attempts.attempt += 1
