"""Files of this machine as media: the one place where a path in a message is read.

Only for parts that are media, only where ``allow_local_files`` says so, and only after the path was followed to
its end and found to be inside of an allowed folder. Text is never looked at: that a text may be a path is how the
dashscope SDK sends files nobody meant (protocol document "native", 4.4).
"""

import base64
import mimetypes
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple
from urllib.parse import urlsplit
from urllib.request import url2pathname

from qwen_core.prepare.media_checks import INLINE_LIMIT, MEGABYTE, check_content
from qwen_core.prepare.media_formats import HEAD, MediaKind, sniff
from qwen_core.types.errors import BadRequestError, UnsupportedFeatureError

AllowedFiles = bool | tuple[str, ...]
"""All files, none, or those in these folders."""

FILE_LIMITS: dict[MediaKind, int] = {
    "image": 10 * MEGABYTE,
    "video": 100 * MEGABYTE,
    "audio": 10 * MEGABYTE,
    "document": 150 * MEGABYTE,
}
"""Native 4.2, "local path"; documents: compatible 1.2."""

HINT = "Set allow_local_files=True or to a list of folders, or put the content into the message."

OPEN_FLAGS = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY")
)


class LocalFile(NamedTuple):
    """A file that may be sent. ``path`` is free of links."""

    path: Path
    size: int
    mime_type: str

    @property
    def name(self) -> str:
        """The name without folders."""
        return self.path.name

    def open(self) -> BinaryIO:
        """The content; raises where it is no longer what was checked."""
        content, size = open_regular(self.path)
        if size != self.size:
            content.close()
            raise BadRequestError(f"{self.name!r} changed while it was about to be sent.")
        return content

    def fits_inline(self) -> bool:
        """Whether the service takes it inside of a message."""
        return (self.size + 2) // 3 * 4 + len(self.mime_type) + len("data:;base64,") <= INLINE_LIMIT

    def data_uri(self, kind: MediaKind) -> str:
        """The whole content, checked."""
        with self.open() as source:
            content = source.read()
        check_content(content, kind)
        return f"data:{self.mime_type};base64,{base64.b64encode(content).decode()}"


def allowed_path(url: str, allowed: AllowedFiles) -> Path:
    """The file that a ``file:`` URL or a path means. Raises where it is not allowed, and looks at nothing then."""
    shown = repr(url) if len(url) <= 200 else "a text that is no URL"
    if allowed is False or allowed == ():
        raise UnsupportedFeatureError(
            f"A media part names {shown}, a file on this machine, and such files are not sent unasked.", hint=HINT
        )
    path = plain_path(url)
    if path is None:
        raise BadRequestError(f"A media part names {shown}, which is no path on this machine.")
    try:
        found = path.resolve()
        inside = allowed is True or any(found.is_relative_to(Path(folder).resolve()) for folder in allowed)
    except (OSError, RuntimeError, ValueError):
        inside = False
    if not inside:
        raise UnsupportedFeatureError(
            f"A media part names {shown}, which is outside of the folders in allow_local_files.", hint=HINT
        )
    return found


def plain_path(url: str) -> Path | None:
    """The path in a ``file:`` URL of this machine, or a path as it is."""
    if "\0" in url:
        return None
    if not url.lower().startswith("file:"):
        return Path(url)
    with suppress(ValueError):
        parts = urlsplit(url)
        if parts.netloc in ("", "localhost") and parts.path and "%00" not in parts.path:
            return Path(url2pathname(parts.path))
    return None


def local_file(path: Path, kind: MediaKind) -> LocalFile:
    """The file at a path that is allowed. Raises where it is too large, or no media of this kind."""
    content, size = open_regular(path)
    with content:
        head = content.read(HEAD)
    if size > FILE_LIMITS[kind]:
        raise BadRequestError(
            f"{path.name!r} has {size / MEGABYTE:.1f} MB; {kind} files may have "
            f"{FILE_LIMITS[kind] // MEGABYTE} MB at most. Nothing was sent."
        )
    by_content, by_name = sniff(head), mimetypes.guess_type(path.name)[0]
    if kind == "document":
        return LocalFile(path, size, by_content or by_name or "application/octet-stream")
    known = [name for name in (by_content, by_name) if name and name.startswith(MIME_PREFIXES[kind])]
    # A picture is told by its content alone: no text file becomes one by its name.
    if not known or (kind == "image" and known[0] != by_content):
        raise BadRequestError(f"{path.name!r} is no {kind} file. Nothing was sent.")
    return LocalFile(path, size, known[0])


# Sound may come in what is told as a video's container.
MIME_PREFIXES: dict[MediaKind, tuple[str, ...]] = {
    "image": ("image/",),
    "video": ("video/",),
    "audio": ("audio/", "video/"),
}


def open_regular(path: Path) -> tuple[BinaryIO, int]:
    """A regular file and its size. Devices, pipes and links that appeared since are refused."""
    try:
        descriptor = os.open(path, OPEN_FLAGS)
    except OSError as error:
        raise BadRequestError(f"{path.name!r} cannot be read: {error.strerror}.") from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or not status.st_size:
        os.close(descriptor)
        raise BadRequestError(f"{path.name!r} is empty or no regular file.")
    return os.fdopen(descriptor, "rb"), status.st_size
