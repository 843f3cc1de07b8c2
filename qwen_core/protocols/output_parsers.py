"""Parse reasoning and tool calls that a server left in the text: events in, events out. Off by default.

A self-hosted server without the right flags leaves ``<think>`` and ``<tool_call>`` in the content, divided
anywhere between two chunks (compatible, section 7). What the server extracted itself is never touched again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from qwen_core.protocols.base import StreamDecoder
from qwen_core.protocols.tagged_calls import Fence, call_begins, call_may_begin, leaves_block_open, split_calls
from qwen_core.types.events import ChoiceEnd, Event, Finish, ReasoningDelta, TextDelta, ToolCallDelta
from qwen_core.types.messages import Tool
from qwen_core.types.requests import ChatRequest

THINK, THINK_END = "<think>", "</think>"


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

    def rest(self) -> Sequence[Event]:
        """Return what is known of a response that did not end."""
        return self._pass(self._decoder.rest())

    def _pass(self, events: Sequence[Event]) -> Sequence[Event]:
        for one in self._filters:
            events = [new for event in events for new in one.add(event)]
        return events


def output_filters(
    request: ChatRequest | None, *, self_hosted: bool = False, prefix: str = ""
) -> list[EventFilter]:
    """Return new filters for one response to this request, as it is sent; none by default.

    ``prefix`` is the text that the response continues, if the server may repeat it.
    """
    filters: list[EventFilter] = []
    if request is None:
        return filters
    if prefix:
        filters.append(PerChoice(lambda choice: PrefixRemover(choice, prefix)))
    tools = {tool.name: tool for tool in request.tools}
    thinking_disabled = disables_thinking(request)
    if self_hosted and thinking_disabled:
        filters.append(PerChoice(UnexpectedReasoning))
    if request.reasoning_parser is not None:
        # Without thinking, the chat template itself closes the reasoning.
        begins_inside = request.reasoning_parser == "qwen3-thinking" and not thinking_disabled
        filters.append(PerChoice(lambda choice: ThinkTags(choice, begins_inside=begins_inside)))
    if request.tool_call_parser is not None and tools:
        filters.append(PerChoice(lambda choice: TaggedCalls(choice, tools)))
    return filters


def disables_thinking(request: ChatRequest) -> bool:
    """Return whether a request, as it is sent, switches thinking off under any server's name for it."""
    body: Mapping[str, Any] = request.extra_body or {}
    template = body.get("chat_template_kwargs")
    switches = [request.enable_thinking, body.get("enable_thinking")]
    if isinstance(template, Mapping):
        switches.append(template.get("enable_thinking"))
    return False in switches or "none" in (request.reasoning_effort, body.get("reasoning_effort"))


class ChoiceFilter(Protocol):
    """A filter for the events of one choice."""

    def add(self, event: Event) -> Iterator[Event]:
        """Yield the events that replace this one."""

    def end(self, finish: Finish, choice: ChoiceEnd) -> Iterator[Event]:
        """Yield what was held back until the end of the choice."""

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
            yield from choice.end(event, ends[number])
            # The server saw only text, and so said "stop".
            if choice.has_calls and ends[number].finish_reason == "stop":
                ends[number] = msgspec.structs.replace(ends[number], finish_reason="tool_calls")
        yield msgspec.structs.replace(event, choices=tuple(ends))


class PrefixRemover:
    """Removes the text that a response continues from its beginning, if it is repeated there."""

    has_calls = False

    def __init__(self, choice: int, prefix: str) -> None:
        self._choice = choice
        self._prefix = prefix
        self._held = ""
        self._done = False

    def add(self, event: Event) -> Iterator[Event]:
        """Yield the events that replace this one."""
        if self._done or not isinstance(event, TextDelta):
            yield event
            return
        self._held += event.text
        if len(self._held) >= len(self._prefix) or not self._prefix.startswith(self._held):
            yield from self._released(self._held.removeprefix(self._prefix))

    def end(self, finish: Finish, choice: ChoiceEnd) -> Iterator[Event]:
        """Yield what was held back until the end of the choice."""
        yield from self._released(self._held)

    def _released(self, text: str) -> Iterator[Event]:
        self._done = True
        self._held = ""
        if text:
            yield TextDelta(text, self._choice)


