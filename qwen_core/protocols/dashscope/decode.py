"""Decode payloads into events and responses, on the native DashScope protocol."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from qwen_core.models.profile import ModelProfile
from qwen_core.protocols.dashscope.deep_research import add_research, decode_references, is_research
from qwen_core.protocols.dashscope.schema import Choice, Chunk, Message, Output
from qwen_core.protocols.error_decoding import undecodable
from qwen_core.protocols.leaked_reasoning import Leaks
from qwen_core.protocols.response_builder import ChoiceBuilder, ResponseBuilder, decode_response
from qwen_core.protocols.schema import Audio
from qwen_core.types.events import Event
from qwen_core.types.responses import ChatResponse, Citation
from qwen_core.types.usage import Usage, as_integer, usage_from_counts

_decode_chunk = msgspec.json.Decoder(Chunk).decode


class ChatStreamDecoder:
    """Decodes the chunks of one response into events. A complete body is one chunk.

    The protocol has no sign that nothing follows (section 5.3), so that ``done`` stays false.
    """

    __slots__ = ("builder", "done")

    def __init__(
        self, profile: ModelProfile, headers: Mapping[str, str] | None = None, leaks: Leaks = "none"
    ) -> None:
        self.builder = ResponseBuilder(profile, headers, leaks)
        self.done = False

    def feed(self, payload: bytes, status: int | None = None) -> Sequence[Event]:
        """Return the events of one payload. Raises a QwenError for an error, or if it cannot be decoded."""
        if not payload:
            return ()
        try:
            chunk = _decode_chunk(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as reason:
            raise undecodable(payload, reason, status) from reason
        builder = self.builder
        builder.id = builder.request_id = chunk.request_id or builder.request_id
        builder.add_usage(chunk.usage)
        output = chunk.output
        if output is not None and is_research(output.message):
            research: list[Event] = []
            add_research(builder, output.message, output.fininshed is True, output.fininshed_reason, research)
            return research
        if output is None or (not output.choices and output.text is None):
            if chunk.code or chunk.message or chunk.error or status:
                raise builder.error(status, chunk.error, chunk.code, chunk.message)
            if output is not None:
                self._take_surroundings(output, [])
            return ()
        builder.began = True
        events: list[Event] = []
        for position, choice in enumerate(output.choices or (text_choice(output),)):
            self._take(builder.choice(position if choice.index is None else choice.index), choice, events)
        self._take_surroundings(output, events)
        return events

    @property
    def finished(self) -> bool:
        """Whether every choice has a finish reason."""
        return self.builder.finished

    def close(self) -> Sequence[Event]:
        """End the response. Raises IncompleteStreamError if a choice has no finish reason."""
        builder = self.builder
        return builder.close(decode_usage(builder.usage), self._citations())

    def rest(self) -> Sequence[Event]:
        """Return what is known of a response that did not end."""
        builder = self.builder
        return builder.rest(decode_usage(builder.usage), self._citations())

    def _citations(self) -> tuple[Citation, ...]:
        builder = self.builder
        return decode_citations(builder.search_info) or decode_references(builder.extras)

    def _take(self, builder: ChoiceBuilder, choice: Choice, events: list[Event]) -> None:
        builder.end(choice.finish_reason, choice.logprobs)
        message = choice.message
        if message is None:
            return
        content = message.content
        text, audio = (content, ()) if isinstance(content, str) else self._take_items(content or ())
        builder.add(text, message.reasoning_content, events)
        for chunk in audio:
            builder.add_audio(chunk, events)
        if message.tool_calls:
            builder.add_tool_calls(message.tool_calls, events)
        if isinstance(message.annotations, list) and message.annotations:
            self.builder.extras["annotations"] = message.annotations

    def _take_items(self, items: Sequence[Any]) -> tuple[str, Sequence[Audio]]:
        """Return the text and the audio of a list content. Other items, such as ``ocr_result``, become extras.

        Several items under one key, such as images, become a list.
        """
        texts: list[str] = []
        audio: list[Audio] = []
        others: dict[str, list[Any]] = {}
        for item in items:
            if not isinstance(item, dict):
                texts.append(str(item))
                continue
            for key, value in item.items():
                if key == "text":
                    texts.append(str(value or ""))
                elif key == "audio" and isinstance(value, dict):
                    audio.append(Audio(**{name: value.get(name) for name in Audio.__struct_fields__}))
                elif key != "type" and value:
                    others.setdefault(key, []).append(value)
        for key, found in others.items():
            self.builder.extras[key] = found if len(found) > 1 else found[0]
        return "".join(texts), audio

    def _take_surroundings(self, output: Output, events: list[Event]) -> None:
        builder = self.builder
        builder.model = output.model_name or builder.model
        if output.search_info and any(output.search_info.values()):
            builder.search_info = output.search_info
        if output.tool_info:
            builder.extras["tool_info"] = output.tool_info
        if output.task_metric:
            builder.extras["task_metric"] = output.task_metric
        if output.audio:
            builder.choice(0).add_audio(output.audio, events)


def text_choice(output: Output) -> Choice:
    """Return the one choice of the text format."""
    return Choice(message=Message(content=output.text), finish_reason=output.finish_reason)


def decode_chat(
    payload: bytes, profile: ModelProfile, headers: Mapping[str, str] | None = None, leaks: Leaks = "none"
) -> ChatResponse:
    """Decode a response that is one body."""
    return decode_response(ChatStreamDecoder(profile, headers, leaks), payload)


def decode_usage(raw: dict[str, Any] | None) -> Usage | None:
    """Return the usage in our names (section 5.2).

    Older models count media at the top, newer ones in the details too.
    """
    if not raw:
        return None
    raw_input, raw_output = raw.get("input_tokens"), raw.get("output_tokens")
    prompt: dict[str, Any] = raw.get("prompt_tokens_details") or {}
    into: dict[str, Any] = raw.get("input_tokens_details") or {}
    out: dict[str, Any] = raw.get("output_tokens_details") or {}
    return usage_from_counts(
        # Speech recognition has only the details (native, section 5.2).
        input_tokens=sum_of_details(into) if raw_input is None else raw_input,
        output_tokens=sum_of_details(out) if raw_output is None else raw_output,
        total_tokens=raw.get("total_tokens"),
        cached_tokens=prompt.get("cached_tokens", raw.get("cached_tokens")),
        cache_creation_tokens=prompt.get("cache_creation_input_tokens"),
        cache_type=prompt.get("cache_type"),
        text_tokens=into.get("text_tokens"),
        image_tokens=into.get("image_tokens", raw.get("image_tokens")),
        video_tokens=into.get("video_tokens", raw.get("video_tokens")),
        audio_tokens=into.get("audio_tokens", raw.get("audio_tokens")),
        reasoning_tokens=out.get("reasoning_tokens"),
        output_text_tokens=out.get("text_tokens"),
        output_audio_tokens=out.get("audio_tokens"),
        plugins=raw.get("plugins"),
        raw=raw,
    )


def sum_of_details(details: dict[str, Any]) -> int | None:
    """Return the sum of the counts by modality, or None if there are none."""
    counts = [count for value in details.values() if (count := as_integer(value)) is not None]
    return sum(counts) if counts else None


def decode_citations(search_info: dict[str, Any] | None) -> tuple[Citation, ...]:
    """Return the sources that markers in the text refer to by ``index`` (section 5.4). A source needs a URL."""
    results = (search_info or {}).get("search_results") or ()
    return tuple(
        Citation(
            index=as_integer(result.get("index")) or number,
            url=str(result["url"]),
            title=str(result.get("title") or ""),
            site_name=str(result.get("site_name") or ""),
            icon=str(result.get("icon") or ""),
        )
        for number, result in enumerate(results, 1)
        if isinstance(result, dict) and result.get("url")
    )
