"""Text of simple PDF files: strings that content streams show with ``Tj`` and ``TJ``, in the order of the pages.

Enough for PDFs that programs write, with fonts in a Latin encoding. Scanned pages have no text here.
"""

from __future__ import annotations

import re
import zlib
from contextlib import suppress

_OBJECT = re.compile(rb"(\d+)\s+\d+\s+obj\b(.*?)\bendobj", re.DOTALL)
_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\n?endstream", re.DOTALL)
_PAGE = re.compile(rb"/Type\s*/Page(?![A-Za-z])")
_CONTENTS = re.compile(rb"/Contents\s*(?:\[([^\]]*)\]|(\d+\s+\d+\s+R))")
_REFERENCE = re.compile(rb"(\d+)\s+\d+\s+R")
_SHOWN = re.compile(rb"\((?:\\.|[^\\()])*\)|<[0-9A-Fa-f\s]*>|\b(?:Td|TD|ET)\b|T\*|'", re.DOTALL)
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)
_NAMED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"", b"f": b""}


def pages_of(data: bytes) -> list[str]:
    """Return the text of each page of a PDF."""
    objects = {int(number): body for number, body in _OBJECT.findall(data)}
    return [_page_text(body, objects) for body in objects.values() if _PAGE.search(body)]


def _page_text(page: bytes, objects: dict[int, bytes]) -> str:
    found = _CONTENTS.search(page)
    named = _REFERENCE.findall(found.group(1) or found.group(2)) if found else []
    return "\n".join(_shown(_stream(objects.get(int(number), b""))) for number in named).strip()


def _stream(body: bytes) -> bytes:
    found = _STREAM.search(body)
    if found is None:
        return b""
    content = found.group(1)
    if b"/FlateDecode" in body[: found.start()]:
        with suppress(zlib.error):
            return zlib.decompressobj().decompress(content)
    return content


def _shown(content: bytes) -> str:
    lines: list[bytes] = [b""]
    for token in _SHOWN.findall(content):
        if token.startswith(b"("):
            lines[-1] += _ESCAPE.sub(_unescaped, token[1:-1])
        elif token.startswith(b"<"):
            with suppress(ValueError):
                lines[-1] += bytes.fromhex(token[1:-1].decode())
        elif lines[-1]:
            lines.append(b"")
    return b"\n".join(line for line in lines if line).decode("latin-1")


def _unescaped(found: re.Match[bytes]) -> bytes:
    code = found.group(1)
    return bytes([int(code, 8) & 255]) if code[:1].isdigit() else _NAMED.get(code, code)
