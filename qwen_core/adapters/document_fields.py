"""The fields of the frameworks' document parsers, and their conversion for the core."""

from typing import Any

from pydantic import Field

from qwen_core.adapters.fields import ConnectionFields
from qwen_core.execution.ordered import DEFAULT_CONCURRENCY
from qwen_core.resources.documents import DEFAULT_DOCUMENT_MODEL, DocumentOptions
from qwen_core.types.documents import ParsedPages


class DocumentFields(ConnectionFields):
    """The parameters of a document parser. Splitting a PDF into pages requires the package ``pypdf``."""

    model: str = DEFAULT_DOCUMENT_MODEL
    """Model name. Unknown names work."""
    task: str | None = "document_parsing"
    """Task: ``document_parsing`` (to Markdown), ``advanced_recognition`` (text with positions),
    ``text_recognition``, ``table_parsing``, ``formula_recognition``, ``key_information_extraction``,
    ``multi_lan``. None: what ``prompt`` says."""
    task_config: dict[str, Any] | None = None
    """Settings of the task, such as ``{"result_schema": {...}}`` for ``key_information_extraction``."""
    prompt: str | None = None
    """Text to send with the document."""
    first_page: int = Field(default=1, ge=1)
    """First page to parse, counted from 1."""
    last_page: int | None = Field(default=None, ge=1)
    """Last page to parse; None: the document's."""
    pages_per_request: int | None = Field(default=None, ge=1)
    """Pages of one call, and of one result; None: the service's maximum. With 1, each page is a result."""
    max_tokens: int | None = None
    """Maximum number of tokens of one call's text."""
    max_concurrency: int = Field(default=DEFAULT_CONCURRENCY, ge=1)
    """Maximum number of concurrent calls."""
    show_progress: bool = False
    """Whether uploads show a progress bar."""
    extra_body: dict[str, Any] | None = None
    """Fields to merge into the request's body, unchanged. They override all others."""

    def document_options(self) -> DocumentOptions:
        """Return these fields as the core's options."""
        return DocumentOptions(
            model=self.model,
            task=self.task,
            task_config=self.task_config,
            prompt=self.prompt,
            first_page=self.first_page,
            last_page=self.last_page,
            pages_per_request=self.pages_per_request,
            max_tokens=self.max_tokens,
            extra_body=self.extra_body,
            show_progress=self.show_progress,
        )


def pages_metadata(parsed: ParsedPages, source: str | None) -> dict[str, Any]:
    """Return the metadata of a result: source, pages, tables, layout."""
    pages = parsed.pages
    values: dict[str, Any] = {
        "source": source,
        "page": pages.first if pages else None,
        "last_page": pages.last if pages else None,
        "total_pages": parsed.total_pages,
        "tables": list(parsed.tables) or None,
        "ocr_result": parsed.ocr_result,
        "truncated": parsed.truncated or None,
        "model": parsed.model,
        "request_id": parsed.request_id,
    }
    return {name: value for name, value in values.items() if value is not None}
