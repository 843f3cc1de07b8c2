"""Speech for LlamaIndex: a reader that transcribes audio files, and tools that speak and transcribe."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llama_index.core.base.llms.types import AudioBlock
from llama_index.core.readers.base import BasePydanticReader
from llama_index.core.schema import Document
from llama_index.core.tools.tool_spec.base import BaseToolSpec
from pydantic import ConfigDict

from llama_index_qwen.component import QwenComponent
from qwen_core.adapters.speech_fields import SpeechFields, TranscriptionFields, documents, encoded, summary
from qwen_core.config.endpoints import DEFAULT_SPEECH_MODEL, DEFAULT_TRANSCRIPTION_MODEL
from qwen_core.prepare.media import scheme_of
from qwen_core.types.speech import Speech, Transcription, TranscriptionRequest


class QwenAudioReader(QwenComponent, TranscriptionFields, BasePydanticReader):
    """Reads audio files as text: one document for a file, or one for each sentence.

    Metadata: ``source language emotion start end speaker channel duration request_id``, as far as the model
    reports them; times are in seconds.

    Examples:
        >>> reader = SimpleDirectoryReader("calls", file_extractor={".wav": QwenAudioReader()})  # doctest: +SKIP
        >>> reader.load_data()[0].text
        'Good morning.'
    """

    model_config = ConfigDict(
        extra="forbid", populate_by_name=True, arbitrary_types_allowed=True, protected_namespaces=()
    )

    is_remote: bool = False
    """Whether the files are remote, for LlamaIndex: they are local, or links."""
    by_sentence: bool = False
    """Whether there is a document for each sentence."""

    @classmethod
    def class_name(cls) -> str:
        """Return the name in serialized form."""
        return "QwenAudioReader"

    def load_data(
        self, file: Path | str | bytes, extra_info: dict[str, Any] | None = None, fs: Any = None
    ) -> list[Document]:
        """Return the documents of a file, a link or bytes. Raise a QwenError.

        Args:
            file: a path, which is read; a URL, which is passed to the service; or the content.
            extra_info: metadata of the documents.
            fs: the file system that the path is in, if it is not the local one.
        """
        transcription = self.transcriber().transcribe(self._request(file, fs))
        return self._documents(file, transcription, extra_info)

    async def aload_data(
        self, file: Path | str | bytes, extra_info: dict[str, Any] | None = None, fs: Any = None
    ) -> list[Document]:
        """Return the documents of a file, a link or bytes, without blocking. Raise a QwenError.

        Args:
            file: a path, which is read; a URL, which is passed to the service; or the content.
            extra_info: metadata of the documents.
            fs: the file system that the path is in, if it is not the local one.
        """
        transcription = await self.async_transcriber().transcribe(self._request(file, fs))
        return self._documents(file, transcription, extra_info)

    def _request(self, file: Path | str | bytes, fs: Any) -> TranscriptionRequest:
        if isinstance(file, bytes):
            return self.transcription_request(file)
        if fs is not None:
            with fs.open(str(file), "rb") as content:
                return self.transcription_request(content.read(), Path(file).name)
        return self.transcription_request(str(file), is_file=scheme_of(str(file)) in ("", "file"))

    def _documents(
        self, file: Path | str | bytes, transcription: Transcription, extra_info: dict[str, Any] | None
    ) -> list[Document]:
        source = None if isinstance(file, bytes) else str(file)
        found = documents(transcription, source, dict(extra_info or {}), by_sentence=self.by_sentence)
        return [Document(text=text, metadata=metadata) for text, metadata in found]


class SpeechComponent(QwenComponent, SpeechFields):
    """The speaking half of the tools."""

    model_config = ConfigDict(
        extra="forbid", populate_by_name=True, arbitrary_types_allowed=True, protected_namespaces=()
    )

    @classmethod
    def class_name(cls) -> str:
        """Return the name in serialized form."""
        return "SpeechComponent"


@dataclass(frozen=True)
class SpokenText:
    """What ``text_to_speech`` returns: a sentence for the model to read, with the audio beside it."""

    speech: Speech

    def __str__(self) -> str:
        return summary(self.speech)

    @property
    def data(self) -> bytes:
        """Return the audio file."""
        return self.speech.data

    @property
    def block(self) -> AudioBlock:
        """Return the audio as LlamaIndex's content block."""
        format = self.speech.mime_type.rpartition("/")[2]
        return AudioBlock(audio=encoded(self.speech).encode(), format={"mpeg": "mp3"}.get(format, format))


class QwenSpeechToolSpec(BaseToolSpec):
    """Tools to speak texts and to transcribe audio.

    The output of ``text_to_speech`` is a sentence for the model; its ``raw_output.data`` is the audio file.

    Examples:
        >>> tools = QwenSpeechToolSpec(voice="Cherry").to_tool_list()
        >>> [tool.metadata.name for tool in tools]
        ['text_to_speech', 'speech_to_text']
    """

    spec_functions = [  # noqa: RUF012  # the base declares it as a field of the object
        ("text_to_speech", "atext_to_speech"),
        ("speech_to_text", "aspeech_to_text"),
    ]

    def __init__(
        self,
        *,
        speech_model: str = DEFAULT_SPEECH_MODEL,
        voice: str | None = None,
        language_type: str | None = None,
        instructions: str | None = None,
        format: str | None = None,
        transcription_model: str = DEFAULT_TRANSCRIPTION_MODEL,
        language: str | None = None,
        allow_local_files: bool | list[str] = False,
        **connection: Any,
    ) -> None:
        """Create the tools.

        Args:
            speech_model: the model that speaks.
            voice: one of its voices.
            language_type: the language to speak, such as ``English``. Default: detected.
            instructions: how to speak, for models that take it.
            format: of the audio.
            transcription_model: the model that transcribes.
            language: code of the language to transcribe. Default: detected.
            allow_local_files: whether a model may name files on this disk: none, all, or those in these folders.
            connection: ``api_key``, ``region``, ``base_url`` and the other fields of a connection.
        """
        voices = {} if voice is None else {"voice": voice}
        self.speech = SpeechComponent(
            model=speech_model,
            language_type=language_type,
            instructions=instructions,
            format=format,
            **voices,
            **connection,
        )
        self.transcription = QwenAudioReader(
            model=transcription_model, language=language, allow_local_files=allow_local_files, **connection
        )

    def text_to_speech(self, text: str) -> SpokenText:
        """Speak a text aloud, and return the audio. Any language, any length.

        Args:
            text: the text to speak.
        """
        return SpokenText(self.speech.speaker().synthesize(self.speech.speech_request(text)))

    async def atext_to_speech(self, text: str) -> SpokenText:
        """Speak a text aloud, and return the audio. Any language, any length.

        Args:
            text: the text to speak.
        """
        return SpokenText(await self.speech.async_speaker().synthesize(self.speech.speech_request(text)))

    def speech_to_text(self, audio: str) -> str:
        """Transcribe audio, and return what was said.

        Args:
            audio: the URL or the path of an audio file.
        """
        reader = self.transcription
        return reader.transcriber().transcribe(reader.transcription_request(audio)).text

    async def aspeech_to_text(self, audio: str) -> str:
        """Transcribe audio, and return what was said.

        Args:
            audio: the URL or the path of an audio file.
        """
        reader = self.transcription
        return (await reader.async_transcriber().transcribe(reader.transcription_request(audio))).text
