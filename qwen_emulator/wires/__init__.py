"""How answers and failures are written, one file for each wire. Nothing here decides what to answer."""

from __future__ import annotations

from qwen_emulator.wires import compatible, native, responses
from qwen_emulator.wires.base import Wire

COMPATIBLE: Wire = compatible
NATIVE: Wire = native
RESPONSES: Wire = responses
