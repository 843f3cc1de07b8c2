"""The events of a stream.

Deltas carry only what is new. ``choice`` is the index of a choice. A complete stream ends with exactly one
``Finish``; a stream without one is incomplete, which is an error and never an event.
"""

from typing import Any

import msgspec

from qwen_core.types.responses import Citation, CitationSpan, FinishReason
from qwen_core.types.usage import Cost, Usage


class TextDelta(msgspec.Struct, frozen=True):
    """New visible text."""

    text: str
    choice: int = 0


class ReasoningDelta(msgspec.Struct, frozen=True):
    """New reasoning."""

    text: str
    choice: int = 0


class ToolCallDelta(msgspec.Struct, frozen=True):
    """New content of a tool call.

    ``position`` counts the tool calls of one choice from 0, whatever index the protocol gave. ``id`` and ``name``
    come once each, with the first delta that has them.
    """

    position: int
    arguments: str = ""
    id: str | None = None
    name: str | None = None
    choice: int = 0


class AudioDelta(msgspec.Struct, frozen=True):
    """New audio: base64 of raw PCM."""

    data: str = ""
    transcript: str = ""
    id: str | None = None
    expires_at: int | None = None
    choice: int = 0


class ChoiceEnd(msgspec.Struct, frozen=True):
    """The end of one choice.

    ``empty_after_thinking``: nothing followed the reasoning, whatever the reason says.
    """

    finish_reason: FinishReason | None
    raw_finish_reason: str | None
    logprobs: list[dict[str, Any]] | None = None
    empty_after_thinking: bool = False
    spans: tuple[CitationSpan, ...] = ()


class Finish(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a response: finish reasons, usage, and where it came from.

    ``extras`` holds what a protocol returns in addition, under its own names; see ``ChatResponse``.
    """

    choices: tuple[ChoiceEnd, ...]
    usage: Usage | None = None
    id: str | None = None
    model: str | None = None
    request_id: str | None = None
    created: int | None = None
    citations: tuple[Citation, ...] = ()
    search_info: dict[str, Any] | None = None
    extras: dict[str, Any] | None = None
    cost: Cost | None = None

    @property
    def finish_reason(self) -> FinishReason | None:
        """The finish reason of the first choice."""
        return self.choices[0].finish_reason


Event = TextDelta | ReasoningDelta | ToolCallDelta | AudioDelta | Finish
