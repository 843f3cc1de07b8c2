"""Keep the ids of submitted tasks in a file, so that they survive a process that is killed."""

import os
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from threading import Lock

import msgspec


class Line(msgspec.Struct):
    """One line of the file. ``task_id`` is None if the task was forgotten."""

    key: str
    task_id: str | None = None


_decode_line = msgspec.json.Decoder(Line).decode


class TaskJournal(MutableMapping[str, str]):
    """A mapping in a file of JSON lines, each on disk before the assignment returns.

    Safe to share between threads. An incomplete last line, of a process that was killed while it wrote, is
    ignored.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = Lock()
        self._ids: dict[str, str] = {}
        content = self.path.read_bytes() if self.path.exists() else b""
        self._complete = not content or content.endswith(b"\n")
        for text in content.splitlines():
            try:
                line = _decode_line(text)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
            if line.task_id is None:
                self._ids.pop(line.key, None)
            else:
                self._ids[line.key] = line.task_id

    def __getitem__(self, key: str) -> str:
        return self._ids[key]

    def __setitem__(self, key: str, task_id: str) -> None:
        with self._lock:
            self._append(Line(key, task_id))
            self._ids[key] = task_id

    def __delitem__(self, key: str) -> None:
        with self._lock:
            del self._ids[key]
            self._append(Line(key))

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._ids))

    def __len__(self) -> int:
        return len(self._ids)

    def _append(self, line: Line) -> None:
        with self.path.open("ab") as file:
            file.write((b"" if self._complete else b"\n") + msgspec.json.encode(line) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._complete = True


def as_known_tasks(tasks: "MutableMapping[str, str] | str | Path | None") -> "MutableMapping[str, str] | None":
    """Return a mapping as it is, and the journal in a file for a path."""
    return TaskJournal(tasks) if isinstance(tasks, str | Path) else tasks
