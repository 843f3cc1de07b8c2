"""``QwenRerank``: a document compressor for LangChain that sorts documents by relevance."""

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.callbacks import Callbacks
from langchain_core.documents import BaseDocumentCompressor, Document
from pydantic import ConfigDict, Field

from langchain_qwen.errors import langchain_errors
from langchain_qwen.messages import block_to_parts
from langchain_qwen.pydantic_internals import BriefRepr
from qwen_core.adapters.retrieval_fields import RerankFields
from qwen_core.errors import UnsupportedFeatureError
from qwen_core.execution.ordered import DEFAULT_CONCURRENCY
from qwen_core.resources.client import AsyncQwenClient
from qwen_core.resources.sync.client import QwenClient
from qwen_core.types.messages import ImagePart, Part, TextPart
from qwen_core.types.requests import Ranked, RerankRequest

Item = str | Document | Mapping[str, Any]
"""A text, a document, a content block (``{"type": "image", "url": ...}``), or the service's ``{"image": ...}``."""


class QwenRerank(BriefRepr, RerankFields, BaseDocumentCompressor):
    """Sorts documents by their relevance to the query.

    Each document's metadata has its score as ``relevance_score``. Without ``top_n`` all documents are kept. If
    there are more documents than the model's limit, several calls make one ranking.

    Examples:
        >>> retriever = ContextualCompressionRetriever(  # doctest: +SKIP
        ...     base_compressor=QwenRerank(top_n=4), base_retriever=store.as_retriever(search_kwargs={"k": 20})
        ... )
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True, arbitrary_types_allowed=True)

    max_concurrency: int = Field(default=DEFAULT_CONCURRENCY, ge=1)
    """The maximum number of concurrent calls."""
    image_key: str | None = None
    """The metadata key of a document's image URL. If a document has it, a vision model ranks the image."""

    def rerank(self, query: Item, documents: Sequence[Item], *, top_n: int | None = None) -> list[Ranked]:
        """Return indexes and scores of the most relevant items, best first. Items may be images or videos."""
        with langchain_errors:
            request = self._request(query, documents, top_n)
            return QwenClient(self.client_settings()).rerank(request, workers=self.max_concurrency).results

    async def arerank(self, query: Item, documents: Sequence[Item], *, top_n: int | None = None) -> list[Ranked]:
        """Return indexes and scores of the most relevant items, best first. Items may be images or videos."""
        with langchain_errors:
            client = AsyncQwenClient(self.client_settings())
            request = self._request(query, documents, top_n)
            return (await client.rerank(request, workers=self.max_concurrency)).results

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> Sequence[Document]:
        """Return copies of the most relevant documents, best first."""
        return scored_documents(documents, self.rerank(query, documents))

    async def acompress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> Sequence[Document]:
        """Return copies of the most relevant documents, best first, without blocking."""
        return scored_documents(documents, await self.arerank(query, documents))

    def _request(self, query: Item, documents: Sequence[Item], top_n: int | None) -> RerankRequest:
        return self.rerank_request(
            to_part(query, self.image_key), [to_part(item, self.image_key) for item in documents], top_n
        )


def to_part(item: Item, image_key: str | None) -> Part:
    """Return the text, image or video of an item."""
    if isinstance(item, str):
        return TextPart(item)
    if isinstance(item, Document):
        image = item.metadata.get(image_key) if image_key else None
        return ImagePart(str(image)) if image else TextPart(item.page_content)
    block = item if "type" in item else {"type": next(iter(item), ""), **item}
    item_parts = block_to_parts(block)
    if len(item_parts) != 1:
        raise UnsupportedFeatureError(
            f"An item to rank must be one text, one image or one video (got {len(item_parts)} parts)."
        )
    return item_parts[0]


def scored_documents(documents: Sequence[Document], results: Sequence[Ranked]) -> list[Document]:
    """Return copies of the documents in the order of the ranking, with their scores."""
    return [
        documents[result.index].model_copy(
            update={"metadata": {**documents[result.index].metadata, "relevance_score": result.score}}
        )
        for result in results
    ]
