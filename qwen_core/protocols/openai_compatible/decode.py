"""Payloads to events and answers, on the OpenAI-compatible wire."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from qwen_core.accumulator import accumulate
from qwen_core.errors import IncompleteStreamError, InvalidResponseError, QwenError, make_error
from qwen_core.events import (
    AudioDelta,
    ChoiceEnd,
    Event,
    Finish,
    ReasoningDelta,
    TextDelta,
)
from qwen_core.models.profile import ModelProfile
from qwen_core.protocols.base import MAX_CHOICES, decode_error_body, unreadable
from qwen_core.protocols.openai_compatible.wire import Audio, Choice, Chunk, Delta, EmbeddingAnswer
from qwen_core.protocols.tool_calls import ToolCallAssembler
from qwen_core.request import EmbeddingResponse
from qwen_core.response import ChatResponse, finish_reason
from qwen_core.usage import Usage, total

_decode_chunk = msgspec.json.Decoder(Chunk).decode
_decode_embeddings = msgspec.json.Decoder(EmbeddingAnswer).decode

DONE = b"[DONE]"


class OpenChoice:
    """One choice while its chunks arrive."""

    __slots__ = (
        "finish_reason",
        "has_content",
        "index",
        "logprobs",
        "previous_reasoning",
        "previous_text",
        "tools",
    )

    def __init__(self, index: int) -> None:
        self.index = index
        self.tools = ToolCallAssembler(index)
        self.finish_reason: str | None = None
        self.logprobs: list[dict[str, Any]] = []
        self.has_content = False
        self.previous_text = ""
        self.previous_reasoning = ""


class ChatStreamDecoder:
    """Turns the chunks of one answer into events. A whole answer is one chunk."""

    __slots__ = (
        "_choices",
        "_created",
        "_cumulative",
        "_headers",
        "_id",
        "_model",
        "_request_id",
        "_usage",
        "began",
        "done",
    )

    def __init__(self, profile: ModelProfile, headers: Mapping[str, str] | None = None) -> None:
        self._cumulative = profile.cumulative_stream
        self._headers = headers or {}
        self._choices: list[OpenChoice] = [OpenChoice(0)]
        self._usage: dict[str, Any] | None = None
        self._id: str | None = None
        self._model: str | None = None
        self._created: int | None = None
        self._request_id: str | None = None
        self.began = False
        self.done = False

    def feed(self, payload: bytes) -> Sequence[Event]:
        """The events of one payload. Raises a QwenError for an error, or for what cannot be read."""
        if payload == DONE:
            self.done = True
            return ()
        if not payload:
            return ()
        try:
            chunk = _decode_chunk(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as reason:
            raise unreadable(payload, reason) from reason
        if chunk.error or (chunk.code and not chunk.choices):
            raise self._error(chunk)
        self._id = chunk.id or self._id
        self._model = chunk.model or self._model
        if chunk.usage:
            self._usage = chunk.usage
        if self._created is None and chunk.created:
            self._created = int(chunk.created)
        if not chunk.choices:
            return ()
        self.began = True
        events: list[Event] = []
        for choice in chunk.choices:
            self._take(choice, events)
        return events

    def close(self) -> Sequence[Event]:
        """The end. Raises where a choice has no finish reason: such an answer was cut."""
        if not self.began:
            raise IncompleteStreamError("The answer ended before it began.", request_id=self._find_request_id())
        ends: list[ChoiceEnd] = []
        events: list[Event] = []
        for choice in self._choices:
            reason = finish_reason(choice.finish_reason, bool(choice.tools))
            if reason is None:
                raise IncompleteStreamError(
                    "The answer ended without a finish reason: it was cut.",
                    request_id=self._find_request_id(),
                )
            events += choice.tools.missing_ids(self._id)
            ends.append(ChoiceEnd(reason, choice.finish_reason, choice.logprobs or None))
        events.append(
            Finish(
                choices=tuple(ends),
                usage=decode_usage(self._usage),
                id=self._id,
                model=self._model,
                request_id=self._find_request_id(),
                created=self._created,
            )
        )
        return events

    def _take(self, choice: Choice, events: list[Event]) -> None:
        open_choice = self._open(choice.index)
        index = open_choice.index
        if choice.finish_reason and not open_choice.finish_reason:
            open_choice.finish_reason = choice.finish_reason
        if choice.logprobs:
            open_choice.logprobs += choice.logprobs.get("content") or ()
        delta = choice.delta or choice.message
        if delta is None:
            return
        reasoning = delta.reasoning_content or delta.reasoning
        text = delta.content
        if self._cumulative:
            text, reasoning = self._new_part(open_choice, text, reasoning)
        if reasoning:
            events.append(ReasoningDelta(reasoning, index))
        if text:
            open_choice.has_content = True
            events.append(TextDelta(text, index))
        if delta.tool_calls:
            self._take_tool_calls(open_choice, delta, events)
        if delta.audio:
            self._take_audio(open_choice, delta.audio, events)

    def _take_tool_calls(self, choice: OpenChoice, delta: Delta, events: list[Event]) -> None:
        calls = delta.tool_calls or ()
        for place, call in enumerate(calls):
            index = place if call.index is None and len(calls) > 1 else call.index
            function = call.function
            try:
                events.append(
                    choice.tools.add(
                        call.id,
                        index,
                        function.name if function else None,
                        function.arguments if function else None,
                    )
                )
            except ValueError as reason:
                raise InvalidResponseError(f"The answer cannot be read: {reason}.") from reason

    def _take_audio(self, choice: OpenChoice, audio: Audio, events: list[Event]) -> None:
        transcript = audio.transcript or ""
        if transcript and not choice.has_content:
            # The older omni models write the text only here (sample omni_audio_transcript_stream).
            events.append(TextDelta(transcript, choice.index))
        if audio.data or transcript:
            events.append(AudioDelta(audio.data or "", transcript, audio.id, audio.expires_at, choice.index))

    def _new_part(
        self, choice: OpenChoice, text: str | None, reasoning: str | None
    ) -> tuple[str | None, str | None]:
        """What a cumulative chunk adds. Only for models of which the catalogue says that they repeat."""
        new_text, new_reasoning = text, reasoning
        if text:
            new_text = text.removeprefix(choice.previous_text)
            choice.previous_text = text
        if reasoning:
            new_reasoning = reasoning.removeprefix(choice.previous_reasoning)
            choice.previous_reasoning = reasoning
        return new_text, new_reasoning

    def _open(self, index: int) -> OpenChoice:
        if not 0 <= index < MAX_CHOICES:
            raise InvalidResponseError(f"The answer cannot be read: a choice has the index {index}.")
        while len(self._choices) <= index:
            self._choices.append(OpenChoice(len(self._choices)))
        return self._choices[index]

    def _find_request_id(self) -> str | None:
        return (
            self._headers.get("x-request-id")
            or self._request_id
            or (self._id or "").removeprefix("chatcmpl-")
            or None
        )

    def _error(self, chunk: Chunk) -> QwenError:
        self._id = chunk.id or self._id
        self._request_id = chunk.request_id or self._request_id
        fields = chunk.error if isinstance(chunk.error, dict) else {"code": chunk.code, "message": chunk.message}
        if isinstance(chunk.error, str):
            fields = {"code": chunk.code, "message": chunk.error}
        return make_error(None, *code_and_message(fields), request_id=self._find_request_id())


def decode(payload: bytes, profile: ModelProfile, headers: Mapping[str, str] | None = None) -> ChatResponse:
    """The answer in a whole body."""
    decoder = ChatStreamDecoder(profile, headers)
    events = list(decoder.feed(payload))
    if not decoder.began:
        raise unreadable(payload, "it has no choices")
    try:
        events += decoder.close()
    except IncompleteStreamError as error:
        error.partial = accumulate(events)
        raise
    return accumulate(events, payload)


def decode_usage(raw: dict[str, Any] | None) -> Usage | None:
    """Usage in our names (section 4). Details may be null, absent or partly there."""
    if not raw:
        return None
    prompt: dict[str, Any] = raw.get("prompt_tokens_details") or {}
    completion: dict[str, Any] = raw.get("completion_tokens_details") or {}
    input_tokens, output_tokens = raw.get("prompt_tokens"), raw.get("completion_tokens")
    return Usage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        total_tokens=total(input_tokens, output_tokens, raw.get("total_tokens")),
        cached_tokens=prompt.get("cached_tokens"),
        cache_creation_tokens=prompt.get("cache_creation_input_tokens"),
        cache_type=prompt.get("cache_type"),
        text_tokens=prompt.get("text_tokens"),
        image_tokens=prompt.get("image_tokens"),
        video_tokens=prompt.get("video_tokens"),
        audio_tokens=prompt.get("audio_tokens"),
        reasoning_tokens=completion.get("reasoning_tokens"),
        output_text_tokens=completion.get("text_tokens"),
        output_audio_tokens=completion.get("audio_tokens"),
        plugins=raw.get("x_tools"),
        raw=raw,
    )


def decode_error(status: int, payload: bytes, headers: Mapping[str, str]) -> QwenError:
    """The error of an answer with an error status: JSON, a line of an event stream, or anything at all."""
    body = decode_error_body(payload)
    inner = body.get("error")
    fields = inner if isinstance(inner, dict) else body
    code, message = code_and_message(fields)
    if not body:
        message = f"The service answered with status {status} and a body that is not JSON: {_beginning(payload)}"
    request_id = body.get("request_id") or str(body.get("id") or "").removeprefix("chatcmpl-")
    return make_error(status, code, message, request_id=request_id or None, headers=headers)


def code_and_message(fields: dict[str, Any]) -> tuple[str | None, str]:
    """The code as text, and the message."""
    code = fields.get("code") or fields.get("type")
    return (str(code) if code else None), str(fields.get("message") or "")


def decode_embedding(payload: bytes, headers: Mapping[str, str]) -> EmbeddingResponse:
    """Vectors in the order of their texts."""
    try:
        answer = _decode_embeddings(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as reason:
        body = decode_error_body(payload)
        if body.get("error") or body.get("code"):
            raise decode_error(200, payload, headers) from None
        raise unreadable(payload, reason) from reason
    rows = sorted(answer.data, key=lambda row: row.index)
    return EmbeddingResponse(
        vectors=[row.embedding for row in rows],
        model=answer.model,
        total_tokens=answer.usage.total_tokens if answer.usage else None,
        request_id=headers.get("x-request-id"),
    )


def _beginning(payload: bytes) -> str:
    return repr(payload[:200].decode("utf-8", "replace")) if payload else "(empty)"
