"""A whole answer: its choices, why each ended, what it cost and where it came from."""

import base64
from typing import Any, Literal

import msgspec

from qwen_core.types.messages import Message, ToolCallPart
from qwen_core.types.usage import Cost, Usage
from qwen_core.types.wav import wav

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "other"]

FINISH_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


def finish_reason(raw: str | None, has_tool_calls: bool) -> FinishReason | None:
    """The reason in one vocabulary; None while the answer is unfinished.

    The native wire writes the string ``"null"`` until the end. A forced tool call ends with ``stop`` there,
    so that the presence of calls decides (protocol documents, native 5.1 and compatible 4).
    """
    if raw is None or raw in ("", "null"):
        return None
    reason = FINISH_REASONS.get(raw, "other")
    return "tool_calls" if reason == "stop" and has_tool_calls else reason


class Citation(msgspec.Struct, frozen=True, kw_only=True):
    """A source that the service's web search found. ``index`` is the number that markers in the text use."""

    index: int
    url: str
    title: str = ""
    site_name: str = ""
    icon: str = ""


class CitationSpan(msgspec.Struct, frozen=True, kw_only=True):
    """A place in the text, from ``start`` to before ``end``, that cites the source with this ``index``."""

    start: int
    end: int
    index: int


class Audio(msgspec.Struct, frozen=True, kw_only=True):
    """Audio that an omni model spoke: base64 of raw PCM, 16 bit mono, 24 kHz (compatible, section 4)."""

    data: str = ""
    transcript: str = ""
    id: str | None = None
    expires_at: int | None = None

    def wav(self) -> bytes:
        """The sound as a file that can be played."""
        return wav(base64.b64decode(self.data))


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One alternative answer. ``raw_finish_reason`` is the wire's own word; ``spans`` are where it cites a source.

    ``empty_after_thinking``: the model thought and then said nothing, neither text nor a call, although it ended.
    """

    message: Message
    finish_reason: FinishReason | None = None
    raw_finish_reason: str | None = None
    logprobs: list[dict[str, Any]] | None = None
    audio: Audio | None = None
    empty_after_thinking: bool = False
    spans: tuple[CitationSpan, ...] = ()


class ChatResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What one call returned. ``choices`` has at least one entry, more with ``n`` above one.

    ``payload`` is the body as it came over the wire, where the answer was one body. ``extras`` holds what the
    native wire says beside the answer, under its own names: ``ocr_result`` of an OCR task, ``tool_info`` of the
    code interpreter, ... (native 5.1, 5.5); and the ``batch_id`` of an answer from a batch job. ``cost`` is by
    list price, None where the price is not known. ``created`` is in Unix seconds.
    """

    choices: tuple[Choice, ...]
    usage: Usage | None = None
    id: str | None = None
    model: str | None = None
    request_id: str | None = None
    created: int | None = None
    citations: tuple[Citation, ...] = ()
    search_info: dict[str, Any] | None = None
    extras: dict[str, Any] | None = None
    payload: bytes | None = None
    cost: Cost | None = None

    @property
    def message(self) -> Message:
        """The first choice's message."""
        return self.choices[0].message

    @property
    def text(self) -> str:
        """The first choice's visible text."""
        return self.message.text

    @property
    def reasoning(self) -> str:
        """The first choice's reasoning."""
        return self.message.reasoning

    @property
    def tool_calls(self) -> tuple[ToolCallPart, ...]:
        """The first choice's tool calls."""
        return self.message.tool_calls

    @property
    def finish_reason(self) -> FinishReason | None:
        """Why the first choice ended."""
        return self.choices[0].finish_reason

    @property
    def raw(self) -> dict[str, Any]:
        """The body as the service sent it, decoded at each access; empty for a streamed answer."""
        return msgspec.json.decode(self.payload, type=dict[str, Any]) if self.payload else {}
