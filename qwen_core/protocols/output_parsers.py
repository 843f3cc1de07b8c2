"""Parse reasoning and tool calls that a server left in the text: events in, events out. Off by default.

A self-hosted server without the right flags leaves ``<think>`` and ``<tool_call>`` in the content, divided
anywhere between two chunks (compatible, section 7). What the server extracted itself is never touched again.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import msgspec

from qwen_core.protocols.base import StreamDecoder
from qwen_core.types.decodable import decodable
from qwen_core.types.events import Event, Finish, ReasoningDelta, TextDelta, ToolCallDelta
from qwen_core.types.messages import Tool
from qwen_core.types.requests import ChatRequest

THINK, THINK_END = "<think>", "</think>"
CALL, CALL_END = "<tool_call>", "</tool_call>"

ParsedCall = tuple[str, str]
"""The name of a tool, and the JSON text of the arguments."""


class EventFilter(Protocol):
    """Filters the events of one response, in order."""

    def add(self, event: Event) -> Iterator[Event]:
        """Yield the events that replace this one."""


class FilteringDecoder:
    """A decoder whose events pass through filters."""

    __slots__ = ("_decoder", "_filters")

    def __init__(self, decoder: StreamDecoder, filters: Sequence[EventFilter]) -> None:
        self._decoder = decoder
        self._filters = filters

    @property
    def done(self) -> bool:
        """Whether the protocol said that nothing follows."""
        return self._decoder.done

    @property
    def finished(self) -> bool:
        """Whether every choice has a finish reason."""
        return self._decoder.finished

    def feed(self, payload: bytes, status: int | None = None) -> Sequence[Event]:
        """Return the events of one payload."""
        return self._pass(self._decoder.feed(payload, status))

    def close(self) -> Sequence[Event]:
        """End the response."""
        return self._pass(self._decoder.close())

    def _pass(self, events: Sequence[Event]) -> Sequence[Event]:
        for one in self._filters:
            events = [new for event in events for new in one.add(event)]
        return events


def output_filters(request: ChatRequest | None) -> list[EventFilter]:
    """Return new filters for one response, in their order; none by default."""
    filters: list[EventFilter] = []
    if request is None:
        return filters
    tools = {tool.name: tool for tool in request.tools}
    if request.reasoning_parser is not None:
        begins_inside = request.reasoning_parser == "qwen3-thinking"
        filters.append(PerChoice(lambda choice: ThinkTags(choice, begins_inside=begins_inside)))
    if request.tool_call_parser is not None and tools:
        filters.append(PerChoice(lambda choice: TaggedCalls(choice, tools)))
    return filters


class ChoiceFilter(Protocol):
    """A filter for the events of one choice."""

    def add(self, event: Event) -> Iterator[Event]:
        """Yield the events that replace this one."""

    def end(self, finish: Finish) -> Iterator[Event]:
        """Yield what was held back until the end."""

    @property
    def has_calls(self) -> bool:
        """Whether tool calls were found."""


class PerChoice:
    """Filters each choice of a response with a filter of its own."""

    def __init__(self, make: Callable[[int], ChoiceFilter]) -> None:
        self._make = make
        self._choices: dict[int, ChoiceFilter] = {}

    def add(self, event: Event) -> Iterator[Event]:
        """Yield the events that replace this one."""
        if not isinstance(event, Finish):
            number = event.choice
            if number not in self._choices:
                self._choices[number] = self._make(number)
            yield from self._choices[number].add(event)
            return
        ends = list(event.choices)
        for number, choice in sorted(self._choices.items()):
            yield from choice.end(event)
            # The server saw only text, and so said "stop".
            if choice.has_calls and ends[number].finish_reason == "stop":
                ends[number] = msgspec.structs.replace(ends[number], finish_reason="tool_calls")
        yield msgspec.structs.replace(event, choices=tuple(ends))


class TagBuffer:
    """Text that may be the beginning of a tag, and the white space before it."""

    __slots__ = ("text",)

    def __init__(self) -> None:
        self.text = ""

    def take(self, text: str, tag: str) -> tuple[str, bool]:
        """Return what precedes the tag or cannot belong to it, and whether the tag has arrived. Holds the rest."""
        text = self.text + text
        before, found, after = text.partition(tag)
        if found:
            self.text = after
            return before, True
        end = len(text) - tag_prefix_length(text, tag)
        end = len(text[:end].rstrip())
        self.text = text[end:]
        return text[:end], False

    def release(self) -> str:
        """Return the held text, and hold nothing."""
        text, self.text = self.text, ""
        return text


class ThinkTags:
    """Moves the text of ``<think>`` at the beginning of a response into its reasoning."""

    has_calls = False

    def __init__(self, choice: int, *, begins_inside: bool) -> None:
        self._choice = choice
        self._held = TagBuffer()
        self._take = self._before
        self._untagged = self._inside if begins_inside else self._after
        self._fresh = True

    def add(self, event: Event) -> Iterator[Event]:
        """Yield the events that replace this one."""
        if isinstance(event, TextDelta):
            yield from self._take(event.text)
            return
        if isinstance(event, ReasoningDelta):
            # The server takes reasoning out by itself.
            yield from self._released()
            self._take = self._after
        yield event

    def end(self, finish: Finish) -> Iterator[Event]:
        """Yield what was held back until the end."""
        yield from self._released()

    def _released(self) -> Iterator[Event]:
        text = self._held.release()
        if text and self._take == self._inside:
            text = text.rstrip()
            if text:
                yield ReasoningDelta(text, self._choice)
        elif text:
            yield TextDelta(text, self._choice)

    def _before(self, text: str) -> Iterator[Event]:
        seen = self._held.text + text
        start = seen.lstrip()
        if start.startswith(THINK):
            self._held.text = ""
            self._take = self._inside
            yield from self._inside(start.removeprefix(THINK))
        elif THINK.startswith(start):
            self._held.text = seen
        else:
            self._held.text = ""
            self._take = self._untagged
            yield from self._untagged(seen)

    def _inside(self, text: str) -> Iterator[Event]:
        before, ended = self._held.take(text, THINK_END)
        if self._fresh:
            before = before.lstrip()
            self._fresh = not before
        if ended:
            before = before.rstrip()
        if before:
            yield ReasoningDelta(before, self._choice)
        if ended:
            self._take = self._behind
            yield from self._behind(self._held.release())

    def _behind(self, text: str) -> Iterator[Event]:
        text = text.lstrip()
        if text:
            self._take = self._after
            yield TextDelta(text, self._choice)

    def _after(self, text: str) -> Iterator[Event]:
        yield TextDelta(text, self._choice)


class TaggedCalls:
    """Converts ``<tool_call>`` blocks, with JSON or with Qwen-Coder's XML in them, to tool calls.

    From the first tag on all text waits for the end of the response: only then is it known that the server sends
    no tool calls of its own. A block that is not a complete call of an offered tool stays text.
    """

    def __init__(self, choice: int, tools: dict[str, Tool]) -> None:
        self.has_calls = False
        self._choice = choice
        self._tools = tools
        self._held = TagBuffer()
        self._waiting: list[str] = []
        self._reasoning: list[str] = []
        self._answered = False
        self._proper = False

    def add(self, event: Event) -> Iterator[Event]:
        """Yield the events that replace this one."""
        if isinstance(event, ToolCallDelta) and not self._proper:
            self._proper = True
            yield from self._text(self._rest())
        if isinstance(event, ReasoningDelta):
            self._reasoning.append(event.text)
        if not isinstance(event, TextDelta) or self._proper:
            yield event
        elif self._waiting:
            self._waiting.append(event.text)
        else:
            before, begun = self._held.take(event.text, CALL)
            if begun:
                kept = before.rstrip()
                self._waiting += [before[len(kept) :] + CALL, self._held.release()]
                before = kept
            yield from self._text(before)

    def end(self, finish: Finish) -> Iterator[Event]:
        """Yield what was held back until the end."""
        rest = self._rest()
        if self._proper:
            yield from self._text(rest)
            return
        found = list(split_calls(rest, self._tools)) if rest else []
        calls = [part for part in found if not isinstance(part, str)]
        if not calls and not self._answered and not rest.strip():
            # Some models write the call before they stop thinking.
            thought = "".join(self._reasoning)
            start = thought.find(CALL)
            inside = list(split_calls(thought[start:], self._tools)) if start >= 0 else []
            if inside and all(not isinstance(part, str) or not part.strip() for part in inside):
                calls = [part for part in inside if not isinstance(part, str)]
        if calls:
            rest = "".join(part for part in found if isinstance(part, str) and part.strip())
        yield from self._text(rest)
        self.has_calls = bool(calls)
        for position, (name, arguments) in enumerate(calls):
            id = f"call_{finish.id or 'qwen'}_{position}"
            yield ToolCallDelta(position, arguments, id, name, self._choice)

    def _rest(self) -> str:
        text = "".join(self._waiting) + self._held.release()
        self._waiting = []
        return text

    def _text(self, text: str) -> Iterator[Event]:
        if text:
            self._answered = self._answered or bool(text.strip())
            yield TextDelta(text, self._choice)


def tag_prefix_length(text: str, tag: str) -> int:
    """Return the length of the end of a text that is the beginning of a tag."""
    return next((size for size in range(min(len(tag) - 1, len(text)), 0, -1) if text.endswith(tag[:size])), 0)


def split_calls(text: str, tools: dict[str, Tool]) -> Iterator[str | ParsedCall]:
    """Yield the text between tool calls, and the tool calls."""
    kept = position = 0
    while (start := text.find(CALL, position)) >= 0:
        begin = start + len(CALL)
        read = json_call(text, begin, tools) or xml_call(text, begin, tools)
        if read is None:
            position = begin
            continue
        call, end = read
        yield text[kept:start]
        yield call
        kept = position = end
    yield text[kept:]


@decodable
class HermesCall(msgspec.Struct):
    """The JSON of a tool call; the arguments stay as the model wrote them."""

    name: str
    arguments: msgspec.Raw = msgspec.Raw(b"{}")


def json_call(text: str, begin: int, tools: dict[str, Tool]) -> tuple[ParsedCall, int] | None:
    """Return a tool call written as JSON, and the end of its block."""
    begin = skip_whitespace(text, begin)
    try:
        _, end = json.JSONDecoder().raw_decode(text, begin)
        call = msgspec.json.decode(text[begin:end], type=HermesCall)
        arguments = bytes(call.arguments).decode()
        if arguments.startswith('"'):
            arguments = msgspec.json.decode(arguments, type=str)
    except (ValueError, msgspec.MsgspecError, RecursionError):
        return None
    return check_offered((call.name, arguments), text, end, tools)


def xml_call(text: str, begin: int, tools: dict[str, Tool]) -> tuple[ParsedCall, int] | None:
    """Return a tool call written as Qwen-Coder does, and the end of its block."""
    begin = skip_whitespace(text, begin)
    if not text.startswith("<function=", begin):
        return None
    name_end, end = text.find(">", begin), text.find("</function>", begin)
    if not 0 <= name_end < end:
        return None
    name = text[begin + len("<function=") : name_end].strip()
    values: dict[str, Any] = {}
    for written in text[name_end + 1 : end].split("<parameter=")[1:]:
        key, closed, value = written.partition(">")
        value, ended, _ = value.rpartition("</parameter>")
        if not closed or not ended:
            return None
        key = key.strip()
        values[key] = typed_value(value.removeprefix("\n").removesuffix("\n"), tools.get(name), key)
    arguments = msgspec.json.encode(values).decode()
    return check_offered((name, arguments), text, end + len("</function>"), tools)


def check_offered(call: ParsedCall, text: str, end: int, tools: dict[str, Tool]) -> tuple[ParsedCall, int] | None:
    """Return the tool call and the end of its block, if nothing else is in the block and the tool was offered."""
    end = skip_whitespace(text, end)
    if call[0] not in tools or not (end == len(text) or text.startswith(CALL_END, end)):
        return None
    return call, min(end + len(CALL_END), len(text))


def typed_value(value: str, tool: Tool | None, key: str) -> Any:
    """Convert a value that was written as bare text to the type in the tool's schema."""
    schema = (tool.parameters.get("properties") or {}).get(key) if tool else None
    options = [schema, *(schema.get("anyOf") or ())] if isinstance(schema, dict) else []
    kinds = [option.get("type") for option in options if isinstance(option, dict)]
    if "string" in kinds and not (value == "null" and "null" in kinds):
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError):
        return value


def skip_whitespace(text: str, position: int) -> int:
    """Return the position of the next character that is not white space."""
    while position < len(text) and text[position].isspace():
        position += 1
    return position
