"""Requests to the applications of Model Studio (protocol document "knowledge", 1.3 and 3)."""

from typing import Any, Literal

import msgspec

from qwen_core.types.messages import Message

ApplicationApi = Literal["auto", "completion", "responses", "knowledge"]
"""How an application is called. ``auto``: ``knowledge`` for ids that begin with ``aid-``, else ``completion``."""

FlowStreamMode = Literal["full_thoughts", "message_format", "message_format_plus"]

KNOWLEDGE_PREFIX = "aid-"


class ApplicationRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A call of an application: agent, workflow, or knowledge chat service. ``None``: not sent.

    With ``session_id`` only the new messages are sent; without, all of them.
    """

    app_id: str
    messages: tuple[Message, ...]
    api: ApplicationApi = "auto"
    session_id: str | None = None
    biz_params: dict[str, Any] | None = None
    memory_id: str | None = None
    files: tuple[str, ...] = ()
    has_thoughts: bool | None = None
    flow_stream_mode: FlowStreamMode | None = None
    model_id: str | None = None
    enable_thinking: bool | None = None
    rag_options: dict[str, Any] | None = None
    enable_web_search: bool | None = None
    enable_system_time: bool | None = None
    dialog_round: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    session_files: tuple[str, ...] = ()
    extra_body: dict[str, Any] | None = None
    extra_headers: dict[str, str] | None = None

    @property
    def resolved_api(self) -> ApplicationApi:
        """How this application is called."""
        if self.api != "auto":
            return self.api
        return "knowledge" if self.app_id.startswith(KNOWLEDGE_PREFIX) else "completion"
