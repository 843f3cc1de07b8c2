"""The media of a request, made ready to be sent: checked, and with files of this machine in it or to be uploaded.

Nothing is read before everything that can be refused unread was refused. What needs no change stays the same
object, so that base64 crosses once.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from qwen_core.prepare.local_files import LocalFile, allowed_path, local_file
from qwen_core.prepare.media_checks import BODY_LIMIT, MEGABYTE, check_inline, check_remote
from qwen_core.prepare.media_formats import MediaKind
from qwen_core.types.errors import BadRequestError
from qwen_core.types.messages import (
    MEDIA_PARTS,
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    Part,
    VideoPart,
    has_media,
    part_urls,
)
from qwen_core.types.requests import ChatRequest

MEDIA_KINDS: dict[type[Part], MediaKind] = {
    ImagePart: "image",
    VideoPart: "video",
    AudioPart: "audio",
    FilePart: "document",
}
SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):", re.IGNORECASE)


class ReadyMedia(NamedTuple):
    """A request, and the files that have to be uploaded before it can go: by the URL that stands for them."""

    request: ChatRequest
    uploads: Mapping[str, LocalFile]

    def with_urls(self, urls: Mapping[str, str]) -> ChatRequest:
        """The request with what was uploaded at its new address."""
        return with_urls(self.request, lambda url, kind: urls.get(url, url))


def media_urls(messages: Sequence[Message]) -> Iterator[tuple[str, MediaKind]]:
    """Every URL of an image, video frame, video, audio or document, and what is to be found there."""
    for message in messages:
        for part in message.parts:
            for url in part_urls(part):
                yield url, kind_of(part)


def kind_of(part: Part) -> MediaKind:
    """What is to be found at the URLs of a part."""
    return "image" if isinstance(part, VideoPart) and not isinstance(part.url, str) else MEDIA_KINDS[type(part)]


def ready_media(request: ChatRequest) -> ReadyMedia:
    """The request with its media checked and read. Blocks while it reads."""
    found = list(media_urls(request.messages))
    paths = [(url, kind) for url, kind in found if scheme_of(url) in ("file", "")]
    allowed = {url: allowed_path(url, request.allow_local_files) for url, kind in paths}
    for url, kind in found:
        check(url, kind)
    files = {(url, kind): local_file(allowed[url], kind) for url, kind in paths}
    read = {key: file.data_uri(key[1]) for key, file in files.items() if file.fits_inline()}
    ready = with_urls(request, lambda url, kind: read.get((url, kind), url)) if read else request
    inline = sum(len(url) for url, _ in media_urls(ready.messages) if url.startswith("data:"))
    if inline > BODY_LIMIT:
        raise BadRequestError(
            f"The media in the messages make {inline / MEGABYTE:.0f} MB; a request may have 64 MB at most.",
            hint="Give URLs, or fewer at once.",
        )
    return ReadyMedia(ready, {url: file for (url, kind), file in files.items() if not file.fits_inline()})


def scheme_of(url: str) -> str:
    """The scheme in lower case; empty for a path. A single letter is a drive."""
    found = SCHEME.match(url)
    return found[1].lower() if found else ""


def check(url: str, kind: MediaKind) -> None:
    """Raise for a URL that the service would not or should not be given."""
    check_scheme = SCHEMES.get(scheme_of(url))
    if check_scheme is None:
        raise BadRequestError(
            f"A media URL of scheme {scheme_of(url)[:20]!r} cannot be sent.",
            hint=f"Known schemes: {', '.join(scheme for scheme in SCHEMES if scheme)}.",
        )
    check_scheme(url, kind)


SCHEMES: dict[str, Callable[[str, MediaKind], None]] = {
    "https": lambda url, kind: check_remote(url),
    "http": lambda url, kind: check_remote(url),
    "data": check_inline,
    "oss": lambda url, kind: None,
    "file": lambda url, kind: None,
    "": lambda url, kind: None,
}


def with_urls(request: ChatRequest, change: Callable[[str, MediaKind], str]) -> ChatRequest:
    """The request with other URLs for its media."""

    def changed(part: Part) -> Part:
        if not isinstance(part, MEDIA_PARTS):
            return part
        old = part_urls(part)
        new = tuple(change(url, kind_of(part)) for url in old)
        if new == old:
            return part
        return msgspec.structs.replace(part, url=new[0] if isinstance(part.url, str) else new)

    messages = tuple(
        msgspec.structs.replace(message, parts=tuple(changed(part) for part in message.parts))
        if has_media((message,))
        else message
        for message in request.messages
    )
    return msgspec.structs.replace(request, messages=messages)
