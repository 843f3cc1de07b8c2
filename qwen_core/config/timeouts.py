"""The timeouts of a call, and what they mean for one attempt. The clock is passed in."""

from threading import TIMEOUT_MAX
from typing import NamedTuple

from qwen_core.types.errors import BadRequestError

CONNECT = 10.0
READ = 600.0
"""What the service allows a call on its shared hosts (compatible 1.4)."""
TOTAL = 3600.0
"""What the service allows at most (compatible 1.4): no response comes after that."""
LONGEST = TIMEOUT_MAX
"""The longest wait that the platform supports: some 290 years."""


class Timeout(NamedTuple):
    """Timeouts in seconds, one for each kind of waiting.

    ``timeout=30`` is ``Timeout(connect=10, read=30)``: it limits the silence of one attempt. ``max_retries``
    limits the number of attempts, and ``total`` everything.

    Attributes:
        connect: until the connection is established.
        read: without any data, before the response and between two chunks of it. None: as long as ``total``.
        total: for everything: all attempts, the waits between them and a stream up to its end. None: no limit.
            It is checked whenever a chunk arrives, so that a call ends at most one ``read`` later.
        attempts: since the first attempt, until no further one begins. None: as long as ``total``.
    """

    connect: float | None = CONNECT
    read: float | None = READ
    total: float | None = TOTAL
    attempts: float | None = None


def as_timeout(value: "float | Timeout | None") -> Timeout:
    """Convert a user's timeout. A number is the longest time without data; None is what the service itself allows.

    Raises BadRequestError for a value that is not positive or too large.
    """
    if value is None:
        return Timeout()
    for seconds in value if isinstance(value, Timeout) else (value,):
        if seconds is not None and not 0 < seconds <= LONGEST:
            raise BadRequestError(
                f"timeout must be a positive number of seconds (got {seconds}).",
                hint="Use Timeout(read=None, total=None) for no limit.",
            )
    if isinstance(value, Timeout):
        return value
    return Timeout(min(CONNECT, value), value, max(TOTAL, value))


class Deadline(NamedTuple):
    """The moments that limit one call, on the clock that it started with."""

    end: float | None
    """When the call fails, whatever it is doing."""
    last_attempt: float | None
    """When no further attempt begins."""

    @classmethod
    def of(cls, timeout: Timeout, now: float) -> "Deadline":
        """Return the moments for a call that begins now."""
        span = _shorter(timeout.attempts, timeout.total)
        return cls(
            end=None if timeout.total is None else now + timeout.total,
            last_attempt=None if span is None else now + span,
        )

    def allows_attempt(self, moment: float) -> bool:
        """Return whether an attempt may begin at that moment."""
        return self.last_attempt is None or moment < self.last_attempt


def attempt_timeouts(timeout: Timeout, end: float | None, now: float) -> dict[str, float | None]:
    """Return the HTTP library's timeouts for one attempt: no wait is longer than what is left of the call.

    Waiting for a free connection is not limited on its own: other calls end in limited time.
    """
    left = None if end is None else max(end - now, 0.001)
    silence = _shorter(timeout.read, left)
    return {"connect": _shorter(timeout.connect, left), "read": silence, "write": silence, "pool": left}


def _shorter(one: float | None, other: float | None) -> float | None:
    if one is None:
        return other
    return one if other is None or one < other else other
