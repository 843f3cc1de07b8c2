"""Keep documents at the service, for the models that read them by their id (``fileid://``).

Uploads stay in the account, without end, until they are deleted; ``clean_up`` deletes what its object uploaded.
Source: protocol document "compatible", sections 1.2 and 3.
"""

import hashlib
import io
from collections import OrderedDict
from collections.abc import MutableMapping
from contextlib import closing, suppress
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import urlencode

import msgspec

from qwen_core.config.endpoints import quote_id
from qwen_core.config.settings import ClientSettings
from qwen_core.execution.service_calls import AsyncServiceCalls, decode_response
from qwen_core.prepare.media_checks import MEGABYTE
from qwen_core.transports.blocking import async_run, async_sleep
from qwen_core.transports.multipart import Content, Form
from qwen_core.transports.progress import upload_bar
from qwen_core.types.decodable import decodable
from qwen_core.types.errors import APITimeoutError, BadRequestError, NotFoundError

LIMITS = {"file-extract": 150 * MEGABYTE, "batch": 500 * MEGABYTE, "fine-tune": 300 * MEGABYTE}
"""The purposes, and the maximum size of a file of each."""

DONE = ("processed",)
DONE_UNPARSED = ("processed", "uploaded")
"""The final states of batch files, which one document shows as "uploaded"."""
FAILED = ("error", "failed", "cancelled")
FIRST_WAIT = 0.5
LONGEST_WAIT = 5.0
WAIT_TIMEOUT = 600.0
PAGE = 100

Known = MutableMapping[str, str]
"""Ids of files by the hash of their content. Plain text, so that it can be stored."""
MAX_ACCOUNTS = 64


@decodable
class UploadedFile(msgspec.Struct, frozen=True):
    """A file at the service. ``status`` is ``processed`` when a model can read it."""

    id: str
    filename: str = ""
    bytes: int = 0
    purpose: str = ""
    status: str = ""
    status_details: Any = None
    created_at: int | None = None


@decodable
class Listing(msgspec.Struct, frozen=True):
    """One page of the account's files."""

    data: list[UploadedFile] | None = None
    has_more: bool | None = None


class Source(NamedTuple):
    """Content to upload: its name, size, digest, and how to read it."""

    name: str
    size: int
    digest: str
    content: Path | bytes

    def open(self) -> BinaryIO:
        """Open the content."""
        return io.BytesIO(self.content) if isinstance(self.content, bytes) else self.content.open("rb")


