"""A DashScope on your machine: both protocols of Alibaba's Qwen API over HTTP, for tests and demos.

It imports nothing of the packages it tests and has no model: ``default_replies`` says what it replies by default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qwen_emulator.failures import Failure
from qwen_emulator.replies import RawReply, Reply, SearchResult, ToolCall
from qwen_emulator.requests import RecordedRequest
from qwen_emulator.script import Mutated

if TYPE_CHECKING:
    from qwen_emulator.emulator import Emulator

__all__ = [
    "Emulator",
    "Failure",
    "Mutated",
    "RawReply",
    "RecordedRequest",
    "Reply",
    "SearchResult",
    "ToolCall",
]


def __getattr__(name: str) -> Any:
    # The server library is an extra, and the pytest plugin of this package is loaded in every run of pytest.
    if name != "Emulator":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from qwen_emulator.emulator import Emulator
    except ModuleNotFoundError as missing:
        raise ImportError(
            "The emulator needs aiohttp. "
            'Run: pip install ".[emulator]" in the clone, or pip install "aiohttp>=3.14.3"'
        ) from missing
    return Emulator
