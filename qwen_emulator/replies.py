"""What a test or a demo may script: plain values that know no protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

End: TypeAlias = Literal["close", "cut", "reset", "stall"]
"""How an HTTP response ends: complete; closed in mid-message; TCP reset; silent with the connection open."""


@dataclass(frozen=True)
class ToolCall:
    """A tool call of the model. ``arguments`` may be a dict, or the exact (even malformed) JSON text."""

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
    """Default: the position in the list, counted from 1."""


@dataclass(frozen=True)
class Reply:
    """A response of the model, the same for both protocols."""

    text: str | Sequence[str] = ""
    """A string is split into chunks of ``chunk_size``; a sequence is sent as exactly these chunks."""
    reasoning: str | Sequence[str] = ""
    """Reasoning content, split as the text is."""
    tool_calls: Sequence[ToolCall] = ()
    finish_reason: str | None = None
    """Default: ``tool_calls`` or ``stop``."""
    usage: Mapping[str, int] | None = None
    """Token counts by the names of ``tokens.Usage``; counts that are not given are computed."""
    search_results: Sequence[SearchResult] = ()
    choices: Sequence[Reply] = ()
    """The choices of a response with n > 1; the other fields of a choice are then ignored."""
    logprobs: bool | None = None
    """None follows the request."""
    model: str | None = None
    """Model name in the response; None echoes the request's."""
    code: str = ""
    """Code that the built-in code interpreter ran (native ``output.tool_info``)."""
    audio: Sequence[bytes] = ()
    """Raw PCM chunks of spoken output (streamed)."""
    item: Mapping[str, Any] = field(default_factory=dict)
    """Keys beside the text of native multimodal content: ``ocr_result``, ``image_hw``."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers in addition to the service's."""


@dataclass(frozen=True)
class RawReply:
    """An HTTP response as exact bytes, for fault tests. All that the emulator sends becomes one of these."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    segments: Sequence[bytes] = ()
    """The body; each segment is written by itself."""
    end: End = "close"
    """``close`` properly, ``cut`` in mid-message, ``reset`` the connection, or ``stall`` with it open."""
    wait: float = 0.0
    """Seconds before anything is sent."""
    pause: float = 0.0
    """Seconds between two segments."""
    send_head: bool = True
    """False sends nothing, not even a status line; ``end`` follows at once."""
