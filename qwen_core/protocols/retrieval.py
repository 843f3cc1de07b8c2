"""Share what the protocols have in common in embeddings and rankings: their order, and the usage."""

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from qwen_core.types.decodable import decodable
from qwen_core.types.errors import InvalidResponseError
from qwen_core.types.requests import Ranked

T = TypeVar("T")


@decodable
class RetrievalUsage(msgspec.Struct):
    """The tokens of an embedding or rerank call. Multimodal models count by kind (native, samples)."""

    total_tokens: int | None = None
    input_tokens: int | None = None
    image_tokens: int | None = None


@decodable
class Result(msgspec.Struct):
    """A document's index and score. The ``document`` is not requested (native 7.3)."""

    index: int
    relevance_score: float


def total_tokens(usage: RetrievalUsage | None) -> int | None:
    """Return the total, given or added up; None if it is unknown: no input has 0 tokens."""
    if usage is None or usage.total_tokens is not None:
        return (usage.total_tokens or None) if usage else None
    return (usage.input_tokens or 0) + (usage.image_tokens or 0) or None


def sort_by_index(rows: Sequence[tuple[int, T]]) -> list[T]:
    """Return the items in the order of their indices.

    Raises InvalidResponseError if one is missing or repeated.
    """
    ordered = sorted(rows, key=lambda row: row[0])
    if [index for index, _ in ordered] != list(range(len(rows))):
        raise InvalidResponseError(
            f"The indices of the vectors should be 0, 1, 2, ..., but are {[index for index, _ in ordered]}."
        )
    return [row for _, row in ordered]


def sort_by_score(results: Sequence[Result]) -> list[Ranked]:
    """Return the results, best first. Raises InvalidResponseError if one document is repeated."""
    ranked = [Ranked(result.index, result.relevance_score) for result in results]
    if len({result.index for result in ranked}) != len(ranked):
        raise InvalidResponseError("The ranking contains a document twice.")
    return sorted(ranked, key=lambda result: -result.score)
