"""Names of tools that the service refuses, exchanged for ones that it takes; the answer has the user's again.

The service takes letters, digits, ``_`` and ``-``, 64 at most, and nothing called ``search`` (compatible 2).
"""

import re
from collections.abc import Callable, Iterator, Mapping

import msgspec

from qwen_core.types.events import Event, ToolCallDelta
from qwen_core.types.messages import Message, Part, ToolCallPart
from qwen_core.types.requests import TOOL_CHOICE_MODES, ChatRequest

LONGEST = 64

Accepts = Callable[[str], object]
"""Whether a server accepts a name."""


def accept_all_but(*names: str) -> Accepts:
    """The rule for names, with these excluded. A tool that is called like a mode could not be forced."""
    return re.compile(rf"(?!(?:{'|'.join(names)})$)[A-Za-z0-9_-]{{1,{LONGEST}}}").fullmatch


SERVICE_ACCEPTS = accept_all_but(*TOOL_CHOICE_MODES, "search")
OWN_SERVERS_ACCEPT = accept_all_but(*TOOL_CHOICE_MODES)


def safe_name(name: str) -> str:
    """The name with ``_`` for every other character, cut where it is too long."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)[:LONGEST]


def with_names_to_send(request: ChatRequest, *, self_hosted: bool = False) -> tuple[ChatRequest, dict[str, str]]:
    """The request with names that the service takes, and the user's name for each that was exchanged."""
    names = dict.fromkeys([*(tool.name for tool in request.tools), *called_names(request.messages)])
    accepts = OWN_SERVERS_ACCEPT if self_hosted else SERVICE_ACCEPTS
    if all(map(accepts, names)):
        return request, {}
    sent = names_to_send(names, accepts)
    choice = request.tool_choice
    renamed = msgspec.structs.replace(
        request,
        tools=tuple(msgspec.structs.replace(tool, name=sent.get(tool.name, tool.name)) for tool in request.tools),
        tool_choice=choice if choice is None or choice in TOOL_CHOICE_MODES else sent.get(choice, choice),
        messages=tuple(_renamed(message, sent) for message in request.messages),
    )
    return renamed, {theirs: name for name, theirs in sent.items()}


def names_to_send(names: Mapping[str, None], accepts: Accepts = SERVICE_ACCEPTS) -> dict[str, str]:
    """Another name for each that the service refuses. Each stays alone with its name."""
    used = {name for name in names if accepts(name)}
    sent: dict[str, str] = {}
    for name in names:
        if name in used:
            continue
        wanted = safe_name(name) or "tool"
        if not accepts(wanted):
            wanted = f"{wanted}_tool"
        other, number = wanted, 1
        while other in used:
            number += 1
            other = f"{wanted[: LONGEST - len(str(number)) - 1]}_{number}"
        used.add(other)
        sent[name] = other
    return sent


def called_names(messages: tuple[Message, ...]) -> Iterator[str]:
    """The names of tools that were called in a conversation."""
    for message in messages:
        if message.role == "assistant":
            for part in message.parts:
                if type(part) is ToolCallPart:
                    yield part.name


def _renamed(message: Message, sent: Mapping[str, str]) -> Message:
    def renamed(part: Part) -> Part:
        if not isinstance(part, ToolCallPart) or part.name not in sent:
            return part
        return msgspec.structs.replace(part, name=sent[part.name])

    if message.role == "tool" and message.name is not None and message.name in sent:
        return msgspec.structs.replace(message, name=sent[message.name])
    if message.role != "assistant":
        return message
    return msgspec.structs.replace(message, parts=tuple(renamed(part) for part in message.parts))


class OwnNames:
    """Puts the user's names into the calls of one answer."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def add(self, event: Event) -> Iterator[Event]:
        """The event, with the user's name of a tool."""
        name = self._names.get(event.name or "") if isinstance(event, ToolCallDelta) else None
        yield event if name is None else msgspec.structs.replace(event, name=name)
