"""What the emulator records of each request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Protocol: TypeAlias = Literal["openai", "dashscope"]


@dataclass
class RecordedRequest:
    """One HTTP request as it arrived. ``status`` and ``aborted`` are set while the response is sent."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str] = field(repr=False)
    """Case-insensitive. Not in the representation: they hold the API key."""
    body: Any
    """The parsed JSON, or None."""
    raw: bytes
    """The body as it was received."""
    protocol: Protocol
    """The protocol, by the path."""
    connection: int
    """The same number means the same TCP connection."""
    status: int | None = None
    """HTTP status; None before the response began, and if the connection was closed before it."""
    aborted: bool = False
    """Whether the client disconnected before the response was complete."""
    chunks_sent: int = 0
    request_id: str = ""

    @property
    def model(self) -> str | None:
        """Return the model, if the body names one."""
        return self.body.get("model") if isinstance(self.body, dict) else None

    @property
    def messages(self) -> list[dict[str, Any]]:
        """Return the messages of a chat request of either protocol."""
        if not isinstance(self.body, dict):
            return []
        holder = self.body if self.protocol == "openai" else self.body.get("input") or {}
        return list(holder.get("messages") or [])

    @property
    def parameters(self) -> dict[str, Any]:
        """Return the parameters: top-level keys of the compatible protocol, ``parameters`` of the native one."""
        if not isinstance(self.body, dict):
            return {}
        return self.body if self.protocol == "openai" else dict(self.body.get("parameters") or {})

    @property
    def stream(self) -> bool:
        """Return whether the request asks for a stream."""
        if self.protocol == "openai":
            return isinstance(self.body, dict) and self.body.get("stream") is True
        return asks_for_events(self.headers)


def asks_for_events(headers: Mapping[str, str]) -> bool:
    """Return whether native headers ask for SSE events: either of two headers is enough."""
    if headers.get("X-DashScope-SSE", "").lower() == "enable":
        return True
    return "text/event-stream" in headers.get("Accept", "").lower()
