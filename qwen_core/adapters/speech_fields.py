"""The fields that speech classes of both frameworks share, and their conversion for the core."""

import base64
from collections.abc import MutableMapping
from typing import Annotated, Any, Self

from pydantic import Field, SkipValidation

from qwen_core.adapters.fields import ConnectionFields
from qwen_core.adapters.retrieval_fields import allowed_files
from qwen_core.config.endpoints import DEFAULT_SPEECH_MODEL, DEFAULT_TRANSCRIPTION_MODEL
from qwen_core.protocols.speech.synthesis import DEFAULT_VOICE
from qwen_core.resources.speech import AsyncQwenSpeech
from qwen_core.resources.sync.speech import QwenSpeech
from qwen_core.resources.sync.transcription import QwenTranscription
from qwen_core.resources.tasks import MAX_WAIT_SECONDS, POLL_SECONDS
from qwen_core.resources.transcription import AsyncQwenTranscription
from qwen_core.types.speech import (
    AudioSource,
    Sentence,
    Speech,
    SpeechRequest,
    Transcription,
    TranscriptionRequest,
)


class TranscriptionFields(ConnectionFields):
    """The parameters of speech recognition. Options that a model does not have are refused, by name."""

    model: str = DEFAULT_TRANSCRIPTION_MODEL
    """Model name. Models for files transcribe hours; the default one five minutes."""
    language: str | None = None
    """Code of the language, such as ``en``. Default: detected."""
    language_hints: list[str] | None = None
    """Languages to expect, for the models that take several."""
    context: str | None = None
    """Names, terms or a text that help to recognize what is said. Not an instruction."""
    enable_itn: bool | None = None
    """Whether number words become digits (Chinese and English)."""
    enable_words: bool | None = None
    """Whether words have times, for models that leave them out by default."""
    channel_id: list[int] | None = None
    """The channels to transcribe. Each is billed. Default: the first."""
    diarization_enabled: bool | None = None
    """Whether speakers are told apart."""
    speaker_count: int | None = None
    """Hint of how many speakers there are, 2 to 100."""
    vocabulary_id: str | None = None
    """Id of a list of hot words."""
    vocabulary: dict[str, int] | None = None
    """Hot words and their weights."""
    special_word_filter: str | dict[str, Any] | None = None
    """How sensitive words are filtered."""
    disfluency_removal_enabled: bool | None = None
    """Whether filler words are left out."""
    timestamp_alignment_enabled: bool | None = None
    """Whether times are aligned after recognition."""
    keep_dialect: bool | None = None
    """Whether dialect is written as it is spoken."""
    api: str | None = None
    """Overrides the API in the catalog, for a model that is not listed."""
    allow_local_files: bool | list[str] = False
    """Whether paths in texts are read from this disk: none, all, or those in these folders."""
    extra_body: dict[str, Any] | None = None
    """Fields to merge into the request's body, unchanged. They override all others."""
    tasks: Annotated[MutableMapping[str, str] | str | None, SkipValidation] = Field(
        default=None, exclude=True, repr=False
    )
    """A file, or a mapping, that keeps the ids of tasks: the same audio with the same options then resumes its
    task, in another process too."""
    poll_seconds: float = Field(default=POLL_SECONDS, gt=0)
    """The longest pause between two polls of a task."""
    max_wait_seconds: float = Field(default=MAX_WAIT_SECONDS, gt=0)
    """Seconds to wait for a task."""
    show_progress: bool = False
    """Whether uploads and tasks show a progress bar."""

    def __getstate__(self) -> dict[Any, Any]:
        # The mapping belongs to its process: it may be an open file.
        state = super().__getstate__()
        return {**state, "__dict__": {**state["__dict__"], "tasks": None}}

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        memo = {} if memo is None else memo
        memo[id(self.tasks)] = self.tasks
        return super().__deepcopy__(memo)

    def transcription_request(
        self, audio: AudioSource, filename: str | None = None, *, is_file: bool = False
    ) -> TranscriptionRequest:
        """Return the request for this audio. ``is_file``: a path from the caller's code, which is read."""
        names = TranscriptionRequest.__struct_fields__
        fields = {name: getattr(self, name) for name in names if name in type(self).model_fields}
        fields |= {name: tuple(fields[name] or ()) for name in ("language_hints", "channel_id")}
        fields["allow_local_files"] = True if is_file else allowed_files(self.allow_local_files)
        return TranscriptionRequest(**fields, audio=audio, filename=filename)

    def transcriber(self) -> QwenTranscription:
        """Return the core's client."""
        return QwenTranscription(
            self.client_settings(),
            tasks=self.tasks,
            poll_seconds=self.poll_seconds,
            patience=self.max_wait_seconds,
        )

    def async_transcriber(self) -> AsyncQwenTranscription:
        """Return the core's asynchronous client."""
        return AsyncQwenTranscription(
            self.client_settings(),
            tasks=self.tasks,
            poll_seconds=self.poll_seconds,
            patience=self.max_wait_seconds,
        )


