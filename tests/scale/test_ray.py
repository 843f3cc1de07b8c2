"""The Ray recipe on a local cluster: throttled, and with a worker killed in the middle."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from qwen_emulator import Emulator, Failure, RecordedRequest

pytest.importorskip("ray")

ROOT = Path(__file__).parents[2]
ROWS = 300
PER_SECOND = 100
THROTTLED = 7
"""Refuse one of this many requests."""
PATIENCE = 120.0


def worker_of(driver: int) -> int | None:
    """Return the id of a worker process of this driver's cluster, or None."""
    for folder in Path("/proc").iterdir():
        if (
            folder.name.isdecimal()
            and "ray::MapWorker" in command_line(folder)
            and is_descendant(int(folder.name), driver)
        ):
            return int(folder.name)
    return None


def command_line(folder: Path) -> str:
    try:
        return (folder / "cmdline").read_text()
    except OSError:
        return ""


def is_descendant(process: int, ancestor: int) -> bool:
    while process > 1 and process != ancestor:
        try:
            process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
    return process == ancestor


def test_ray_job_processes_every_row_once_in_order(service: Emulator, tmp_path: Path) -> None:
    lock, seen, refused = threading.Lock(), [0], [0]
    chats: list[float] = []

    def respond(request: RecordedRequest) -> Failure | None:
        with lock:
            seen[0] += 1
            if request.messages:
                chats.append(time.monotonic())
            if request.messages and request.messages[-1]["content"] == "Say 13":
                return Failure.named("data_inspection")
            if seen[0] % THROTTLED:
                return None
            refused[0] += 1
            return Failure.named("rate_limit", headers={"retry-after": "0.05"})

    service.reply(respond)
    (tmp_path / "in.jsonl").write_text("".join(f'{{"text": "Say {number}"}}\n' for number in range(ROWS)))
    environment = {
        **os.environ,
        "DASHSCOPE_API_KEY": "sk-test",
        "DASHSCOPE_API_BASE": service.base_url,
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    }
    command = [
        sys.executable,
        str(ROOT / "cookbook" / "ray_data.py"),
        "--requests-per-minute",
        str(60 * PER_SECOND),
    ]
    files = ["--input", str(tmp_path / "in.jsonl"), "--output", str(tmp_path / "out.jsonl")]
    with subprocess.Popen([*command, *files], env=environment, stdout=-1, stderr=-1, text=True) as driver:
        end = time.monotonic() + PATIENCE
        while seen[0] < ROWS // 3 and driver.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        robbed = worker_of(driver.pid)
        assert robbed is not None
        os.kill(robbed, signal.SIGKILL)
        printed, complaints = driver.communicate(timeout=PATIENCE)
    assert driver.returncode == 0, complaints
    assert f"{ROWS} rows" in printed and "1 of them with an error" in printed
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["text"] for row in rows] == [f"Say {number}" for number in range(ROWS)]
    assert [row["answer"] for row in rows] == [str(number) if number != 13 else "" for number in range(ROWS)]
    assert "inappropriate" in rows[13]["error"]
    assert all(len(row["vector"]) == 64 for row in rows)
    assert refused[0] > ROWS // (2 * THROTTLED)
    assert chats[-1] - chats[0] > (ROWS - PER_SECOND) / PER_SECOND, "one limit for both workers"
