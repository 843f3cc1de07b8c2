"""Accumulate the events of a response into a message. No other module does."""

from collections.abc import Iterable

from qwen_core.types.events import AudioDelta, ChoiceEnd, Event, Finish, ReasoningDelta, TextDelta, ToolCallDelta
from qwen_core.types.messages import Message, Part, ReasoningPart, TextPart, ToolCallPart
from qwen_core.types.responses import Audio, ChatResponse, Choice


class PartialToolCall:
    """A tool call while its deltas arrive."""

    __slots__ = ("arguments", "id", "name")

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.arguments: list[str] = []


class PartialChoice:
    """A choice while its deltas arrive."""

    __slots__ = ("audio", "audio_expires_at", "audio_id", "reasoning", "text", "tool_calls", "transcript")

    def __init__(self) -> None:
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.tool_calls: list[PartialToolCall] = []
        self.audio: list[str] = []
        self.transcript: list[str] = []
        self.audio_id: str | None = None
        self.audio_expires_at: int | None = None

    def add_tool_call(self, delta: ToolCallDelta) -> None:
        """Append a delta to the tool call at its position."""
        while len(self.tool_calls) <= delta.position:
            self.tool_calls.append(PartialToolCall())
        call = self.tool_calls[delta.position]
        call.id = delta.id or call.id
        call.name = delta.name or call.name
        call.arguments.append(delta.arguments)

    def add_audio(self, delta: AudioDelta) -> None:
        """Append an audio delta."""
        if delta.data:
            self.audio.append(delta.data)
        if delta.transcript:
            self.transcript.append(delta.transcript)
        self.audio_id = delta.id or self.audio_id
        self.audio_expires_at = delta.expires_at or self.audio_expires_at

    def message(self) -> Message:
        """Return what has arrived so far as an assistant message."""
        parts: list[Part] = []
        if self.reasoning:
            parts.append(ReasoningPart("".join(self.reasoning)))
        if self.text:
            parts.append(TextPart("".join(self.text)))
        parts += [ToolCallPart(call.id, call.name, "".join(call.arguments)) for call in self.tool_calls]
        return Message("assistant", tuple(parts))

    def to_choice(self, end: ChoiceEnd | None) -> Choice:
        """Return the choice, with its finish reason if it has ended."""
        audio = None
        if self.audio or self.transcript:
            audio = Audio(
                data=join_base64(self.audio),
                # The newer models write what they say as text alone, the older ones into the transcript too.
                transcript="".join(self.transcript or self.text),
                id=self.audio_id,
                expires_at=self.audio_expires_at,
            )
        return Choice(
            message=self.message(),
            finish_reason=end.finish_reason if end else None,
            raw_finish_reason=end.raw_finish_reason if end else None,
            logprobs=end.logprobs if end else None,
            audio=audio,
            empty_after_thinking=end.empty_after_thinking if end else False,
            spans=end.spans if end else (),
        )


class Accumulator:
    """Collects the events of one response. Usable for snapshots at any moment."""

    __slots__ = ("choices", "finish")

    def __init__(self) -> None:
        self.choices: list[PartialChoice] = [PartialChoice()]
        self.finish: Finish | None = None

    def choice(self, index: int = 0) -> PartialChoice:
        """Return the choice with this index, created at first use."""
        while len(self.choices) <= index:
            self.choices.append(PartialChoice())
        return self.choices[index]

    def add(self, event: Event) -> None:
        """Add one event."""
        if isinstance(event, TextDelta):
            self.choice(event.choice).text.append(event.text)
        elif isinstance(event, ReasoningDelta):
            self.choice(event.choice).reasoning.append(event.text)
        elif isinstance(event, ToolCallDelta):
            self.choice(event.choice).add_tool_call(event)
        elif isinstance(event, AudioDelta):
            self.choice(event.choice).add_audio(event)
        else:
            self.finish = event

    def response(self, payload: bytes | None = None) -> ChatResponse:
        """Return the response as far as it has arrived."""
        finish = self.finish
        if finish is None:
            return ChatResponse(choices=tuple(choice.to_choice(None) for choice in self.choices))
        self.choice(len(finish.choices) - 1)
        return ChatResponse(
            choices=tuple(choice.to_choice(end) for choice, end in zip(self.choices, finish.choices, strict=True)),
            usage=finish.usage,
            id=finish.id,
            model=finish.model,
            request_id=finish.request_id,
            created=finish.created,
            citations=finish.citations,
            search_info=finish.search_info,
            extras=finish.extras,
            cost=finish.cost,
            payload=payload,
        )


def accumulate(events: Iterable[Event], payload: bytes | None = None) -> ChatResponse:
    """Return the response that these events make."""
    accumulator = Accumulator()
    for event in events:
        accumulator.add(event)
    return accumulator.response(payload)


def accumulate_partial(events: Iterable[Event]) -> ChatResponse | None:
    """Return what these events of a broken-off response make, or None if they have neither content nor usage."""
    response = accumulate(events)
    has_content = any(choice.message.parts or choice.audio for choice in response.choices)
    return response if has_content or response.usage or response.citations else None


def join_base64(texts: list[str]) -> str:
    """Join base64 texts that were encoded one by one; each may end in its own padding."""
    if len(texts) == 1:
        return texts[0]
    if not any(text.endswith("=") or len(text) % 4 for text in texts[:-1]):
        return "".join(texts)
    import base64

    return base64.b64encode(b"".join(base64.b64decode(text) for text in texts)).decode()