class UnexpectedReasoning:
    """Returns reasoning as text if thinking is disabled and nothing else comes.

    Servers whose reasoning parser expects ``</think>`` take an answer without it for reasoning (vLLM issue 17349).
    Reasoning that is followed by an answer stays reasoning.
    """

    has_calls = False

    def __init__(self, choice: int) -> None:
        self._choice = choice
        self._held: list[str] = []
        self._answered = False

    def add(self, event: Event) -> Iterator[Event]:
        """Yield the events that replace this one."""
        if isinstance(event, ReasoningDelta) and not self._answered:
            self._held.append(event.text)
            return
        if not self._answered and not (isinstance(event, TextDelta) and not event.text.strip()):
            self._answered = True
            yield from self._reasoning()
        yield event

    def end(self, finish: Finish, choice: ChoiceEnd) -> Iterator[Event]:
        """Yield what was held back until the end of the choice."""
        text = "".join(self._held)
        self._held = []
        if not text:
            return
        yield (
            TextDelta(text, self._choice) if choice.finish_reason == "stop" else ReasoningDelta(text, self._choice)
        )

    def _reasoning(self) -> Iterator[Event]:
        if self._held:
            yield ReasoningDelta("".join(self._held), self._choice)
            self._held = []


class TagBuffer:
    """Text that may be the beginning of a tag, and the white space before it."""

    __slots__ = ("_space", "_start")

    def __init__(self) -> None:
        self._space: list[str] = []
        self._start = ""

    def take(self, text: str, tag: str) -> tuple[str, str | None]:
        """Return what precedes the tag or cannot belong to it, and what follows the tag if it has arrived.

        Holds the rest. White space is held in chunks: joining them for each chunk would take quadratic time.
        """
        text = self._start + text
        before, found, after = text.partition(tag)
        if found:
            self._start = ""
            return self.release() + before, after
        end = len(text) - tag_prefix_length(text, tag)
        self._start = ""
        visible = text[:end].rstrip()
        before = self.release() + visible if visible else ""
        self._space.append(text[len(visible) : end])
        self._start = text[end:]
        return before, None

    def release(self) -> str:
        """Return the held text, and hold nothing."""
        text = "".join((*self._space, self._start))
        self._space.clear()
        self._start = ""
        return text


class ThinkTags:
    """Moves the text of ``<think>`` at the beginning of a response into its reasoning."""

    has_calls = False

    def __init__(self, choice: int, *, begins_inside: bool) -> None:
        self._choice = choice
        self._held = TagBuffer()
        self._space: list[str] = []
        self._start = ""
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

    def end(self, finish: Finish, choice: ChoiceEnd) -> Iterator[Event]:
        """Yield what was held back until the end."""
        yield from self._released()

    def _released(self) -> Iterator[Event]:
        text = "".join((*self._space, self._start)) + self._held.release()
        self._space, self._start = [], ""
        if text and self._take == self._inside:
            text = text.rstrip()
            if text:
                yield ReasoningDelta(text, self._choice)
        elif text:
            yield TextDelta(text, self._choice)

    def _before(self, text: str) -> Iterator[Event]:
        if not self._start and (not text or text.isspace()):
            self._space.append(text)
            return
        start = (self._start + text).lstrip()
        if start != THINK and THINK.startswith(start):
            if not self._start:
                self._space.append(text[: len(text) - len(start)])
            self._start = start
            return
        seen = "".join((*self._space, self._start, text))
        self._space, self._start = [], ""
        if start.startswith(THINK):
            self._take = self._inside
            yield from self._inside(start.removeprefix(THINK))
        else:
            self._take = self._untagged
            yield from self._untagged(seen)

    def _inside(self, text: str) -> Iterator[Event]:
        before, after = self._held.take(text, THINK_END)
        if self._fresh:
            before = before.lstrip()
            self._fresh = not before
        if after is not None:
            before = before.rstrip()
        if before:
            yield ReasoningDelta(before, self._choice)
        if after is not None:
            self._take = self._behind
            yield from self._behind(after)

    def _behind(self, text: str) -> Iterator[Event]:
        text = text.lstrip()
        if text:
            self._take = self._after
            yield TextDelta(text, self._choice)

    def _after(self, text: str) -> Iterator[Event]:
        yield TextDelta(text, self._choice)


