"""Measure the memory of a 200 MB upload and of an hour of streamed speech: ``python -m benchmarks.speech_memory``.

Loopback only, in a process of its own for each; stops by itself after about a minute. Prints the growth of the
process's peak memory in MB, which must stay below 32.
"""

import json
import multiprocessing
import resource
import sys
import tempfile
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from pathlib import Path

from qwen_core import ClientSettings, QwenSpeech, QwenTranscription, SpeechRequest, TranscriptionRequest
from qwen_core.protocols.speech.audio_files import WavFormat
from tests.speech.test_long_files import MEGABYTE, Sink

LIMIT = 32


def serve(ports: "multiprocessing.Queue[int]", seconds: int) -> None:
    """Take uploads and stream so many seconds of speech, until killed."""
    Sink.seconds = seconds
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    ports.put(server.server_port)
    server.serve_forever()


def peak() -> float:
    """Return the peak memory of this process in MB."""
    unit = 1024 if sys.platform == "darwin" else 1
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit / 1024


def upload(settings: ClientSettings, megabytes: int) -> None:
    """Upload a file of this size."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "call.wav"
        with path.open("wb") as file:
            file.write(WavFormat().header(megabytes * MEGABYTE))
            file.truncate(megabytes * MEGABYTE)
        request = TranscriptionRequest(model="fun-asr", audio=path, allow_local_files=True)
        QwenTranscription(settings, tasks={}).submit(request)


def stream(settings: ClientSettings, _: int) -> None:
    """Stream all the speech there is."""
    request = SpeechRequest(model="qwen3-tts-flash", text="Hi.")
    sum(len(chunk.data) for chunk in QwenSpeech(settings).stream(request))


def measure(
    work: Callable[[ClientSettings, int], None], url: str, results: "multiprocessing.Queue[float]"
) -> None:
    """Do the work once to warm up, and report the growth of the memory while it is done at full size."""
    settings = ClientSettings(api_key="sk-memory", base_url=url)
    if work is upload:
        upload(settings, 11)
    else:
        next(iter(QwenSpeech(settings).stream(SpeechRequest(model="qwen3-tts-flash", text="Hi."))))
    before = peak()
    work(settings, 200)
    results.put(peak() - before)


def main() -> int:
    """Measure both, print them, and return 1 if one is above the limit."""
    context = multiprocessing.get_context("spawn")
    ports: multiprocessing.Queue[int] = context.Queue()
    server = context.Process(target=serve, args=(ports, 3600), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{ports.get(timeout=60)}"
    growth = {}
    try:
        for name, work in (("upload of 200 MB", upload), ("stream of 3600 s", stream)):
            results: multiprocessing.Queue[float] = context.Queue()
            process = context.Process(target=measure, args=(work, url, results))
            process.start()
            growth[name] = round(results.get(timeout=300), 1)
            process.join()
    finally:
        server.kill()
    print(json.dumps(growth))
    return int(max(growth.values()) > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
