"""Token usage, in one vocabulary for both wires. ``None`` means unknown, never zero."""

from typing import Any

import msgspec


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What one call consumed, in tokens, as the service counted it.

    Cached and cache-creation tokens are inside ``input_tokens``; reasoning tokens are inside
    ``output_tokens``. The fields without prefix split the input by modality. ``plugins`` counts the tools
    that the service ran itself, such as web search. ``raw`` is the wire's own object.
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


def total(input_tokens: int | None, output_tokens: int | None, reported: int | None) -> int | None:
    """The reported total, else the sum where both sides are known."""
    if reported is not None or input_tokens is None or output_tokens is None:
        return reported
    return input_tokens + output_tokens
