"""The script: a queue of replies that are used once, and a function that stays."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from qwen_emulator.failures import Failure
from qwen_emulator.replies import RawReply, Reply
from qwen_emulator.requests import RecordedRequest


@dataclass(frozen=True)
class Mutated:
    """A response whose encoded form is changed before it is sent; ``faults`` has ready ones."""

    reply: Scripted | None
    """None stands for the default reply."""
    mutate: Callable[[RawReply], RawReply]
    times: int = 1
    """Number of consecutive responses that are changed."""
    stream: bool | None = None
    """Whether the response is encoded as a stream; None follows the request."""


Scripted: TypeAlias = str | Reply | Failure | RawReply | Mutated
Responder: TypeAlias = Callable[[RecordedRequest], Scripted | None]
"""Returns the reply to a request; None means the default reply."""


class Script:
    """Scripted replies. Thread-safe: tests add to it while the server takes from it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: deque[Scripted] = deque()
        self._responder: Responder | None = None

    def add(self, *replies: Scripted | Responder) -> None:
        """Append values to the queue; a function replaces the previous function."""
        with self._lock:
            for reply in replies:
                if isinstance(reply, Callable):  # type: ignore[arg-type]
                    self._responder = reply  # type: ignore[assignment]
                else:
                    self._queue.append(reply)  # type: ignore[arg-type]

    def clear(self) -> None:
        """Remove everything."""
        with self._lock:
            self._queue.clear()
            self._responder = None

    @property
    def left(self) -> int:
        """Return the number of values that have not been used."""
        with self._lock:
            return len(self._queue)

    def take(self, request: RecordedRequest, *, chat: bool = True) -> Scripted | None:
        """Return the next value, else the function's reply; None stands for the default reply.

        Texts and ``Reply`` values wait for a chat request.
        """
        with self._lock:
            if self._queue and (chat or not isinstance(self._queue[0], str | Reply)):
                reply = self._queue.popleft()
                if isinstance(reply, Failure | Mutated) and reply.times > 1:
                    self._queue.appendleft(replace(reply, times=reply.times - 1))
                return reply
            responder = self._responder
        return responder(request) if responder else None
