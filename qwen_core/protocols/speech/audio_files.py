"""Read and join audio files: WAV by its header; MP3 and Ogg files can follow each other."""

import struct
from collections.abc import Sequence
from typing import NamedTuple

from qwen_core.types.errors import InvalidResponseError

UNKNOWN_SIZE = 0xFFFFFFFF
"""The size in the header of a WAV file that is still being written."""


class WavFormat(NamedTuple):
    """How the samples of a WAV file are written."""

    rate: int = 24_000
    channels: int = 1
    width: int = 2

    @property
    def bytes_per_second(self) -> int:
        """Return how many bytes one second has."""
        return self.rate * self.channels * self.width

    def header(self, size: int | None = None) -> bytes:
        """Return the header of a file with so many bytes of samples; None: unknown, in a stream."""
        data = UNKNOWN_SIZE if size is None else size
        return struct.pack(
            "<4sI4s4sIHHIIHH4sI",
            b"RIFF",
            min(data + 36, UNKNOWN_SIZE),
            b"WAVE",
            b"fmt ",
            16,
            1,
            self.channels,
            self.rate,
            self.bytes_per_second,
            self.channels * self.width,
            self.width * 8,
            b"data",
            data,
        )


class WavHeader(NamedTuple):
    """The header of a WAV file: the format, and where the samples begin and end at most."""

    format: WavFormat
    start: int
    size: int


def is_wav(head: bytes) -> bool:
    """Return whether content begins as a WAV file."""
    return head[:4] == b"RIFF" and head[8:12] == b"WAVE"


def read_header(content: bytes) -> WavHeader | None:
    """Return the header at the beginning of a WAV file; None if more bytes are needed.

    Raise InvalidResponseError if it is broken.
    """
    found = WavFormat()
    position = 12
    while len(content) >= position + 8:
        name, size = struct.unpack_from("<4sI", content, position)
        if name == b"data":
            return WavHeader(found, position + 8, size)
        if name == b"fmt ":
            if len(content) < position + 24:
                return None
            _, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", content, position + 8)
            found = WavFormat(rate or found.rate, channels or 1, max(bits // 8, 1))
        position += 8 + size + size % 2
        if position > 1 << 20:
            raise InvalidResponseError("The audio is a WAV file without samples.")
    return None


def samples(content: bytes) -> tuple[WavFormat, bytes]:
    """Return format and samples of a WAV file, or of raw samples as the service writes them."""
    header = read_header(content) if is_wav(content) else None
    if header is None:
        return WavFormat(), content
    return header.format, content[header.start :][: header.size]


def join_files(files: Sequence[bytes], format: str) -> bytes:
    """Return one playable file of several of the same format.

    Raise InvalidResponseError if WAV files differ in their rate or channels.
    """
    if len(files) == 1 and (format != "pcm") and (format != "wav" or is_wav(files[0])):
        return files[0]
    if format not in ("wav", "pcm"):
        return b"".join([*files[:1], *(without_tag(file) for file in files[1:])])
    read = [samples(file) for file in files]
    formats = {found for found, _ in read}
    if len(formats) > 1:
        raise InvalidResponseError(f"Parts of the audio have different formats: {sorted(formats)}.")
    joined = b"".join(content for _, content in read)
    return joined if format == "pcm" else formats.pop().header(len(joined)) + joined


def without_tag(content: bytes) -> bytes:
    """Return an MP3 file without the ID3 tag before its frames, which belongs at the beginning only."""
    if content[:3] != b"ID3" or len(content) < 10:
        return content
    size = sum((byte & 0x7F) << shift for byte, shift in zip(content[6:10], (21, 14, 7, 0), strict=True))
    return content[10 + size :]


def duration(content: bytes, format: str) -> float | None:
    """Return the seconds of WAV or PCM audio; None for other formats."""
    if format not in ("wav", "pcm") or not content:
        return None
    found, pcm = samples(content)
    return len(pcm) / found.bytes_per_second


class WavStream:
    """Turns the chunks of one or more streams into one: the header once, at the beginning, then samples.

    Whether the first chunk of a stream has a header differs by model.
    """

    def __init__(self, *, with_header: bool) -> None:
        self._with_header = with_header
        self._began = False
        self._pending: bytes | None = b""
        self._format = WavFormat()

    def begin_part(self) -> None:
        """Take note that the next chunk is the first one of another stream."""
        self._pending = b""

    def end_part(self) -> bytes:
        """Return what was kept back of a stream that ended before its header did."""
        rest, self._pending = self._pending or b"", None
        return b"" if is_wav(rest) else rest

    def feed(self, chunk: bytes) -> bytes:
        """Return what to pass on of a chunk."""
        if self._pending is None:
            return chunk
        content = self._pending + chunk
        if content.startswith(b"RIFF"[: len(content)]):
            header = read_header(content) if is_wav(content) else None
            if header is None and len(content) < 1 << 16:
                self._pending = content
                return b""
            if header is not None:
                self._format, content = header.format, content[header.start :]
        self._pending = None
        if self._began or not self._with_header:
            self._began = True
            return content
        self._began = True
        return self._format.header() + content

    def seconds(self, size: int) -> float:
        """Return the length of so many bytes that were passed on."""
        header = len(self._format.header()) if self._with_header else 0
        return max(size - header, 0) / self._format.bytes_per_second
