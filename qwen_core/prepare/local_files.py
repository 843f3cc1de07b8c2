"""Read local files as media. No other module reads a path from a message.

Only media parts are read, only if ``allow_local_files`` permits it, and only after the path was resolved and found
to be inside an allowed folder. Text is never treated as a path: the dashscope SDK does so, and sends files that
nobody meant to send (protocol document "native", 4.4).
"""

import base64
import errno
import io
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
"""True for all files, False for none, or the folders whose files are allowed."""

FILE_LIMITS: dict[MediaKind, int] = {
    "image": 10 * MEGABYTE,
    "video": 100 * MEGABYTE,
    "audio": 10 * MEGABYTE,
    "document": 150 * MEGABYTE,
}
"""Native 4.2, "local path"; documents: compatible 1.2."""

HINT = "Set allow_local_files=True or to a list of folders, or pass the content as a data URI."

OPEN_FLAGS = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY")
)
FOLDER_FLAGS = OPEN_FLAGS | getattr(os, "O_DIRECTORY", 0)


class AllowedPath(NamedTuple):
    """A path that may be read: resolved, without symbolic links, and the allowed folder that it is in, if any."""

    path: Path
    folder: Path | None = None

    @property
    def name(self) -> str:
        """Return the file name without folders."""
        return self.path.name


class LocalFile(NamedTuple):
    """A file that may be sent."""

    location: AllowedPath
    size: int
    mime_type: str

    @property
    def path(self) -> Path:
        """Return the path, which has no symbolic links."""
        return self.location.path

    @property
    def name(self) -> str:
        """Return the file name without folders."""
        return self.path.name

    def open(self) -> BinaryIO:
        """Open the file. Raise BadRequestError if its size has changed since it was checked."""
        content, size = open_regular(self.location)
        if size != self.size:
            content.close()
            raise BadRequestError(f"{self.name!r} changed before it was sent. Send the request again.")
        return content

    def fits_inline(self) -> bool:
        """Return whether the file is small enough for a data URI in a message."""
        return fits_inline(self.size, self.mime_type)

    def data_uri(self, kind: MediaKind | None) -> str:
        """Return the content as a data URI, validated as this kind of media unless that is None."""
        with self.open() as source:
            content = source.read()
        if kind is not None:
            check_content(content, kind)
        return f"data:{self.mime_type};base64,{base64.b64encode(content).decode()}"


class MemoryFile(NamedTuple):
    """Content in memory that may be sent, with the interface of a local file."""

    name: str
    content: bytes
    mime_type: str

    @property
    def size(self) -> int:
        """Return the number of bytes."""
        return len(self.content)

    def open(self) -> BinaryIO:
        """Open the content."""
        return io.BytesIO(self.content)

    def fits_inline(self) -> bool:
        """Return whether the content is small enough for a data URI in a message."""
        return fits_inline(self.size, self.mime_type)

    def data_uri(self, kind: MediaKind) -> str:
        """Return the validated content as a data URI."""
        check_content(self.content, kind)
        return f"data:{self.mime_type};base64,{base64.b64encode(self.content).decode()}"


SentFile = LocalFile | MemoryFile
"""A file that may be uploaded."""


def fits_inline(size: int, mime_type: str) -> bool:
    """Return whether content of this size and type is small enough for a data URI in a message."""
    return (size + 2) // 3 * 4 + len(mime_type) + len("data:;base64,") <= INLINE_LIMIT


def allowed_path(url: str, allowed: AllowedFiles) -> AllowedPath:
    """Return the resolved path of a ``file:`` URL or path. Raise, without accessing it, if it is not allowed."""
    shown = repr(url) if len(url) <= 200 else "a long text that is not a URL"
    if allowed is False or allowed == ():
        raise UnsupportedFeatureError(
            f"A media part refers to {shown}, a local file, and local files are not sent by default.", hint=HINT
        )
    path = plain_path(url)
    if path is None:
        raise BadRequestError(f"A media part refers to {shown}, which is not a path on this machine.")
    folders = () if allowed is True else allowed
    if not all(isinstance(folder, str) and folder.strip() for folder in folders):
        raise UnsupportedFeatureError(
            f"allow_local_files must be True, False or a list of folders (got {allowed!r}).",
            hint='Name the folder, or "." for the current one.',
        )
    try:
        resolved = path.resolve()
        if allowed is True:
            return AllowedPath(resolved)
        for folder in folders:
            root = Path(folder).resolve()
            if resolved.is_relative_to(root):
                return AllowedPath(resolved, root)
    except (OSError, RuntimeError, ValueError):
        pass
    raise UnsupportedFeatureError(
        f"A media part refers to {shown}, which is outside the folders in allow_local_files.", hint=HINT
    )


