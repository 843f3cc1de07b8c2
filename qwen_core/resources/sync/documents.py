# Generated from qwen_core/resources/documents.py by scripts/generate_sync.py: do not edit.
"""Parse documents and images into text: upload, page ranges side by side, results in order."""

from functools import partial
from pathlib import Path

from qwen_core.config.settings import ClientSettings
from qwen_core.execution.ordered import DEFAULT_CONCURRENCY, map_in_order
from qwen_core.execution.retry import OnRetry
from qwen_core.execution.service_plans import plan_document
from qwen_core.execution.sync.planned_calls import call_plan
from qwen_core.protocols.documents import decode_document
from qwen_core.resources.documents import (
    Document,
    DocumentOptions,
    document_request,
    inline_url,
    part_of,
    ranges_of,
    read_document,
    with_page_range,
)
from qwen_core.resources.sync.uploads import TemporaryStore
from qwen_core.transports.blocking import run
from qwen_core.types.documents import PageRange, ParsedPages
from qwen_core.types.errors import QwenError


class QwenDocuments:
    """Parses documents."""

    def __init__(self, settings: ClientSettings, on_retry: OnRetry | None = None) -> None:
        self.settings = settings
        self.on_retry = on_retry

    def parse(
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
        document = run(read_document, source, filename, options)
        ranges = ranges_of(document, options)
        return map_in_order(partial(self._parse_range, document, options), ranges, workers)

    def _parse_range(self, document: Document, options: DocumentOptions, pages: PageRange | None) -> ParsedPages:
        url = document.url or self._store(document, options, pages)
        request = document_request(document, url, options)
        plan = plan_document(request, self.settings, asynchronous=False)
        decode = partial(decode_document, profile=plan.profile)
        try:
            parsed = call_plan(
                plan, self.settings, lambda payload, headers: decode(payload, headers=headers), self.on_retry
            )
        except QwenError as error:
            if pages is not None:
                error.message = f"Pages {pages.first} to {pages.last} of {document.name!r}: {error.message}"
            raise
        return with_page_range(parsed, document, pages)

    def _store(self, document: Document, options: DocumentOptions, pages: PageRange | None) -> str:
        file = run(part_of, document, pages)
        inline = inline_url(file)
        if inline is not None:
            return inline
        store = TemporaryStore(self.settings)
        urls = store.put({"document": file}, options.model, show_progress=options.show_progress)
        return urls["document"]
