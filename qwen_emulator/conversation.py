"""A validated chat request in one form for both protocols; replies are made from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from qwen_emulator.models import ChatFacts, chat_facts
from qwen_emulator.requests import Protocol

PartKind: TypeAlias = Literal["text", "image", "video", "audio", "file"]

_COMPATIBLE_MEDIA: dict[str, tuple[PartKind, str, str]] = {
    # type of the part: kind, key that holds it, key inside that
    "image_url": ("image", "image_url", "url"),
    "video_url": ("video", "video_url", "url"),
    "video": ("video", "video", ""),
    "input_audio": ("audio", "input_audio", "data"),
    "file": ("file", "file", "file_url"),
}
_NATIVE_MEDIA: tuple[PartKind, ...] = ("image", "video", "audio")


@dataclass(frozen=True)
class Part:
    """One content part of a message."""

    kind: PartKind
    text: str = ""
    source: str | tuple[str, ...] = ""
    """URL or data URI; several if a video is given as frames."""
    cache_breakpoint: bool = False


@dataclass(frozen=True)
class Call:
    """A tool call in the history."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Turn:
    """One message."""

    role: str
    parts: tuple[Part, ...]
    calls: tuple[Call, ...] = ()
    tool_call_id: str = ""
    reasoning: str = ""
    partial: bool = False

    @property
    def text(self) -> str:
        """Join the text parts."""
        return "\n".join(part.text for part in self.parts if part.kind == "text")

    @property
    def media(self) -> tuple[Part, ...]:
        """Return the parts that are not text."""
        return tuple(part for part in self.parts if part.kind != "text")


@dataclass(frozen=True)
class Tool:
    """A function offered to the model."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Conversation:
    """Everything that determines a reply."""

    protocol: Protocol
    model: str
    facts: ChatFacts
    turns: tuple[Turn, ...]
    parameters: Mapping[str, Any]
    """As sent; both protocols use the same names."""
    stream: bool
    multimodal: bool = False
    """Whether it was sent to the native multimodal endpoint."""
    tools: tuple[Tool, ...] = ()
    schema: Mapping[str, Any] | None = field(default=None)
    """Schema of a json_schema response format."""

    @property
    def thinking(self) -> bool:
        """Return whether the model thinks on this request."""
        return is_thinking(self.facts, self.parameters)

    @property
    def tool_choice(self) -> str:
        """Return ``auto``, ``none``, ``required``, or ``=name`` for a forced function."""
        choice = self.parameters.get("tool_choice")
        if isinstance(choice, dict):
            return "=" + str((choice.get("function") or {}).get("name", ""))
        return choice if isinstance(choice, str) else "auto"

    @property
    def parallel(self) -> bool:
        """Return whether one turn may hold several tool calls; the service's default is no."""
        return self.parameters.get("parallel_tool_calls") is True

    @property
    def response_format(self) -> str:
        """Return ``text``, ``json_object`` or ``json_schema``."""
        return str((self.parameters.get("response_format") or {}).get("type", "text"))

    @property
    def stop(self) -> tuple[str, ...]:
        """Return the stop strings; stop token ids are ignored."""
        stop = self.parameters.get("stop")
        listed = [stop] if isinstance(stop, str) else stop or []
        return tuple(item for item in listed if isinstance(item, str) and item)

    @property
    def last_user(self) -> Turn | None:
        """Return the last user message."""
        return next((turn for turn in reversed(self.turns) if turn.role == "user"), None)

    @property
    def question(self) -> str:
        """Return the text of the last user message."""
        return self.last_user.text if self.last_user else ""

    @property
    def current_turns(self) -> tuple[Turn, ...]:
        """Return what followed the last user message: tool calls and their results."""
        for position in range(len(self.turns) - 1, -1, -1):
            if self.turns[position].role == "user":
                return self.turns[position + 1 :]
        return ()

    @property
    def system(self) -> str:
        """Join all system messages."""
        return "\n".join(turn.text for turn in self.turns if turn.role in ("system", "developer"))


def is_thinking(facts: ChatFacts, parameters: Mapping[str, Any]) -> bool:
    """Return whether a model thinks, by its family and the parameters of a request."""
    if facts.thinking in ("only", "never"):
        return facts.thinking == "only"
    if isinstance(parameters.get("enable_thinking"), bool):
        return bool(parameters["enable_thinking"])
    if facts.effort and parameters.get("reasoning_effort") is not None:
        return bool(parameters["reasoning_effort"] != "none")
    return facts.thinking == "default"


def read_conversation(
    protocol: Protocol,
    model: str,
    messages: list[dict[str, Any]],
    parameters: Mapping[str, Any],
    *,
    stream: bool,
    multimodal: bool = False,
) -> Conversation:
    """Read the messages and parameters of either protocol."""
    response_format = parameters.get("response_format") or {}
    schema = (
        (response_format.get("json_schema") or {}).get("schema") if isinstance(response_format, dict) else None
    )
    return Conversation(
        protocol=protocol,
        model=model,
        facts=chat_facts(model),
        turns=tuple(_read_turn(message) for message in messages),
        parameters=parameters,
        stream=stream,
        multimodal=multimodal,
        tools=tuple(_read_tool(tool) for tool in parameters.get("tools") or []),
        schema=schema,
    )


def _read_tool(tool: Mapping[str, Any]) -> Tool:
    function = tool.get("function") or {}
    return Tool(function.get("name", ""), function.get("description") or "", function.get("parameters") or {})


def _read_turn(message: Mapping[str, Any]) -> Turn:
    content = message.get("content")
    listed = content if isinstance(content, list) else [content] if content else []
    return Turn(
        role=str(message.get("role")),
        parts=tuple(_read_part(item) for item in listed),
        calls=tuple(_read_call(call) for call in message.get("tool_calls") or []),
        tool_call_id=str(message.get("tool_call_id") or ""),
        reasoning=str(message.get("reasoning_content") or ""),
        partial=message.get("partial") is True,
    )


def _read_call(call: Mapping[str, Any]) -> Call:
    function = call.get("function") or {}
    arguments = function.get("arguments")
    written = arguments if isinstance(arguments, str) else json.dumps(arguments or {}, ensure_ascii=False)
    return Call(str(call.get("id") or ""), str(function.get("name") or ""), written)


def _read_part(item: Any) -> Part:
    if isinstance(item, str):
        return Part("text", item)
    marked = "cache_control" in item
    if item.get("type") in _COMPATIBLE_MEDIA and not isinstance(item.get(item["type"]), str):
        kind, key, inner = _COMPATIBLE_MEDIA[item["type"]]
        held = item.get(key)
        if isinstance(held, dict):
            held = held.get(inner) or held.get("file_data") or held.get("file_id") or ""
        return Part(kind, source=_source(held), cache_breakpoint=marked)
    for native in _NATIVE_MEDIA:
        if native in item:
            return Part(native, source=_source(item[native]), cache_breakpoint=marked)
    return Part("text", str(item.get("text") or ""), cache_breakpoint=marked)


def _source(value: Any) -> str | tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list) else str(value or "")
