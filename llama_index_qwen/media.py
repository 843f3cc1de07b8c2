"""Where the bytes of a block are, as the one URL that the service takes. Nothing is downloaded or encoded anew."""

import base64
import mimetypes
from io import IOBase
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import filetype  # type: ignore[import-untyped]

from qwen_core.errors import UnsupportedFeatureError


def media_url(
    data: bytes | IOBase | None,
    path: Path | str | None,
    url: Any,
    mime_type: str | None,
    *,
    allow_local_files: bool,
) -> str:
    """A URL as it is (``https:``, ``data:``, ``oss:``), else a data URI of what the block holds.

    Files of this machine are read only with ``allow_local_files``: a prompt may come from anywhere.
    """
    if url:
        text = str(url)
        if not text.startswith("file:"):
            return text
        path = url2pathname(urlsplit(text).path)
    if isinstance(data, bytes) and data:
        # LlamaIndex keeps bytes as base64.
        return data_uri(mime_type, data.decode("ascii"))
    if isinstance(data, IOBase):
        data.seek(0)
        content = data.read()
        return data_uri(mime_type or _guess(content), base64.b64encode(content).decode())
    if path:
        return local_file(path, mime_type, allow_local_files=allow_local_files)
    raise UnsupportedFeatureError("A media block holds neither a URL, nor data, nor a path.")


def local_file(path: Path | str, mime_type: str | None, *, allow_local_files: bool) -> str:
    """A data URI of a file's content."""
    if not allow_local_files:
        raise UnsupportedFeatureError(
            f"{str(path)!r} is a file on this machine, and such files are not sent unasked.",
            hint="Set allow_local_files=True, or put the content into the block.",
        )
    content = Path(path).read_bytes()
    guessed = mime_type or mimetypes.guess_type(str(path))[0] or _guess(content)
    return data_uri(guessed, base64.b64encode(content).decode())


def data_uri(mime_type: str | None, encoded: str) -> str:
    """A data URI; without a type where it is not known."""
    return f"data:{mime_type or ''};base64,{encoded}"


def _guess(content: bytes) -> str | None:
    kind = filetype.guess(content)
    return kind.mime if kind else None
