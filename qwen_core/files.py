"""Documents kept at the service, for the models that read them by their id (``fileid://``).

``QwenFiles`` and ``AsyncQwenFiles`` are twins: a test strips ``async`` and ``await`` and holds them equal. What is
uploaded stays in the account, without end, until it is deleted; ``clean_up`` deletes what its object uploaded.
Source: protocol document "compatible", sections 1.2 and 3.
"""

import hashlib
import io
from collections.abc import Callable, MutableMapping
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar
from urllib.parse import quote, urlsplit

import msgspec
from tenacity import AsyncRetrying, Retrying, retry_if_exception, stop_after_attempt

from qwen_core.errors import APITimeoutError, BadRequestError, NotFoundError, QwenError
from qwen_core.forms import Form, upload_bar
from qwen_core.media_checks import MEGABYTE
from qwen_core.off_loop import async_run, async_sleep, run, sleep
from qwen_core.protocols.error_bodies import decode_error, read_answer
from qwen_core.retries import is_retryable, wait
from qwen_core.settings import ClientSettings, Connection, resolve_connection
from qwen_core.transports.base import StatusFailure
from qwen_core.transports.plain_http import AsyncPlainTransport, PlainTransport

LIMITS = {"file-extract": 150 * MEGABYTE, "batch": 500 * MEGABYTE, "fine-tune": 300 * MEGABYTE}
"""The purposes, and how large a file of each may be."""

DONE = ("processed",)
FAILED = ("error", "failed", "cancelled")
FIRST_WAIT = 0.5
LONGEST_WAIT = 5.0
PATIENCE = 600.0
PAGE = 100
MISSING = 404

Known = MutableMapping[str, str]
"""Ids of files by the hash of their content. Plain text, so that it can be kept."""


class UploadedFile(msgspec.Struct, frozen=True):
    """A file at the service. ``status`` is ``processed`` when a model can read it."""

    id: str
    filename: str = ""
    bytes: int = 0
    purpose: str = ""
    status: str = ""
    status_details: Any = None
    created_at: int | None = None


class Listing(msgspec.Struct, frozen=True):
    """One page of the account's files."""

    data: list[UploadedFile] = []
    has_more: bool = False


class Source(NamedTuple):
    """A content to upload: what it is called, how large it is, what it is known by, and how to read it."""

    name: str
    size: int
    digest: str
    content: Path | bytes

    def open(self) -> BinaryIO:
        """The content."""
        return io.BytesIO(self.content) if isinstance(self.content, bytes) else self.content.open("rb")


T = TypeVar("T", UploadedFile, Listing)


def decoder(kind: type[T]) -> Callable[[bytes], T]:
    """Reads an answer of this kind."""
    return partial(msgspec.json.decode, type=kind)


def read_source(content: Path | str | bytes, filename: str | None, purpose: str) -> Source:
    """The content with its size and hash. Raises where the service would not take it."""
    limit = LIMITS.get(purpose)
    if limit is None:
        raise BadRequestError(f"No purpose {purpose!r}. Purposes: {', '.join(LIMITS)}.")
    path = Path(content) if isinstance(content, str) else content
    name = filename or ("document.txt" if isinstance(path, bytes) else path.name)
    try:
        size = len(path) if isinstance(path, bytes) else path.stat().st_size
        if not 0 < size <= limit:
            raise BadRequestError(
                f"{name!r} has {size / MEGABYTE:.1f} MB; a file for {purpose} may have {limit // MEGABYTE} MB at "
                "most, and not nothing."
            )
        digest = hashlib.sha256(path) if isinstance(path, bytes) else _hash_file(path)
    except OSError as error:
        raise BadRequestError(f"{name!r} cannot be read: {error.strerror}.") from None
    return Source(name, size, f"{purpose}:{digest.hexdigest()}", path)


def _hash_file(path: Path) -> "hashlib._Hash":
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256")


def file_url(connection: Connection, file_id: str = "") -> str:
    """Where one file is, or all are."""
    return f"{connection.base_url}/files" + (f"/{quote(file_id, safe='')}" if file_id else "")


def page_url(connection: Connection, after: str) -> str:
    """Where the page behind a file is."""
    return f"{file_url(connection)}?limit={PAGE}" + (f"&after={quote(after, safe='')}" if after else "")


def key_headers(connection: Connection) -> dict[str, str]:
    """What the service wants to see."""
    return {"Authorization": f"Bearer {connection.api_key}", **dict(connection.headers)}


