"""JSON schemas of the OpenAI-compatible protocol, as types.

Loose, because we receive them: only what is used is declared, everything may be missing or null. Facts are from
the protocol document "compatible", by section.
"""

from typing import Any

import msgspec

from qwen_core.protocols.schema import Audio, ToolCall


class Delta(msgspec.Struct):
    """New content, or a complete message. While thinking ``content`` is null, afterwards ``reasoning_content`` is.

    Self-hosted servers write ``reasoning`` for ``reasoning_content``; if both are there, they are equal (section
    7). ``refusal`` was null in all captures (section 4); its value is used as text. Recognition models
    repeat ``annotations`` in every chunk (speech 2).
    """

    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[ToolCall] | None = None
    audio: Audio | None = None
    annotations: Any = None


class Choice(msgspec.Struct):
    """A choice of a chunk (``delta``) or of a complete response (``message``). ``finish_reason`` may be absent.

    Without an ``index``, its position is its index.
    """

    index: int | None = None
    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: str | None = None
    logprobs: dict[str, Any] | None = None


class Chunk(msgspec.Struct):
    """A chunk, a complete response, or an error instead of either.

    The usage chunk has no choices (section 0.2). Errors come as ``error`` (section 6), or in the native form
    ``code`` and ``message``.
    """

    choices: list[Choice] | None = None
    usage: dict[str, Any] | None = None
    id: str | None = None
    model: str | None = None
    created: int | float | None = None
    error: Any = None
    code: Any = None
    message: Any = None
    request_id: str | None = None
