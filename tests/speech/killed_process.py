"""Transcribe a file until killed: ``python -m tests.speech.killed_process URL FILE JOURNAL``."""

import sys
from pathlib import Path

from qwen_core import ClientSettings, QwenTranscription, TranscriptionRequest


def main(url: str, file: str, journal: str) -> None:
    """Transcribe a file in a task, and write the text."""
    settings = ClientSettings(api_key="sk-killed", base_url=url)
    resource = QwenTranscription(settings, tasks=journal, poll_seconds=0.05)
    request = TranscriptionRequest(
        model="fun-asr", audio=Path(file), diarization_enabled=True, allow_local_files=True
    )
    sys.stdout.write(resource.transcribe(request).text)


if __name__ == "__main__":
    main(*sys.argv[1:])
