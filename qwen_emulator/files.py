"""Uploaded files, kept in memory: what the files API stores and ``fileid://`` messages refer to."""

from __future__ import annotations

import base64
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
"""Purposes of uploads, and the prefix of their ids."""
MADE = {"batch_output": "file-batch_output-"}
"""Purposes of files that the service creates."""
_PREFIXES = PURPOSES | MADE
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
        """Return the file as the API shows it."""
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
    _temporary: dict[str, bytes] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, filename: str, purpose: str, data: bytes) -> StoredFile:
        """Store a file under an id that depends on its content and on the number of files before it."""
        with self._lock:
            seed = hashlib.blake2b(data, digest_size=8, key=str(len(self._files)).encode()).hexdigest()
            stored = StoredFile(_PREFIXES[purpose] + seed, filename, purpose, data, int(time.time()))
            self._files[stored.id] = stored
        return stored

    def get(self, identity: str) -> StoredFile | None:
        """Return a file, or None if it does not exist."""
        return self._files.get(identity)

    def remove(self, identity: str) -> bool:
        """Delete a file; return whether it existed."""
        with self._lock:
            return self._files.pop(identity, None) is not None

    def all(self) -> list[StoredFile]:
        """Return every file, newest first."""
        return list(self._files.values())[::-1]

    def clear(self) -> None:
        """Delete all files."""
        with self._lock:
            self._files.clear()
            self._temporary.clear()

    def keep(self, key: str, data: bytes) -> None:
        """Put a file into the temporary store."""
        with self._lock:
            self._temporary[f"oss://{key}"] = data

    def temporary(self, url: str) -> bytes | None:
        """Return a file of the temporary store by its ``oss://`` URL."""
        return self._temporary.get(url)

    def resolved(self, conversation: Conversation) -> Conversation:
        """Replace file ids by the text of the file, and ``oss://`` URLs by its data."""
        return replace(conversation, turns=tuple(self._read(self._fetched(turn)) for turn in conversation.turns))

    def _fetched(self, turn: Turn) -> Turn:
        if not any(part.source in self._temporary for part in turn.media if isinstance(part.source, str)):
            return turn
        return replace(turn, parts=tuple(self._inline(part) for part in turn.parts))

    def _inline(self, part: Part) -> Part:
        data = self._temporary.get(part.source) if isinstance(part.source, str) else None
        if data is None:
            return part
        return replace(part, source=f"data:;base64,{base64.b64encode(data).decode()}")

    def _read(self, turn: Turn) -> Turn:
        found = [self.get(identity) for identity in _FILE_ID.findall(turn.text)]
        if not found:
            return turn
        texts = [stored.data.decode(errors="replace") for stored in found if stored is not None]
        return replace(turn, parts=(Part("text", "Documents:\n\n" + "\n\n".join(texts)),))


def read_form(content_type: str, raw: bytes) -> dict[str, tuple[str, bytes]]:
    """Return the fields of a multipart form: name -> (file name or "", content)."""
    message = BytesParser().parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + raw)
    fields: dict[str, tuple[str, bytes]] = {}
    for part in message.get_payload() if message.is_multipart() else ():
        if not isinstance(part, Message):
            continue
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        fields[str(name)] = (part.get_filename() or "", content if isinstance(content, bytes) else b"")
    return fields