def file_failure(error: QwenError | StatusFailure, connection: Connection) -> QwenError:
    """The error to raise."""
    if isinstance(error, StatusFailure):
        answer, cause = error.answer, error.__cause__
        error = decode_error(answer.status, answer.body, dict(answer.headers))
        if answer.status == MISSING:
            # The service calls this an invalid request.
            error = NotFoundError(error.message, status_code=answer.status, request_id=error.request_id)
        error.__cause__ = cause
    error.host = error.host or urlsplit(connection.base_url).netloc
    return error


def is_ready(file: UploadedFile) -> bool:
    """Whether a model can read the file. Raises where it never will."""
    if file.status in FAILED:
        raise BadRequestError(
            f"The service could not read {file.filename!r}: {file.status_details or file.status}."
        )
    return file.status in DONE


def next_wait(waited: float, pause: float, patience: float, file: UploadedFile) -> float:
    """Seconds until the next look. Raises when patience is at its end."""
    if waited >= patience:
        raise APITimeoutError(f"{file.filename!r} was not parsed within {patience:.0f} seconds.")
    return min(pause * 2, LONGEST_WAIT)


def attempts(retries: int) -> dict[str, Any]:
    """When and after how long a question is asked again: as a chat is."""
    return {
        "stop": stop_after_attempt(retries + 1),
        "wait": wait,
        "retry": retry_if_exception(is_retryable),
        "reraise": True,
    }


class QwenFiles:
    """Uploads documents, waits until they can be read, finds them again, deletes them.

    ``known`` is a mapping of your own, where ids shall outlive this object. As a context manager it cleans up.
    """

    def __init__(
        self, settings: ClientSettings, *, known: Known | None = None, show_progress: bool = False
    ) -> None:
        self.settings = settings
        self.known: Known = {} if known is None else known
        self.show_progress = show_progress
        self._uploaded: list[str] = []

    def __enter__(self) -> "QwenFiles":
        return self

    def __exit__(self, *_: object) -> None:
        self.clean_up()

    def upload(
        self,
        content: Path | str | bytes,
        filename: str | None = None,
        *,
        purpose: str = "file-extract",
        patience: float = PATIENCE,
    ) -> UploadedFile:
        """The file at the service, ready to be read. The same content is uploaded once.

        Args:
            content: a path, or the bytes themselves.
            filename: what it is called there; default: the path's name.
            purpose: ``file-extract`` for documents to be read, ``batch``, ``fine-tune``.
            patience: seconds to wait until it is parsed.
        """
        source = run(read_source, content, filename, purpose)
        file = self._find(source)
        if file is None:
            opened = run(source.open)
            with closing(opened), upload_bar(source.size, self.show_progress) as on_sent:
                form = Form({"purpose": purpose}, source.name, opened, source.size, on_sent)
                file = self._ask("POST", file_url(self._connection()), UploadedFile, form)
            self._uploaded.append(file.id)
            self.known[source.digest] = file.id
        return file if is_ready(file) else self.wait(file.id, patience)

    def wait(self, file_id: str, patience: float = PATIENCE) -> UploadedFile:
        """The file, once it is parsed."""
        waited, pause = 0.0, FIRST_WAIT
        while not is_ready(file := self.get(file_id)):
            sleep(pause)
            waited += pause
            pause = next_wait(waited, pause, patience, file)
        return file

    def get(self, file_id: str) -> UploadedFile:
        """One file."""
        return self._ask("GET", file_url(self._connection(), file_id), UploadedFile)

    def all(self) -> list[UploadedFile]:
        """Every file of the account."""
        found: list[UploadedFile] = []
        while True:
            after = found[-1].id if found else ""
            page = self._ask("GET", page_url(self._connection(), after), Listing)
            found += page.data
            if not page.has_more or not page.data:
                return found

    def delete(self, file_id: str) -> None:
        """Delete a file. One that is gone already is no error."""
        with suppress(NotFoundError):
            self._ask("DELETE", file_url(self._connection(), file_id), UploadedFile)
        for digest in [digest for digest, known in self.known.items() if known == file_id]:
            del self.known[digest]

    def clean_up(self) -> int:
        """Delete what this object uploaded; the number of files."""
        count = len(self._uploaded)
        while self._uploaded:
            self.delete(self._uploaded[-1])
            self._uploaded.pop()
        return count

    def _find(self, source: Source) -> UploadedFile | None:
        file_id = self.known.get(source.digest)
        if file_id is None:
            return None
        try:
            return self.get(file_id)
        except NotFoundError:
            return None

    def _connection(self) -> Connection:
        return resolve_connection(self.settings, "openai", asynchronous=False)

    def _ask(self, method: str, url: str, kind: type[T], form: Form | None = None) -> T:
        # A form can be read once, so that an upload is not tried again.
        retries = self.settings.max_retries if form is None else 0
        answer: T = Retrying(**attempts(retries))(self._send, method, url, kind, form)
        return answer

    def _send(self, method: str, url: str, kind: type[T], form: Form | None) -> T:
        connection = self._connection()
        transport = PlainTransport(connection)
        try:
            answer = transport.send(method, url, key_headers(connection), form)
            return read_answer(decoder(kind), answer.body, dict(answer.headers))
        except (QwenError, StatusFailure) as error:
            raise file_failure(error, connection) from error.__cause__
        finally:
            transport.close()


