"""Requests to parse a document or image, and the result, page range by page range."""

from typing import Any, Literal

import msgspec

from qwen_core.types.usage import Usage

DocumentTask = Literal[
    "document_parsing",
    "advanced_recognition",
    "text_recognition",
    "table_parsing",
    "formula_recognition",
    "key_information_extraction",
    "multi_lan",
]
DocumentKind = Literal["pdf", "image"]


class DocumentRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A document to parse, by URL (``https:``, ``oss:``, and ``data:`` for images)."""

    model: str
    url: str
    kind: DocumentKind = "pdf"
    task: str | None = "document_parsing"
    task_config: dict[str, Any] | None = None
    prompt: str | None = None
    max_tokens: int | None = None
    extra_body: dict[str, Any] | None = None


class PageRange(msgspec.Struct, frozen=True):
    """Pages of a document, counted from 1, both inclusive."""

    first: int
    last: int


class ParsedPages(msgspec.Struct, frozen=True, kw_only=True):
    """The text of a page range, as Markdown for ``document_parsing``.

    ``pages`` is None if the document was not split and its pages were not counted. ``tables`` are those found in
    the text, as Markdown or HTML. ``ocr_result`` is what the task returns beside the text, such as a layout.
    """

    text: str
    pages: PageRange | None = None
    total_pages: int | None = None
    tables: tuple[str, ...] = ()
    ocr_result: Any = None
    model: str | None = None
    usage: Usage | None = None
    request_id: str | None = None
    truncated: bool = False

    @property
    def total_tokens(self) -> int | None:
        """The tokens that the call consumed."""
        return self.usage.total_tokens if self.usage else None