def plain_path(url: str) -> Path | None:
    """Return the path of a ``file:`` URL of this machine, or a path as it is. None if it is invalid."""
    if "\0" in url:
        return None
    if not url.lower().startswith("file:"):
        return Path(url)
    with suppress(ValueError):
        parts = urlsplit(url)
        if parts.netloc in ("", "localhost") and parts.path and "%00" not in parts.path:
            return Path(url2pathname(parts.path))
    return None


def local_file(path: AllowedPath, kind: MediaKind, limit: int | None = None) -> LocalFile:
    """Return the file at an allowed path. Raise BadRequestError if it is too large or not of this kind.

    ``limit`` replaces the limit of the kind.
    """
    limit = FILE_LIMITS[kind] if limit is None else limit
    content, size = open_regular(path)
    with content:
        head = content.read(HEAD)
    if size > limit:
        raise BadRequestError(
            f"{path.name!r} has {size / MEGABYTE:.1f} MB; {kind} files can have at most "
            f"{limit // MEGABYTE} MB. Nothing was sent."
        )
    by_content, by_name = sniff(head), mimetypes.guess_type(path.name)[0]
    if kind == "document":
        return LocalFile(path, size, by_content or by_name or "application/octet-stream")
    matching = [name for name in (by_content, by_name) if name and name.startswith(MIME_PREFIXES[kind])]
    # An image is recognised by its content alone: a text file must not become one by its name.
    if not matching or (kind == "image" and matching[0] != by_content):
        raise BadRequestError(f"{path.name!r} is not a valid {kind} file. Nothing was sent.")
    return LocalFile(path, size, matching[0])


# Audio may be in a container that is recognised as video.
MIME_PREFIXES: dict[MediaKind, tuple[str, ...]] = {
    "image": ("image/",),
    "video": ("video/",),
    "audio": ("audio/", "video/"),
}


def open_regular(location: AllowedPath) -> tuple[BinaryIO, int]:
    """Open a regular file, and return it with its size. Refuse devices, pipes and links that appeared since.

    What was opened decides, not what was checked before. Refuse a hard link to a file of another user as well.
    """
    try:
        descriptor = open_inside(location)
    except OSError as error:
        raise BadRequestError(f"{location.name!r} cannot be read: {error.strerror}.") from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or not status.st_size:
        os.close(descriptor)
        raise BadRequestError(f"{location.name!r} is empty or not a regular file.")
    if location.folder is not None and status.st_nlink > 1 and not is_own(status):
        os.close(descriptor)
        raise BadRequestError(
            f"{location.name!r} is a hard link to a file of another user. Nothing was sent.",
            hint="Copy the file into the allowed folder.",
        )
    return os.fdopen(descriptor, "rb"), status.st_size


def is_own(status: os.stat_result) -> bool:
    """Return whether a file belongs to the user of this process. Systems without user ids do not tell."""
    return not hasattr(os, "getuid") or status.st_uid == os.getuid()


def open_inside(location: AllowedPath) -> int:
    """Open a file below its allowed folder step by step, following no link, and return its descriptor.

    A process that may write into the folder could replace a parent folder by a link after the path was checked.
    """
    path, folder = location
    if folder is None:
        return os.open(path, OPEN_FLAGS)
    if os.open not in os.supports_dir_fd:
        descriptor = os.open(path, OPEN_FLAGS)
        if path.resolve().is_relative_to(folder.resolve()) and os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
        os.close(descriptor)
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    *parents, name = path.relative_to(folder).parts or (".",)
    parent = os.open(folder, FOLDER_FLAGS)
    try:
        for step in parents:
            child = os.open(step, FOLDER_FLAGS, dir_fd=parent)
            os.close(parent)
            parent = child
        return os.open(name, OPEN_FLAGS, dir_fd=parent)
    finally:
        os.close(parent)
