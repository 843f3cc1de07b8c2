# Generated from qwen_core/resources/files.py by scripts/generate_sync.py: do not edit.
"""Keep documents at the service, for the models that read them by their id (``fileid://``)."""

from contextlib import closing, suppress
from pathlib import Path

from qwen_core.config.settings import ClientSettings
from qwen_core.execution.service_calls import decode_response
from qwen_core.execution.sync.service_calls import ServiceCalls
from qwen_core.resources.files import (
    FILES,
    FIRST_WAIT,
    WAIT_TIMEOUT,
    Known,
    Listing,
    Source,
    UploadedFile,
    file_path,
    is_ready,
    next_wait,
    page_path,
    read_source,
)
from qwen_core.transports.blocking import run, sleep
from qwen_core.transports.multipart import Content, Form
from qwen_core.transports.progress import upload_bar
from qwen_core.types.errors import NotFoundError


class QwenFiles:
    """Uploads documents, waits until they can be read, finds and deletes them.

    ``known`` is a mapping of your own, if ids are to outlive this object. As a context manager it cleans up.
    """

    def __init__(
        self, settings: ClientSettings, *, known: Known | None = None, show_progress: bool = False
    ) -> None:
        self.settings = settings
        self.known: Known = {} if known is None else known
        self.show_progress = show_progress
        self._uploaded: list[str] = []
        self._calls = ServiceCalls(settings)

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
        patience: float = WAIT_TIMEOUT,
    ) -> UploadedFile:
        """Upload a file and return it when it can be read. The same content is uploaded once.

        Args:
            content: a path, or the bytes themselves.
            filename: its name there; default: the path's name.
            purpose: ``file-extract`` for documents to be read, ``batch``, ``fine-tune``.
            patience: seconds to wait until it is parsed.
        """
        source = run(read_source, content, filename, purpose)
        file = self._find(source)
        if file is None:
            opened = Content(source.open)
            with closing(opened), upload_bar(source.size, self.show_progress) as on_sent:
                run(opened.open)
                form = Form({"purpose": purpose}, source.name, opened, source.size, on_sent)
                file = decode_response(UploadedFile, self._calls.send_once("POST", FILES, form), self.settings)
            self._uploaded.append(file.id)
            self.known[source.digest] = file.id
        return file if is_ready(file) else self.wait(file.id, patience)

    def wait(self, file_id: str, patience: float = WAIT_TIMEOUT) -> UploadedFile:
        """Return a file once it is parsed."""
        waited, pause = 0.0, FIRST_WAIT
        while not is_ready(file := self.get(file_id)):
            sleep(pause)
            waited += pause
            pause = next_wait(waited, pause, patience, file)
        return file

    def get(self, file_id: str) -> UploadedFile:
        """Return one file."""
        return self._calls.fetch("GET", file_path(file_id), UploadedFile)

    def content(self, file_id: str) -> bytes:
        """Return the content of a file that the service made, such as a batch job's results; not of an upload."""
        response = self._calls.send("GET", file_path(file_id, "/content"))
        return response.body

    def all(self, purpose: str | None = None) -> list[UploadedFile]:
        """Return all files of the account, or those of one purpose."""
        files: list[UploadedFile] = []
        while True:
            after = files[-1].id if files else ""
            page = self._calls.fetch("GET", page_path(after, purpose), Listing)
            files += page.data or ()
            if not page.has_more or not page.data:
                return files

    def delete(self, file_id: str) -> None:
        """Delete a file. Do nothing if it is gone already."""
        with suppress(NotFoundError):
            self._calls.fetch("DELETE", file_path(file_id), UploadedFile)
        for digest in [digest for digest, known in self.known.items() if known == file_id]:
            del self.known[digest]

    def clean_up(self) -> int:
        """Delete what this object uploaded, and return the number of files."""
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