class AsyncQwenFiles:
    """The same without blocking: uploads, waits, finds again, deletes.

    ``known`` is a mapping of your own, where ids shall outlive this object. As a context manager it cleans up.
    """

    def __init__(
        self, settings: ClientSettings, *, known: Known | None = None, show_progress: bool = False
    ) -> None:
        self.settings = settings
        self.known: Known = {} if known is None else known
        self.show_progress = show_progress
        self._uploaded: list[str] = []

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
        patience: float = PATIENCE,
    ) -> UploadedFile:
        """The file at the service, ready to be read. The same content is uploaded once.

        Args:
            content: a path, or the bytes themselves.
            filename: what it is called there; default: the path's name.
            purpose: ``file-extract`` for documents to be read, ``batch``, ``fine-tune``.
            patience: seconds to wait until it is parsed.
        """
        source = await async_run(read_source, content, filename, purpose)
        file = await self._find(source)
        if file is None:
            opened = await async_run(source.open)
            with closing(opened), upload_bar(source.size, self.show_progress) as on_sent:
                form = Form({"purpose": purpose}, source.name, opened, source.size, on_sent)
                file = await self._ask("POST", file_url(self._connection()), UploadedFile, form)
            self._uploaded.append(file.id)
            self.known[source.digest] = file.id
        return file if is_ready(file) else await self.wait(file.id, patience)

    async def wait(self, file_id: str, patience: float = PATIENCE) -> UploadedFile:
        """The file, once it is parsed."""
        waited, pause = 0.0, FIRST_WAIT
        while not is_ready(file := await self.get(file_id)):
            await async_sleep(pause)
            waited += pause
            pause = next_wait(waited, pause, patience, file)
        return file

    async def get(self, file_id: str) -> UploadedFile:
        """One file."""
        return await self._ask("GET", file_url(self._connection(), file_id), UploadedFile)

    async def all(self) -> list[UploadedFile]:
        """Every file of the account."""
        found: list[UploadedFile] = []
        while True:
            after = found[-1].id if found else ""
            page = await self._ask("GET", page_url(self._connection(), after), Listing)
            found += page.data
            if not page.has_more or not page.data:
                return found

    async def delete(self, file_id: str) -> None:
        """Delete a file. One that is gone already is no error."""
        with suppress(NotFoundError):
            await self._ask("DELETE", file_url(self._connection(), file_id), UploadedFile)
        for digest in [digest for digest, known in self.known.items() if known == file_id]:
            del self.known[digest]

    async def clean_up(self) -> int:
        """Delete what this object uploaded; the number of files."""
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

    def _connection(self) -> Connection:
        return resolve_connection(self.settings, "openai", asynchronous=True)

    async def _ask(self, method: str, url: str, kind: type[T], form: Form | None = None) -> T:
        # A form can be read once, so that an upload is not tried again.
        retries = self.settings.max_retries if form is None else 0
        answer: T = await AsyncRetrying(**attempts(retries))(self._send, method, url, kind, form)
        return answer

    async def _send(self, method: str, url: str, kind: type[T], form: Form | None) -> T:
        connection = self._connection()
        transport = AsyncPlainTransport(connection)
        try:
            answer = await transport.send(method, url, key_headers(connection), form)
            return read_answer(decoder(kind), answer.body, dict(answer.headers))
        except (QwenError, StatusFailure) as error:
            raise file_failure(error, connection) from error.__cause__
        finally:
            await transport.close()
