"""Convert generated audio to files.

The service sends raw PCM, 16 bit mono at 24 kHz, whatever format was requested. Source: protocol document
"compatible", section 4.
"""

import base64
import struct

RATE = 24_000
WIDTH = 2
CHANNELS = 1


def wav(pcm: bytes) -> bytes:
    """Return PCM audio as a WAV file. A WAV file is returned unchanged."""
    if pcm[:4] == b"RIFF" and pcm[8:12] == b"WAVE":
        return pcm
    second = RATE * WIDTH * CHANNELS
    header = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        36 + len(pcm),
        b"WAVE",
        b"fmt ",
        16,
        1,
        CHANNELS,
        RATE,
        second,
        WIDTH * CHANNELS,
        WIDTH * 8,
        b"data",
        len(pcm),
    )
    return header + pcm


def wav_base64(pcm_base64: str) -> str:
    """Convert base64 of PCM audio to base64 of a WAV file."""
    return base64.b64encode(wav(base64.b64decode(pcm_base64))).decode()
