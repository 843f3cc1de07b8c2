"""What is refused before anything is sent: media that the service documents as too large or broken, and addresses
that lead into a private network.

URLs go to the service untouched and are never fetched here, so that names are not looked up either: what a public
name leads to is between it and the service. Error texts never hold content. Limits: protocol documents, compatible
3 and native 4.2.
"""

import binascii
import ipaddress
import re
import socket
import unicodedata
from urllib.parse import urlsplit

from qwen_core.prepare.media_formats import HEAD, MediaKind, image_size, is_whole, sniff
from qwen_core.types.errors import BadRequestError
from qwen_core.types.warnings import warn

MEGABYTE = 1024 * 1024
INLINE_LIMIT = 10 * MEGABYTE
"""The longest data URI, as text: a longer one is "Exceeded limit on max bytes per data-uri item : 10485760"."""
BODY_LIMIT = 64 * MEGABYTE
SHORTEST_SIDE = 10
LARGEST_RATIO = 200

PRIVATE_SUFFIXES = ("localhost", "local", "internal", "home.arpa")
UNSAFE = re.compile(r"[\s\\\x00-\x1f\x7f]")
DATA_URI_HEADER = re.compile(r"data:[^,]{0,200};base64,", re.IGNORECASE)
NUMERIC_HOST = re.compile(r"(0x[0-9a-f]*|\d+)(\.(0x[0-9a-f]*|\d+)){0,3}", re.IGNORECASE)

INLINE_HINT = "Give a URL, or a file with allow_local_files, which is uploaded when it is large."
PRIVATE_HINT = "The service could not reach it, or should not: put the content into a data URI."


def warn_of_detail(block: str, detail: str | None) -> None:
    """Tell that what OpenAI's API can be asked for one picture has no counterpart here."""
    if detail not in (None, "auto"):
        warn(
            f"{block}(detail={detail!r}): the service has no such setting for one picture. "
            "For all pictures of a call there is vl_high_resolution_images."
        )


def check_remote(url: str) -> None:
    """Raise for a URL that leads to this machine or into a private network, or that readers could read apart."""
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    if not host or UNSAFE.search(url):
        raise BadRequestError("A media URL cannot be read as one.")
    if is_private(host):
        raise BadRequestError(
            f"A media URL leads to {host}, which is not a public address; it was not passed on.", hint=PRIVATE_HINT
        )


def is_private(host: str) -> bool:
    """Whether a host is this machine, a link-local, private or reserved address, or a name kept for such."""
    name = unicodedata.normalize("NFKC", host).lower().rstrip(".")
    address = numeric_address(name.partition("%")[0])
    if address is None:
        return any(name == suffix or name.endswith("." + suffix) for suffix in PRIVATE_SUFFIXES)
    return not address.is_global or address.is_multicast


def numeric_address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a host is, in any notation that resolvers take (``0x7f.1``, ``2130706433``)."""
    if NUMERIC_HOST.fullmatch(name):
        try:
            return ipaddress.IPv4Address(socket.inet_aton(name))
        except OSError:
            return None
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return address.ipv4_mapped or address.sixtofour or _nat64(address) or address
    return address


def _nat64(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    inside = address in ipaddress.ip_network("64:ff9b::/96")
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if inside else None


def check_inline(url: str, kind: MediaKind) -> None:
    """Raise for a data URI that is too large, is not base64, or holds something broken."""
    if len(url) > INLINE_LIMIT:
        raise BadRequestError(
            f"Inline {kind} data of {len(url) / MEGABYTE:.1f} MB was not sent: a data URI may have 10 MB at most.",
            hint=INLINE_HINT,
        )
    header = DATA_URI_HEADER.match(url)
    if not header:
        raise BadRequestError(f"Inline {kind} data is not in the form data:<type>;base64,<data>.")
    check_content(decoded(url[header.end() :], kind), kind)


def decoded(text: str, kind: MediaKind) -> bytes:
    """The bytes of base64 text. Line breaks are allowed in it, and nothing else that is not base64."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except (binascii.Error, ValueError):
        pass
    try:
        return binascii.a2b_base64("".join(text.split()), strict_mode=True)
    except (binascii.Error, ValueError):
        raise BadRequestError(f"Inline {kind} data is not valid base64.") from None


def check_content(data: bytes, kind: MediaKind) -> None:
    """Raise for an empty file, and for a picture that cannot be one."""
    if not data:
        raise BadRequestError(f"Inline {kind} data is empty.")
    mime_type = sniff(data[:HEAD]) or ""
    if kind == "image":
        check_image(data, mime_type)
    elif kind in ("audio", "video") and mime_type.startswith("image/"):
        raise BadRequestError(f"What was given as {kind} is a picture ({mime_type}).")


def check_image(data: bytes, mime_type: str) -> None:
    """Raise for a picture of no known format, cut short, too small or too narrow."""
    if not mime_type.startswith("image/") or not is_whole(data):
        raise BadRequestError(
            "The image is broken: " + ("it ends too soon." if mime_type else "it is of no known format."),
            hint="The service takes BMP, JPEG, PNG, TIFF, WEBP and HEIC.",
        )
    size = image_size(data)
    if size is None:
        return
    if min(size) < SHORTEST_SIDE or max(size) > LARGEST_RATIO * min(size):
        raise BadRequestError(
            f"The image is {size[0]}×{size[1]} pixels: each side needs {SHORTEST_SIDE} or more, and the longer "
            f"one at most {LARGEST_RATIO} times the other."
        )
