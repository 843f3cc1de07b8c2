"""The JSON of the OpenAI-compatible wire, as types.

Strict for what we send, loose for what we receive: only what is read is declared, everything may be missing or
null. Facts are from the protocol document "compatible", by section.
"""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

# What we send.


class SentFunction(msgspec.Struct, frozen=True):
    """A call's function in history: ``arguments`` is JSON text."""

    name: str
    arguments: str


class SentToolCall(msgspec.Struct, frozen=True):
    """A call that an earlier answer asked for."""

    id: str
    function: SentFunction
    type: Literal["function"] = "function"


class SentMessage(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A message. ``content`` is text wherever it is only text: text models refuse lists (section 3).

    ``reasoning_content`` is replayed under its own key and never inside the content (section 2.1).
    """

    role: str
    content: str | list[dict[str, Any]] | UnsetType = UNSET
    name: str | UnsetType = UNSET
    tool_calls: list[SentToolCall] | UnsetType = UNSET
    tool_call_id: str | UnsetType = UNSET
    reasoning_content: str | UnsetType = UNSET
    partial: bool = False


# What we receive.


class Function(msgspec.Struct):
    """A fragment of a call's function. ``name`` is absent, null or repeated after the first fragment."""

    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class ToolCall(msgspec.Struct):
    """A fragment of a call. ``id`` is ``""`` after the first fragment, or repeated (section 0.1)."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None


class Audio(msgspec.Struct):
    """A piece of speech: base64 of raw PCM even where the format says ``wav`` (section 4)."""

    data: str | None = None
    transcript: str | None = None
    id: str | None = None
    expires_at: int | None = None


class Delta(msgspec.Struct):
    """New content, or a whole message. While thinking ``content`` is null, afterwards ``reasoning_content`` is.

    Self-hosted servers write ``reasoning`` for ``reasoning_content``; where both stand they are equal (section 7).
    """

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[ToolCall] | None = None
    audio: Audio | None = None


class Choice(msgspec.Struct):
    """A choice of a chunk (``delta``) or of a whole answer (``message``). ``finish_reason`` may be absent."""

    index: int = 0
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


class Embedding(msgspec.Struct):
    """One vector and the position of its text."""

    embedding: list[float]
    index: int


class EmbeddingUsage(msgspec.Struct):
    """Tokens of an embedding call."""

    total_tokens: int | None = None


class EmbeddingAnswer(msgspec.Struct):
    """The answer of ``/embeddings``."""

    data: list[Embedding]
    model: str | None = None
    usage: EmbeddingUsage | None = None
