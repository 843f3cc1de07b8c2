"""What was scripted: a queue of values that are used once, and functions that stay."""

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
    """An answer whose encoded form is changed on its way out; see ``faults.py`` for ready ones."""

    reply: Scripted | None
    """None stands for the default answer."""
    mutate: Callable[[RawReply], RawReply]
    times: int = 1
    """How many answers in a row are changed."""
    stream: bool | None = None
    """Whether the answer is encoded as a stream; None: as the request asks."""


Scripted: TypeAlias = str | Reply | Failure | RawReply | Mutated
Responder: TypeAlias = Callable[[RecordedRequest], Scripted | None]
"""Decides on each request; None means the default behaviour."""


class Script:
    """Thread-safe: tests add to it while the server takes from it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: deque[Scripted] = deque()
        self._responder: Responder | None = None

    def add(self, *replies: Scripted | Responder) -> None:
        """Values go to the end of the queue; a function replaces the function before it."""
        with self._lock:
            for reply in replies:
                if isinstance(reply, Callable):  # type: ignore[arg-type]
                    self._responder = reply  # type: ignore[assignment]
                else:
                    self._queue.append(reply)  # type: ignore[arg-type]

    def clear(self) -> None:
        """Forgets everything."""
        with self._lock:
            self._queue.clear()
            self._responder = None

    @property
    def left(self) -> int:
        """How many values have not been used."""
        with self._lock:
            return len(self._queue)

    def take(self, request: RecordedRequest, *, chat: bool = True) -> Scripted | None:
        """The next value; else what the function says; None for the default answer.

        Texts and replies are answers to chats and wait for one.
        """
        with self._lock:
            if self._queue and (chat or not isinstance(self._queue[0], str | Reply)):
                reply = self._queue.popleft()
                if isinstance(reply, Failure | Mutated) and reply.times > 1:
                    self._queue.appendleft(replace(reply, times=reply.times - 1))
                return reply
            responder = self._responder
        return responder(request) if responder else None