class CallStartBuffer:
    """Text up to where a call may begin: at the beginning of a line, outside of code fences.

    Holds what may be the beginning of a call's first tag, and the white space before it.
    """

    __slots__ = ("_fence", "_inside_block", "_line", "_space", "_start")

    def __init__(self) -> None:
        self._fence = Fence()
        self._inside_block = False
        self._line: list[str] = []
        self._space: list[str] = []
        self._start = ""

    def take(self, text: str) -> tuple[str, str | None]:
        """Return what cannot belong to a call, and the text from where one may begin, with the space before it."""
        text, self._start = self._start + text, ""
        position = 0
        while position < len(text):
            line_end = text.find("\n", position) + 1 or len(text)
            if not self._line and not self._fence.open:
                line = text[position:line_end]
                if call_begins(line, inside_block=self._inside_block):
                    before = self._visible(text[:position])
                    return before, self.release() + text[position:]
                if call_may_begin(line):
                    before = self._visible(text[:position])
                    self._start = line
                    return before, None
            self._track(text[position:line_end])
            position = line_end
        return self._visible(text), None

    def release(self) -> str:
        """Return the held text, and hold nothing."""
        text = "".join((*self._space, self._start))
        self._space.clear()
        self._start = ""
        return text

    def _visible(self, text: str) -> str:
        """Return this text with the white space held before it, and hold the white space at its end."""
        visible = text.rstrip()
        before = self.release() + visible if visible else ""
        self._space.append(text[len(visible) :])
        return before

    def _track(self, text: str) -> None:
        """Take note of a line, or of a part of one."""
        self._line.append(text)
        if text.endswith("\n"):
            line = "".join(self._line)
            self._line.clear()
            self._fence.add_line(line)
            self._inside_block = leaves_block_open(line, self._inside_block)


class TaggedCalls:
    """Converts the tool calls at the end of a response's text (``tagged_calls``) to tool calls.

    From where one may begin all text waits for the end of the response: only then is it known that nothing else
    follows, and that the server sends no tool calls of its own.
    """

    def __init__(self, choice: int, tools: dict[str, Tool]) -> None:
        self.has_calls = False
        self._choice = choice
        self._tools = tools
        self._held = CallStartBuffer()
        self._waiting: list[str] = []
        self._reasoning: list[str] = []
        self._answered = False
        self._structured = False

    def add(self, event: Event) -> Iterator[Event]:
        """Yield the events that replace this one."""
        if isinstance(event, ToolCallDelta) and not self._structured:
            self._structured = True
            yield from self._text(self._rest())
        if isinstance(event, ReasoningDelta):
            self._reasoning.append(event.text)
        if not isinstance(event, TextDelta) or self._structured:
            yield event
        elif self._waiting:
            self._waiting.append(event.text)
        else:
            before, call = self._held.take(event.text)
            if call is not None:
                self._waiting.append(call)
            yield from self._text(before)

    def end(self, finish: Finish, choice: ChoiceEnd) -> Iterator[Event]:
        """Yield what was held back until the end of the choice."""
        text = self._rest()
        if self._structured:
            yield from self._text(text)
            return
        # A response that was cut off may lack more than a closing tag.
        complete = choice.finish_reason == "stop"
        text, calls = split_calls(text, self._tools, complete=complete)
        if not calls and not self._answered and not text.strip():
            # Some models write the call before they stop thinking.
            _, calls = split_calls("".join(self._reasoning), self._tools, complete=complete)
        yield from self._text(text)
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
