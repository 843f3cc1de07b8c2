"""Run one cell of the matrix: a fault, a protocol, a mode and a surface.

A cell ends in the right answer or in the right error; all else has a name too: a text that is short or changed
without an error is a silent loss, and what does not return in time is a hang.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from qwen_core import ClientSettings, QwenError
from qwen_core.config.timeouts import Timeout
from qwen_emulator import Emulator
from tests.faults.cases import Case, Expected
from tests.parity import surfaces
from tests.parity.scenarios import Outcome, Scenario

Kind = Literal["answer", "error", "loss", "hang", "wrong"]
"""The first two are correct outcomes."""

READ = 0.25
"""Read timeout in seconds for the faults in which the service stops sending."""
LIMIT = 5.0
"""Seconds after which a call counts as hanging. Three attempts take a fraction of it."""

Asked = Callable[[Scenario, ClientSettings], Outcome]

WHOLE: dict[str, Asked] = {
    "core": surfaces.core_whole,
    "core async": surfaces.in_a_loop(surfaces.core_whole_async),
    "LangChain": surfaces.langchain_whole,
    "LangChain async": surfaces.in_a_loop(surfaces.langchain_whole_async),
    "LlamaIndex": surfaces.llama_whole,
    "LlamaIndex async": surfaces.in_a_loop(surfaces.llama_whole_async),
}
STREAMED: dict[str, Asked] = {
    "core": surfaces.core_stream,
    "core async": surfaces.in_a_loop(surfaces.core_stream_async),
    "LangChain": surfaces.langchain_stream,
    "LangChain async": surfaces.in_a_loop(surfaces.langchain_stream_async),
    "LlamaIndex": surfaces.llama_stream,
    "LlamaIndex async": surfaces.in_a_loop(surfaces.llama_stream_async),
}
MODES: dict[str, dict[str, Asked]] = {"whole": WHOLE, "stream": STREAMED}
PROTOCOLS = ("openai", "dashscope")


@dataclass(frozen=True)
class Cell:
    """One cell of the matrix."""

    case: Case
    protocol: str
    mode: str
    surface: str

    def __str__(self) -> str:
        return f"{self.case.name}: {self.protocol}, {self.mode}, {self.surface}"

    @property
    def expected(self) -> Expected | None:
        """Return the expected outcome of this cell; None if the fault cannot occur here."""
        return self.case.expected(self.protocol, self.mode)


@dataclass(frozen=True)
class Result:
    """The outcome of a cell; ``complaint`` says what is wrong with it."""

    kind: Kind
    complaint: str = ""


def cells(case: Case) -> list[Cell]:
    """Return the cells of one fault. Faults that only the core handles run through the core only."""
    return [
        found
        for protocol in PROTOCOLS
        for mode, by_surface in MODES.items()
        for surface in by_surface
        if case.everywhere or surface.startswith("core")
        if (found := Cell(case, protocol, mode, surface)).expected is not None
    ]


def settings_for(emulator: Emulator, cell: Cell) -> ClientSettings:
    """Return settings with small timeouts and the default number of attempts."""
    return ClientSettings(
        api_key="sk-of-the-matrix",
        base_url=emulator.base_url,
        protocol=cell.protocol,  # type: ignore[arg-type]
        timeout=Timeout(connect=2, read=READ if cell.case.stalls else LIMIT, total=LIMIT),
    )


def run(cell: Cell, emulator: Emulator) -> Result:
    """Make one call and check its outcome."""
    expected = cell.expected
    assert expected is not None
    emulator.reset()
    emulator.reply(*cell.case.replies)
    ask = MODES[cell.mode][cell.surface]
    scenario = Scenario(cell.case.name, None, Outcome())
    error: Exception | None = None
    outcome: Outcome | None = None
    begin = time.monotonic()
    try:
        outcome = ask(scenario, settings_for(emulator, cell))
    except Exception as raised:
        error = raised
    if time.monotonic() - begin > LIMIT + READ:
        return Result("hang", f"took {time.monotonic() - begin:.1f} s")
    result = check_text(expected, outcome) if outcome is not None else check_error(expected, error, emulator)
    seen = len(emulator.requests)
    if not result.complaint and seen != expected.requests:
        return Result("wrong", f"{seen} requests instead of {expected.requests}")
    return result


def check_text(expected: Expected, outcome: Outcome) -> Result:
    """Check the text of a call that raised no error."""
    if expected.text is None:
        return Result("loss", f"{outcome.text[:60]!r} instead of {expected.error}")
    if outcome.text != expected.text:
        return Result("loss", f"{outcome.text[:60]!r} instead of {expected.text[:60]!r}")
    if outcome.finish_reason != "stop":
        return Result("wrong", f"finish reason {outcome.finish_reason!r}")
    return Result("answer")


def check_error(expected: Expected, error: Any, emulator: Emulator) -> Result:
    """Check the class and attributes of an error."""
    if type(error).__name__ != expected.error or not isinstance(error, QwenError):
        return Result("wrong", f"{type(error).__name__}({str(error)[:200]}) instead of {expected.error or 'text'}")
    facts = {
        "status": (error.status_code, expected.status),
        "code": (error.code, expected.code),
        "host": (error.host, emulator.base_url.removeprefix("http://")),
        "model": (error.model, "qwen-plus"),
    }
    different = [
        f"{name} {seen!r} instead of {wanted!r}" for name, (seen, wanted) in facts.items() if seen != wanted
    ]
    if expected.request_id and not error.request_id:
        different.append("no request id")
    if not (error.hint or error.advice or error.message):
        different.append("does not say what to do")
    part = error.partial.text if error.partial else ""
    if part != expected.part:
        different.append(f"partial {part!r} instead of {expected.part!r}")
    return Result("wrong", "; ".join(different)) if different else Result("error")
