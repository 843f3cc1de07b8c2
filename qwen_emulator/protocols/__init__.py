"""Encoders of responses and failures, one module for each protocol. Nothing here decides on the reply."""

from __future__ import annotations

from qwen_emulator.protocols import compatible, native, responses
from qwen_emulator.protocols.base import Encoder

COMPATIBLE: Encoder = compatible
NATIVE: Encoder = native
RESPONSES: Encoder = responses
