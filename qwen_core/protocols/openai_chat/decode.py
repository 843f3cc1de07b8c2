"""Decode payloads into events and responses, on the OpenAI-compatible protocol."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from qwen_core.models.profile import ModelProfile
from qwen_core.protocols.error_decoding import undecodable
from qwen_core.protocols.leaked_reasoning import Leaks
from qwen_core.protocols.openai_chat.schema import Choice, Chunk
from qwen_core.protocols.response_builder import ChoiceBuilder, ResponseBuilder, decode_response
from qwen_core.types.events import Event
from qwen_core.types.responses import ChatResponse
from qwen_core.types.usage import Usage, usage_from_counts

_decode_chunk = msgspec.json.Decoder(Chunk).decode

DONE = b"[DONE]"


class ChatStreamDecoder:
    """Decodes the chunks of one response into events. A complete body is one chunk."""

    __slots__ = ("builder", "done", "done_ends_answer", "whole")

    def __init__(
        self, profile: ModelProfile, headers: Mapping[str, str] | None = None, leaks: Leaks = "none"
    ) -> None:
        self.builder = ResponseBuilder(profile, headers, leaks)
        self.done = False
        self.done_ends_answer = profile.done_ends_answer
        self.whole = False

    def feed(self, payload: bytes, status: int | None = None) -> Sequence[Event]:
        """Return the events of one payload. Raises a QwenError for an error, or if it cannot be decoded."""
        if payload == DONE:
            self.done = True
            return ()
        if not payload:
            return ()
        try:
            chunk = _decode_chunk(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as reason:
            raise undecodable(payload, reason, status) from reason
        builder = self.builder
        builder.id = chunk.id or builder.id
        if chunk.error or (chunk.code and not chunk.choices):
            builder.request_id = chunk.request_id
            raise builder.error(status, chunk.error, chunk.code, chunk.message)
        builder.model = chunk.model or builder.model
        builder.add_usage(chunk.usage)
        if builder.created is None and chunk.created:
            builder.created = int(chunk.created)
        if not chunk.choices:
            return ()
        builder.began = True
        events: list[Event] = []
        for position, choice in enumerate(chunk.choices):
            self._take(builder.choice(position if choice.index is None else choice.index), choice, events)
        return events

    @property
    def finished(self) -> bool:
        """Whether every choice has a finish reason."""
        return self.builder.finished

    def close(self) -> Sequence[Event]:
        """End the response. Raises IncompleteStreamError if a choice has no finish reason.

        Except if the server's own ``[DONE]``, or a complete body, says that it is complete.
        """
        if self.done_ends_answer and (self.done or self.whole):
            for choice in self.builder.choices:
                choice.end("stop", None)
        return self.builder.close(decode_usage(self.builder.usage))

    def rest(self) -> Sequence[Event]:
        """Return what is known of a response that did not end."""
        return self.builder.rest(decode_usage(self.builder.usage))

    def _take(self, builder: ChoiceBuilder, choice: Choice, events: list[Event]) -> None:
        builder.end(choice.finish_reason, choice.logprobs)
        delta = choice.delta or choice.message
        self.whole = self.whole or choice.message is not None
        if delta is None:
            return
        builder.add(delta.content or delta.refusal, delta.reasoning_content or delta.reasoning, events)
        if delta.tool_calls:
            builder.add_tool_calls(delta.tool_calls, events)
        if delta.audio:
            builder.add_audio(delta.audio, events)
        if isinstance(delta.annotations, list) and delta.annotations:
            self.builder.extras["annotations"] = delta.annotations


def decode_chat(
    payload: bytes, profile: ModelProfile, headers: Mapping[str, str] | None = None, leaks: Leaks = "none"
) -> ChatResponse:
    """Decode a response that is one body."""
    return decode_response(ChatStreamDecoder(profile, headers, leaks), payload)


def decode_usage(raw: dict[str, Any] | None) -> Usage | None:
    """Return the usage in our names (section 4). Details may be null, absent or incomplete."""
    if not raw:
        return None
    prompt: dict[str, Any] = raw.get("prompt_tokens_details") or {}
    completion: dict[str, Any] = raw.get("completion_tokens_details") or {}
    return usage_from_counts(
        input_tokens=raw.get("prompt_tokens"),
        output_tokens=raw.get("completion_tokens"),
        total_tokens=raw.get("total_tokens"),
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
