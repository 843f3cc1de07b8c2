"""Describe images, audio, videos and files without a model: kind, size and colour."""

from __future__ import annotations

import base64
import binascii
import io
import math
import re
import struct
import wave
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from qwen_emulator.conversation import Part

_DATA_URI = re.compile(r"data:([\w/+.-]*);base64,", re.IGNORECASE)
_CHANNELS = {0: 1, 2: 3, 6: 4}
"""Bytes a pixel of the PNG colour types that are understood: grey, RGB, RGBA."""
_PALETTE = 3
_MAX_UNPACKED = 32_000_000
COLOURS = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
    "red": (220, 30, 30),
    "green": (40, 160, 60),
    "blue": (40, 60, 210),
    "yellow": (240, 220, 50),
    "orange": (245, 140, 30),
    "purple": (130, 50, 160),
    "pink": (245, 150, 180),
    "brown": (120, 75, 40),
    "cyan": (60, 200, 220),
}


@dataclass(frozen=True)
class Image:
    """Size of an image, and its main colour if it could be decoded."""

    width: int
    height: int
    colour: str | None = None


def decode_data_uri(source: str) -> bytes | None:
    """Decode a data URI; return None for anything else."""
    found = _DATA_URI.match(source)
    if not found:
        return None
    try:
        return base64.b64decode(source[found.end() :])
    except (binascii.Error, ValueError):
        return None


def read_png(data: bytes) -> Image | None:
    """Return the size of a PNG, and its main colour if it is a plain 8-bit one."""
    if data[:8] != b"\x89PNG\r\n\x1a\n" or len(data) < 33:
        return None
    width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    depth, kind, interlaced = data[24], data[25], data[28]
    if (depth, kind, interlaced) == (8, _PALETTE, 0):
        return Image(width, height, _palette_colour(data, width, height))
    if depth != 8 or kind not in _CHANNELS or interlaced or width * height > 500_000:
        return Image(width, height)
    try:
        rows = _unfilter(zlib.decompress(_image_data(data)), width, height, _CHANNELS[kind])
    except (zlib.error, IndexError):
        return Image(width, height)
    return Image(width, height, _colour(rows, _CHANNELS[kind]))


def describe(part: Part) -> str:
    """Describe a content part that is not text, in one sentence."""
    if part.kind == "image":
        return _describe_image(part)
    if part.kind == "audio" and (length := _wav_seconds(part)) is not None:
        return f"The audio is {length:.1f} seconds long."
    if part.kind == "video" and isinstance(part.source, tuple):
        return f"The video has {len(part.source)} frames{_frame_colours(part.source)}."
    where = "" if isinstance(part.source, tuple) or part.source.startswith("data:") else f" at {part.source[:120]}"
    return f"There is {'an audio recording' if part.kind == 'audio' else f'a {part.kind}'}{where}."


def image_sizes(parts: Iterable[Part]) -> list[tuple[int, int]]:
    """Return width and height of each image that can be decoded."""
    images = [_read_image(part) for part in parts if part.kind == "image"]
    return [(image.width, image.height) for image in images if image]


def tone(chunks: int) -> list[bytes]:
    """Return a beep as raw PCM, 24 kHz 16-bit mono, in chunks of a tenth of a second."""
    wave_form = [round(8_000 * math.sin(2 * math.pi * 440 * moment / 24_000)) for moment in range(2_400)]
    return [struct.pack(f"<{len(wave_form)}h", *wave_form)] * chunks


def count_media(parts: Iterable[Part]) -> dict[str, int]:
    """Count input tokens by kind, under the names of ``tokens.Usage``."""
    counted = {"image_tokens": 0, "video_tokens": 0, "audio_tokens": 0}
    for part in parts:
        if part.kind == "image":
            counted["image_tokens"] += _image_tokens(part)
        elif part.kind == "video":
            frames = len(part.source) if isinstance(part.source, tuple) else 20
            counted["video_tokens"] += 72 * frames
        elif part.kind == "audio":
            counted["audio_tokens"] += math.ceil(7 * (_wav_seconds(part) or 10.0))
    return counted


