"""The JSON of the OpenAI-compatible wire, as types.

Loose, because it is what we receive: only what is read is declared, everything may be missing or null. What we
send is of the shapes that both wires share. Facts are from the protocol document "compatible", by section.
"""

from typing import Any

import msgspec

from qwen_core.protocols.schema import Audio, ToolCall


class Delta(msgspec.Struct):
    """New content, or a whole message. While thinking ``content`` is null, afterwards ``reasoning_content`` is.

    Self-hosted servers write ``reasoning`` for ``reasoning_content``; where both stand they are equal (section 7).
    ``refusal`` was null wherever it was seen (section 4); what it says is read as text.
    """

    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[ToolCall] | None = None
    audio: Audio | None = None


class Choice(msgspec.Struct):
    """A choice of a chunk (``delta``) or of a whole answer (``message``). ``finish_reason`` may be absent.

    Without an ``index`` it is the one at its place.
    """

    index: int | None = None
    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: str | None = None
    logprobs: dict[str, Any] | None = None


class Chunk(msgspec.Struct):
    """A chunk, a whole answer, or an error in either's place.

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
