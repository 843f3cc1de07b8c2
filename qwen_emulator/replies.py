"""What a test or a demo may tell the emulator to answer: plain values that know no wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

End: TypeAlias = Literal["close", "cut", "reset", "stall"]
"""How a response ends: properly; closed in mid-message; TCP reset; silence with the connection open."""


@dataclass(frozen=True)
class ToolCall:
    """A function the model wants called. ``arguments`` may be a dict, or the exact (even broken) JSON text."""

    name: str
    arguments: Mapping[str, Any] | str | Sequence[str] = field(default_factory=dict)
    """A sequence of strings is sent as exactly these streamed fragments."""
    id: str | None = None


@dataclass(frozen=True)
class SearchResult:
    """One source of a web search, as the native protocol reports it."""

    title: str
    url: str
    site_name: str = ""
    icon: str = ""
    index: int | None = None
    """Position in the list, counted from 1, if not given."""


@dataclass(frozen=True)
class Reply:
    """An answer of the model, the same for both wires."""

    text: str | Sequence[str] = ""
    """A string is cut into chunks of the emulator's size; a sequence is sent as exactly these pieces."""
    reasoning: str | Sequence[str] = ""
    """What was thought, cut as the text is."""
    tool_calls: Sequence[ToolCall] = ()
    finish_reason: str | None = None
    """``tool_calls`` or ``stop`` if not given."""
    usage: Mapping[str, int] | None = None
    """Neutral names, see ``tokens.Usage``; what is not named is computed."""
    search_results: Sequence[SearchResult] = ()
    choices: Sequence[Reply] = ()
    """Candidates of an answer with n > 1; the other fields that make up one candidate are then unused."""
    logprobs: bool | None = None
    """None: as the request asks."""
    model: str | None = None
    """The model name in the answer; None echoes the one asked for."""
    code: str = ""
    """What the server's code interpreter ran (native ``output.tool_info``)."""
    audio: Sequence[bytes] = ()
    """Raw PCM pieces of a spoken answer (streamed)."""
    item: Mapping[str, Any] = field(default_factory=dict)
    """What stands beside the text in a native multimodal content: ``ocr_result``, ``image_hw``."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent beside those of the service."""


@dataclass(frozen=True)
class RawReply:
    """Exact bytes, for fault tests. Everything the emulator sends becomes one of these at last."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    segments: Sequence[bytes] = ()
    """The body, each piece written by itself."""
    end: End = "close"
    """``close`` properly, ``cut`` in mid-message, ``reset`` the connection, or ``stall`` with it open."""
    wait: float = 0.0
    """Seconds before anything is sent."""
    pause: float = 0.0
    """Seconds between two segments."""
    send_head: bool = True
    """False: nothing is sent, not even a status line; ``end`` follows at once."""
