"""Limit requests and tokens per minute, for many models together, across threads and event loops.

One object serves LangChain (``rate_limiter=``: ``acquire``, ``aacquire``) and LlamaIndex (``rate_limiter=``:
``acquire``, ``async_acquire``). Tokens are known only after a response, and are charged then: a bucket's level may
become negative, and the next caller waits until it is positive again.
"""

import asyncio
import threading
from collections.abc import Callable
from math import inf
from time import monotonic, sleep
from typing import Any

MINUTE = 60.0


class Bucket:
    """A token bucket: so many per minute, and so many at once. Not thread-safe: ``RateLimiter`` locks."""

    __slots__ = ("_level", "_rate", "_size", "_then")

    def __init__(self, per_minute: float, burst: float, now: float) -> None:
        self._rate = per_minute / MINUTE
        self._size = burst
        self._level = burst
        self._then = now

    def wait(self, amount: float, now: float) -> float:
        """Return the seconds until the amount is available. At most a full bucket is waited for."""
        self._fill(now)
        return max(0.0, (min(amount, self._size) - self._level) / self._rate)

    def take(self, amount: float, now: float) -> None:
        """Take the amount, even if it is not available."""
        self._fill(now)
        self._level -= amount

    def _fill(self, now: float) -> None:
        self._level = min(self._size, self._level + max(0.0, now - self._then) * self._rate)
        self._then = now


class RateLimiter:
    """Delays calls to stay within a rate limit.

    Args:
        requests_per_minute: None sets no limit.
        tokens_per_minute: input and output together; None sets no limit.
        burst: how many requests may begin at once. The service limits single seconds too (compatible 1.4), so that
            the default is what one second allows, and at least 1.
        clock: returns seconds from any starting point, for tests.
    """

    def __init__(
        self,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        burst: float | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        for name, limit in (("requests", requests_per_minute), ("tokens", tokens_per_minute)):
            if limit is not None and not 0 < limit < inf:
                raise ValueError(f"{name}_per_minute must be a number above 0 (got {limit}).")
        self.requests_per_minute = requests_per_minute
        self.tokens_per_minute = tokens_per_minute
        self.burst = burst
        self._clock = clock
        self._begin()

    def acquire(self, num_tokens: int = 0, *, blocking: bool = True) -> bool:
        """Wait until a request may begin. With ``blocking=False``, return at once whether it may."""
        while wait := self._try(num_tokens):
            if not blocking:
                return False
            sleep(wait)
        return True

    async def aacquire(self, num_tokens: int = 0, *, blocking: bool = True) -> bool:
        """Wait until a request may begin, without blocking the event loop."""
        while wait := self._try(num_tokens):
            if not blocking:
                return False
            await asyncio.sleep(wait)
        return True

    async def async_acquire(self, num_tokens: int = 0) -> None:
        """Wait until a request may begin: LlamaIndex's name for ``aacquire``."""
        await self.aacquire(num_tokens)

    def spend(self, tokens: int) -> None:
        """Charge the tokens of a response."""
        if self._tokens is not None and tokens:
            with self._lock:
                self._tokens.take(tokens, self._clock())

    def _begin(self) -> None:
        now = self._clock()
        self._lock = threading.Lock()
        self._requests = self._tokens = None
        if self.requests_per_minute is not None:
            burst = max(1.0, self.requests_per_minute / MINUTE) if self.burst is None else self.burst
            self._requests = Bucket(self.requests_per_minute, burst, now)
        if self.tokens_per_minute is not None:
            self._tokens = Bucket(self.tokens_per_minute, self.tokens_per_minute, now)

    def _try(self, num_tokens: int) -> float:
        """Take what one request needs, or return how long to wait."""
        # A bucket in debt delays every request, even one that estimates no tokens.
        needed = [(self._requests, 1.0), (self._tokens, float(num_tokens))]
        with self._lock:
            now = self._clock()
            wait = max([bucket.wait(amount, now) for bucket, amount in needed if bucket is not None], default=0.0)
            if wait == 0.0:
                for bucket, amount in needed:
                    if bucket is not None:
                        bucket.take(amount, now)
            return wait

    def __getstate__(self) -> dict[str, Any]:
        # A copy in another process starts full: limits are not shared across processes.
        names = ("requests_per_minute", "tokens_per_minute", "burst", "_clock")
        return {name: getattr(self, name) for name in names}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._begin()

    def __deepcopy__(self, memo: dict[int, Any]) -> "RateLimiter":
        # Copies of a model share its limit.
        return self
