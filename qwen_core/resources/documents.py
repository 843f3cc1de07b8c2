"""Parse documents and images into text: upload, page ranges side by side, results in order."""

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from qwen_core.config.settings import ClientSettings
from qwen_core.execution.ordered import DEFAULT_CONCURRENCY, async_map_in_order
from qwen_core.execution.planned_calls import async_call_plan
from qwen_core.execution.retry import OnRetry
from qwen_core.execution.service_plans import plan_document
from qwen_core.prepare.local_files import AllowedPath, MemoryFile, open_regular, plain_path
from qwen_core.prepare.media import check_url, scheme_of
from qwen_core.prepare.media_checks import check_content, decode_base64
from qwen_core.prepare.media_formats import sniff
from qwen_core.prepare.pdf_pages import count_pages, extract_pages, is_pdf, page_ranges
from qwen_core.protocols.documents import MAX_BYTES, MEGABYTE, decode_document, max_pages
from qwen_core.resources.uploads import AsyncTemporaryStore
from qwen_core.transports.blocking import async_run
from qwen_core.types.documents import DocumentKind, DocumentRequest, PageRange, ParsedPages
from qwen_core.types.errors import BadRequestError, QwenError, UnsupportedFeatureError
from qwen_core.types.warnings import warn

DEFAULT_DOCUMENT_MODEL = "qwen3.5-ocr"

REMOTE_SCHEMES = ("http", "https", "oss")
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".heic", ".avif")


class DocumentOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How documents are parsed. Pages are counted from 1; the last one is included, None being the document's."""

    model: str = DEFAULT_DOCUMENT_MODEL
    task: str | None = "document_parsing"
    task_config: dict[str, Any] | None = None
    prompt: str | None = None
    first_page: int = 1
    last_page: int | None = None
    pages_per_request: int | None = None
    max_tokens: int | None = None
    extra_body: dict[str, Any] | None = None
    show_progress: bool = False

    @property
    def has_pages(self) -> bool:
        """Whether pages are asked for, so that the document has to be split."""
        return self.first_page != 1 or self.last_page is not None or self.pages_per_request is not None


class Document(NamedTuple):
    """A document to parse: at a URL, or in memory, where its pages are known if it is a PDF that was counted."""

    name: str
    kind: DocumentKind
    url: str | None = None
    data: bytes = b""
    mime_type: str = "application/pdf"
    total_pages: int | None = None


def read_document(source: Path | str | bytes, filename: str | None, options: DocumentOptions) -> Document:
    """Return the document at a URL or path, or in bytes. Raises a BadRequestError if the service would refuse it.

    Blocks while it is read.
    """
    if isinstance(source, str):
        scheme = scheme_of(source)
        if scheme in REMOTE_SCHEMES:
            return remote_document(source, filename, options)
        if scheme == "data":
            source = decode_base64(source.partition(",")[2], "document")
        else:
            path = plain_path(source)
            if path is None:
                raise BadRequestError(f"{source[:200]!r} is not a path on this machine.")
            source = path
    if isinstance(source, Path):
        filename = filename or source.name
        content, size = open_regular(AllowedPath(source.resolve()))
        with content:
            check_size(filename, size, "pdf")
            source = content.read()
    return document_in_memory(source, filename or "document", options)


def remote_document(url: str, filename: str | None, options: DocumentOptions) -> Document:
    """Return the document at a URL, which the service downloads: its pages cannot be split here."""
    if options.has_pages:
        raise UnsupportedFeatureError(
            "Page options need the document itself, and the service downloads this one from its URL.",
            hint="Download it and pass its path or bytes, or leave the page options out.",
        )
    name = filename or urlsplit(url).path.rpartition("/")[2] or "document"
    kind: DocumentKind = "image" if name.lower().endswith(IMAGE_SUFFIXES) else "pdf"
    check_url(url, "image" if kind == "image" else "document")
    return Document(name, kind, url=url)


def document_in_memory(data: bytes, name: str, options: DocumentOptions) -> Document:
    """Return the document with these bytes: a PDF with its pages counted, or an image."""
    if is_pdf(data):
        check_size(name, len(data), "pdf")
        return Document(name, "pdf", data=data, total_pages=pages_if_countable(data, name, options))
    mime_type = sniff(data[:64])
    if mime_type is None or not mime_type.startswith("image/"):
        raise BadRequestError(f"{name!r} is neither a PDF nor an image of a known format. Nothing was sent.")
    check_size(name, len(data), "image")
    check_content(data, "image")
    if options.has_pages:
        raise BadRequestError(f"{name!r} is an image, which has no pages. Leave the page options out.")
    return Document(name, "image", data=data, mime_type=mime_type)


