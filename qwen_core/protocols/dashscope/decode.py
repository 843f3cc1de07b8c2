"""Payloads to events and answers, on the native DashScope wire."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from qwen_core.models.profile import ModelProfile
from qwen_core.protocols.dashscope.schema import Choice, Chunk, Message, Output
from qwen_core.protocols.error_decoding import unreadable
from qwen_core.protocols.response_builder import OpenAnswer, OpenChoice, decode_whole
from qwen_core.protocols.schema import Audio
from qwen_core.types.events import Event
from qwen_core.types.responses import ChatResponse, Citation
from qwen_core.types.usage import Usage, reported_usage, whole_number

_decode_chunk = msgspec.json.Decoder(Chunk).decode


class ChatStreamDecoder:
    """Turns the chunks of one answer into events. A whole answer is one chunk.

    The wire has no sign that nothing follows (section 5.3), so that ``done`` stays false.
    """

    __slots__ = ("answer", "done")

    def __init__(self, profile: ModelProfile, headers: Mapping[str, str] | None = None) -> None:
        self.answer = OpenAnswer(profile, headers)
        # An answer does not name its model, translations aside: it is the one that was asked for.
        self.answer.model = profile.name
        self.done = False

    def feed(self, payload: bytes, status: int | None = None) -> Sequence[Event]:
        """The events of one payload. Raises a QwenError for an error, or for what cannot be read."""
        if not payload:
            return ()
        try:
            chunk = _decode_chunk(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as reason:
            raise unreadable(payload, reason) from reason
        answer = self.answer
        answer.id = answer.request_id = chunk.request_id or answer.request_id
        if chunk.usage:
            answer.usage = chunk.usage
        output = chunk.output
        if output is None or (not output.choices and output.text is None):
            if chunk.code or chunk.message or chunk.error or status:
                raise answer.error(status, chunk.error, chunk.code, chunk.message)
            if output is not None:
                self._take_surroundings(output, [])
            return ()
        answer.began = True
        events: list[Event] = []
        for place, choice in enumerate(output.choices or (text_choice(output),)):
            self._take(answer.choice(place if choice.index is None else choice.index), choice, events)
        self._take_surroundings(output, events)
        return events

    @property
    def finished(self) -> bool:
        """Whether the model said of every choice that it is finished."""
        return self.answer.finished

    def close(self) -> Sequence[Event]:
        """The end. Raises where a choice has no finish reason: such an answer was cut."""
        answer = self.answer
        return answer.close(decode_usage(answer.usage), decode_citations(answer.search_info))

    def _take(self, open_choice: OpenChoice, choice: Choice, events: list[Event]) -> None:
        open_choice.end(choice.finish_reason, choice.logprobs)
        message = choice.message
        if message is None:
            return
        content = message.content
        text, sounds = (content, ()) if isinstance(content, str) else self._take_items(content or ())
        open_choice.add(text, message.reasoning_content, events)
        for sound in sounds:
            open_choice.add_audio(sound, events)
        if message.tool_calls:
            open_choice.add_tool_calls(message.tool_calls, events)

    def _take_items(self, items: Sequence[Any]) -> tuple[str, Sequence[Audio]]:
        """The text and the sounds of a list content. What else it holds, such as ``ocr_result``, is an extra.

        Of several under one key, such as images, a list.
        """
        texts: list[str] = []
        sounds: list[Audio] = []
        others: dict[str, list[Any]] = {}
        for item in items:
            if not isinstance(item, dict):
                texts.append(str(item))
                continue
            for key, value in item.items():
                if key == "text":
                    texts.append(str(value or ""))
                elif key == "audio" and isinstance(value, dict):
                    sounds.append(Audio(**{name: value.get(name) for name in Audio.__struct_fields__}))
                elif key != "type" and value:
                    others.setdefault(key, []).append(value)
        for key, found in others.items():
            self.answer.extras[key] = found if len(found) > 1 else found[0]
        return "".join(texts), sounds

    def _take_surroundings(self, output: Output, events: list[Event]) -> None:
        answer = self.answer
        answer.model = output.model_name or answer.model
        if output.search_info and any(output.search_info.values()):
            answer.search_info = output.search_info
        if output.tool_info:
            answer.extras["tool_info"] = output.tool_info
        if output.task_metric:
            answer.extras["task_metric"] = output.task_metric
        if output.audio:
            answer.choice(0).add_audio(output.audio, events)


def text_choice(output: Output) -> Choice:
    """The one choice of the text format."""
    return Choice(message=Message(content=output.text), finish_reason=output.finish_reason)


def decode(payload: bytes, profile: ModelProfile, headers: Mapping[str, str] | None = None) -> ChatResponse:
    """The answer in a whole body."""
    return decode_whole(ChatStreamDecoder(profile, headers), payload)


def decode_usage(raw: dict[str, Any] | None) -> Usage | None:
    """Usage in our names (section 5.2). Older models count media at the top, newer ones in the details too."""
    if not raw:
        return None
    prompt: dict[str, Any] = raw.get("prompt_tokens_details") or {}
    into: dict[str, Any] = raw.get("input_tokens_details") or {}
    out: dict[str, Any] = raw.get("output_tokens_details") or {}
    return reported_usage(
        input_tokens=raw.get("input_tokens"),
        output_tokens=raw.get("output_tokens"),
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


def decode_citations(search_info: dict[str, Any] | None) -> tuple[Citation, ...]:
    """The sources that markers in the text refer to by ``index`` (section 5.4). One without a URL is none."""
    results = (search_info or {}).get("search_results") or ()
    return tuple(
        Citation(
            index=whole_number(result.get("index")) or place,
            url=str(result["url"]),
            title=str(result.get("title") or ""),
            site_name=str(result.get("site_name") or ""),
            icon=str(result.get("icon") or ""),
        )
        for place, result in enumerate(results, 1)
        if isinstance(result, dict) and result.get("url")
    )
