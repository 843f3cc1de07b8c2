"""Prepare the audio of a transcription: validate it, put it inline, or mark it for upload."""

import mimetypes
from pathlib import Path
from typing import NamedTuple

import msgspec

from qwen_core.config.endpoints import DEFAULT_FILE_TRANSCRIPTION_MODEL
from qwen_core.prepare.local_files import MemoryFile, SentFile, allowed_path, local_file
from qwen_core.prepare.media import check_url, scheme_of
from qwen_core.prepare.media_checks import INLINE_LIMIT, MEGABYTE, check_content
from qwen_core.prepare.media_formats import HEAD, audio_format, sniff
from qwen_core.types.errors import BadRequestError
from qwen_core.types.speech import TranscriptionRequest

GIGABYTE = 1024 * MEGABYTE
FILE_LIMIT = 2 * GIGABYTE
"""Of a file that is uploaded or read by its URL, except on the chat API (speech 1)."""
MESSAGE_LIMIT = 10 * MEGABYTE
DEFAULT_MIME_TYPE = "audio/wav"
EXTENSIONS = {"audio/wav": "wav", "audio/mpeg": "mp3", "audio/ogg": "ogg", "audio/mp4": "m4a"}
LONG_HINT = f"Use a model for long files, such as {DEFAULT_FILE_TRANSCRIPTION_MODEL}."


class PreparedAudio(NamedTuple):
    """A request whose audio is a URL, or the file to upload before it can be one."""

    request: TranscriptionRequest
    upload: SentFile | None = None

    def with_url(self, url: str) -> TranscriptionRequest:
        """Return the request with the URL of the uploaded file."""
        return msgspec.structs.replace(self.request, audio=url)

    @property
    def url(self) -> str:
        """Return the URL, if there is nothing to upload."""
        assert isinstance(self.request.audio, str)
        return self.request.audio


def prepare_audio(request: TranscriptionRequest, *, in_message: bool, inline: bool) -> PreparedAudio:
    """Return the request with validated audio. Block while reading a file.

    ``in_message`` limits the audio to what a message may hold; ``inline`` says whether data URIs are accepted.
    """
    audio = request.audio
    limit = MESSAGE_LIMIT if in_message else FILE_LIMIT
    if isinstance(audio, bytes | bytearray | memoryview):
        return prepared(request, memory_file(bytes(audio), request, limit), in_message, inline)
    url = str(audio)
    if isinstance(audio, Path) or scheme_of(url) in ("file", ""):
        path = allowed_path(url, request.allow_local_files)
        return prepared(request, local_file(path, "audio", limit), in_message, inline)
    if scheme_of(url) == "data":
        return prepare_data_uri(request, url, in_message, inline)
    check_url(url, "audio")
    if not inline and scheme_of(url) == "http":
        # Tasks refuse plain http (InvalidParameter.MalformedURL).
        url = "https" + url[4:]
    return PreparedAudio(msgspec.structs.replace(request, audio=url, format=request.format or format_of(url)))


def prepare_data_uri(request: TranscriptionRequest, url: str, in_message: bool, inline: bool) -> PreparedAudio:
    """Return the request with a data URI, or with its content to upload if the API does not accept those."""
    check_url(url, "audio")
    head, _, encoded = url.partition(",")
    mime_type = head.removeprefix("data:").partition(";")[0]
    if inline:
        format = request.format or audio_format(mime_type)
        return PreparedAudio(msgspec.structs.replace(request, audio=url, format=format))
    from qwen_core.prepare.media_checks import decode_base64

    file = MemoryFile(f"audio.{audio_format(mime_type) or 'wav'}", decode_base64(encoded, "audio"), mime_type)
    return prepared(request, file, in_message, inline)


def memory_file(content: bytes, request: TranscriptionRequest, limit: int) -> MemoryFile:
    """Return bytes as a file. Raise BadRequestError if they cannot be audio, or are too many."""
    check_content(content, "audio")
    if len(content) > limit:
        raise BadRequestError(
            f"The audio has {len(content) / MEGABYTE:.1f} MB; it can have at most {limit // MEGABYTE} MB.",
            hint=LONG_HINT,
        )
    by_name = mimetypes.guess_type(request.filename or "")[0]
    mime_type = sniff(content[:HEAD]) or by_name or f"audio/{request.format or 'wav'}"
    name = request.filename or f"audio.{request.format or EXTENSIONS.get(mime_type, 'wav')}"
    return MemoryFile(Path(name).name, content, mime_type)


def prepared(request: TranscriptionRequest, file: SentFile, in_message: bool, inline: bool) -> PreparedAudio:
    """Return the request with a file inline, or with the file to upload."""
    request = msgspec.structs.replace(request, format=request.format or audio_format(file.mime_type))
    if inline and file.fits_inline():
        return PreparedAudio(msgspec.structs.replace(request, audio=file.data_uri("audio")))
    if in_message:
        raise BadRequestError(
            f"{file.name!r} has {file.size / MEGABYTE:.1f} MB; encoded it can have at most "
            f"{INLINE_LIMIT // MEGABYTE} MB. Nothing was sent.",
            hint=LONG_HINT,
        )
    return PreparedAudio(request, file)


def format_of(url: str) -> str | None:
    """Return the format that the extension of a URL names."""
    suffix = Path(url.partition("?")[0].partition("#")[0]).suffix.removeprefix(".").lower()
    return suffix if suffix.isalnum() and len(suffix) <= 5 else None
