"""What the emulator remembers of each request it got."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Protocol: TypeAlias = Literal["openai", "dashscope"]


@dataclass
class RecordedRequest:
    """One HTTP request as it arrived. ``status`` and ``aborted`` are filled in while it is answered."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    """Looked up without regard to case."""
    body: Any
    """The parsed JSON, or None."""
    raw: bytes
    """The body as it came."""
    protocol: Protocol
    """The wire that was asked, by its path."""
    connection: int
    """The same number means the same TCP connection."""
    status: int | None = None
    """The HTTP status sent; None before the answer began, and for connections cut before it."""
    aborted: bool = False
    """Whether the client went away before the answer was complete."""
    chunks_sent: int = 0
    request_id: str = ""

    @property
    def model(self) -> str | None:
        """The model asked for, if the body names one."""
        return self.body.get("model") if isinstance(self.body, dict) else None

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages of a chat request, wherever the wire puts them."""
        if not isinstance(self.body, dict):
            return []
        holder = self.body if self.protocol == "openai" else self.body.get("input") or {}
        return list(holder.get("messages") or [])

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of a request: the top-level keys of the compatible wire, ``parameters`` of the native."""
        if not isinstance(self.body, dict):
            return {}
        return self.body if self.protocol == "openai" else dict(self.body.get("parameters") or {})

    @property
    def stream(self) -> bool:
        """Whether a stream was asked for."""
        if self.protocol == "openai":
            return isinstance(self.body, dict) and self.body.get("stream") is True
        return asks_for_events(self.headers)


def asks_for_events(headers: Mapping[str, str]) -> bool:
    """Whether native headers ask for server-sent events: either of two headers is enough."""
    if headers.get("X-DashScope-SSE", "").lower() == "enable":
        return True
    return "text/event-stream" in headers.get("Accept", "").lower()
