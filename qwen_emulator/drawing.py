"""Draw images without a model: real PNGs in the requested size, a few kilobytes each.

The background has the last color that the prompt names, else one that depends on the prompt. Color and position of
the square on it depend on prompt and seed. An edited image has a border in the color of the first one.
"""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from collections.abc import Sequence

from qwen_emulator.media import COLOURS, read_png

BACKGROUND, SQUARE, BORDER = 1, 2, 3
"""Indices in the palette. 0 is left out, so that a row's filter byte is not a pixel."""


def draw(prompt: str, width: int, height: int, seed: int = 0, images: Sequence[bytes] = ()) -> bytes:
    """Return a PNG for a prompt. ``images`` are those to edit."""
    digest = hashlib.blake2b(f"{seed}\n{prompt}".encode(), digest_size=8).digest()
    old = next((image.colour for image in map(read_png, images) if image and image.colour), None)
    background = named_colour(prompt) or old or sorted(COLOURS)[digest[0] % len(COLOURS)]
    others = [name for name in sorted(COLOURS) if name not in (background, old)]
    palette = [
        (0, 0, 0),
        COLOURS[background],
        COLOURS[others[digest[1] % len(others)]],
        COLOURS[old or background],
    ]
    edge = max(1, min(width, height) // 32) if images else 0
    side = max(1, min(width, height) // 4)
    left, top = (digest[2] * (width - side)) // 255, (digest[3] * (height - side)) // 255
    plain = _row(width, edge, [])
    crossing = _row(width, edge, [(left, side)])
    frame = b"\0" + bytes([BORDER]) * width
    rows = [
        frame if y < edge or y >= height - edge else crossing if top <= y < top + side else plain
        for y in range(height)
    ]
    return _png(width, height, palette, b"".join(rows))


def named_colour(prompt: str) -> str | None:
    """Return the last color that a prompt names."""
    found = re.findall(rf"\b({'|'.join(COLOURS)}|gray)\b", prompt.lower())
    return {"gray": "grey"}.get(found[-1], found[-1]) if found else None


def _row(width: int, edge: int, squares: list[tuple[int, int]]) -> bytes:
    row = bytearray([BACKGROUND]) * width
    for left, side in squares:
        row[left : left + side] = bytes([SQUARE]) * side
    if edge:
        row[:edge] = row[-edge:] = bytes([BORDER]) * edge
    return b"\0" + bytes(row)


def _png(width: int, height: int, palette: list[tuple[int, int, int]], rows: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    colours = b"".join(map(bytes, palette))
    chunks = ((b"IHDR", header), (b"PLTE", colours), (b"IDAT", zlib.compress(rows, 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


VIDEO = (
    b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"
    + b"\0\0\0\x08free"
    + b"\0\0\0\x6cmoov\0\0\0\x64mvhd"
    + struct.pack(">IIIII", 0, 0, 0, 1000, 5000)
    + struct.pack(">IHHII", 0x00010000, 0x0100, 0, 0, 0)
    + struct.pack(">9I", 0x00010000, 0, 0, 0, 0x00010000, 0, 0, 0, 0x40000000)
    + bytes(20)
    + struct.pack(">I", 1)
)
"""An MP4 file of 5 seconds without a track."""
