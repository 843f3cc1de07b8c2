"""Issue warnings that point at the user's line that caused them, however deep in the libraries they arise.

Python shows that line, and shows a warning once for each: a line of this package would tell nobody anything.
"""

import sys
import warnings
from traceback import walk_stack

from qwen_core.types.errors import QwenWarning

LIBRARIES = frozenset(
    {
        "qwen_core", "langchain_qwen", "llama_index_qwen",
        "langchain", "langchain_classic", "langchain_core", "langgraph", "langsmith",
        "llama_index", "llama_index_instrumentation", "workflows",
        "asyncio", "concurrent", "contextlib", "functools", "pydantic", "tenacity", "threading",
    }
)  # fmt: skip
"""Packages whose frames lie between a user's line and ours."""


def warn(message: str) -> None:
    """Issue a ``QwenWarning``. It points at our line if no user's is on the stack, as in a thread of a pool."""
    callers = list(walk_stack(sys._getframe(1)))
    packages = [frame.f_globals.get("__name__", "").partition(".")[0] for frame, _ in callers]
    users = next((index for index, package in enumerate(packages) if package not in LIBRARIES), 0)
    warnings.warn(message, QwenWarning, stacklevel=2 + users)
