"""A process killed at any step and restarted with the same requests creates nothing twice."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from qwen_core import ClientSettings
from qwen_core.resources.batches import Limits, QwenBatchJobs
from qwen_core.resources.sync.files import QwenFiles
from qwen_emulator import Emulator, Mutated, RawReply, RecordedRequest
from tests.scale.conftest import FAST, made, numbered

ROOT = Path(__file__).parents[2]
NURSERY = """
import os, sys
from qwen_core import ClientSettings
from qwen_core.resources.batches import Limits, QwenBatchJobs
from tests.scale.conftest import FAST, KEY, numbered
for line in sys.stdin:
    url, journal = line.split()
    child = os.fork()
    if child == 0:
        settings = ClientSettings(api_key=KEY, base_url=url, region="cn-beijing", max_retries=0)
        QwenBatchJobs(settings, journal=journal, limits=Limits(lines=2), **FAST).run(numbered(5))
        os._exit(0)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
STEPS = {
    "before the second upload": ("POST", "/files", 2, False),
    "after the second upload": ("POST", "/files", 2, True),
    "before the second submission": ("POST", "/batches", 2, False),
    "after the second submission": ("POST", "/batches", 2, True),
    "while waiting": ("GET", "/batches/", 3, True),
    "while reading results": ("GET", "/content", 2, True),
}
PATIENCE = 60.0


@pytest.fixture(scope="module")
def nursery() -> Iterator[subprocess.Popen[str]]:
    """Start a process that forks others, so that imports happen once."""
    command, environment = [sys.executable, "-c", NURSERY], {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=ROOT, stdin=-1, stdout=-1, text=True, env=environment) as process:
        yield process
        process.stdin.close()


@pytest.mark.parametrize("step", STEPS)
def test_killed_batch_process_resumes_without_duplicates(
    step: str, settings: ClientSettings, service: Emulator, nursery: subprocess.Popen[str], tmp_path: Path
) -> None:
    method, path, number, done = STEPS[step]
    reached: list[RecordedRequest] = []

    def respond(request: RecordedRequest) -> Mutated | RawReply | None:
        if request.method != method or path not in request.path:
            return None
        reached.append(request)
        silent = RawReply(end="stall", send_head=False)
        if len(reached) != number:
            return None
        return Mutated(None, lambda raw: replace(raw, end="stall", send_head=False)) if done else silent

    service.reply(respond)
    print(service.base_url, tmp_path, file=nursery.stdin, flush=True)
    child = int(nursery.stdout.readline())
    end = time.monotonic() + PATIENCE
    while len(reached) < number and time.monotonic() < end:
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    assert int(nursery.stdout.readline()) == -signal.SIGKILL and len(reached) == number
    jobs = QwenBatchJobs(settings, journal=tmp_path, limits=Limits(lines=2), **FAST)
    answers = jobs.run(numbered(5))
    assert [getattr(answer, "text", answer) for answer in answers] == ["0", "1", "2", "3", "4"]
    uploaded = [file for file in QwenFiles(settings).all("batch")]
    assert len(uploaded) == len({file.filename for file in uploaded}) == 3
    assert len(service._service.batches.all()) == 3
    repeated = 0 if done else 1
    assert sum(made(service)) == 6 + repeated
