"""Check the links that results come as, before anything is downloaded from them.

Files that the service makes are links to Alibaba's object store, with plain http in many samples, and good for 24
hours. A gateway could answer with any address, so that only the store and the service's own host are accepted.
"""

from datetime import datetime
from mimetypes import guess_type
from urllib.parse import parse_qs, urlsplit, urlunsplit

from qwen_core.config.endpoints import host_of, is_alibaba
from qwen_core.types.errors import InvalidResponseError, NotFoundError, QwenError

EXPIRED = (403, 404, 410)
"""The store answers 403 for a link that has expired."""
EXPIRED_HINT = "Links are valid for 24 hours. Fetch the task again for a new one, or repeat the call."


def download_url(link: str, base_url: str) -> str:
    """Return the URL to download a result from: https, unless it is at the host of ``base_url``.

    Raise InvalidResponseError for a link to any other host than Alibaba's and that of ``base_url``.
    """
    try:
        parts = urlsplit(link)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        parts, host, port = urlsplit(""), "", None
    if parts.scheme in ("http", "https") and parts.username is None and link.isprintable() and " " not in link:
        if parts.netloc == host_of(base_url):
            encrypted = parts.scheme == "https" or urlsplit(base_url).scheme == "https"
            return urlunsplit(parts._replace(scheme="https" if encrypted else "http"))
        if is_alibaba(host) and port in (None, 80, 443):
            return urlunsplit(parts._replace(scheme="https", netloc=host))
    raise InvalidResponseError(
        f"The result is a link to the host {host[:100]!r}, which is not the service's. Nothing was downloaded.",
        hint="Check base_url: is this host a Qwen service?",
    )


def expired_link(status: int, url: str) -> QwenError | None:
    """Return the error for a link that is not valid any more; None for any other status."""
    if status not in EXPIRED:
        return None
    return NotFoundError(
        "The link to the result has expired, or is not valid.",
        status_code=status,
        host=host_of(url),
        hint=EXPIRED_HINT,
    )


def link_expiry(link: str) -> int | None:
    """Return when a signed link expires, in Unix seconds; None if it does not say.

    The store has two forms of signatures: with ``Expires``, and with ``x-oss-date`` and ``x-oss-expires``.
    """
    try:
        query = {name.lower(): values[-1] for name, values in parse_qs(urlsplit(link).query).items()}
        if "expires" in query:
            return int(query["expires"])
        signed = datetime.strptime(query["x-oss-date"] + "+0000", "%Y%m%dT%H%M%SZ%z")
        return int(signed.timestamp()) + int(query["x-oss-expires"])
    except (KeyError, ValueError):
        return None


def link_mime_type(link: str) -> str | None:
    """Return the MIME type of a file by the name in its link; None if it is unknown."""
    try:
        return guess_type(urlsplit(link).path)[0]
    except ValueError:
        return None
