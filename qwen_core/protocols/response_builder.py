"""Build a response while its chunks arrive: its choices, its events and how it ends, for all protocols.

A decoder parses its protocol's JSON and passes the content on to here. No module but the decoder knows a key of
the protocol's envelope.
"""

from binascii import a2b_base64
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from qwen_core.models.profile import ModelProfile
from qwen_core.protocols.base import MAX_CHOICES, StreamDecoder
from qwen_core.protocols.error_decoding import innermost_error, invalid_response, status_in
from qwen_core.protocols.leaked_reasoning import LeakedReasoning, Leaks
from qwen_core.protocols.schema import Audio, ToolCall
from qwen_core.protocols.tool_calls import ToolCallAssembler
from qwen_core.types.accumulator import accumulate, accumulate_partial
from qwen_core.types.errors import IncompleteStreamError, InvalidResponseError, QwenError, make_error
from qwen_core.types.events import AudioDelta, ChoiceEnd, Event, Finish, ReasoningDelta, TextDelta
from qwen_core.types.responses import ChatResponse, Citation, finish_reason
from qwen_core.types.usage import Usage, has_counts

OUT_OF_TIME = (
    "The service reached its time limit: 600 seconds on a shared host, 3,600 on a workspace's (workspace=...). "
    "The error's `partial` holds what it had generated."
)
"""The cause of an incomplete response, according to a header (compatible 1.4)."""


class ChoiceBuilder:
    """Builds one choice. ``cumulative`` chunks repeat all that came before."""

    __slots__ = (
        "answered",
        "arguments",
        "cumulative",
        "finish_reason",
        "has_reasoning",
        "has_text",
        "index",
        "leaks",
        "logprobs",
        "previous_reasoning",
        "previous_text",
        "tools",
    )

    def __init__(self, index: int, cumulative: bool, leaks: Leaks = "none") -> None:
        self.index = index
        self.leaks = None if leaks == "none" else LeakedReasoning(leaks)
        self.cumulative = cumulative
        self.tools: ToolCallAssembler | None = None
        self.finish_reason: str | None = None
        self.logprobs: list[dict[str, Any]] = []
        self.has_text = False
        self.has_reasoning = False
        self.answered = False
        self.previous_text = ""
        self.previous_reasoning = ""
        self.arguments: dict[int, str] = {}

    def add(self, text: str | None, reasoning: str | None, events: list[Event]) -> None:
        """Add text, reasoning, or neither."""
        if self.cumulative:
            text, reasoning = self._new_part(text or "", reasoning or "")
        leaks = self.leaks
        if leaks is None:
            self._add(text, reasoning, events)
            return
        if reasoning:
            self._add(leaks.take_reasoning(), None, events)
            self._add(None, reasoning, events)
        if text:
            leaked, text = leaks.add(text)
            self._add(text, leaked, events)
        if leaks.done:
            self.leaks = None

    def release(self, events: list[Event]) -> None:
        """Add the text that was held back: nothing follows that could show that it is reasoning."""
        if self.leaks is not None:
            leaked, text = self.leaks.end()
            self.leaks = None
            self._add(text, leaked, events)

    def _add(self, text: str | None, reasoning: str | None, events: list[Event]) -> None:
        if reasoning:
            self.has_reasoning = True
            events.append(ReasoningDelta(reasoning, self.index))
        if text:
            self.has_text = True
            if not self.answered:
                self.answered = not text.isspace()
            events.append(TextDelta(text, self.index))

    def add_tool_calls(self, calls: Sequence[ToolCall], events: list[Event]) -> None:
        """Add deltas of tool calls. If several have no index, their positions are their indices."""
        self.release(events)
        if not calls:
            return
        tools = self.tools = self.tools or ToolCallAssembler(self.index)
        for position, call in enumerate(calls):
            index = position if call.index is None and len(calls) > 1 else call.index
            function = call.function
            try:
                delta = tools.add(
                    call.id,
                    index,
                    function.name if function else None,
                    function.arguments if function else None,
                )
            except ValueError as reason:
                raise InvalidResponseError(f"The response cannot be decoded: {reason}.") from reason
            if self.cumulative:
                before = self.arguments.get(delta.position, "")
                self.arguments[delta.position] = delta.arguments or before
                delta = msgspec.structs.replace(delta, arguments=delta.arguments.removeprefix(before))
            events.append(delta)

    def add_audio(self, audio: Audio, events: list[Event]) -> None:
        """Add audio. The older omni models write their text only into its transcript."""
        transcript = audio.transcript or ""
        if transcript and not self.has_text:
            events.append(TextDelta(transcript, self.index))
        try:
            a2b_base64(audio.data or "")
        except ValueError as reason:
            raise InvalidResponseError(
                f"The response cannot be decoded: its audio is not base64: {reason}."
            ) from reason
        if audio.data or transcript:
            self.answered = True
            events.append(AudioDelta(audio.data or "", transcript, audio.id, audio.expires_at, self.index))

    def end(self, raw_finish_reason: str | None, logprobs: Mapping[str, Any] | None) -> None:
        """Record the finish reason of a chunk, if any: the native protocol writes ``"null"`` until the end."""
        if raw_finish_reason and raw_finish_reason != "null" and not self.finish_reason:
            self.finish_reason = raw_finish_reason
        if logprobs:
            self.logprobs += logprobs.get("content") or ()

    def _new_part(self, text: str, reasoning: str) -> tuple[str, str]:
        """Return what a cumulative chunk adds."""
        new_text = text.removeprefix(self.previous_text)
        new_reasoning = reasoning.removeprefix(self.previous_reasoning)
        self.previous_text = text or self.previous_text
        self.previous_reasoning = reasoning or self.previous_reasoning
        return new_text, new_reasoning


