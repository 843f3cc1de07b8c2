"""Replace tool names that the service refuses by valid ones, and restore the user's names in the response.

The service accepts letters, digits, ``_`` and ``-``, at most 64, and no tool with the name ``search`` (compatible
2).
"""

import re
from collections.abc import Callable, Iterator, Mapping

import msgspec

from qwen_core.types.events import Event, ToolCallDelta
from qwen_core.types.messages import Message, Part, ToolCallPart
from qwen_core.types.requests import TOOL_CHOICE_MODES, ChatRequest

MAX_LENGTH = 64

NameRule = Callable[[str], object]
"""Returns something true if a server accepts a tool name."""


def name_rule_excluding(*names: str) -> NameRule:
    """Return the rule for tool names that excludes these. A tool with the name of a mode could not be forced."""
    return re.compile(rf"(?!(?:{'|'.join(names)})$)[A-Za-z0-9_-]{{1,{MAX_LENGTH}}}").fullmatch


SERVICE_NAME_RULE = name_rule_excluding(*TOOL_CHOICE_MODES, "search")
SELF_HOSTED_NAME_RULE = name_rule_excluding(*TOOL_CHOICE_MODES)


def safe_name(name: str) -> str:
    """Return the name with ``_`` for every invalid character, truncated to the maximum length."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)[:MAX_LENGTH]


def with_valid_tool_names(
    request: ChatRequest, *, self_hosted: bool = False, accepts_search: bool = False
) -> tuple[ChatRequest, dict[str, str]]:
    """Return the request with valid tool names, and the user's name for each that was replaced.

    ``accepts_search`` says that a recording shows that the model accepts a tool named ``search``.
    """
    names: dict[str, None] = {}
    for tool in request.tools:
        names[tool.name] = None
    for message in request.messages:
        for part in message.parts:
            if type(part) is ToolCallPart:
                names[part.name] = None
    accepts = SELF_HOSTED_NAME_RULE if self_hosted or accepts_search else SERVICE_NAME_RULE
    if all(map(accepts, names)):
        return request, {}
    replacements = valid_tool_names(names, accepts)
    choice = request.tool_choice
    if choice is not None and choice not in TOOL_CHOICE_MODES:
        choice = replacements.get(choice, choice)
    renamed = msgspec.structs.replace(
        request,
        tools=tuple(
            msgspec.structs.replace(tool, name=replacements.get(tool.name, tool.name)) for tool in request.tools
        ),
        tool_choice=choice,
        messages=tuple(_rename_in_message(message, replacements) for message in request.messages),
    )
    return renamed, {replacement: name for name, replacement in replacements.items()}


def valid_tool_names(names: Mapping[str, None], accepts: NameRule = SERVICE_NAME_RULE) -> dict[str, str]:
    """Return a unique replacement for each name that the rule does not accept."""
    used = {name for name in names if accepts(name)}
    replacements: dict[str, str] = {}
    for name in names:
        if name in used:
            continue
        base = safe_name(name) or "tool"
        if not accepts(base):
            base = f"{base}_tool"
        candidate, number = base, 1
        while candidate in used:
            number += 1
            candidate = f"{base[: MAX_LENGTH - len(str(number)) - 1]}_{number}"
        used.add(candidate)
        replacements[name] = candidate
    return replacements


def _rename_in_message(message: Message, replacements: Mapping[str, str]) -> Message:
    def rename(part: Part) -> Part:
        if not isinstance(part, ToolCallPart) or part.name not in replacements:
            return part
        return msgspec.structs.replace(part, name=replacements[part.name])

    if message.role == "tool" and message.name is not None and message.name in replacements:
        return msgspec.structs.replace(message, name=replacements[message.name])
    if message.role != "assistant":
        return message
    return msgspec.structs.replace(message, parts=tuple(rename(part) for part in message.parts))


class ToolNameRestorer:
    """Restores the user's tool names in the tool calls of one response."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def add(self, event: Event) -> Iterator[Event]:
        """Yield the event with the user's name of the tool."""
        name = self._names.get(event.name or "") if isinstance(event, ToolCallDelta) else None
        yield event if name is None else msgspec.structs.replace(event, name=name)
