"""``QwenDocumentParser``: PDF files and images to text for LangChain, by an OCR model."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from langchain_core.document_loaders import BaseBlobParser, Blob
from langchain_core.documents import Document
from pydantic import ConfigDict

from langchain_qwen.errors import langchain_errors
from langchain_qwen.pydantic_internals import BriefRepr
from qwen_core.adapters.document_fields import DocumentFields, pages_metadata
from qwen_core.resources.documents import AsyncQwenDocuments
from qwen_core.resources.sync.documents import QwenDocuments
from qwen_core.types.documents import ParsedPages


class QwenDocumentParser(BriefRepr, DocumentFields, BaseBlobParser):
    """Parses PDF files and images into Markdown, or what another ``task`` returns.

    A long document is parsed in page ranges, several at once, each of which becomes a document, in order. Its
    metadata has ``source``, ``page``, ``last_page`` and ``total_pages``, the ``tables`` in its text, and the
    ``ocr_result`` of tasks that have one.

    Example:
        >>> parser = QwenDocumentParser(pages_per_request=1)
        >>> pages = parser.parse(Blob.from_path("report.pdf"))  # doctest: +SKIP
        >>> pages[0].metadata["page"]  # doctest: +SKIP
        1
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True, arbitrary_types_allowed=True)

    def lazy_parse(self, blob: Blob) -> Iterator[Document]:
        """Yield a document for each page range."""
        with langchain_errors:
            documents = QwenDocuments(self.client_settings())
            parsed = documents.parse(
                blob_source(blob), self.document_options(), blob_name(blob), workers=self.max_concurrency
            )
        yield from to_documents(blob, parsed)

    async def aparse(self, blob: Blob) -> list[Document]:
        """Return a document for each page range, without blocking."""
        with langchain_errors:
            documents = AsyncQwenDocuments(self.client_settings())
            parsed = await documents.parse(
                blob_source(blob), self.document_options(), blob_name(blob), workers=self.max_concurrency
            )
        return to_documents(blob, parsed)


def blob_source(blob: Blob) -> bytes | str | Path:
    """Return the content of a blob, its path, or its URL, which the service downloads from."""
    if blob.data is not None:
        return blob.as_bytes()
    path = str(blob.path)
    return path if "://" in path else Path(path)


def blob_name(blob: Blob) -> str | None:
    """Return the file name of a blob, if it says one."""
    source = str(blob.source or "")
    return Path(source).name if source and "://" not in source else None


def to_documents(blob: Blob, parsed: Sequence[ParsedPages]) -> list[Document]:
    """Convert the results, with the metadata of the blob."""
    return [
        Document(page_content=pages.text, metadata={**blob.metadata, **pages_metadata(pages, blob.source)})
        for pages in parsed
    ]
