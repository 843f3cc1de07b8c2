"""Where the bytes of a block are, as the one URL that the service takes. Nothing is downloaded or encoded anew."""

import base64
import string
from io import IOBase
from pathlib import Path
from typing import Any

from qwen_core.errors import UnsupportedFeatureError
from qwen_core.prepare.media_formats import HEAD, sniff

BASE64_LETTERS = string.ascii_letters.encode() + string.digits.encode() + b"+/="


def media_url(data: bytes | IOBase | None, path: Path | str | None, url: Any, mime_type: str | None) -> str:
    """A URL as it is, a data URI of what the block holds, or the path for the core to judge and read."""
    if url:
        return str(url)
    if isinstance(data, bytes) and data:
        return data_uri(mime_type, encoded(data))
    if isinstance(data, IOBase):
        data.seek(0)
        content = data.read()
        return data_uri(mime_type or sniff(content[:HEAD]), base64.b64encode(content).decode())
    if path:
        return Path(path).absolute().as_uri()
    raise UnsupportedFeatureError("A media block holds neither a URL, nor data, nor a path.")


def encoded(data: bytes) -> str:
    """Bytes as base64, which LlamaIndex mostly made of them already; an old core leaves some as they are."""
    looks_encoded = not data[:4096].translate(None, BASE64_LETTERS)
    return data.decode("ascii") if looks_encoded else base64.b64encode(data).decode()


def data_uri(mime_type: str | None, encoded: str) -> str:
    """A data URI; without a type where it is not known."""
    return f"data:{mime_type or ''};base64,{encoded}"