def check_size(name: str, size: int, kind: DocumentKind) -> None:
    """Raise BadRequestError for an empty or too large file."""
    if not 0 < size <= MAX_BYTES[kind]:
        raise BadRequestError(
            f"{name!r} has {size / MEGABYTE:.1f} MB. It must not be empty, and have at most "
            f"{MAX_BYTES[kind] // MEGABYTE} MB."
        )


def pages_if_countable(data: bytes, name: str, options: DocumentOptions) -> int | None:
    """Return the number of pages; None without pypdf, unless pages are asked for."""
    try:
        return count_pages(data, name)
    except UnsupportedFeatureError:
        if options.has_pages:
            raise
        return None


def ranges_of(document: Document, options: DocumentOptions) -> list[PageRange | None]:
    """Return the page ranges to parse one by one, within the limits of a call; None for all of a document."""
    if document.total_pages is None:
        return [None]
    size = options.pages_per_request or max_pages(options.task)
    if options.pages_per_request is not None:
        size = min(options.pages_per_request, max_pages(options.task))
    return list(page_ranges(document.total_pages, options.first_page, options.last_page, size))


def part_of(document: Document, pages: PageRange | None) -> MemoryFile:
    """Return a page range as a file of its own."""
    if pages is None or document.total_pages is None:
        return MemoryFile(document.name, document.data, document.mime_type)
    data = extract_pages(document.data, document.name, pages, document.total_pages)
    return MemoryFile(document.name, data, document.mime_type)


def inline_url(file: MemoryFile) -> str | None:
    """Return an image as a data URI, if it is small enough for one."""
    is_image = file.mime_type.startswith("image/")
    return file.data_uri("image") if is_image and file.fits_inline() else None


def document_request(document: Document, url: str, options: DocumentOptions) -> DocumentRequest:
    """Return the request to parse what is at this URL."""
    return DocumentRequest(
        model=options.model,
        url=url,
        kind=document.kind,
        task=options.task,
        task_config=options.task_config,
        prompt=options.prompt,
        max_tokens=options.max_tokens,
        extra_body=options.extra_body,
    )


def with_page_range(parsed: ParsedPages, document: Document, pages: PageRange | None) -> ParsedPages:
    """Return the result with the pages that it is of. Warns if its text was truncated."""
    if parsed.truncated:
        where = "" if pages is None else f" pages {pages.first} to {pages.last} of"
        warn(
            f"The text of{where} {document.name!r} is truncated at the model's maximum of output tokens. "
            "Set a smaller pages_per_request, or a larger max_tokens."
        )
    return msgspec.structs.replace(parsed, pages=pages, total_pages=document.total_pages)


class AsyncQwenDocuments:
    """Parses documents without blocking."""

    def __init__(self, settings: ClientSettings, on_retry: OnRetry | None = None) -> None:
        self.settings = settings
        self.on_retry = on_retry

    async def parse(
        self,
        source: Path | str | bytes,
        options: DocumentOptions | None = None,
        filename: str | None = None,
        *,
        workers: int = DEFAULT_CONCURRENCY,
    ) -> list[ParsedPages]:
        """Return the text of a document, one item for each page range, in order. Raises a QwenError.

        Args:
            source: a path, a URL that the service can download from, or the bytes themselves.
            options: model, task and pages.
            filename: the document's name; default: the path's.
            workers: how many page ranges are parsed at once.
        """
        options = options or DocumentOptions()
        document = await async_run(read_document, source, filename, options)
        ranges = ranges_of(document, options)
        return await async_map_in_order(partial(self._parse_range, document, options), ranges, workers)

    async def _parse_range(
        self, document: Document, options: DocumentOptions, pages: PageRange | None
    ) -> ParsedPages:
        url = document.url or await self._store(document, options, pages)
        request = document_request(document, url, options)
        plan = plan_document(request, self.settings, asynchronous=True)
        decode = partial(decode_document, profile=plan.profile)
        try:
            parsed = await async_call_plan(
                plan, self.settings, lambda payload, headers: decode(payload, headers=headers), self.on_retry
            )
        except QwenError as error:
            if pages is not None:
                error.message = f"Pages {pages.first} to {pages.last} of {document.name!r}: {error.message}"
            raise
        return with_page_range(parsed, document, pages)

    async def _store(self, document: Document, options: DocumentOptions, pages: PageRange | None) -> str:
        file = await async_run(part_of, document, pages)
        inline = inline_url(file)
        if inline is not None:
            return inline
        store = AsyncTemporaryStore(self.settings)
        urls = await store.put({"document": file}, options.model, show_progress=options.show_progress)
        return urls["document"]
