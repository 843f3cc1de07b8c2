"""``QwenRerank``: a document compressor for LangChain that puts the most relevant documents first."""

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.callbacks import Callbacks
from langchain_core.documents import BaseDocumentCompressor, Document
from pydantic import ConfigDict, Field

from langchain_qwen.brief_repr import BriefRepr
from langchain_qwen.exceptions import langchain_errors
from langchain_qwen.messages import block_to_parts
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
    """Puts documents in the order of their relevance to the question.

    The relevance stands in each document's metadata as ``relevance_score``. Without ``top_n`` all documents are
    kept. More documents than the model takes at once go in several calls and make one ranking.

    Example:
        >>> retriever = ContextualCompressionRetriever(  # doctest: +SKIP
        ...     base_compressor=QwenRerank(top_n=4), base_retriever=store.as_retriever(search_kwargs={"k": 20})
        ... )
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True, arbitrary_types_allowed=True)

    max_concurrency: int = Field(default=DEFAULT_CONCURRENCY, ge=1)
    """How many calls are on their way at once."""
    image_key: str | None = None
    """The metadata that holds the URL of a document's image; where it is there, a model that sees ranks by it."""

    def rerank(self, query: Item, documents: Sequence[Item], *, top_n: int | None = None) -> list[Ranked]:
        """The positions of the most relevant items and their scores, best first. Items may be images or videos."""
        with langchain_errors:
            request = self._request(query, documents, top_n)
            return QwenClient(self.client_settings()).rerank(request, workers=self.max_concurrency).results

    async def arerank(self, query: Item, documents: Sequence[Item], *, top_n: int | None = None) -> list[Ranked]:
        """The positions of the most relevant items and their scores, best first. Items may be images or videos."""
        with langchain_errors:
            client = AsyncQwenClient(self.client_settings())
            request = self._request(query, documents, top_n)
            return (await client.rerank(request, workers=self.max_concurrency)).results

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> Sequence[Document]:
        """Copies of the most relevant documents, best first."""
        return in_new_order(documents, self.rerank(query, documents))

    async def acompress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> Sequence[Document]:
        """Copies of the most relevant documents, best first, without blocking."""
        return in_new_order(documents, await self.arerank(query, documents))

    def _request(self, query: Item, documents: Sequence[Item], top_n: int | None) -> RerankRequest:
        return self.rerank_request(
            to_part(query, self.image_key), [to_part(item, self.image_key) for item in documents], top_n
        )


def to_part(item: Item, image_key: str | None) -> Part:
    """The one thing that an item is."""
    if isinstance(item, str):
        return TextPart(item)
    if isinstance(item, Document):
        image = item.metadata.get(image_key) if image_key else None
        return ImagePart(str(image)) if image else TextPart(item.page_content)
    block = item if "type" in item else {"type": next(iter(item), ""), **item}
    found = block_to_parts(block)
    if len(found) != 1:
        raise UnsupportedFeatureError("An item to rank is one text, one image or one video.")
    return found[0]


def in_new_order(documents: Sequence[Document], results: Sequence[Ranked]) -> list[Document]:
    """Copies of the documents in the order of the ranking, with their scores."""
    return [
        documents[result.index].model_copy(
            update={"metadata": {**documents[result.index].metadata, "relevance_score": result.score}}
        )
        for result in results
    ]