class SpeechFields(ConnectionFields):
    """The parameters of speech synthesis. Options that a model does not have are refused, by name."""

    model: str = DEFAULT_SPEECH_MODEL
    """Model name."""
    voice: str = DEFAULT_VOICE
    """The voice. Voices belong to a generation of models."""
    language_type: str | None = None
    """The language by its English name, such as ``English``. Default: detected."""
    instructions: str | None = None
    """How to speak, for models that take it."""
    optimize_instructions: bool | None = None
    """Whether the service rewrites ``instructions``."""
    format: str | None = None
    """``wav``, ``pcm``, ``mp3`` or ``opus``, as far as the model has it. Default: the model's own."""
    sample_rate: int | None = None
    """In Hz."""
    volume: int | None = None
    """0 to 100."""
    rate: float | None = None
    """Speed, 0.5 to 2."""
    pitch: float | None = None
    """0.5 to 2."""
    seed: int | None = None
    """0 to 65535."""
    api: str | None = None
    """Overrides the API in the catalog, for a model that is not listed."""
    extra_body: dict[str, Any] | None = None
    """Fields to merge into the body's ``input``, unchanged. They override all others."""
    max_concurrency: int = Field(default=4, ge=1)
    """How many parts of a long text are spoken at once."""

    def speech_request(self, text: str) -> SpeechRequest:
        """Return the request to speak a text. The default voice is for the models that have it."""
        names = SpeechRequest.__struct_fields__
        fields = {name: getattr(self, name) for name in names if name in type(self).model_fields}
        if "voice" not in self.model_fields_set:
            fields["voice"] = None
        return SpeechRequest(**fields, text=text)

    def speaker(self) -> QwenSpeech:
        """Return the core's client."""
        return QwenSpeech(self.client_settings(), workers=self.max_concurrency)

    def async_speaker(self) -> AsyncQwenSpeech:
        """Return the core's asynchronous client."""
        return AsyncQwenSpeech(self.client_settings(), workers=self.max_concurrency)


def documents(
    transcription: Transcription, source: str | None, metadata: dict[str, Any], *, by_sentence: bool
) -> list[tuple[str, dict[str, Any]]]:
    """Return text and metadata of one document for the file, or for each sentence. Unknown facts are left out."""
    common = {
        **metadata,
        "source": source,
        "duration": transcription.duration,
        "request_id": transcription.request_id,
    }
    if by_sentence:
        return [
            (sentence.text, known({**common, **sentence_metadata(sentence)}))
            for sentence in transcription.sentences
        ]
    sentences = transcription.sentences
    whole = {
        "language": transcription.language,
        "emotion": transcription.emotion,
        "start": sentences[0].start if sentences else None,
        "end": max((s.end for s in sentences if s.end is not None), default=None),
        "speaker": sole([s.speaker for s in sentences]),
        "channel": sole(list(transcription.channels)),
    }
    return [(transcription.text, known({**common, **whole}))]


def sentence_metadata(sentence: Sentence) -> dict[str, Any]:
    """Return what is known of a sentence."""
    names = ("language", "emotion", "start", "end", "speaker", "channel")
    return {name: getattr(sentence, name) for name in names}


def sole(values: list[int | None]) -> int | None:
    """Return the value that all have, else None."""
    return values[0] if values and len(set(values)) == 1 else None


def known(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return the metadata without what is unknown."""
    return {name: value for name, value in metadata.items() if value is not None}


def summary(speech: Speech) -> str:
    """Return one sentence on spoken text, for a model to read."""
    length = f"{speech.duration:.1f} seconds, " if speech.duration is not None else ""
    return f"The text was spoken: {length}{len(speech.data)} bytes of {speech.mime_type}."


def encoded(speech: Speech) -> str:
    """Return the audio as base64."""
    return base64.b64encode(speech.data).decode()
