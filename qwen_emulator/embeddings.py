"""Embeddings without a model: hashed words and character n-grams, so that related texts lie close together."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from functools import lru_cache
from typing import Any

from qwen_emulator.words import content_words

_WORD_WEIGHT, _TRIGRAM_WEIGHT = 1.0, 0.35
_LATIN = re.compile(r"[a-z0-9]{4,}")


def features(text: str) -> Counter[str]:
    """Count the words of a text and the character trigrams of its longer latin ones."""
    words = content_words(text) or re.findall(r"\w+", text.lower()) or [text or " "]
    found: Counter[str] = Counter()
    for word in words:
        found["w:" + word] += 1
        if _LATIN.fullmatch(word):
            for start in range(len(word) - 2):
                found["c:" + word[start : start + 3]] += 1
    return found


def embed(text: str, dimensions: int) -> list[float]:
    """Return a unit vector; equal texts have equal vectors on every machine."""
    vector = [0.0] * dimensions
    for feature, times in features(text).items():
        bucket, sign = _bucket(feature, dimensions)
        weight = _WORD_WEIGHT if feature[0] == "w" else _TRIGRAM_WEIGHT
        vector[bucket] += sign * weight * (1 + math.log(times))
    length = math.sqrt(sum(value * value for value in vector))
    if length == 0:  # features that cancelled each other out
        vector[0], length = 1.0, 1.0
    return [round(value / length, 8) for value in vector]


def sparse(text: str) -> list[dict[str, Any]]:
    """Weight the words of a text between 0 and 1, as learned sparse embeddings do."""
    words = Counter(content_words(text) or re.findall(r"\w+", text.lower()))
    top = max(words.values(), default=1)
    return [
        {
            "index": token_number(word),
            "value": round((1 + math.log(times)) / (1 + math.log(top)) * 0.9, 4),
            "token": word,
        }
        for word, times in sorted(words.items())
    ]


@lru_cache(maxsize=65_536)
def _bucket(feature: str, dimensions: int) -> tuple[int, float]:
    digest = int.from_bytes(hashlib.blake2b(feature.encode(), digest_size=8).digest())
    return digest % dimensions, 1.0 if digest >> 63 else -1.0


def token_number(word: str) -> int:
    """Return a number for a token, below the size of Qwen's vocabulary."""
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=4).digest()) % 151_643
