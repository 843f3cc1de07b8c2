"""Images and sounds are described by what can be measured."""

from __future__ import annotations

import io
import struct
import wave
import zlib
from base64 import b64encode
from typing import Any

from qwen_emulator.conversation import read_conversation
from qwen_emulator.default_replies import answer


def say(content: list[dict[str, Any]], model: str) -> str:
    messages = [{"role": "user", "content": content}]
    return str(answer(read_conversation("openai", model, messages, {}, stream=False)).text)


def picture(width: int, height: int, colour: tuple[int, int, int]) -> str:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + bytes(colour) * width for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return "data:image/png;base64," + b64encode(png).decode()


def test_images_are_looked_at() -> None:
    def look(source: str) -> str:
        parts: list[dict[str, Any]] = [
            {"type": "image_url", "image_url": {"url": source}},
            {"type": "text", "text": "What is it?"},
        ]
        return say(parts, "qwen3-vl-plus")

    assert look(picture(64, 48, (230, 20, 20))).startswith("The image is 64×48 pixels and mostly red.")
    assert look(picture(8, 8, (250, 250, 250))).startswith("The image is 8×8 pixels and mostly white.")
    assert "https://example.com/a.png" in look("https://example.com/a.png")
    assert look("data:image/png;base64,AAAA").startswith("There is an image.")


def test_sounds_are_measured() -> None:
    held = io.BytesIO()
    with wave.open(held, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(b"\0\0" * 20_000)
    data = "data:;base64," + b64encode(held.getvalue()).decode()
    part = {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}
    made = say([part], "qwen3-omni-flash")
    assert "2.5 seconds" in made
