"""Soak test (``make soak``): 10,000 streams, 50 at once; memory, sockets and tasks end as after a tenth.

The emulator runs in a process of its own, so that what is measured is ours. One stream in ten is left after its
first event.
"""

import asyncio
import gc
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

from qwen_core import AsyncQwenClient, ChatRequest, ClientSettings
from qwen_core.types.events import Finish
from qwen_core.types.messages import Message, TextPart

STREAMS = 10_000
AT_ONCE = 50
PROTOCOLS = ("openai", "dashscope")
GROWTH = 0.10
"""Allowed growth of the process after the first tenth: allocator noise."""

SETTLE = 0.5
"""Seconds to wait for the last connections to close."""


@dataclass(frozen=True)
class Size:
    """Memory, sockets and tasks of a process at one moment."""

    kilobytes: int
    files: int
    tasks: int
    objects: int

    @classmethod
    def now(cls) -> "Size":
        """Return the size of this process."""
        gc.collect()
        with open("/proc/self/statm") as pages:
            resident = int(pages.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
        return cls(resident, len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks()), len(gc.get_objects()))


@dataclass(frozen=True)
class Soaked:
    """The result of a run."""

    whole: int
    left: int
    failed: int
    early: Size
    late: Size
    seconds: float
    leaked: int = 0
    """Open files that were left when the loop was closed."""

    @property
    def complaints(self) -> list[str]:
        """Return what exceeds its limit."""
        found = [f"{self.failed} streams failed"] if self.failed else []
        if self.late.kilobytes > self.early.kilobytes * (1 + GROWTH):
            found.append(f"memory grew from {self.early.kilobytes} to {self.late.kilobytes} KB")
        if self.late.files > self.early.files + AT_ONCE:
            # Each protocol may keep as many idle connections as there were concurrent streams.
            found.append(f"open files grew from {self.early.files} to {self.late.files}")
        if self.leaked > 2:
            found.append(f"{self.leaked} files were left open behind the loop")
        if self.late.tasks > self.early.tasks:
            found.append(f"tasks grew from {self.early.tasks} to {self.late.tasks}")
        return found


@asynccontextmanager
async def emulator() -> AsyncIterator[str]:
    """Run the emulator in its own process and yield its base URL."""
    command = [sys.executable, "-m", "qwen_emulator", "--port", "0"]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        url = ""
        while not url:
            line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
            found = re.search(r"http://[\d.]+:\d+", line)
            url = found.group() if found else ""
        yield url
    finally:
        process.terminate()
        await process.wait()


async def soak(streams: int, at_once: int) -> Soaked:
    """Run that many streams, half of them on each protocol."""
    counts = {"whole": 0, "left": 0, "failed": 0}
    numbers = iter(range(streams))

    async def worker(clients: list[AsyncQwenClient], last: int) -> None:
        for number in numbers:
            request = ChatRequest(
                model="qwen-plus", messages=(Message("user", (TextPart(f"Say number {number}"),)),)
            )
            events = cast(Any, clients[number % len(clients)].stream(request))
            try:
                counts[await read(events, leave=number % 10 == 9)] += 1
            except Exception as error:
                counts["failed"] += 1
                if counts["failed"] < 5:
                    sys.stderr.write(f"{error!r}\n")
            finally:
                await events.aclose()
            if number >= last:
                return

    async with emulator() as url:
        clients = [
            AsyncQwenClient(ClientSettings(api_key="sk-soak", base_url=url, protocol=cast(Any, protocol)))
            for protocol in PROTOCOLS
        ]
        begin = time.monotonic()
        await asyncio.gather(*(worker(clients, streams // 10 - 1) for _ in range(at_once)))
        await asyncio.sleep(SETTLE)
        early = Size.now()
        await asyncio.gather(*(worker(clients, streams) for _ in range(at_once)))
        await asyncio.sleep(SETTLE)
        return Soaked(**counts, early=early, late=Size.now(), seconds=time.monotonic() - begin)


def run(streams: int, at_once: int) -> Soaked:
    """Run in a new event loop, which closes its connections."""
    before = len(os.listdir("/proc/self/fd"))
    soaked = asyncio.run(soak(streams, at_once))
    gc.collect()
    return replace(soaked, leaked=len(os.listdir("/proc/self/fd")) - before)


async def read(events: AsyncIterator[Any], *, leave: bool) -> str:
    """Read one stream to its end, or stop after its first event."""
    finished = False
    async for event in events:
        if leave:
            return "left"
        finished = isinstance(event, Finish)
    return "whole" if finished else "failed"


def main() -> int:
    """Run the full soak test and print the sizes."""
    soaked = run(STREAMS, AT_ONCE)
    print(f"{STREAMS} streams, {AT_ONCE} at once, in {soaked.seconds:.0f} s: ", end="")
    print(f"{soaked.whole} whole, {soaked.left} left early, {soaked.failed} failed")
    for name in ("kilobytes", "files", "tasks", "objects"):
        print(
            f"{name:10} {getattr(soaked.early, name):>9} after a tenth {getattr(soaked.late, name):>9} at the end"
        )
    print(f"open files left behind the loop: {soaked.leaked}")
    print(*soaked.complaints, sep="\n")
    return 1 if soaked.complaints else 0


if __name__ == "__main__":
    sys.exit(main())
