# Generated from qwen_core/execution/retry.py by scripts/generate_sync.py: do not edit.
"""Retry a request, after how long, and how often. The same over both protocols: the SDKs' own retries are off."""

from collections.abc import Callable

from qwen_core.execution.retry import Attempts, OnRetry, T, next_wait, retry_state
from qwen_core.transports.blocking import call, sleep
from qwen_core.types.errors import QwenError


def retry(attempt: Callable[[], T], attempts: Attempts, max_retries: int, on_retry: OnRetry | None = None) -> T:
    """Return what the attempt returns, and repeat it after each retryable error."""
    while True:
        attempts.begin_attempt()
        try:
            return attempt()
        except QwenError as error:
            wait = next_wait(attempts, error, max_retries)
            if wait is None:
                raise
            attempts.on_retry(error, wait)
            if on_retry is not None:
                call(on_retry, retry_state(attempts, attempt, error, wait))
        sleep(wait)
        attempts.waited += wait
        attempts.attempt += 1
