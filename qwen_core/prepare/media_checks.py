"""Validate media before anything is sent: refuse what is too large or broken, and URLs of private networks.

URLs are passed to the service unchanged and are never fetched here, and host names are not resolved: what a public
name resolves to is between it and the service. Error texts never hold content. Limits: protocol documents,
compatible 3 and native 4.2.
"""

import binascii
import re
from urllib.parse import urlsplit

from qwen_core.prepare.media_formats import HEAD, MediaKind, image_size, is_complete_image, sniff
from qwen_core.prepare.media_hosts import is_private_host
from qwen_core.types.errors import BadRequestError
from qwen_core.types.warnings import warn

MEGABYTE = 1024 * 1024
INLINE_LIMIT = 10 * MEGABYTE
"""The longest data URI, as text: a longer one is "Exceeded limit on max bytes per data-uri item : 10485760"."""
BODY_LIMIT = 64 * MEGABYTE
MIN_SIDE = 10
MAX_ASPECT_RATIO = 200

UNSAFE = re.compile(r"[\s\\\x00-\x1f\x7f]")
DATA_URI_HEADER = re.compile(r"data:[^,]{0,200};base64,", re.IGNORECASE)

INLINE_HINT = "Pass a URL, or a local file with allow_local_files: large files are uploaded."
PRIVATE_HINT = "The service cannot or must not reach it: pass the content as a data URI."
PRIVATE_HINT_SELF_HOSTED = (
    "Set allow_private_media_urls=True if the self-hosted server may fetch URLs of its own network, or pass the "
    "content as a data URI."
)


def warn_unsupported_detail(block: str, detail: str | None) -> None:
    """Warn that OpenAI's ``detail`` of one image has no counterpart here."""
    if detail not in (None, "auto"):
        warn(
            f"{block}(detail={detail!r}) was not sent: the service has no such setting for one image. Set "
            "vl_high_resolution_images for all images of a call."
        )


def check_remote(url: str, *, self_hosted: bool = False, allow_private: bool = False) -> None:
    """Raise BadRequestError for a URL of this machine or a private network, or an ambiguous one.

    Alibaba's service cannot reach a private network. A self-hosted server can, so that a URL which somebody else
    wrote would lead it there: ``allow_private`` has to allow that.
    """
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    if not host or "%" in host or UNSAFE.search(url):
        raise BadRequestError("A media URL is not a valid URL.")
    if is_private_host(host) and not (self_hosted and allow_private):
        raise BadRequestError(
            f"A media URL has the host {host}, which is not a public address. Nothing was sent.",
            hint=PRIVATE_HINT_SELF_HOSTED if self_hosted else PRIVATE_HINT,
        )


def check_inline(url: str, kind: MediaKind, *, self_hosted: bool = False) -> None:
    """Raise BadRequestError for a data URI that is not base64, is empty, or exceeds Alibaba's limits."""
    if len(url) > INLINE_LIMIT and not self_hosted:
        raise BadRequestError(
            f"Inline {kind} data has {len(url) / MEGABYTE:.1f} MB; a data URI can have at most 10 MB. Nothing "
            "was sent.",
            hint=INLINE_HINT,
        )
    header = DATA_URI_HEADER.match(url)
    if not header:
        raise BadRequestError(f"Inline {kind} data must have the form data:<type>;base64,<data>.")
    data = decode_base64(url[header.end() :], kind)
    if not data:
        raise BadRequestError(f"Inline {kind} data is empty.")
    if not self_hosted:
        check_content(data, kind)


def decode_base64(text: str, kind: MediaKind) -> bytes:
    """Return the bytes of base64 text, in which nothing but line breaks may be added."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except (binascii.Error, ValueError):
        pass
    try:
        return binascii.a2b_base64("".join(text.split()), strict_mode=True)
    except (binascii.Error, ValueError):
        raise BadRequestError(f"Inline {kind} data is not valid base64.") from None


def check_content(data: bytes, kind: MediaKind) -> None:
    """Raise BadRequestError for an empty file, or content that cannot be of this kind."""
    if not data:
        raise BadRequestError(f"Inline {kind} data is empty.")
    mime_type = sniff(data[:HEAD]) or ""
    if kind == "image":
        check_image(data, mime_type)
    elif kind in ("audio", "video") and mime_type.startswith("image/"):
        raise BadRequestError(f"Expected {kind} data, got an image ({mime_type}).")


def check_image(data: bytes, mime_type: str) -> None:
    """Raise BadRequestError for an image that is of an unknown format, truncated, too small or too narrow."""
    if not mime_type.startswith("image/") or not is_complete_image(data):
        raise BadRequestError(
            "The image is invalid: " + ("it is truncated." if mime_type else "its format is unknown."),
            hint="The service accepts BMP, JPEG, PNG, TIFF, WEBP and HEIC.",
        )
    size = image_size(data)
    if size is None:
        return
    if min(size) < MIN_SIDE or max(size) > MAX_ASPECT_RATIO * min(size):
        raise BadRequestError(
            f"The image has {size[0]}×{size[1]} pixels. Each side must have at least {MIN_SIDE}, and the longer "
            f"side at most {MAX_ASPECT_RATIO} times the shorter."
        )
