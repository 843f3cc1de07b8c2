"""Speech for LangChain: a blob parser that transcribes audio, and a tool that speaks texts."""

from collections.abc import AsyncIterator, Iterator
from pathlib import PurePath
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForToolRun, CallbackManagerForToolRun
from langchain_core.document_loaders import BaseBlobParser, Blob
from langchain_core.documents import Document
from langchain_core.tools import BaseTool
from pydantic import BaseModel, ConfigDict, Field

from langchain_qwen.errors import langchain_errors
from langchain_qwen.pydantic_internals import BriefRepr
from qwen_core.adapters.speech_fields import SpeechFields, TranscriptionFields, documents, encoded, summary
from qwen_core.prepare.media import scheme_of
from qwen_core.types.speech import Speech, Transcription, TranscriptionRequest


class QwenAudioParser(BriefRepr, TranscriptionFields, BaseBlobParser):
    """Transcribes the audio in a blob: one document for the file, or one for each sentence.

    Metadata: ``source language emotion start end speaker channel duration request_id``, as far as the model
    reports them; times are in seconds.

    Examples:
        >>> blobs = FileSystemBlobLoader("calls", glob="*.wav")  # doctest: +SKIP
        >>> loader = GenericLoader(blobs, QwenAudioParser())  # doctest: +SKIP
        >>> loader.load()[0].page_content
        'Good morning.'
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True, arbitrary_types_allowed=True)

    by_sentence: bool = False
    """Whether there is a document for each sentence."""

    def lazy_parse(self, blob: Blob) -> Iterator[Document]:
        """Yield the documents of a blob. Raise a QwenError."""
        with langchain_errors:
            transcription = self.transcriber().transcribe(self._request(blob))
        yield from self._documents(blob, transcription)

    async def aparse(self, blob: Blob) -> list[Document]:
        """Return the documents of a blob, without blocking. Raise a QwenError."""
        with langchain_errors:
            transcription = await self.async_transcriber().transcribe(self._request(blob))
        return self._documents(blob, transcription)

    def _request(self, blob: Blob) -> TranscriptionRequest:
        path = blob.path
        name = PurePath(path).name if path is not None else None
        if blob.data is not None:
            content = blob.data.encode(blob.encoding) if isinstance(blob.data, str) else blob.data
            return self.transcription_request(content, name)
        url = str(path)
        # A blob that was loaded from a path is the caller's own; a link is passed to the service.
        return self.transcription_request(url, name, is_file=scheme_of(url) in ("", "file"))

    def _documents(self, blob: Blob, transcription: Transcription) -> list[Document]:
        found = documents(transcription, blob.source, blob.metadata, by_sentence=self.by_sentence)
        return [Document(page_content=text, metadata=metadata) for text, metadata in found]


class TextToSpeechInput(BaseModel):
    """The arguments of the tool."""

    text: str = Field(description="The text to speak.")


class QwenTextToSpeech(BriefRepr, SpeechFields, BaseTool):
    """A tool that speaks a text. Its artifact is an audio block with the file in base64.

    Examples:
        >>> tool = QwenTextToSpeech(voice="Cherry")
        >>> tool.synthesize("Good morning.").data[:4]  # doctest: +SKIP
        b'RIFF'
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True, arbitrary_types_allowed=True)

    name: str = "text_to_speech"
    description: str = "Speak a text aloud. Returns the audio of the text; any language, any length."
    args_schema: Any = TextToSpeechInput
    response_format: Any = "content_and_artifact"

    def synthesize(self, text: str) -> Speech:
        """Return the spoken text as one audio file. Raise a QwenError."""
        with langchain_errors:
            return self.speaker().synthesize(self.speech_request(text))

    async def asynthesize(self, text: str) -> Speech:
        """Return the spoken text as one audio file, without blocking. Raise a QwenError."""
        with langchain_errors:
            return await self.async_speaker().synthesize(self.speech_request(text))

    def stream_bytes(self, text: str) -> Iterator[bytes]:
        """Yield the audio file as it arrives. Raise a QwenError."""
        with langchain_errors:
            for chunk in self.speaker().stream(self.speech_request(text)):
                if chunk.data:
                    yield chunk.data

    async def astream_bytes(self, text: str) -> AsyncIterator[bytes]:
        """Yield the audio file as it arrives, without blocking. Raise a QwenError."""
        with langchain_errors:
            async for chunk in self.async_speaker().stream(self.speech_request(text)):
                if chunk.data:
                    yield chunk.data

    def _run(self, text: str, run_manager: CallbackManagerForToolRun | None = None) -> tuple[str, dict[str, Any]]:
        speech = self.synthesize(text)
        return summary(speech), audio_block(speech)

    async def _arun(
        self, text: str, run_manager: AsyncCallbackManagerForToolRun | None = None
    ) -> tuple[str, dict[str, Any]]:
        speech = await self.asynthesize(text)
        return summary(speech), audio_block(speech)


def audio_block(speech: Speech) -> dict[str, Any]:
    """Return the audio as LangChain's content block."""
    return {"type": "audio", "base64": encoded(speech), "mime_type": speech.mime_type}