def _image_tokens(part: Part) -> int:
    image = _read_image(part)
    if image is None:
        return 258
    return max(4, math.ceil(image.width / 32) * math.ceil(image.height / 32)) + 2


def _read_image(part: Part) -> Image | None:
    data = decode_data_uri(part.source) if isinstance(part.source, str) else None
    return read_png(data) if data else None


def _describe_image(part: Part) -> str:
    image = _read_image(part)
    if image is None:
        where = part.source if isinstance(part.source, str) else ""
        return "There is an image." if where.startswith("data:") else f"There is an image at {where[:120]}."
    colour = f" and mostly {image.colour}" if image.colour else ""
    return f"The image is {image.width}×{image.height} pixels{colour}."


def _frame_colours(frames: tuple[str, ...]) -> str:
    seen = [read_png(data) for data in map(decode_data_uri, frames) if data]
    colours = [image.colour for image in seen if image and image.colour]
    changes = [colour for index, colour in enumerate(colours) if not index or colour != colours[index - 1]]
    return f", from {' to '.join(changes)}" if len(changes) > 1 else f", all {changes[0]}" if changes else ""


def _wav_seconds(part: Part) -> float | None:
    data = decode_data_uri(part.source) if isinstance(part.source, str) else None
    if not data:
        return None
    try:
        with wave.open(io.BytesIO(data)) as recording:
            return float(recording.getnframes() / recording.getframerate())
    except (wave.Error, EOFError, ZeroDivisionError):
        return None


def _palette_colour(data: bytes, width: int, height: int) -> str | None:
    """Return the most frequent colour of an image with a palette whose rows are not filtered."""
    colours = _chunk_data(data, b"PLTE")
    try:
        rows = zlib.decompressobj().decompress(_image_data(data), _MAX_UNPACKED)
    except zlib.error:
        return None
    if len(rows) != height * (width + 1) or any(rows[:: width + 1]):
        return None
    counts = {index: rows.count(index) for index in range(len(colours) // 3)}
    counts[0] = counts.get(0, 0) - height
    most = max(counts, key=lambda index: counts[index])
    return _colour(colours[3 * most : 3 * most + 3], 3)


def _image_data(data: bytes) -> bytes:
    return _chunk_data(data, b"IDAT")


def _chunk_data(data: bytes, wanted: bytes) -> bytes:
    joined, position = b"", 8
    while position + 8 <= len(data):
        size, name = int.from_bytes(data[position : position + 4]), data[position + 4 : position + 8]
        if name == wanted:
            joined += data[position + 8 : position + 8 + size]
        position += 12 + size
    return joined


def _unfilter(packed: bytes, width: int, height: int, channels: int) -> bytes:
    stride = width * channels
    out = bytearray()
    above = bytearray(stride)
    for row in range(height):
        start = row * (stride + 1)
        kind, line = packed[start], bytearray(packed[start + 1 : start + 1 + stride])
        for x in range(stride) if kind else ():
            left = line[x - channels] if x >= channels else 0
            corner = above[x - channels] if x >= channels else 0
            line[x] = (line[x] + _predict(kind, left, above[x], corner)) & 255
        out += line
        above = line
    return bytes(out)


def _predict(kind: int, left: int, up: int, corner: int) -> int:
    if kind == 4:
        guess = left + up - corner
        return min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))[2]
    return {1: left, 2: up, 3: (left + up) // 2}.get(kind, 0)


def _colour(pixels: bytes, channels: int) -> str:
    count = max(1, len(pixels) // channels)
    mean = [sum(pixels[channel::channels]) / count for channel in range(min(3, channels))]
    red, green, blue = mean if len(mean) == 3 else mean[:1] * 3
    return min(
        COLOURS,
        key=lambda name: sum((a - b) ** 2 for a, b in zip((red, green, blue), COLOURS[name], strict=True)),
    )
