"""Count and split the pages of a PDF, with the package ``pypdf``, which is imported at first use."""

import io
from typing import TYPE_CHECKING

from qwen_core.types.documents import PageRange
from qwen_core.types.errors import BadRequestError, UnsupportedFeatureError

if TYPE_CHECKING:
    from pypdf import PdfReader

INSTALL = 'pip install ".[documents]" in the clone, or pip install "pypdf>=5,<8"'
PDF_MARK = b"%PDF-"
HEAD = 1024
"""Bytes at the beginning of a file in which readers look for the mark of a PDF."""


def is_pdf(data: bytes) -> bool:
    """Return whether this is a PDF file."""
    return PDF_MARK in data[:HEAD]


def open_pdf(data: bytes, name: str) -> "PdfReader":
    """Return a reader. Raises UnsupportedFeatureError without pypdf, BadRequestError for what it cannot read."""
    try:
        from pypdf import PdfReader
        from pypdf.errors import PyPdfError
    except ImportError as missing:
        raise UnsupportedFeatureError(
            "Counting and splitting the pages of a PDF requires the package pypdf.", hint=f"Run: {INSTALL}"
        ) from missing
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise BadRequestError(f"{name!r} is encrypted. Remove its password first.")
        len(reader.pages)
        return reader
    except (PyPdfError, ValueError, KeyError, TypeError, RecursionError, OSError) as reason:
        raise BadRequestError(f"{name!r} cannot be read as a PDF: {reason}.") from reason


def count_pages(data: bytes, name: str) -> int:
    """Return the number of pages."""
    return len(open_pdf(data, name).pages)


def page_ranges(total: int, first: int, last: int | None, size: int) -> list[PageRange]:
    """Return the ranges of at most so many pages that cover these pages, in order."""
    end = total if last is None else min(last, total)
    if size < 1:
        raise BadRequestError(f"pages_per_request must be at least 1 (got {size}).")
    if not 1 <= first <= end:
        raise BadRequestError(f"The pages {first} to {end} do not exist: the document has {total} pages.")
    return [PageRange(start, min(start + size - 1, end)) for start in range(first, end + 1, size)]


def extract_pages(data: bytes, name: str, pages: PageRange, total: int) -> bytes:
    """Return a PDF with these pages only; the same bytes if they are all."""
    if pages == PageRange(1, total):
        return data
    from pypdf import PdfWriter

    reader = open_pdf(data, name)
    writer = PdfWriter()
    for page in reader.pages[pages.first - 1 : pages.last]:
        writer.add_page(page)
    output = io.BytesIO()
    writer.write(output)
    return output.getvalue()
