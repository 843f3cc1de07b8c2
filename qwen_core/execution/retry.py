"""When a call is tried again, and after how long. The same on both wires: the SDKs' own retries are off.

Only what cannot be billed twice: refusals to serve (429, 5xx) and connections that broke before any answer. A
stream is tried again until its first event and never after. All attempts and waits are bounded by the call's
deadline (``timeouts``).
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from inspect import isawaitable
from time import monotonic
from typing import Any, TypeVar

from tenacity import (
    AsyncRetrying,
    BaseRetrying,
    RetryCallState,
    Retrying,
    retry_if_exception,
    retry_if_exception_type,
)
from tenacity.wait import wait_exponential, wait_random

from qwen_core.execution.call import Call
from qwen_core.execution.log import log_retry
from qwen_core.types.errors import QwenError

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


if_retryable = retry_if_exception(is_retryable)
if_ours = retry_if_exception_type(QwenError)


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


def _rules(max_retries: int, before_sleep: Callable[[RetryCallState], object]) -> dict[str, Any]:
    return {
        "before_sleep": before_sleep,
        "stop": lambda state: state.attempt_number > max_retries or is_too_late(state),
        "wait": wait,
        "before": begin,
    }


T = TypeVar("T")

Rules = Callable[[], Mapping[str, Any]]
"""Makes tenacity's arguments: ``stop``, ``wait``, and whom to tell. What is tried again at all is said here."""


def _arguments(rules: Rules, failures: list[QwenError]) -> dict[str, Any]:
    """Tenacity's arguments; the last failure is put into the list.

    Were tenacity to raise it, it would hold a frame that holds it, and both would stay until the garbage collector
    runs.
    """
    given = rules()

    def stop(state: RetryCallState) -> bool:
        return not if_retryable(state) or given["stop"](state)

    def give_up(state: RetryCallState) -> None:
        error = failure_of(state)
        if error is not None:
            failures.append(error)
        state.outcome = None

    return {**given, "retry": if_ours, "stop": stop, "retry_error_callback": give_up}


def run_attempts(rules: Rules, attempt: Callable[..., T], *arguments: Any) -> T:
    """What the attempt gives, tried again by tenacity's rules.

    The first attempt is made without it: to set it up takes as long as to read an answer.
    """
    try:
        return attempt(*arguments)
    except QwenError as error:
        if not is_retryable(error):
            raise
        failures = [error]

    def replay_first(*arguments: Any) -> T:
        if failures:
            raise failures.pop()
        return attempt(*arguments)

    retrying = Retrying(**_arguments(rules, failures))
    try:
        answer: T = retrying(replay_first, *arguments)
    finally:
        _let_go(retrying)
    if failures:
        raise failures.pop()
    return answer


async def async_run_attempts(rules: Rules, attempt: Callable[..., Awaitable[T]], *arguments: Any) -> T:
    """The same, awaited."""
    try:
        return await attempt(*arguments)
    except QwenError as error:
        if not is_retryable(error):
            raise
        failures = [error]

    async def replay_first(*arguments: Any) -> T:
        if failures:
            raise failures.pop()
        return await attempt(*arguments)

    retrying = AsyncRetrying(**_arguments(rules, failures))
    try:
        answer: T = await retrying(replay_first, *arguments)
    finally:
        _let_go(retrying)
    if failures:
        raise failures.pop()
    return answer


def _let_go(retrying: BaseRetrying) -> None:
    # Its list of steps refers to itself, and so the answer would stay until the garbage collector runs.
    retrying.iter_state.reset()


def retry(max_retries: int, on_retry: OnRetry | None, attempt: Callable[..., T], *arguments: Any) -> T:
    """What the attempt gives, tried again as said above. The last argument is the call."""

    def before_sleep(state: RetryCallState) -> None:
        say(state)
        if on_retry is not None:
            on_retry(state)

    return run_attempts(partial(_rules, max_retries, before_sleep), attempt, *arguments)


async def async_retry(
    max_retries: int, on_retry: OnRetry | None, attempt: Callable[..., Awaitable[T]], *arguments: Any
) -> T:
    """The same, awaited."""

    async def before_sleep(state: RetryCallState) -> None:
        say(state)
        told = None if on_retry is None else on_retry(state)
        if isawaitable(told):
            await told

    return await async_run_attempts(partial(_rules, max_retries, before_sleep), attempt, *arguments)
