"""Prepare the media of a request: validate them, and inline local files or mark them for upload.

No file is read before everything that can be refused without reading was refused. What needs no change stays the
same object, so that base64 is copied once.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from qwen_core.prepare.history import omission
from qwen_core.prepare.local_files import LocalFile, allowed_path, local_file
from qwen_core.prepare.media_checks import BODY_LIMIT, MEGABYTE, check_inline, check_remote
from qwen_core.prepare.media_formats import MEDIA_KINDS, MediaKind
from qwen_core.types.errors import BadRequestError
from qwen_core.types.messages import (
    MEDIA_PARTS,
    Message,
    Part,
    TextPart,
    VideoPart,
    has_media,
    part_urls,
)
from qwen_core.types.requests import ChatRequest

SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):", re.IGNORECASE)


class PreparedMedia(NamedTuple):
    """A request, and the files to upload before it can be sent, keyed by the URL that refers to each.

    ``warnings`` say what was left out.
    """

    request: ChatRequest
    uploads: Mapping[str, LocalFile]
    warnings: tuple[str, ...] = ()

    def with_urls(self, urls: Mapping[str, str]) -> ChatRequest:
        """Return the request with the URLs of the uploaded files."""
        return with_urls(self.request, lambda url, kind: urls.get(url, url))


def media_urls(messages: Sequence[Message]) -> Iterator[tuple[str, MediaKind]]:
    """Yield every URL of an image, video frame, video, audio or document, and its kind of media."""
    for message in messages:
        for part in message.parts:
            for url in part_urls(part):
                yield url, kind_of(part)


def kind_of(part: Part) -> MediaKind:
    """Return the kind of media at the URLs of a part."""
    return "image" if isinstance(part, VideoPart) and not isinstance(part.url, str) else MEDIA_KINDS[type(part)]


def prepare_media(request: ChatRequest, *, self_hosted: bool = False) -> PreparedMedia:
    """Return the request with its media validated and local files inlined. Block while reading them.

    Sizes and formats are limits of Alibaba's service. What a self-hosted server accepts is its own matter; it has
    no storage for large files, so that all are inlined.
    """
    request, warnings = omit_invalid_tool_media(request, self_hosted=self_hosted)
    urls = list(media_urls(request.messages))
    paths = [(url, kind) for url, kind in urls if scheme_of(url) in ("file", "")]
    allowed = {url: allowed_path(url, request.allow_local_files) for url, kind in paths}
    for url, kind in urls:
        check_url(url, kind, self_hosted=self_hosted, allow_private=request.allow_private_media_urls)
    files = {(url, kind): local_file(allowed[url], kind) for url, kind in paths}
    inlined = {
        key: file.data_uri(None if self_hosted else key[1])
        for key, file in files.items()
        if self_hosted or file.fits_inline()
    }
    ready = with_urls(request, lambda url, kind: inlined.get((url, kind), url)) if inlined else request
    inline_size = sum(len(url) for url, _ in media_urls(ready.messages) if url.startswith("data:"))
    if inline_size > BODY_LIMIT and not self_hosted:
        raise BadRequestError(
            f"The media in the messages have {inline_size / MEGABYTE:.0f} MB; a request can have at most 64 MB.",
            hint="Pass URLs, or fewer media per request.",
        )
    uploads = {url: file for (url, kind), file in files.items() if (url, kind) not in inlined}
    return PreparedMedia(ready, uploads, warnings)


def omit_invalid_tool_media(
    request: ChatRequest, *, self_hosted: bool = False
) -> tuple[ChatRequest, tuple[str, ...]]:
    """Replace media in tool results that the service would refuse by a note: the tool wrote them, not the user.

    The agent would end otherwise, and no change of the prompt could help.
    """
    warnings: list[str] = []

    def valid(part: Part) -> Part:
        try:
            for url in part_urls(part):
                check_url(
                    url,
                    kind_of(part),
                    self_hosted=self_hosted,
                    allow_private=request.allow_private_media_urls,
                )
        except BadRequestError as error:
            kind = MEDIA_KINDS[type(part)]
            warnings.append(
                f"A tool returned {kind} content that cannot be sent: {error.message} A note was sent instead. "
                "Set repair_history=False to get the error."
            )
            return TextPart(omission(kind, error.message))
        return part

    if not request.repair_history:
        return request, ()
    messages = tuple(
        msgspec.structs.replace(message, parts=tuple(map(valid, message.parts)))
        if message.role == "tool" and has_media([message])
        else message
        for message in request.messages
    )
    return (msgspec.structs.replace(request, messages=messages) if warnings else request), tuple(warnings)


def scheme_of(url: str) -> str:
    """Return the scheme in lower case, or "" for a path. A single letter is a drive."""
    match = SCHEME.match(url)
    return match[1].lower() if match else ""


def check_url(url: str, kind: MediaKind, *, self_hosted: bool = False, allow_private: bool = False) -> None:
    """Raise BadRequestError for a URL that the service would refuse or must not get."""
    scheme = scheme_of(url)
    if scheme not in SCHEMES:
        raise BadRequestError(
            f"Media URLs cannot have the scheme {scheme_of(url)[:20]!r}.",
            hint=f"Supported schemes: {', '.join(scheme for scheme in SCHEMES if scheme)}.",
        )
    if scheme in ("https", "http"):
        check_remote(url, self_hosted=self_hosted, allow_private=allow_private)
    elif scheme == "data":
        check_inline(url, kind, self_hosted=self_hosted)


SCHEMES = ("https", "http", "data", "oss", "file", "")


def with_urls(request: ChatRequest, change: Callable[[str, MediaKind], str]) -> ChatRequest:
    """Return the request with every media URL replaced by ``change(url, kind)``."""

    def replace(part: Part) -> Part:
        if not isinstance(part, MEDIA_PARTS):
            return part
        old = part_urls(part)
        new = tuple(change(url, kind_of(part)) for url in old)
        if new == old:
            return part
        return msgspec.structs.replace(part, url=new[0] if isinstance(part.url, str) else new)

    messages = tuple(
        msgspec.structs.replace(message, parts=tuple(replace(part) for part in message.parts))
        if has_media((message,))
        else message
        for message in request.messages
    )
    return msgspec.structs.replace(request, messages=messages)
