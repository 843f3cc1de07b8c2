"""Estimate token counts without a tokenizer: about 4 latin or 1.5 CJK characters per token."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_CJK = r"\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef"
_TOKEN = re.compile(rf"[{_CJK}]{{1,2}}|\s*[^\s{_CJK}]{{1,4}}|\s+")
_CJK_CHARACTER = re.compile(rf"[{_CJK}]")


@dataclass(frozen=True)
class Usage:
    """Token counts under neutral names. Input includes cached tokens, output includes reasoning tokens."""

    input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cached_tokens: int = 0
    cache_creation_tokens: int = 0
    image_tokens: int = 0
    video_tokens: int = 0
    audio_tokens: int = 0
    output_audio_tokens: int = 0
    search_count: int = 0
    image_search_count: int = 0
    code_count: int = 0
    explicit_cache: bool = False
    """Whether the request had cache breakpoints, which adds fields to the details."""

    @property
    def total_tokens(self) -> int:
        """Return the sum of input and output."""
        return self.input_tokens + self.output_tokens

    @property
    def media_tokens(self) -> int:
        """Return the input tokens that are not text."""
        return self.image_tokens + self.video_tokens + self.audio_tokens


def count(text: str) -> int:
    """Estimate the tokens of a text; 0 if it is empty."""
    if not text:
        return 0
    cjk = len(_CJK_CHARACTER.findall(text))
    return max(1, round(cjk / 1.5 + (len(text) - cjk) / 4))


def count_all(texts: Iterable[str]) -> int:
    """Estimate the tokens of several texts."""
    return sum(count(text) for text in texts)


def split(text: str) -> list[str]:
    """Split a text into token-like parts, for log probabilities; joined they are the text again."""
    return _TOKEN.findall(text)


def cut(text: str, limit: int) -> str:
    """Return the longest prefix of a text that has at most ``limit`` tokens."""
    if count(text) <= limit:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if count(text[:middle]) <= limit else (low, middle - 1)
    return text[:low]
