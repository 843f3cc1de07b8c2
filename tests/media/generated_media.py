"""Images, audio and video generated for tests: nothing is stored in the repository or downloaded."""

import base64
import io
import struct
import wave
import zlib
from importlib.metadata import version

RED, GREEN, BLUE = (220, 30, 30), (40, 160, 60), (40, 60, 210)


def png_image(width: int = 48, height: int = 32, colour: tuple[int, int, int] = RED) -> bytes:
    """Return a PNG of one colour."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + bytes(colour) * width for _ in range(height)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def wav_audio(seconds: float = 1.5, rate: int = 8000) -> bytes:
    """Return a WAV of silence."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(bytes(round(seconds * rate) * 2))
    return buffer.getvalue()


def mp4_video() -> bytes:
    """Return the first bytes of an MP4, the only part that the tests need."""
    return b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + bytes(200)


def text64(content: bytes) -> str:
    """Return the content as base64 text."""
    return base64.b64encode(content).decode()


def data_uri(content: bytes, mime_type: str = "image/png") -> str:
    """Return the content as a data URI."""
    return f"data:{mime_type};base64,{text64(content)}"


FRAMES = tuple(data_uri(png_image(colour=colour)) for colour in (RED, RED, GREEN, BLUE))


LLAMA_INDEX = tuple(int(number) for number in version("llama-index-core").split(".")[:3])
"""The version of llama-index-core: old ones accept no buffers, and their engines no images."""
