"""``QwenDocumentReader``: PDF files and images to text for LlamaIndex, by an OCR model."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast

from llama_index.core.readers.base import BasePydanticReader
from llama_index.core.schema import Document
from pydantic import ConfigDict

from llama_index_qwen.component import QwenComponent
from qwen_core.adapters.document_fields import DocumentFields, pages_metadata
from qwen_core.resources.documents import AsyncQwenDocuments
from qwen_core.resources.sync.documents import QwenDocuments
from qwen_core.types.documents import ParsedPages

Source = Path | str | bytes
"""A path, a URL that the service can download from, or the bytes of a document."""

SHOWN_METADATA = ("source", "file_name", "page", "last_page")
"""Metadata that models are shown with the text of a document."""


class QwenDocumentReader(QwenComponent, DocumentFields, BasePydanticReader):
    """Reads PDF files and images as Markdown, or what another ``task`` returns.

    A long document is parsed in page ranges, several at once, each of which becomes a document, in order. Its
    metadata has ``source``, ``page``, ``last_page`` and ``total_pages``, the ``tables`` in its text, and the
    ``ocr_result`` of tasks that have one. Works as a ``file_extractor`` of ``SimpleDirectoryReader``.

    Example:
        >>> reader = QwenDocumentReader(pages_per_request=1)
        >>> pages = reader.load_data("report.pdf")  # doctest: +SKIP
        >>> pages[0].metadata["page"]  # doctest: +SKIP
        1
    """

    model_config = ConfigDict(
        extra="forbid", populate_by_name=True, arbitrary_types_allowed=True, protected_namespaces=()
    )

    is_remote: bool = True
    """LlamaIndex's mark of a reader that uses the network."""

    @classmethod
    def class_name(cls) -> str:
        """Return the name in serialized form."""
        return "QwenDocumentReader"

    def load_data(
        self, file: Source | Sequence[Source], extra_info: dict[str, Any] | None = None, fs: Any = None
    ) -> list[Document]:
        """Return a document for each page range of one or more files.

        Args:
            file: a path, a URL or bytes, or several of them.
            extra_info: metadata of all documents.
            fs: the file system of the paths, as ``SimpleDirectoryReader`` passes it.
        """
        return list(self.lazy_load_data(file, extra_info, fs))

    def lazy_load_data(
        self, file: Source | Sequence[Source], extra_info: dict[str, Any] | None = None, fs: Any = None
    ) -> Iterable[Document]:
        """Yield a document for each page range, one file after the other. Takes what ``load_data`` takes."""
        reader = QwenDocuments(self.client_settings())
        for source in sources_of(file):
            content, name = read_source(source, fs)
            parsed = reader.parse(content, self.document_options(), name, workers=self.max_concurrency)
            yield from to_documents(source, parsed, extra_info)

    async def aload_data(
        self, file: Source | Sequence[Source], extra_info: dict[str, Any] | None = None, fs: Any = None
    ) -> list[Document]:
        """Return a document for each page range, without blocking. Takes what ``load_data`` takes."""
        from qwen_core.transports.blocking import async_run

        reader = AsyncQwenDocuments(self.client_settings())
        documents: list[Document] = []
        for source in sources_of(file):
            content, name = await async_run(read_source, source, fs)
            parsed = await reader.parse(content, self.document_options(), name, workers=self.max_concurrency)
            documents += to_documents(source, parsed, extra_info)
        return documents


def sources_of(file: Source | Sequence[Source]) -> list[Source]:
    """Return one or more sources as a list."""
    return list(file) if isinstance(file, list | tuple) else [cast(Source, file)]


def read_source(source: Source, fs: Any) -> tuple[Source, str | None]:
    """Return what the parser reads, and its name: a file on another file system is read here."""
    if isinstance(source, bytes):
        return source, None
    text = str(source)
    name = text.rstrip("/").rpartition("/")[2] or None
    if fs is not None and type(fs).__name__ != "LocalFileSystem":
        with fs.open(text, "rb") as opened:
            return bytes(opened.read()), name
    return (text, None) if "://" in text else (Path(text), name)


def to_documents(
    source: Source, parsed: Sequence[ParsedPages], extra_info: dict[str, Any] | None
) -> list[Document]:
    """Convert the results. Models are shown where a text is from, and no layouts."""
    where = None if isinstance(source, bytes) else str(source)
    documents: list[Document] = []
    for pages in parsed:
        metadata = {**pages_metadata(pages, where), **(extra_info or {})}
        hidden = [name for name in metadata if name not in SHOWN_METADATA]
        documents.append(
            Document(
                text=pages.text,
                metadata=metadata,
                excluded_embed_metadata_keys=hidden,
                excluded_llm_metadata_keys=hidden,
            )
        )
    return documents
