"""Media of a framework's messages as data URIs."""

import base64

from qwen_core.prepare.media_formats import HEAD, sniff


def data_uri(encoded: str, mime_type: str | None) -> str:
    """Return base64 as a data URI; without a type if it is unknown. A data URI is returned unchanged."""
    return encoded if encoded[:5].lower() == "data:" else f"data:{mime_type or ''};base64,{encoded}"


def bytes_data_uri(content: bytes | bytearray, mime_type: str | None) -> str:
    """Return bytes as a data URI. A missing type is detected from the first bytes."""
    return data_uri(base64.b64encode(content).decode(), mime_type or sniff(bytes(content[:HEAD])))
