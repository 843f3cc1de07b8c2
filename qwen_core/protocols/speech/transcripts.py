"""Decode transcriptions: responses and streams of the two direct APIs, and the result files of tasks.

Everything is optional: what is missing is unknown. The service counts time in milliseconds; we in seconds.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from qwen_core.protocols.dashscope.decode import decode_usage as decode_native_usage
from qwen_core.protocols.error_decoding import decode_body, invalid_response
from qwen_core.protocols.openai_chat.decode import decode_usage as decode_chat_usage
from qwen_core.protocols.speech.payloads import Payload, payload_error
from qwen_core.protocols.tasks import Task
from qwen_core.types.errors import IncompleteStreamError, InvalidResponseError, QwenError, make_error
from qwen_core.types.speech import Sentence, Transcription, TranscriptionChunk, Word
from qwen_core.types.usage import Usage

_decode_object = msgspec.json.Decoder(dict[str, Any]).decode

DONE = b"[DONE]"
ENDS = ("stop", "length")


def as_object(value: Any) -> dict[str, Any]:
    """Return a JSON object, empty if the value is not one."""
    return value if isinstance(value, dict) else {}


def as_objects(value: Any) -> list[dict[str, Any]]:
    """Return the JSON objects in a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def as_string(value: Any) -> str | None:
    """Return a text that is not empty, else None."""
    return value if isinstance(value, str) and value else None


