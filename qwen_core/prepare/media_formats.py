"""Detect the format of a file, and the size of an image, from its first bytes. Nothing is decoded."""

import struct
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from qwen_core.types.messages import AudioPart, FilePart, ImagePart, Part, VideoPart

MediaKind = Literal["image", "video", "audio", "document"]

MEDIA_KINDS: dict[type[Part], MediaKind] = {
    ImagePart: "image",
    VideoPart: "video",
    AudioPart: "audio",
    FilePart: "document",
}

HEAD = 64
"""Number of bytes that determine the format."""


class Signature(NamedTuple):
    """Bytes at an offset that identify a file type."""

    mime_type: str
    magic: bytes
    offset: int = 0


# A type inside a container comes before the container itself.
SIGNATURES: tuple[Signature, ...] = (
    Signature("image/png", b"\x89PNG\r\n\x1a\n"),
    Signature("image/jpeg", b"\xff\xd8\xff"),
    Signature("image/gif", b"GIF8"),
    Signature("image/bmp", b"BM"),
    Signature("image/tiff", b"II*\0"),
    Signature("image/tiff", b"MM\0*"),
    Signature("image/webp", b"WEBP", 8),
    *(Signature("image/heic", b"ftyp" + brand, 4) for brand in (b"heic", b"heix", b"hevc", b"mif1", b"msf1")),
    Signature("image/avif", b"ftypavif", 4),
    Signature("audio/wav", b"WAVE", 8),
    Signature("video/x-msvideo", b"AVI ", 8),
    Signature("audio/mp4", b"ftypM4A", 4),
    Signature("video/quicktime", b"ftypqt", 4),
    Signature("video/mp4", b"ftyp", 4),
    Signature("video/webm", b"\x1aE\xdf\xa3"),
    Signature("video/x-flv", b"FLV\x01"),
    Signature("video/mpeg", b"\0\0\x01\xba"),
    Signature("audio/mpeg", b"ID3"),
    Signature("audio/mpeg", b"\xff\xfb"),
    Signature("audio/mpeg", b"\xff\xf3"),
    Signature("audio/aac", b"\xff\xf1"),
    Signature("audio/aac", b"\xff\xf9"),
    Signature("audio/flac", b"fLaC"),
    Signature("audio/ogg", b"OggS"),
    Signature("audio/amr", b"#!AMR"),
    Signature("application/pdf", b"%PDF-"),
)

# MIME subtype -> ``format`` of an ``input_audio``; for others the two are the same.
AUDIO_FORMATS = {"mpeg": "mp3", "x-wav": "wav", "wave": "wav", "vnd.wave": "wav", "mp4": "m4a", "x-m4a": "m4a"}


def sniff(head: bytes) -> str | None:
    """Return the MIME type of a file with these first bytes, or None if it is unknown."""
    for signature in SIGNATURES:
        if head.startswith(signature.magic, signature.offset):
            return signature.mime_type
    return None


def audio_format(mime_type: str | None) -> str | None:
    """Return the service's name of an audio MIME type."""
    name = (mime_type or "").partition(";")[0].rpartition("/")[2].lower()
    return AUDIO_FORMATS.get(name, name) or None


URL_AUDIO_FORMATS = (
    "aac", "aiff", "amr", "avi", "flac", "flv", "m4a", "mkv", "mov", "mp3", "mp4", "mpeg", "ogg", "opus", "wav",
    "webm", "wma", "wmv",
)  # fmt: skip
"""The file extensions of audio that the service documents, which are its names of the formats."""


def audio_format_of_url(url: str) -> str | None:
    """Return the service's name of the format of audio at a URL, or None if the path does not tell."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    _, dot, extension = parts.path.rpartition("/")[2].lower().rpartition(".")
    return (
        extension if dot and parts.scheme in ("http", "https", "oss") and extension in URL_AUDIO_FORMATS else None
    )


def image_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height, or None if the format does not have them near its beginning."""
    read = SIZES.get(sniff(data[:HEAD]) or "")
    try:
        return read(data) if read else None
    except (struct.error, IndexError):
        return None


def _png_size(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _gif_size(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _bmp_size(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from("<ii", data, 18)
    return abs(width), abs(height)


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    # Segments follow each other until the one that starts a frame, which holds the size.
    position = 2
    while data[position] == 0xFF:
        marker = data[position + 1]
        if marker in range(0xC0, 0xD0) and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, position + 5)
            return width, height
        position += 2 + struct.unpack_from(">H", data, position + 2)[0]
    return None


SIZES = {"image/png": _png_size, "image/gif": _gif_size, "image/bmp": _bmp_size, "image/jpeg": _jpeg_size}


def wav_byte_rate(data: bytes) -> int | None:
    """Return the bytes per second of a WAV file from its header, or None for any other file."""
    if sniff(data[:HEAD]) != "audio/wav" or data[12:16] != b"fmt " or len(data) < 32:
        return None
    return int.from_bytes(data[28:32], "little") or None


def is_complete_image(data: bytes) -> bool:
    """Return whether an image is complete, if its format allows to tell; else True."""
    mime_type = sniff(data[:HEAD])
    if mime_type == "image/png":
        return len(data) > 33 and b"IEND" in data[-4096:]
    if mime_type == "image/webp":
        return len(data) >= int.from_bytes(data[4:8], "little") + 8
    return True
