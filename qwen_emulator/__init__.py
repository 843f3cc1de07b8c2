"""A DashScope on your own machine: both protocols of Alibaba's Qwen API over HTTP, for tests and demos.

It imports nothing of the packages it tests, and it has no model: see `answers` for what it says by default.
"""

from __future__ import annotations

from qwen_emulator.emulator import Emulator
from qwen_emulator.replies import Altered, Failure, RawReply, Reply, SearchResult, ToolCall
from qwen_emulator.requests import RecordedRequest

__all__ = [
    "Altered",
    "Emulator",
    "Failure",
    "RawReply",
    "RecordedRequest",
    "Reply",
    "SearchResult",
    "ToolCall",
]
