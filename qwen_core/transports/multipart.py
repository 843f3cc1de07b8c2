"""Encode a form with a file as the bytes of a request, read from disk as they are sent, never all in memory."""

import secrets
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import BinaryIO

from qwen_core.transports.blocking import async_run
from qwen_core.transports.progress import OnDone

BLOCK = 256 * 1024


class Content:
    """The content of a file while it is sent.

    One thread opens and reads it. Another may close it meanwhile, because its caller was cancelled: it is closed
    as soon as the first one is done, and not when the garbage collector runs.
    """

    def __init__(self, open: Callable[[], BinaryIO]) -> None:
        self._open = open
        self._opened: BinaryIO | None = None
        self._in_use = threading.Lock()
        self._closed = False

    def open(self) -> None:
        """Open the file. Raise what opening it raises."""
        with self._in_use:
            self._opened = self._open()
        self._close_if_unused()

    def read(self, size: int) -> bytes:
        """Return the next bytes; empty at the end, or if it was closed."""
        with self._in_use:
            block = b"" if self._opened is None or self._closed else self._opened.read(size)
        self._close_if_unused()
        return block

    def close(self) -> None:
        """Close the file, without waiting for a thread that reads it."""
        self._closed = True
        self._close_if_unused()

    def _close_if_unused(self) -> None:
        if self._closed and self._in_use.acquire(blocking=False):
            try:
                if self._opened is not None:
                    self._opened.close()
            finally:
                self._in_use.release()


class Form:
    """A ``multipart/form-data`` body: text fields, then one file under the name ``file``. Can be sent once.

    ``on_sent`` is called after each block with the number of bytes of the file in it.
    """

    def __init__(
        self,
        fields: Mapping[str, str],
        filename: str,
        content: Content,
        size: int,
        on_sent: OnDone | None = None,
    ) -> None:
        boundary = secrets.token_hex(16)
        self._content = content
        self._on_sent = on_sent
        self._head = b"".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in fields.items()
        )
        self._head += (
            f"--{boundary}\r\n"
            f'Content-Disposition: form-data; name="file"; filename="{escape_filename(filename)}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode(errors="replace")
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self.headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(self._head) + size + len(self._tail)),
        }

    def blocks(self) -> Iterator[bytes]:
        """Yield the bytes."""
        yield self._head
        while block := self._content.read(BLOCK):
            yield block
            self._report(block)
        yield self._tail

    async def async_blocks(self) -> AsyncIterator[bytes]:
        """Yield the bytes, which another thread reads."""
        yield self._head
        while block := await async_run(self._content.read, BLOCK):
            yield block
            self._report(block)
        yield self._tail

    def _report(self, block: bytes) -> None:
        if self._on_sent:
            self._on_sent(len(block))


def escape_filename(filename: str) -> str:
    """Escape a file name for quotation marks, as browsers do."""
    return filename.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
