"""How answers and failures are written, one file for each wire. Nothing here decides what to answer."""

from __future__ import annotations

from qwen_emulator.protocols import compatible, native, responses
from qwen_emulator.protocols.base import Encoder

COMPATIBLE: Encoder = compatible
NATIVE: Encoder = native
RESPONSES: Encoder = responses
