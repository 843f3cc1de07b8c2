"""Files that the service made, behind signed links that expire: images, speech, transcripts."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass, field
from typing import NamedTuple

from qwen_emulator.requests import RecordedRequest

ROOT = "/results"
LIFE = 24 * 3600
"""Seconds that a link is valid."""


class ResultFile(NamedTuple):
    """One file."""

    data: bytes
    content_type: str


@dataclass
class ResultStore:
    """The result files of one emulator. Thread-safe."""

    expired: bool = False
    """Whether all links have expired."""
    _files: dict[str, ResultFile] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, request: RecordedRequest, name: str, data: bytes, content_type: str) -> str:
        """Store a file, and return its link on the host that the request was sent to."""
        digest = hashlib.blake2b(data, digest_size=6, key=request.request_id.encode()[:64]).hexdigest()
        path = f"{ROOT}/{digest}/{name}"
        with self._lock:
            self._files[path] = ResultFile(data, content_type)
        host = request.headers.get("Host", "127.0.0.1")
        expires = int(time.time()) + LIFE
        return f"http://{host}{path}?Expires={expires}&OSSAccessKeyId=emulator&Signature=emulator"

    def get(self, path: str) -> ResultFile | None:
        """Return a file by the path of its link."""
        return None if self.expired else self._files.get(path)

    def clear(self) -> None:
        """Delete all files."""
        with self._lock:
            self._files.clear()
            self.expired = False