def read_source(content: Path | str | bytes, filename: str | None, purpose: str) -> Source:
    """Return the content with its size and hash. Raise BadRequestError if the service would not accept it."""
    limit = LIMITS.get(purpose)
    if limit is None:
        raise BadRequestError(f"purpose must be one of {', '.join(LIMITS)} (got {purpose!r}).")
    path = Path(content) if isinstance(content, str) else content
    name = filename or ("document.txt" if isinstance(path, bytes) else path.name)
    try:
        size = len(path) if isinstance(path, bytes) else path.stat().st_size
        if not 0 < size <= limit:
            raise BadRequestError(
                f"{name!r} has {size / MEGABYTE:.1f} MB. A file for {purpose} must not be empty, and have at most "
                f"{limit // MEGABYTE} MB."
            )
        digest = hashlib.sha256(path) if isinstance(path, bytes) else _hash_file(path)
    except OSError as error:
        raise BadRequestError(f"{name!r} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise BadRequestError(f"{name!r} cannot be read: {error}.") from None
    return Source(name, size, f"{purpose}:{digest.hexdigest()}", path)


def _hash_file(path: Path) -> "hashlib._Hash":
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256")


FILES = "/files"
"""The path of the list of files, and of uploads."""


def file_path(file_id: str, part: str = "") -> str:
    """Return the path of one file."""
    return f"{FILES}/{quote_id(file_id)}{part}"


def page_path(after: str, purpose: str | None) -> str:
    """Return the path of the page after a file."""
    query = {"limit": str(PAGE), "after": after, "purpose": purpose}
    return f"{FILES}?" + urlencode({name: value for name, value in query.items() if value})


def is_ready(file: UploadedFile) -> bool:
    """Return whether a model can read the file. Raise BadRequestError if it never will."""
    if file.status in FAILED:
        raise BadRequestError(
            f"The service could not read {file.filename!r}: {file.status_details or file.status}."
        )
    return file.status in (DONE_UNPARSED if file.purpose == "batch" else DONE)


def next_wait(waited: float, pause: float, patience: float, file: UploadedFile) -> float:
    """Return the seconds until the next poll. Raise APITimeoutError when patience is over."""
    if waited >= patience:
        raise APITimeoutError(f"{file.filename!r} was not parsed within {patience:.0f} seconds.")
    return min(pause * 2, LONGEST_WAIT)


class AsyncQwenFiles:
    """Uploads documents without blocking, waits until they can be read, finds and deletes them.

    ``known`` is a mapping of your own, if ids are to outlive this object. As a context manager it cleans up.
    """

    def __init__(
        self, settings: ClientSettings, *, known: Known | None = None, show_progress: bool = False
    ) -> None:
        self.settings = settings
        self.known: Known = {} if known is None else known
        self.show_progress = show_progress
        self._uploaded: list[str] = []
        self._calls = AsyncServiceCalls(settings)

    async def __aenter__(self) -> "AsyncQwenFiles":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.clean_up()

    async def upload(
        self,
        content: Path | str | bytes,
        filename: str | None = None,
        *,
        purpose: str = "file-extract",
        patience: float = WAIT_TIMEOUT,
    ) -> UploadedFile:
        """Upload a file and return it when it can be read. The same content is uploaded once.

        Args:
            content: a path, or the bytes themselves.
            filename: its name there; default: the path's name.
            purpose: ``file-extract`` for documents to be read, ``batch``, ``fine-tune``.
            patience: seconds to wait until it is parsed.
        """
        source = await async_run(read_source, content, filename, purpose)
        file = await self._find(source)
        if file is None:
            opened = Content(source.open)
            with closing(opened), upload_bar(source.size, self.show_progress) as on_sent:
                await async_run(opened.open)
                form = Form({"purpose": purpose}, source.name, opened, source.size, on_sent)
                file = decode_response(
                    UploadedFile, await self._calls.send_once("POST", FILES, form), self.settings
                )
            self._uploaded.append(file.id)
            self.known[source.digest] = file.id
        return file if is_ready(file) else await self.wait(file.id, patience)

    async def wait(self, file_id: str, patience: float = WAIT_TIMEOUT) -> UploadedFile:
        """Return a file once it is parsed."""
        waited, pause = 0.0, FIRST_WAIT
        while not is_ready(file := await self.get(file_id)):
            await async_sleep(pause)
            waited += pause
            pause = next_wait(waited, pause, patience, file)
        return file

    async def get(self, file_id: str) -> UploadedFile:
        """Return one file."""
        return await self._calls.fetch("GET", file_path(file_id), UploadedFile)

    async def content(self, file_id: str) -> bytes:
        """Return the content of a file that the service made, such as a batch job's results; not of an upload."""
        response = await self._calls.send("GET", file_path(file_id, "/content"))
        return response.body

    async def all(self, purpose: str | None = None) -> list[UploadedFile]:
        """Return all files of the account, or those of one purpose."""
        files: list[UploadedFile] = []
        while True:
            after = files[-1].id if files else ""
            page = await self._calls.fetch("GET", page_path(after, purpose), Listing)
            files += page.data or ()
            if not page.has_more or not page.data:
                return files

    async def delete(self, file_id: str) -> None:
        """Delete a file. Do nothing if it is gone already."""
        with suppress(NotFoundError):
            await self._calls.fetch("DELETE", file_path(file_id), UploadedFile)
        for digest in [digest for digest, known in self.known.items() if known == file_id]:
            del self.known[digest]

    async def clean_up(self) -> int:
        """Delete what this object uploaded, and return the number of files."""
        count = len(self._uploaded)
        while self._uploaded:
            await self.delete(self._uploaded[-1])
            self._uploaded.pop()
        return count

    async def _find(self, source: Source) -> UploadedFile | None:
        file_id = self.known.get(source.digest)
        if file_id is None:
            return None
        try:
            return await self.get(file_id)
        except NotFoundError:
            return None


class KnownFiles:
    """The ids of what this process uploaded, separate for each account and host."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._by_account: OrderedDict[tuple[str, str], dict[str, str]] = OrderedDict()

    def of(self, settings: ClientSettings) -> dict[str, str]:
        """Return the ids of one account, by the hash of the content."""
        account = (settings.endpoint("openai").base_url, settings.resolve_key())
        with self._lock:
            known = self._by_account.setdefault(account, {})
            self._by_account.move_to_end(account)
            if len(self._by_account) > MAX_ACCOUNTS:
                self._by_account.popitem(last=False)
            return known


KNOWN_FILES = KnownFiles()
