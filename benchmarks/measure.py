"""Takes the figures: a process for each thing that is measured, and turns taken between them.

So a quiet or a busy moment of the machine falls on all that are compared, and none pays for another's imports.
"""

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import IO, Any, NamedTuple, Self

from benchmarks.environments import ROOT, Environment, interpreter, variables

TIME_IMPORT = """
import time

def at(depth):
    if depth:
        at(depth - 1)
    else:
        {statement}

start = time.process_time()
at({depth})
print(time.process_time() - start)
"""
DEPTHS = 60
"""Calls that an import may be below, in one round more than in the last. It takes Python 3.11 up to a third longer
where it happens to cross the end of a piece of the stack often: each time memory is asked for and given back."""

Sample = dict[str, float]


class Subject(NamedTuple):
    """One thing to measure: a function of a module here, or a statement that a new process carries out.

    ``scenario`` is what the server answers. ``fresh`` where each sample needs a process of its own.
    """

    environment: Environment
    module: str = ""
    function: str = ""
    arguments: tuple[tuple[str, Any], ...] = ()
    scenario: str = ""
    repeat: int = 1
    fresh: bool = False
    statement: str = ""


class NotMeasuredError(Exception):
    """A subject could not be run here; the message says why."""


class Server:
    """The server's process."""

    def __init__(self) -> None:
        self._process = start([interpreter("langchain"), "-m", "benchmarks.server"])
        self.port = int(pipe(self._process.stdout).readline())

    def url(self, scenario: str) -> str:
        """The base URL at which that is answered."""
        return f"http://127.0.0.1:{self.port}/{scenario}"

    def close(self) -> None:
        """End the process."""
        pipe(self._process.stdin).close()
        self._process.wait(10)


class Worker:
    """The process of one subject, ready to be asked for samples."""

    def __init__(self, subject: Subject, server: Server) -> None:
        arguments = dict(subject.arguments)
        if subject.scenario:
            arguments["url"] = server.url(subject.scenario)
        said = {
            "module": subject.module,
            "function": subject.function,
            "arguments": arguments,
            "repeat": subject.repeat,
            "warm": not subject.fresh,
        }
        command = [interpreter(subject.environment), "-m", "benchmarks.worker", json.dumps(said)]
        self._process = start(command, errors=subprocess.PIPE)
        self._read()

    def sample(self) -> Sample:
        """One sample."""
        stdin = pipe(self._process.stdin)
        stdin.write("go\n")
        stdin.flush()
        found: Sample = json.loads(self._read())
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pipe(self._process.stdin).close()
        self._process.wait(30)

    def _read(self) -> str:
        line = pipe(self._process.stdout).readline()
        if not line:
            raise NotMeasuredError(last_line(pipe(self._process.stderr).read()))
        return line


def start(command: list[str], errors: int | None = None) -> subprocess.Popen[str]:
    """A process of ours, spoken to by lines."""
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        cwd=ROOT,
        env=variables(),
    )


def pipe(stream: IO[str] | None) -> IO[str]:
    """A pipe that was asked for."""
    assert stream is not None
    return stream


def last_line(errors: str) -> str:
    """What a traceback comes to."""
    lines = [line for line in errors.strip().splitlines() if line and not line.startswith(" ")]
    return lines[-1][:200] if lines else "the process ended without a word"


def take_turns(subjects: Sequence[Subject], server: Server, rounds: int) -> dict[Subject, list[Sample]]:
    """Samples of all subjects, one of each in every round, each round beginning with another."""
    found: dict[Subject, list[Sample]] = {subject: [] for subject in subjects}
    with ExitStack() as stack:
        workers = {
            subject: stack.enter_context(Worker(subject, server))
            for subject in subjects
            if not (subject.fresh or subject.statement)
        }
        for subject in subjects:
            if subject.statement:
                time_statement(subject, 0)  # the bytecode is written, the files are in the machine's memory
        for number in range(rounds):
            shift = number % len(subjects)
            depth = DEPTHS * number // rounds
            for subject in (*subjects[shift:], *subjects[:shift]):
                found[subject].append(sample(subject, workers.get(subject), server, depth))
    return found


def sample(subject: Subject, worker: Worker | None, server: Server, depth: int) -> Sample:
    """One sample, of a new process where there is none; a statement below that many calls."""
    if subject.statement:
        return {"cpu": time_statement(subject, depth)}
    if worker is not None:
        return worker.sample()
    with Worker(subject, server) as fresh:
        return fresh.sample()


def time_statement(subject: Subject, depth: int) -> float:
    """The CPU seconds of a statement in a new process, below that many calls."""
    program = TIME_IMPORT.format(statement=subject.statement, depth=depth)
    command = [interpreter(subject.environment), "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, env=variables(), cwd=ROOT, check=False)
    if done.returncode:
        raise NotMeasuredError(last_line(done.stderr))
    return float(done.stdout)


@contextmanager
def serving() -> Iterator[Server]:
    """The server while it is needed."""
    server = Server()
    try:
        yield server
    finally:
        server.close()
