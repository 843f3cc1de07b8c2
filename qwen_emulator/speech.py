"""Speech without a model: a short tone for each text, and the text back from such a tone. Knows no HTTP.

A file that the emulator spoke holds its text as a comment, so that text, speech and transcript make a round trip.
For any other audio the transcript is a default one.
"""

from __future__ import annotations

import base64
import math
import re
import struct
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

RATE = 24_000
DEFAULT_TEXT = "Good morning. How can I help you?"
_SENTENCES = re.compile(r".+?(?:[.!?。！？]+(?=\s|$|\S)|$)\s*", re.DOTALL)
_WORDS = re.compile(r"\S+\s*")
_CJK = re.compile(r"[\u4e00-\u9fff\u3040-\u30ff\uac00-\ud7af]")
_DATA_URI = re.compile(r"data:([\w/+.-]*);base64,", re.IGNORECASE)
_SECONDS_A_CHARACTER = 0.06

RECOGNITION = re.compile(r"(qwen[\d.]*|qwen-audio-[\d.]+|fun)-asr.*|paraformer.*", re.IGNORECASE)
SYNTHESIS = re.compile(r"(qwen[\d.]*|qwen-audio-[\d.]+)-tts.*|cosyvoice.*", re.IGNORECASE)
CHAT_RECOGNITION = re.compile(r"qwen3-asr-flash(-20\d\d-\d\d-\d\d)?", re.IGNORECASE)
NATIVE_RECOGNITION = re.compile(r"qwen3-asr-flash(-20\d\d-\d\d-\d\d)?(-us)?", re.IGNORECASE)
SENTENCE_RECOGNITION = re.compile(r"qwen-audio-3\.\d-asr-flash|fun-asr-flash.*", re.IGNORECASE)
FILE_RECOGNITION = re.compile(r"qwen3-asr-flash-filetrans.*", re.IGNORECASE)
FILES_RECOGNITION = re.compile(
    r"qwen-audio-3\.\d-asr-flash-filetrans|fun-asr(-mtl)?(-20.*)?|paraformer-(v1|v2|mtl-v1|8k-v1|8k-v2)",
    re.IGNORECASE,
)
CHAT_SYNTHESIS = re.compile(r"qwen3?-tts(?!.*realtime).*", re.IGNORECASE)
SYNTHESIZER = re.compile(r"qwen-audio-3\.\d-tts-(plus|flash)|cosyvoice-v(2|3|3\.5)(-.*)?", re.IGNORECASE)

FORMATS = {"wav": "audio/wav", "pcm": "audio/pcm", "mp3": "audio/mpeg", "opus": "audio/ogg"}


def is_speech(model: Any) -> bool:
    """Return whether a model recognizes or synthesizes speech."""
    return isinstance(model, str) and bool(RECOGNITION.fullmatch(model) or SYNTHESIS.fullmatch(model))


@dataclass(frozen=True)
class Spoken:
    """A sentence with its times in milliseconds."""

    text: str
    begin: int
    end: int
    speaker: int = 0

    def words(self) -> list[dict[str, Any]]:
        """Return its words, of equal length."""
        words = _WORDS.findall(self.text) or [self.text]
        step = max((self.end - self.begin) // len(words), 1)
        return [
            {
                "begin_time": self.begin + step * index,
                "end_time": self.begin + step * (index + 1),
                "text": re.sub(r"[.,!?。，！？]+\s*$", "", word),
                "punctuation": "".join(re.findall(r"[.,!?。，！？]+\s*$", word)).strip(),
            }
            for index, word in enumerate(words)
        ]


def seconds_of(text: str) -> float:
    """Return how long it takes to speak a text."""
    return max(0.2, round(len(text) * _SECONDS_A_CHARACTER, 2))


def sentences(text: str, speakers: int = 1) -> list[Spoken]:
    """Return the sentences of a text, spoken in turn."""
    found: list[Spoken] = []
    begin = 0
    for index, match in enumerate(match for match in _SENTENCES.findall(text) if match.strip()):
        end = begin + int(seconds_of(match) * 1000)
        found.append(Spoken(match.strip(), begin, end, index % speakers))
        begin = end
    return found


def language_of(text: str) -> str:
    """Return a language code for a text."""
    return "zh" if _CJK.search(text) else "en"


def tone(text: str) -> bytes:
    """Return samples, 16 bit mono at 24 kHz: a syllable-like beep for each word, whose pitch is the word's."""
    samples: list[int] = []
    for word in text.split() or [text]:
        count = int(RATE * _SECONDS_A_CHARACTER * (len(word) + 1))
        pitch = 160 + sum(word.encode()) % 160
        samples += [
            round(6_000 * math.sin(2 * math.pi * pitch * n / RATE) * math.sin(math.pi * n / count))
            for n in range(count)
        ]
    return struct.pack(f"<{len(samples)}h", *samples)


def wav(text: str) -> bytes:
    """Return a WAV file with the tone, and the text as its comment."""
    buffer = BytesIO()
    with wave.open(buffer, "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(RATE)
        recording.writeframes(tone(text))
    plain = buffer.getvalue()
    comment = text.encode() + b"\0" * (1 + (len(text.encode()) + 1) % 2)
    info = b"INFO" + b"ICMT" + struct.pack("<I", len(comment)) + comment
    listed = b"LIST" + struct.pack("<I", len(info)) + info
    body = plain[12:36] + listed + plain[36:]
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body


def audio(text: str, format: str) -> bytes:
    """Return a file of this format. What is not WAV or PCM is not playable: there is no encoder here."""
    if format == "pcm":
        return tone(text)
    if format == "wav":
        return wav(text)
    magic = b"OggS" if format == "opus" else b"\xff\xfb\x90\x00"
    return magic + text.encode()


def text_in(content: bytes | None) -> str | None:
    """Return the text in a file that the emulator spoke, else None."""
    start = -1 if content is None else content[:65_536].find(b"ICMT")
    if content is None or start < 0:
        return None
    (size,) = struct.unpack_from("<I", content, start + 4)
    return content[start + 8 : start + 8 + size].rstrip(b"\0").decode("utf-8", "replace")


def content_of(source: str) -> bytes | None:
    """Return the content of a data URI, else None."""
    found = _DATA_URI.match(source)
    return base64.b64decode(source[found.end() :]) if found else None


def wav_seconds(content: bytes | None) -> float | None:
    """Return the length of a WAV file, else None."""
    try:
        with wave.open(BytesIO(content or b"")) as recording:
            return float(recording.getnframes() / recording.getframerate())
    except (wave.Error, EOFError, ZeroDivisionError):
        return None


def chunked(content: bytes, size: int = 12_000) -> Sequence[bytes]:
    """Return content in chunks."""
    return [content[start : start + size] for start in range(0, len(content), size)]