class ResponseBuilder:
    """Builds one response."""

    __slots__ = (
        "began",
        "choices",
        "created",
        "cumulative",
        "extras",
        "headers",
        "id",
        "leaks",
        "model",
        "request_id",
        "search_info",
        "usage",
    )

    def __init__(
        self, profile: ModelProfile, headers: Mapping[str, str] | None = None, leaks: Leaks = "none"
    ) -> None:
        self.cumulative = profile.cumulative_stream
        self.leaks = leaks
        self.headers = headers or {}
        self.choices: list[ChoiceBuilder] = [ChoiceBuilder(0, self.cumulative, leaks)]
        self.began = False
        self.usage: dict[str, Any] | None = None
        self.id: str | None = None
        # A response that does not name its model is of the one that was requested.
        self.model: str | None = profile.name
        self.created: int | None = None
        self.request_id: str | None = None
        self.search_info: dict[str, Any] | None = None
        self.extras: dict[str, Any] = {}

    def choice(self, index: int) -> ChoiceBuilder:
        """Return the builder of the choice with this index."""
        if not 0 <= index < MAX_CHOICES:
            raise InvalidResponseError(f"The response cannot be decoded: a choice has the index {index}.")
        while len(self.choices) <= index:
            self.choices.append(ChoiceBuilder(len(self.choices), self.cumulative, self.leaks))
        return self.choices[index]

    @property
    def finished(self) -> bool:
        """Whether every choice has a finish reason."""
        return self.began and all([choice.finish_reason for choice in self.choices])

    def add_usage(self, usage: dict[str, Any] | None) -> None:
        """Record the usage of a chunk. The last one that is not all zeros counts."""
        if usage and (self.usage is None or has_counts(usage)):
            self.usage = usage

    def rest(self, usage: Usage | None, citations: tuple[Citation, ...] = ()) -> list[Event]:
        """Return what is known of a response that did not end: its usage, sources and ids."""
        ends = [
            ChoiceEnd(
                finish_reason(choice.finish_reason, bool(choice.tools)),
                choice.finish_reason,
                choice.logprobs or None,
            )
            for choice in self.choices
        ]
        events: list[Event] = []
        for choice in self.choices:
            choice.release(events)
        return [*events, self.finish(ends, usage, citations)]

    def finish(self, ends: Sequence[ChoiceEnd], usage: Usage | None, citations: tuple[Citation, ...]) -> Finish:
        """Return the last event."""
        return Finish(
            choices=tuple(ends),
            usage=usage,
            id=self.id,
            model=self.model,
            request_id=self.find_request_id(),
            created=self.created,
            citations=citations,
            search_info=self.search_info,
            extras=self.extras or None,
        )

    def close(self, usage: Usage | None, citations: tuple[Citation, ...] = ()) -> list[Event]:
        """End the response. Raises IncompleteStreamError if a choice has no finish reason."""
        if not self.began:
            raise IncompleteStreamError("The stream ended before any response.", request_id=self.find_request_id())
        ends: list[ChoiceEnd] = []
        events: list[Event] = []
        for choice in self.choices:
            reason = finish_reason(choice.finish_reason, choice.tools is not None)
            if reason is None:
                raise IncompleteStreamError(
                    "The stream ended without a finish_reason; the response is incomplete.",
                    request_id=self.find_request_id(),
                    hint=OUT_OF_TIME if self.headers.get("x-dashscope-partialresponse") == "true" else None,
                )
            choice.release(events)
            if choice.tools is not None:
                events += choice.tools.missing_ids(self.id)
            empty = choice.has_reasoning and not choice.answered and choice.tools is None
            ends.append(ChoiceEnd(reason, choice.finish_reason, choice.logprobs or None, empty))
        return [*events, self.finish(ends, usage, citations)]

    def find_request_id(self) -> str | None:
        """Return the id that Alibaba's support asks for: from the headers, else from the body."""
        return (
            self.headers.get("x-request-id")
            or self.request_id
            or (self.id or "").removeprefix("chatcmpl-")
            or None
        )

    def error(self, status: int | None, error: Any, code: Any, message: Any) -> QwenError:
        """Return the error in a chunk: an object, a text, or a code and a message of its own."""
        fields = innermost_error(error if isinstance(error, dict) else {"code": code, "message": error or message})
        return make_error(
            status or status_in(fields.code),
            fields.code,
            fields.message,
            kind=fields.kind,
            text=fields.text,
            request_id=self.find_request_id(),
        )


class ResponseDecoder(StreamDecoder, Protocol):
    """A decoder that keeps what it knows in a response builder."""

    builder: ResponseBuilder


def decode_response(decoder: ResponseDecoder, payload: bytes) -> ChatResponse:
    """Decode a response that is one body: a stream of one chunk."""
    events = list(decoder.feed(payload))
    if not decoder.builder.began:
        raise invalid_response(payload, "it has no choices")
    try:
        events += decoder.close()
    except IncompleteStreamError as error:
        error.partial = accumulate_partial([*events, *decoder.rest()])
        raise
    return accumulate(events, payload)
