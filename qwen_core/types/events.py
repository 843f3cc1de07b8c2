"""What a stream is made of, and nothing else.

Deltas carry only what is new. ``choice`` numbers the alternatives of one answer. A complete stream ends with
exactly one ``Finish``; a stream without one was cut, which is an error and never an event.
"""

from typing import Any

import msgspec

from qwen_core.types.responses import Citation, CitationSpan, FinishReason
from qwen_core.types.usage import Cost, Usage


class TextDelta(msgspec.Struct, frozen=True):
    """More visible text."""

    text: str
    choice: int = 0


class ReasoningDelta(msgspec.Struct, frozen=True):
    """More reasoning."""

    text: str
    choice: int = 0


class ToolCallDelta(msgspec.Struct, frozen=True):
    """A fragment of a tool call.

    ``position`` counts the calls of one choice from 0, whatever the wire's own index said. ``id`` and
    ``name`` come once each, with the first fragment that knows them.
    """

    position: int
    arguments: str = ""
    id: str | None = None
    name: str | None = None
    choice: int = 0


class AudioDelta(msgspec.Struct, frozen=True):
    """A piece of spoken audio: base64 of raw PCM."""

    data: str = ""
    transcript: str = ""
    id: str | None = None
    expires_at: int | None = None
    choice: int = 0


class ChoiceEnd(msgspec.Struct, frozen=True):
    """Why one choice ended. ``empty_after_thinking``: nothing followed the reasoning, whatever the reason says."""

    finish_reason: FinishReason | None
    raw_finish_reason: str | None
    logprobs: list[dict[str, Any]] | None = None
    empty_after_thinking: bool = False
    spans: tuple[CitationSpan, ...] = ()


class Finish(msgspec.Struct, frozen=True, kw_only=True):
    """The end of an answer: why, at what cost, and where it came from.

    ``extras`` holds what a wire says beside all this, under the wire's own names; see ``ChatResponse``.
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
        """Why the first choice ended."""
        return self.choices[0].finish_reason


Event = TextDelta | ReasoningDelta | ToolCallDelta | AudioDelta | Finish
