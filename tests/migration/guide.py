"""Parse and run the pairs of code blocks in docs/migration.md."""

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from qwen_emulator import Emulator, RecordedRequest
from qwen_emulator.script import Scripted

GUIDE = Path(__file__).parents[2] / "docs" / "migration.md"
PAIR = re.compile(
    r"^### (?P<title>.+)\n(?:(?!^#).*\n)*?```python\n(?P<before># before\n(?:.*\n)*?)```\n"
    r"\n```python\n(?P<after># after\n(?:.*\n)*?)```$",
    re.MULTILINE,
)
PEER = re.compile(
    r"^from (langchain_community|langchain_qwq|langchain_openai"
    r"|llama_index\.(?:llms|embeddings|postprocessor)\.\w+)",
    re.MULTILINE,
)
ADDRESS = "https://dashscope.aliyuncs.com/compatible-mode/v1"


def installed(module: str) -> bool:
    """Return whether the module can be imported."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


class Pair(NamedTuple):
    """One task in old and new code."""

    before: str
    after: str

    @property
    def peer(self) -> str:
        """Return the package that is migrated from."""
        found = PEER.search(self.before)
        assert found, self.before
        return found[1]

    @property
    def runs_here(self) -> bool:
        """Return whether that package is installed; `make lowest` has those that this one cannot have."""
        return installed(self.peer)


PAIRS = {
    found["title"]: Pair(found["before"], found["after"]) for found in PAIR.finditer(GUIDE.read_text("utf-8"))
}


@dataclass(frozen=True)
class Run:
    """The result of a block: its names, its error and its requests."""

    names: Mapping[str, Any]
    error: Exception | None
    requests: list[RecordedRequest]

    def __getitem__(self, name: str) -> Any:
        if self.error is not None:
            raise self.error
        return self.names[name]

    @property
    def sent(self) -> dict[str, Any]:
        """Return the parameters of the first request."""
        return self.requests[0].parameters


def run(code: str, emulator: Emulator, replies: tuple[Scripted, ...]) -> Run:
    """Run a block unchanged except for the service's URL."""
    emulator.reset()
    emulator.reply(*replies)
    names: dict[str, Any] = {}
    error = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old packages use deprecated features
        try:
            exec(compile(code.replace(ADDRESS, emulator.compatible_url), "docs/migration.md", "exec"), names)
        except Exception as problem:
            error = problem
    return Run(names, error, emulator.requests)


def run_pair(
    pair: Pair, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, replies: tuple[Scripted, ...]
) -> tuple[Run, Run]:
    """Run both blocks with the same scripted replies, each with the URL set where it reads it."""
    import dashscope

    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-test")
    monkeypatch.setattr(dashscope, "api_key", None)
    monkeypatch.setattr(dashscope, "base_http_api_url", emulator.native_url)
    monkeypatch.setenv("DASHSCOPE_API_BASE", emulator.compatible_url)
    before = run(pair.before, emulator, replies)
    monkeypatch.setattr(dashscope, "base_http_api_url", "http://127.0.0.1:9")
    monkeypatch.setenv("DASHSCOPE_API_BASE", emulator.base_url)
    return before, run(pair.after, emulator, replies)
