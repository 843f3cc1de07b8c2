"""Uploaded files, kept in memory: what the files API stores and `fileid://` messages refer to."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from dataclasses import dataclass, field, replace
from email.message import Message
from email.parser import BytesParser
from typing import Any

from qwen_emulator.conversation import Conversation, Part, Turn

PURPOSES = {"file-extract": "file-fe-", "batch": "file-batch-", "fine-tune": "file-ft-"}
_FILE_ID = re.compile(r"fileid://([\w-]+)")


@dataclass(frozen=True)
class StoredFile:
    """One file."""

    id: str
    filename: str
    purpose: str
    data: bytes
    created_at: int

    def described(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "id": self.id,
            "bytes": len(self.data),
            "created_at": self.created_at,
            "filename": self.filename,
            "object": "file",
            "purpose": self.purpose,
            "status": "processed",
            "status_details": None,
        }


@dataclass
class FileStore:
    """All files of one emulator."""

    _files: dict[str, StoredFile] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, filename: str, purpose: str, data: bytes) -> StoredFile:
        """Stores a file under an id that depends on its content and its place in line."""
        with self._lock:
            seed = hashlib.blake2b(data, digest_size=8, key=str(len(self._files)).encode()).hexdigest()
            stored = StoredFile(PURPOSES[purpose] + seed, filename, purpose, data, int(time.time()))
            self._files[stored.id] = stored
        return stored

    def get(self, identity: str) -> StoredFile | None:
        """One file, if it is there."""
        return self._files.get(identity)

    def remove(self, identity: str) -> bool:
        """Whether there was such a file."""
        with self._lock:
            return self._files.pop(identity, None) is not None

    def all(self) -> list[StoredFile]:
        """Every file, the newest first."""
        return list(self._files.values())[::-1]

    def clear(self) -> None:
        """Forgets all files."""
        with self._lock:
            self._files.clear()

    def resolved(self, asked: Conversation) -> Conversation:
        """The conversation with the texts of files in place of the messages that name them."""
        if not any("fileid://" in turn.text for turn in asked.turns):
            return asked
        return replace(asked, turns=tuple(self._read(turn) for turn in asked.turns))

    def _read(self, turn: Turn) -> Turn:
        found = [self.get(identity) for identity in _FILE_ID.findall(turn.text)]
        if not found:
            return turn
        texts = [stored.data.decode(errors="replace") for stored in found if stored is not None]
        return replace(turn, parts=(Part("text", "Documents:\n\n" + "\n\n".join(texts)),))


def read_form(content_type: str, raw: bytes) -> dict[str, tuple[str, bytes]]:
    """The fields of a multipart form: name -> (file name or nothing, content)."""
    message = BytesParser().parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + raw)
    fields: dict[str, tuple[str, bytes]] = {}
    for part in message.get_payload() if message.is_multipart() else ():
        if not isinstance(part, Message):
            continue
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        fields[str(name)] = (part.get_filename() or "", content if isinstance(content, bytes) else b"")
    return fields
