"""Record on disk what was uploaded and submitted, so that a killed process does neither twice.

One JSON file for each run, named by the hash of what is sent; it holds ids of files and jobs, and nothing of the
requests. Each step is written before it is begun and after it is done: one that was begun and has no id is looked
for at the service. One process at a time submits a run.
"""

import os
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from qwen_core.types.decodable import decodable
from qwen_core.types.errors import BadRequestError


@decodable
class FileRecord(msgspec.Struct):
    """The progress of one file. ``name`` is its file name at the service, which no other file has.

    ``retried`` is one whose job was refused and whose requests are in another run since: it is left alone.
    """

    name: str
    uploading: bool = False
    file_id: str | None = None
    submitting: bool = False
    job_id: str | None = None
    retried: bool = False

    @property
    def in_doubt(self) -> bool:
        """Return whether the service may hold something whose id is unknown."""
        return (self.uploading and not self.file_id) or (self.submitting and not self.job_id)


@decodable
class RunRecord(msgspec.Struct):
    """The progress of one run."""

    key: str
    files: list[FileRecord]
    created_at: int = 0


def already_submitting() -> BadRequestError:
    """Return the error for a run that another call is carrying out."""
    return BadRequestError(
        "The same requests are being submitted already, by another call or another process.",
        hint="Wait for it, then call again.",
    )


def open_private(path: str, flags: int) -> int:
    """Open a file that only its user can read."""
    return os.open(path, flags, 0o600)


class Journal:
    """The records of runs. Without a folder they live as long as this object."""

    def __init__(self, folder: Path | str | None) -> None:
        self.folder = Path(folder) if folder is not None else None
        self._records: dict[str, RunRecord] = {}
        self._busy: dict[str, object] = {}

    @contextmanager
    def locked(self, key: str) -> Iterator[None]:
        """Lock the run, until the process ends at the latest. Raise BadRequestError if it is locked already."""
        own = object()
        if self._busy.setdefault(key, own) is not own:
            raise already_submitting()
        try:
            with self._file_locked(key):
                yield
        finally:
            del self._busy[key]

    @contextmanager
    def _file_locked(self, key: str) -> Iterator[None]:
        if self.folder is None:
            yield
            return
        from filelock import FileLock, Timeout

        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            held = FileLock(self.folder / f"{key}.lock", thread_local=False).acquire(blocking=False)
        except Timeout as reason:
            raise already_submitting() from reason
        except (OSError, NotImplementedError) as reason:
            raise BadRequestError(
                f"The journal {self.folder} cannot be written: {reason}.",
                hint="Nothing was sent. Give another folder as journal=...",
            ) from reason
        with held:
            yield

    def open(self, key: str, files: int) -> RunRecord:
        """Return the record of a run of ``files`` files, as it was left; a new record is not written yet."""
        record = self.find(key)
        if record is None:
            name = secrets.token_hex(8)
            names = [f"qwen-batch-{name}-{number}.jsonl" for number in range(1, files + 1)]
            record = RunRecord(key, [FileRecord(name) for name in names], int(time.time()))
        return record

    def find(self, key: str) -> RunRecord | None:
        """Return the record of a run, or None. Raises BadRequestError if its file is not a record."""
        if self.folder is None:
            return self._records.get(key)
        path = self._path(self.folder, key)
        try:
            return msgspec.json.decode(path.read_bytes(), type=RunRecord)
        except FileNotFoundError:
            return None
        except (msgspec.DecodeError, OSError) as reason:
            raise BadRequestError(
                f"The journal {path} cannot be read: {reason}.", hint="Delete it to submit its requests anew."
            ) from reason

    def all(self) -> list[RunRecord]:
        """Return all records."""
        keys = sorted(self._records if self.folder is None else [path.stem for path in self.folder.glob("*.json")])
        return [record for key in keys if (record := self.find(key)) is not None]

    def save(self, record: RunRecord) -> None:
        """Write a record atomically: if the process is killed, all of it or nothing is on disk."""
        if self.folder is None:
            self._records[record.key] = record
            return
        path = self._path(self.folder, record.key)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = path.with_suffix(f".{os.getpid()}.tmp")
        with open(beside, "wb", opener=open_private) as file:
            file.write(msgspec.json.format(msgspec.json.encode(record)))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)

    def mark_retried(self, names: Iterable[str]) -> None:
        """Note which files without a job a retry takes over."""
        taken = set(names)
        for record in self.all() if taken else ():
            found = [file for file in record.files if file.name in taken]
            for file in found:
                file.retried = True
            if found:
                self.save(record)

    def forget(self, key: str) -> None:
        """Delete a record."""
        self._records.pop(key, None)
        if self.folder is not None:
            self._path(self.folder, key).unlink(missing_ok=True)
            self._path(self.folder, key).with_suffix(".lock").unlink(missing_ok=True)

    @staticmethod
    def _path(folder: Path, key: str) -> Path:
        return folder / f"{key}.json"


def as_journal(journal: Journal | Path | str | None) -> Journal:
    """Return a journal as it is, or the one in this folder."""
    return journal if isinstance(journal, Journal) else Journal(journal)