def as_index(value: Any) -> int | None:
    """Return the number of a channel or speaker, else None."""
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def as_number(value: Any) -> float | None:
    """Return a number, else None."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def to_seconds(milliseconds: Any) -> float | None:
    """Return milliseconds as seconds."""
    number = as_number(milliseconds)
    return None if number is None else number / 1000


def decode_word(word: Mapping[str, Any]) -> Word:
    """Return a word with its times."""
    return Word(
        text=str(word.get("text") or ""),
        start=to_seconds(word.get("begin_time")),
        end=to_seconds(word.get("end_time")),
        punctuation=str(word.get("punctuation") or ""),
    )


def decode_sentence(sentence: Mapping[str, Any], channel: int | None = None) -> Sentence:
    """Return a sentence."""
    own_channel = as_index(sentence.get("channel_id"))
    return Sentence(
        text=str(sentence.get("text") or ""),
        start=to_seconds(sentence.get("begin_time")),
        end=to_seconds(sentence.get("end_time")),
        language=as_string(sentence.get("language")),
        emotion=as_string(sentence.get("emotion")),
        speaker=as_index(sentence.get("speaker_id")),
        channel=own_channel if channel is None else channel,
        words=tuple(decode_word(word) for word in as_objects(sentence.get("words"))),
    )


def by_start(sentences: Iterable[Sentence]) -> tuple[Sentence, ...]:
    """Return sentences of several channels in the order of their start."""
    return tuple(sorted(sentences, key=lambda sentence: sentence.start or 0.0))


def first(values: Iterable[str | None]) -> str | None:
    """Return the first value that is known."""
    return next((value for value in values if value), None)


def space_between(before: str, after: str) -> str:
    """Return a space if two sentences need one between them: in languages that have spaces."""
    if not before or not after or before[-1].isspace() or after[0].isspace():
        return ""
    return " " if before[-1].isascii() and after[0].isascii() else ""


class ChatDecoder:
    """Decodes the answer of the chat API, on either protocol. A complete body is a stream of one payload.

    Annotations repeat in every chunk. On the native protocol ``finish_reason`` is the text "null" until the end.
    """

    def __init__(self, model: str, *, native: bool) -> None:
        self._model = model
        self._native = native
        self._text: list[str] = []
        self._info: dict[str, Any] = {}
        self._finish: str | None = None
        self._usage: dict[str, Any] = {}
        self._request_id: str | None = None
        self._raw: dict[str, Any] = {}
        self.done = False

    def feed(self, payload: Payload) -> list[TranscriptionChunk]:
        """Return the new text in a payload. Raise the error that it is instead."""
        if payload.data == DONE:
            self.done = True
            return []
        body = decode_body(_decode_object, payload.data, {})
        self._request_id = as_string(body.get("request_id")) or self._request_id or as_string(body.get("id"))
        self._raw = body
        self._usage = as_object(body.get("usage")) or self._usage
        output = as_object(body.get("output")) if self._native else body
        choices = as_objects(output.get("choices"))
        if not choices:
            if not self._usage or body.get("error") or body.get("code"):
                raise payload_error(payload, self._request_id)
            return []
        choice = choices[0]
        message = as_object(choice.get("delta") or choice.get("message"))
        for note in as_objects(message.get("annotations")):
            self._info = note
        finish = as_string(choice.get("finish_reason"))
        if finish and finish != "null":
            self._finish = finish
        text = joined_text(message.get("content"))
        self._text.append(text)
        return [TranscriptionChunk(text=text)] if text else []

    def close(self) -> Transcription:
        """Return the transcription. Raise IncompleteStreamError if the response did not end."""
        if self._finish is None:
            raise IncompleteStreamError(
                "The stream ended without a finish_reason; the transcription is incomplete.",
                request_id=self._request_id,
            )
        text = "".join(self._text)
        language, emotion = as_string(self._info.get("language")), as_string(self._info.get("emotion"))
        usage = (decode_native_usage if self._native else decode_chat_usage)(self._usage)
        seconds = as_number(self._usage.get("seconds"))
        return Transcription(
            text=text,
            model=self._model,
            sentences=(Sentence(text=text, language=language, emotion=emotion),) if text else (),
            language=language,
            emotion=emotion,
            duration=seconds,
            seconds=seconds,
            truncated=self._finish == "length",
            usage=counted(usage),
            request_id=(self._request_id or "").removeprefix("chatcmpl-") or None,
            raw=self._raw,
        )


def joined_text(content: Any) -> str:
    """Return the text of a content: a text, or a list of items with one each."""
    if isinstance(content, str):
        return content
    return "".join(str(item.get("text") or "") for item in as_objects(content))


def counted(usage: Usage | None) -> Usage | None:
    """Return the usage if it counts tokens."""
    return (
        usage if usage is not None and (usage.input_tokens or usage.output_tokens or usage.total_tokens) else None
    )


class SentenceDecoder:
    """Decodes the answer in sentences (speech 4). ``text`` is cumulative within a sentence.

    There is no finish reason: a stream is complete when its last sentence has ended.
    """

    def __init__(self, model: str) -> None:
        self._model = model
        self._sentences: dict[int, Sentence] = {}
        self._ended: set[int] = set()
        self._texts: dict[int, str] = {}
        self._duration: float | None = None
        self._request_id: str | None = None
        self._raw: dict[str, Any] = {}
        self._whole_text: str | None = None
        self._last = ""
        self.done = False

    def feed(self, payload: Payload) -> list[TranscriptionChunk]:
        """Return the new text in a payload. Raise the error that it is instead."""
        body = decode_body(_decode_object, payload.data, {})
        self._request_id = as_string(body.get("request_id")) or self._request_id
        output = body.get("output")
        if not isinstance(output, dict):
            raise payload_error(payload, self._request_id)
        self._raw = body
        usage = as_object(body.get("usage"))
        self._duration = as_number(usage.get("duration", usage.get("seconds"))) or self._duration
        sentences = as_objects(output.get("sentences")) or as_objects([output.get("sentence")])
        self._whole_text = as_string(output.get("text")) or self._whole_text
        chunks: list[TranscriptionChunk] = []
        for position, sentence in enumerate(sentences):
            number = as_index(sentence.get("sentence_id"))
            chunks += self._take(position + 1 if number is None else number, sentence)
        return chunks

    def _take(self, number: int, sentence: Mapping[str, Any]) -> list[TranscriptionChunk]:
        decoded = decode_sentence(sentence)
        before = self._texts.get(number, "")
        self._sentences[number] = decoded
        self._texts[number] = decoded.text
        if sentence.get("sentence_end") is not False:
            self._ended.add(number)
        # A later result may correct an earlier one: then there is nothing that could be appended.
        new = decoded.text.removeprefix(before) if decoded.text.startswith(before) else ""
        if new and not before:
            new = space_between(self._last, new) + new
        self._last = new or self._last
        return [TranscriptionChunk(text=new)] if new else []

    def close(self) -> Transcription:
        """Return the transcription. Raise IncompleteStreamError if its last sentence did not end."""
        if not self._raw or self._sentences.keys() - self._ended:
            raise IncompleteStreamError(
                "The stream ended within a sentence; the transcription is incomplete.",
                request_id=self._request_id,
            )
        sentences = by_start(sentence for sentence in self._sentences.values() if sentence.text)
        text = ""
        for sentence in sentences:
            text += space_between(text, sentence.text) + sentence.text
        if self._whole_text and len(sentences) < 2:
            text = self._whole_text
        if text and not sentences:
            sentences = (Sentence(text=text),)
        return Transcription(
            text=text,
            model=self._model,
            sentences=sentences,
            language=first(sentence.language for sentence in sentences),
            emotion=first(sentence.emotion for sentence in sentences),
            channels=tuple(sorted({s.channel for s in sentences if s.channel is not None})),
            duration=self._duration,
            seconds=self._duration,
            request_id=self._request_id,
            raw=self._raw,
        )


TranscriptionDecoder = ChatDecoder | SentenceDecoder


def result_link(task: Task) -> str:
    """Return the link to the result file of a task that succeeded.

    Raise the error of its file if that failed all the same (speech 5.3).
    """
    result = as_object(task.output.get("result"))
    results = as_objects(task.output.get("results"))
    entry = results[0] if results else result
    link = as_string(entry.get("transcription_url"))
    code, message = as_string(entry.get("code")), as_string(entry.get("message"))
    if as_string(entry.get("subtask_status")) == "FAILED" or (link is None and (code or message)):
        message = message or f"The file failed with the code {code}."
        failure = make_error(None, code, message, request_id=task.request_id)
        failure.task_ended = True
        raise with_task(failure, task)
    if link is None:
        error = InvalidResponseError(f"The task {task.id} succeeded, but has no transcription_url.")
        raise with_task(error, task)
    return link


def with_task(error: QwenError, task: Task) -> QwenError:
    """Return the error with the ids of a task."""
    error.task_id = task.id
    error.request_id = error.request_id or task.request_id
    return error


def decode_result_file(payload: bytes, task: Task, model: str | None) -> Transcription:
    """Decode the result file of a task, of either family (speech 5.4)."""
    try:
        body = _decode_object(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as reason:
        raise with_task(invalid_response(payload, reason), task) from reason
    transcripts = as_objects(body.get("transcripts"))
    properties = as_object(body.get("properties"))
    usage = task.usage or {}
    sentences: list[Sentence] = []
    channels: list[int] = []
    texts: list[str] = []
    for transcript in transcripts:
        channel = as_index(transcript.get("channel_id"))
        channels += [] if channel is None else [channel]
        texts += [text] if (text := as_string(transcript.get("text"))) else []
        sentences += [
            decoded
            for sentence in as_objects(transcript.get("sentences"))
            if (decoded := decode_sentence(sentence, channel)).text
        ]
    ordered = by_start(sentences)
    ends = [sentence.end for sentence in ordered if sentence.end is not None]
    billed = as_number(usage.get("seconds", usage.get("duration")))
    return Transcription(
        text="\n".join(texts),
        model=model,
        sentences=ordered,
        language=first(sentence.language for sentence in ordered),
        emotion=first(sentence.emotion for sentence in ordered),
        channels=tuple(channels),
        duration=to_seconds(properties.get("original_duration_in_milliseconds"))
        or as_number(usage.get("seconds"))
        or max(ends, default=None),
        seconds=billed,
        request_id=task.request_id,
        task_id=task.id,
        raw=body,
    )
