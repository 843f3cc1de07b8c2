"""Speech: what to transcribe and what to speak, and the results. Times are in seconds everywhere.

Options have the service's names. Which of them a model supports depends on its API (``protocols.speech``).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from qwen_core.types.usage import Cost, Usage

AudioSource = str | Path | bytes
"""A URL (https, ``data:``, ``oss:``), a path, or the content of a file."""


class TranscriptionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Audio to transcribe.

    Attributes:
        model: its id determines the API.
        audio: a URL, a path, or bytes.
        filename: name of bytes, from which their format is known if the content does not tell.
        api: overrides the API in the catalog, for a model that is not listed.
        language: code of the language, such as ``en``; None: detected.
        language_hints: languages to expect, for models that take several.
        context: names, terms or a text that help to recognize what is said. Not an instruction.
        enable_itn: whether number words become digits (Chinese and English).
        enable_words: whether there are times for words, for models that leave them out by default.
        channel_id: channels of the file to transcribe, each of which is billed.
        diarization_enabled: whether speakers are told apart.
        speaker_count: hint of how many there are, 2 to 100.
        vocabulary_id: id of a list of hot words.
        vocabulary: hot words and their weights.
        special_word_filter: how sensitive words are filtered.
        disfluency_removal_enabled: whether filler words are left out.
        timestamp_alignment_enabled: whether times are aligned after recognition.
        keep_dialect: whether dialect is written as it is spoken.
        sample_rate: of the audio, if its file does not tell.
        format: container of the audio, such as ``wav``; None: detected.
        extra_body: fields to merge into the body; they override all others.
        allow_local_files: whether paths are read: none, all, or those in these folders.
        show_progress: whether uploads and tasks show a progress bar.
    """

    model: str
    audio: AudioSource
    filename: str | None = None
    api: str | None = None
    language: str | None = None
    language_hints: tuple[str, ...] = ()
    context: str | None = None
    enable_itn: bool | None = None
    enable_words: bool | None = None
    channel_id: tuple[int, ...] = ()
    diarization_enabled: bool | None = None
    speaker_count: int | None = None
    vocabulary_id: str | None = None
    vocabulary: Mapping[str, int] | None = None
    special_word_filter: str | Mapping[str, Any] | None = None
    disfluency_removal_enabled: bool | None = None
    timestamp_alignment_enabled: bool | None = None
    keep_dialect: bool | None = None
    sample_rate: int | None = None
    format: str | None = None
    extra_body: Mapping[str, Any] | None = None
    allow_local_files: bool | tuple[str, ...] = False
    show_progress: bool = False


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """A word with its times. ``punctuation`` follows it."""

    text: str
    start: float | None = None
    end: float | None = None
    punctuation: str = ""


class Sentence(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence. ``speaker`` and ``channel`` are numbers from 0; None: not told apart."""

    text: str
    start: float | None = None
    end: float | None = None
    language: str | None = None
    emotion: str | None = None
    speaker: int | None = None
    channel: int | None = None
    words: tuple[Word, ...] = ()


class Transcription(msgspec.Struct, frozen=True, kw_only=True):
    """What was said in one file.

    Attributes:
        text: all of it; the texts of several channels are lines. Empty if nothing was said.
        sentences: in the order of their start. One without times if the API does not divide the text.
        language: of the file, or of its first sentence.
        emotion: of the file, or of its first sentence.
        channels: the numbers of the channels that were transcribed.
        duration: seconds of audio; None: unknown.
        seconds: seconds that were billed; None: unknown.
        truncated: whether the text is incomplete because it was too long.
        usage: tokens, if the service counts them.
        cost: by list price; None: unknown.
        task_id: of a task.
        raw: the service's own answer, or result file.
    """

    text: str
    model: str | None = None
    sentences: tuple[Sentence, ...] = ()
    language: str | None = None
    emotion: str | None = None
    channels: tuple[int, ...] = ()
    duration: float | None = None
    seconds: float | None = None
    truncated: bool = False
    usage: Usage | None = None
    cost: Cost | None = None
    request_id: str | None = None
    task_id: str | None = None
    raw: dict[str, Any] = msgspec.field(default_factory=dict)


class TranscriptionChunk(msgspec.Struct, frozen=True, kw_only=True):
    """New text of a transcription that is streamed. The last chunk has the complete ``transcription``."""

    text: str = ""
    transcription: Transcription | None = None


class SpeechRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A text to speak.

    Attributes:
        model: its id determines the API.
        text: of any length: longer ones are divided at the ends of sentences.
        voice: of this model's generation. None: the default of the models that have one.
        api: overrides the API in the catalog, for a model that is not listed.
        language_type: language by its English name, such as ``English``; None: detected.
        instructions: how to speak, for models that take it.
        optimize_instructions: whether the service rewrites ``instructions``.
        format: ``wav``, ``pcm``, ``mp3`` or ``opus``, as far as the model has it. None: the model's default.
        sample_rate: in Hz.
        volume: 0 to 100.
        rate: speed, 0.5 to 2.
        pitch: 0.5 to 2.
        bit_rate: in kbit/s, for ``opus``.
        seed: 0 to 65535.
        enable_ssml: whether the text is SSML.
        language_hints: codes of the language; the first one counts.
        word_timestamp_enabled: whether streams have times of words.
        hot_fix: pronunciations and replacements.
        enable_markdown_filter: whether Markdown is left out.
        extra_body: fields to merge into the body's ``input``; they override all others.
    """

    model: str
    text: str
    voice: str | None = None
    api: str | None = None
    language_type: str | None = None
    instructions: str | None = None
    optimize_instructions: bool | None = None
    format: str | None = None
    sample_rate: int | None = None
    volume: int | None = None
    rate: float | None = None
    pitch: float | None = None
    bit_rate: int | None = None
    seed: int | None = None
    enable_ssml: bool | None = None
    language_hints: tuple[str, ...] = ()
    word_timestamp_enabled: bool | None = None
    hot_fix: Mapping[str, Any] | None = None
    enable_markdown_filter: bool | None = None
    extra_body: Mapping[str, Any] | None = None


class Speech(msgspec.Struct, frozen=True, kw_only=True):
    """Spoken text.

    Attributes:
        data: the audio file. Empty at the end of a stream, whose chunks had the audio.
        mime_type: of the data.
        characters: billed; None: unknown, or billed by tokens.
        duration: seconds, if the format tells.
        words: with their times, if they were requested.
        usage: tokens, if the service counts them.
        cost: by list price; None: unknown.
        request_ids: one for each part of the text.
    """

    data: bytes
    mime_type: str
    model: str | None = None
    characters: int | None = None
    duration: float | None = None
    words: tuple[Word, ...] = ()
    usage: Usage | None = None
    cost: Cost | None = None
    request_ids: tuple[str, ...] = ()

    @property
    def request_id(self) -> str | None:
        """Return the request id of the first part."""
        return self.request_ids[0] if self.request_ids else None


class SpeechChunk(msgspec.Struct, frozen=True, kw_only=True):
    """Audio of speech that is streamed. The last chunk has ``speech``: what was used, without the audio."""

    data: bytes = b""
    speech: Speech | None = None
