"""Token usage, in one vocabulary for all protocols. ``None`` means unknown, never zero."""

from typing import Any

import msgspec

from qwen_core.types.decodable import decodable


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """The tokens that one call consumed, as the service counted them.

    Cached and cache-creation tokens are part of ``input_tokens``; reasoning tokens are part of ``output_tokens``.
    The fields without prefix split the input by modality. ``plugins`` counts the built-in tools that the service
    ran, such as web search. ``raw`` is the service's own object.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cached_tokens: int | None = None
    cache_creation_tokens: int | None = None
    cache_type: str | None = None
    text_tokens: int | None = None
    image_tokens: int | None = None
    video_tokens: int | None = None
    audio_tokens: int | None = None
    reasoning_tokens: int | None = None
    output_text_tokens: int | None = None
    output_audio_tokens: int | None = None
    plugins: dict[str, Any] | None = None
    raw: dict[str, Any] = msgspec.field(default_factory=dict)


def usage_from_counts(*, raw: dict[str, Any], cache_type: Any, plugins: Any, **tokens: Any) -> Usage | None:
    """Return the usage that a server reported, or None if it reported only zeros.

    Counts that are not integers are unknown: sums and prices are made of these. A total that was not reported is
    the sum of input and output, if both are known. No input has 0 tokens, so that zeros alone say nothing of the
    tokens (reported of the Responses API, 2026-08).
    """
    if not has_counts(raw):
        return None
    found = {name: count for name, value in tokens.items() if (count := as_integer(value)) is not None}
    if not any(found.values()):
        found = {}
    if "total_tokens" not in found and {"input_tokens", "output_tokens"} <= found.keys():
        found["total_tokens"] = found["input_tokens"] + found["output_tokens"]
    return Usage(
        **found,
        cache_type=cache_type if isinstance(cache_type, str) else None,
        plugins=plugins if isinstance(plugins, dict) else None,
        raw=raw,
    )


def has_counts(value: Any) -> bool:
    """Return whether a reported usage, or a part of it, has a number that is not 0."""
    if isinstance(value, dict):
        return any(has_counts(part) for part in value.values())
    if isinstance(value, list):
        return any(has_counts(part) for part in value)
    return isinstance(value, (int, float)) and bool(value)


def as_integer(value: Any) -> int | None:
    """Return the value as an int if it is integral (3 or 3.0), else None."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if type(value) is int else None


@decodable
class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """The price of one call, in ``currency``.

    ``input`` is the price of all input tokens, including those read from or written to the cache; ``cached`` is
    the part of it for tokens read from the cache. ``tier`` names the range of input lengths that applied, None if
    there is only one.
    """

    currency: str
    input: float
    output: float
    cached: float
    total: float
    tier: str | None
    price_date: str
