"""Default answers: what the emulator says when nothing was scripted. Deterministic, and useful without a model.

Each file here answers one kind of request; ``answer`` asks them in turn.
"""

from __future__ import annotations

from qwen_emulator.default_replies.answer import answer

__all__ = ["answer"]
