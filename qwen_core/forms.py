"""A form with a file in it, as the bytes of a request: read from disk as it is sent, never whole in memory."""

import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import BinaryIO

from qwen_core.off_loop import async_run

BLOCK = 256 * 1024

OnSent = Callable[[int], None]
"""Told after each block how many bytes of the file it held."""


class Form:
    """``multipart/form-data``: text fields, then one file under the name ``file``. Can be sent once."""

    def __init__(
        self,
        fields: Mapping[str, str],
        filename: str,
        content: BinaryIO,
        size: int,
        on_sent: OnSent | None = None,
    ) -> None:
        boundary = secrets.token_hex(16)
        self._content = content
        self._on_sent = on_sent
        self._head = b"".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in fields.items()
        )
        self._head += (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{quoted(filename)}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self.headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(self._head) + size + len(self._tail)),
        }

    def blocks(self) -> Iterator[bytes]:
        """The bytes."""
        yield self._head
        while block := self._content.read(BLOCK):
            yield block
            self._sent(block)
        yield self._tail

    async def async_blocks(self) -> AsyncIterator[bytes]:
        """The bytes; another thread reads them."""
        yield self._head
        while block := await async_run(self._content.read, BLOCK):
            yield block
            self._sent(block)
        yield self._tail

    def _sent(self, block: bytes) -> None:
        if self._on_sent:
            self._on_sent(len(block))


@contextmanager
def upload_bar(total: int, show: bool) -> Iterator[OnSent | None]:
    """A progress bar in bytes; None, and no import, where no bar is wanted."""
    if not show:
        yield None
        return
    from tqdm.auto import tqdm

    with tqdm(total=total, desc="Uploading", unit="B", unit_scale=True) as bar:
        yield bar.update


def quoted(filename: str) -> str:
    """A file name inside of quotation marks, as browsers write it."""
    return filename.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
