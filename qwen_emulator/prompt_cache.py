"""The explicit context cache: a later request with the prefix before a ``cache_control`` breakpoint hits it."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator

from qwen_emulator import tokens
from qwen_emulator.conversation import Conversation
from qwen_emulator.media import count_media
from qwen_emulator.tokens import Usage

_LEAST_TOKENS = 1024
_MARKS_THAT_COUNT = 4


class PromptCache:
    """Remembers prefixes until it is cleared; the service forgets them after five minutes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: set[str] = set()

    def clear(self) -> None:
        """Forget all prefixes."""
        with self._lock:
            self._known.clear()

    def look_up(self, conversation: Conversation) -> Usage:
        """Return the cache fields of a request's usage, and remember the prefixes before its breakpoints."""
        marked = [(key, size) for key, size in _prefixes(conversation) if size >= _LEAST_TOKENS][
            -_MARKS_THAT_COUNT:
        ]
        if not marked:
            return Usage()
        with self._lock:
            hit = max((size for key, size in marked if key in self._known), default=0)
            self._known.update(key for key, _ in marked)
        longest = marked[-1][1]
        return Usage(cached_tokens=hit, cache_creation_tokens=longest - hit, explicit_cache=True)


def _prefixes(conversation: Conversation) -> Iterator[tuple[str, int]]:
    """Yield (fingerprint, tokens) of the prefix of each breakpoint, including tools and the breakpoint's block."""
    digest = hashlib.blake2b(conversation.model.encode(), digest_size=16)
    size = 0
    if conversation.tools:
        written = json.dumps(conversation.parameters["tools"], ensure_ascii=False, sort_keys=True)
        digest.update(written.encode())
        size += tokens.count(written)
    for turn in conversation.turns:
        digest.update(f"\0{turn.role}".encode())
        for part in turn.parts:
            digest.update(f"\1{part.kind}{part.text}{part.source}".encode())
            size += tokens.count(part.text) + sum(count_media([part]).values())
            if part.cache_breakpoint:
                yield digest.copy().hexdigest(), size
