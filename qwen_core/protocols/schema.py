"""JSON schemas that the protocols share, as types.

Strict for what we send, loose for what we receive. Sources: protocol documents, compatible 2-4 and native 4-5.
"""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from qwen_core.types.decodable import decodable

# What we send.


class SentFunction(msgspec.Struct, frozen=True):
    """The function of a tool call in the history: ``arguments`` is JSON text."""

    name: str
    arguments: str


class SentToolCall(msgspec.Struct, frozen=True):
    """A tool call of an earlier response."""

    id: str
    function: SentFunction
    type: Literal["function"] = "function"


class SentMessage(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A message. Each protocol decides what ``content`` may be.

    ``reasoning_content`` is sent under its own key and never inside the content (compatible 2.1, native 4.1). Some
    self-hosted servers call it ``reasoning`` (compatible 7).
    """

    role: str
    content: str | list[dict[str, Any]] | UnsetType = UNSET
    name: str | UnsetType = UNSET
    tool_calls: list[SentToolCall] | UnsetType = UNSET
    tool_call_id: str | UnsetType = UNSET
    reasoning_content: str | UnsetType = UNSET
    reasoning: str | UnsetType = UNSET
    partial: bool = False


# What we receive.


class Function(msgspec.Struct):
    """A delta of a tool call's function. ``name`` is absent, null or repeated after the first delta."""

    name: str | None = None
    arguments: str | dict[str, Any] | None = None


@decodable
class ToolCall(msgspec.Struct):
    """A delta of a tool call. ``id`` is ``""`` after the first delta, or repeated (both documents, 0)."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None


@decodable
class Audio(msgspec.Struct):
    """A chunk of audio: base64 of raw PCM even if the format says ``wav`` (compatible 4)."""

    data: str | None = None
    transcript: str | None = None
    id: str | None = None
    expires_at: int | None = None
