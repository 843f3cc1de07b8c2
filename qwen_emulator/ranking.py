"""Relevance of documents to a query, by shared words that are rare among the documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from qwen_emulator.embeddings import embed
from qwen_emulator.words import content_words, weight_of


def relevance(query: str, documents: Sequence[str]) -> list[float]:
    """Return a score between 0 and 1 for each document."""
    wanted = Counter(content_words(query))
    bags = [set(content_words(document)) for document in documents]
    spread = Counter(word for bag in bags for word in bag)
    weights = {word: weight_of(spread[word], len(bags)) * times for word, times in wanted.items()}
    total = sum(weights.values()) or 1.0
    query_vector = embed(query, 256)
    scores = []
    for document, bag in zip(documents, bags, strict=True):
        shared = sum(weight for word, weight in weights.items() if word in bag) / total
        likeness = sum(a * b for a, b in zip(query_vector, embed(document, 256), strict=True))
        scores.append(round(min(0.99, 0.05 + 0.7 * shared + 0.24 * max(likeness, 0.0)), 16))
    return scores


def best(scores: Sequence[float], top: int | None) -> list[tuple[int, float]]:
    """Return (index, score) of the best documents, in order of score."""
    ordered = sorted(enumerate(scores), key=lambda pair: (-pair[1], pair[0]))
    return ordered[:top]
