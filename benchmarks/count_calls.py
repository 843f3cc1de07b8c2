"""Count the functions of ours that one call passes through, and the jumps between their files.

Run ``python -m benchmarks.count_calls``. Prints two lines: one for ``ChatQwen.invoke("hi")`` against the emulator,
one for each chunk of a stream. ``--list`` prints every entry with its caller first.

- An entry is what ``sys.setprofile`` reports as ``call`` for a frame of ``qwen_core``, ``langchain_qwen``,
  ``llama_index_qwen`` or ``qwen_emulator``: the call of a function, a comprehension (from Python 3.12 on they have
  no frame of their own) or the resumption of a generator. The emulator's threads are not profiled.
- A function is a distinct file and qualified name among the entries: what a reader has to have read.
- A jump is an entry whose nearest caller of ours is in another file. The first entries, which a framework calls,
  are jumps too.
- A chunk's functions are the entries of a longer stream less those of a shorter one, divided by the difference in
  chunks; here every entry counts.

A call of each kind goes first: imports, caches and the connection cost nothing afterwards.
"""

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
PACKAGES = tuple(
    f"{ROOT}{os.sep}{package}{os.sep}"
    for package in ("qwen_core", "langchain_qwen", "llama_index_qwen", "qwen_emulator")
)
SHORT, LONG = 20, 220
"""Chunks of the two streams."""


class Entry(NamedTuple):
    """A function that was entered, and the file of its nearest caller of ours; empty if there is none."""

    file: str
    function: str
    caller: str


def own_file(frame: FrameType) -> str:
    """Return the path of a frame's file below the root, if it is in one of our packages, else an empty string."""
    path = frame.f_code.co_filename
    return os.path.relpath(path, ROOT) if path.startswith(PACKAGES) else ""


def calling_file(frame: FrameType) -> str:
    """Return the file of the nearest caller of ours."""
    caller = frame.f_back
    while caller is not None:
        if file := own_file(caller):
            return file
        caller = caller.f_back
    return ""


def record(work: Callable[[], Any]) -> list[Entry]:
    """Do the work and return its entries in order."""
    entries: list[Entry] = []

    def profile(frame: FrameType, event: str, argument: object) -> None:
        if event == "call" and (file := own_file(frame)):
            entries.append(Entry(file, frame.f_code.co_qualname, calling_file(frame)))

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    return entries


def report() -> Iterator[str]:
    """Yield the two lines, after the entries if they are asked for."""
    from langchain_qwen import ChatQwen
    from qwen_emulator import Emulator, Reply

    with Emulator(delay=0.002) as emulator:
        model = ChatQwen(api_key="sk-counted", base_url=emulator.base_url, protocol="openai")

        def stream_entries(chunks: int) -> int:
            emulator.reply(Reply(["word "] * chunks))
            return len(record(lambda: list(model.stream("hi"))))

        model.invoke("hi")
        entries = record(lambda: model.invoke("hi"))
        if "--list" in sys.argv:
            yield from (f"{entry.file}:{entry.function}    <- {entry.caller}" for entry in entries)
        functions = {(entry.file, entry.function) for entry in entries}
        files = {file for file, _ in functions}
        jumps = sum(entry.file != entry.caller for entry in entries)
        yield (
            f"invoke: {len(functions)} functions in {len(files)} files, {jumps} jumps between files "
            f"({len(entries)} entries)"
        )
        stream_entries(SHORT)
        per_chunk = (stream_entries(LONG) - stream_entries(SHORT)) / (LONG - SHORT)
        yield f"stream: {per_chunk:.1f} functions per chunk"


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for line in report():
        print(line)
