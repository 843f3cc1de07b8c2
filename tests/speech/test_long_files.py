"""Long files: a process that is killed while it polls, the journal of tasks, memory of uploads and streams."""

import base64
import json
import subprocess
import sys
import threading
import time
import tracemalloc
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from qwen_core import ClientSettings, QwenSpeech, QwenTranscription, SpeechRequest, TranscriptionRequest
from qwen_core.protocols.speech.audio_files import WavFormat
from qwen_core.resources.task_journal import TaskJournal
from qwen_emulator import Emulator
from tests.speech.conftest import KEY

MEGABYTE = 1 << 20
SUBMIT = "/api/v1/services/audio/asr/transcription"


def posts(service: Emulator, path: str) -> int:
    return sum(request.method == "POST" and request.path == path for request in service.requests)


def half_an_hour(path: Path) -> Path:
    """Write 30 minutes of silence, 8 kHz mono with 8 bits."""
    size = 30 * 60 * 8_000
    with path.open("wb") as file:
        file.write(WavFormat(rate=8_000, width=1).header(size))
        file.truncate(44 + size)
    return path


def test_killed_while_polling_resumes_the_task_and_submits_nothing_twice(
    service: Emulator, tmp_path: Path
) -> None:
    service.plan_tasks(polls=10_000)
    service.reply("One. Two.")
    path, journal = half_an_hour(tmp_path / "call.wav"), tmp_path / "tasks.jsonl"
    command = [sys.executable, "-m", "tests.speech.killed_process", service.base_url, str(path), str(journal)]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    end = time.monotonic() + 60
    while sum("/tasks/" in request.path for request in service.requests) < 3 and time.monotonic() < end:
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert posts(service, SUBMIT) == 1 and posts(service, "/temporary-uploads") == 1
    service.plan_tasks(polls=0)
    settings = ClientSettings(api_key="sk-killed", base_url=service.base_url)
    request = TranscriptionRequest(model="fun-asr", audio=path, diarization_enabled=True, allow_local_files=True)
    result = QwenTranscription(settings, tasks=journal, poll_seconds=0.05).transcribe(request)
    assert result.text == "One. Two." and result.seconds == 1800
    assert posts(service, SUBMIT) == 1 and posts(service, "/temporary-uploads") == 1
    assert str(result.task_id) in journal.read_text()


def test_journal_survives_an_incomplete_line_and_forgets(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    journal = TaskJournal(path)
    journal["a"], journal["b"] = "1", "2"
    del journal["a"]
    path.write_bytes(path.read_bytes() + b'{"key":"c","task')
    again = TaskJournal(path)
    assert dict(again) == {"b": "2"} and len(again) == 1
    again["d"] = "4"
    assert dict(TaskJournal(path)) == {"b": "2", "d": "4"}


class Sink(BaseHTTPRequestHandler):
    """Takes uploads without keeping them, and streams audio without end of memory."""

    protocol_version = "HTTP/1.1"
    seconds = 60
    received = 0

    def do_GET(self) -> None:
        url = f"http://127.0.0.1:{self.server.server_port}"  # type: ignore[attr-defined]
        policy = {"policy": "p", "signature": "s", "upload_dir": "d", "upload_host": f"{url}/store",
                  "oss_access_key_id": "k"}  # fmt: skip
        self.answer(json.dumps({"data": policy}).encode())

    def do_POST(self) -> None:
        left = int(self.headers["Content-Length"])
        while left:
            left -= len(self.rfile.read(min(left, 1 << 16)))
        Sink.received += int(self.headers["Content-Length"])
        if self.path == "/store":
            self.answer(b"")
        elif self.path == SUBMIT:
            self.answer(b'{"output":{"task_id":"t","task_status":"PENDING"}}')
        else:
            self.stream()

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        second = base64.b64encode(b"\0" * WavFormat().bytes_per_second).decode()
        for number in range(self.seconds + 1):
            finish = "stop" if number == self.seconds else "null"
            audio = {"data": "" if finish == "stop" else second, "url": ""}
            payload: dict[str, Any] = {"request_id": "r", "output": {"finish_reason": finish, "audio": audio}}
            with suppress(OSError):
                self.wfile.write(b"id:1\nevent:result\ndata:" + json.dumps(payload).encode() + b"\n\n")

    def log_message(self, *_: object) -> None:
        pass

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()


@pytest.fixture
def sink() -> Any:
    with ThreadingHTTPServer(("127.0.0.1", 0), Sink) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_memory_is_flat_while_a_large_file_is_uploaded(sink: str, tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    with path.open("wb") as file:
        file.write(WavFormat().header(40 * MEGABYTE))
        file.truncate(40 * MEGABYTE)
    settings = ClientSettings(api_key=KEY, base_url=sink)
    request = TranscriptionRequest(model="fun-asr", audio=path, allow_local_files=True)
    tracemalloc.start()
    assert QwenTranscription(settings, tasks={}).submit(request) == "t"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert Sink.received > 40 * MEGABYTE and peak < 16 * MEGABYTE


def test_memory_is_flat_while_speech_is_streamed(sink: str) -> None:
    request = SpeechRequest(model="qwen3-tts-flash", text="Hi.")
    settings = ClientSettings(api_key=KEY, base_url=sink)
    tracemalloc.start()
    size = sum(len(chunk.data) for chunk in QwenSpeech(settings).stream(request))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size == 44 + 60 * WavFormat().bytes_per_second and peak < 16 * MEGABYTE
