"""How long a call may take: what a user says, and what it means for one attempt. The clock is passed in."""

from threading import TIMEOUT_MAX
from typing import NamedTuple

from qwen_core.types.errors import BadRequestError

CONNECT = 10.0
READ = 600.0
"""What the service allows a call on its shared hosts (compatible 1.4)."""
TOTAL = 3600.0
"""What the service allows at all (compatible 1.4): after that nothing comes that is worth waiting for."""
LONGEST = TIMEOUT_MAX
"""What the clocks of a computer can wait for: some 290 years."""


class Timeout(NamedTuple):
    """Seconds, each for another kind of waiting. ``timeout=30`` is ``Timeout(connect=10, read=30, attempts=30)``.

    Attributes:
        connect: until the connection stands.
        read: without any sign of life, before the answer and between two pieces of it. None: as long as ``total``.
        total: for everything, all attempts, the waits between them and a stream up to its end. None: no bound.
            It is looked at whenever a piece arrives, so that a call ends at most one ``read`` later.
        attempts: since the first attempt, until no further one begins. None: as long as ``total``.
    """

    connect: float | None = CONNECT
    read: float | None = READ
    total: float | None = TOTAL
    attempts: float | None = None


def as_timeout(value: "float | Timeout | None") -> Timeout:
    """What the user meant. A number is the longest silence; None is what the service itself keeps to.

    Raises BadRequestError for what is no time to wait.
    """
    if value is None:
        return Timeout()
    for seconds in value if isinstance(value, Timeout) else (value,):
        if seconds is not None and not 0 < seconds <= LONGEST:
            raise BadRequestError(
                f"A timeout of {seconds} cannot be kept to: it is in seconds, and more than none.",
                hint="Timeout(read=None, total=None) sets no bound.",
            )
    if isinstance(value, Timeout):
        return value
    return Timeout(min(CONNECT, value), value, max(TOTAL, value), value)


class Deadline(NamedTuple):
    """The moments that bound one call, on the clock that began it."""

    end: float | None
    """When it fails, whatever it is doing."""
    last_attempt: float | None
    """When no further attempt begins."""

    @classmethod
    def of(cls, timeout: Timeout, now: float) -> "Deadline":
        """The moments for a call that begins now."""
        spans = [span for span in (timeout.attempts, timeout.total) if span is not None]
        return cls(
            end=None if timeout.total is None else now + timeout.total,
            last_attempt=now + min(spans) if spans else None,
        )

    def allows_attempt(self, moment: float) -> bool:
        """Whether an attempt may begin at that moment."""
        return self.last_attempt is None or moment < self.last_attempt


def attempt_timeouts(timeout: Timeout, end: float | None, now: float) -> dict[str, float | None]:
    """What the HTTP library is told for one attempt: no wait is longer than what is left of the call.

    Waiting for a free connection is not limited on its own: others' calls end in bounded time.
    """
    left = None if end is None else max(end - now, 0.001)
    silence = _shorter(timeout.read, left)
    return {"connect": _shorter(timeout.connect, left), "read": silence, "write": silence, "pool": left}


def _shorter(one: float | None, other: float | None) -> float | None:
    if one is None:
        return other
    return one if other is None or one < other else other
