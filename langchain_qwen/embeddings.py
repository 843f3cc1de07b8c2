"""Embeddings for LangChain: of texts, dense and sparse, and of texts, images and videos in one vector space."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from langchain_core.embeddings import Embeddings
from pydantic import ConfigDict, Field

from langchain_qwen.errors import langchain_errors
from langchain_qwen.messages import parts
from langchain_qwen.pydantic_internals import BriefRepr
from qwen_core.adapters.retrieval_fields import EmbeddingFields, MultimodalEmbeddingFields, TextEmbeddingFields
from qwen_core.config.endpoints import DEFAULT_MULTIMODAL_EMBEDDING_MODEL
from qwen_core.execution.ordered import DEFAULT_CONCURRENCY
from qwen_core.resources.client import AsyncQwenClient
from qwen_core.resources.sync.client import QwenClient
from qwen_core.transports.progress import progress_bar
from qwen_core.types import requests
from qwen_core.types.messages import ImagePart, Part, TextPart
from qwen_core.types.requests import EmbeddingResponse, OutputType, TextType

Content = str | Sequence[str | Mapping[str, Any]]
"""A text, or a list of LangChain's content blocks that are embedded together as one vector."""


class BatchFields(EmbeddingFields):
    """The sizes of batches and the number of concurrent calls."""

    batch_size: int | None = Field(default=None, ge=1)
    """Texts per call; default: the model's limit. If the service states a smaller limit, that one is used."""
    max_concurrency: int = Field(default=DEFAULT_CONCURRENCY, ge=1)
    """The maximum number of concurrent calls."""
    show_progress: bool = False
    """Whether to show a progress bar while documents are embedded."""


class TextBatches(BriefRepr, BatchFields, TextEmbeddingFields):
    """Embeds texts in batches, as dense vectors, sparse vectors, or both."""

    def _embed(self, texts: list[str], role: TextType, output_type: OutputType | None = None) -> EmbeddingResponse:
        show = self.show_progress and role == "document"
        with langchain_errors, progress_bar(len(texts), show) as on_batch:
            return QwenClient(self.client_settings()).embed(
                self.embedding_request(texts, role, output_type),
                on_batch,
                batch_size=self.batch_size,
                workers=self.max_concurrency,
            )

    async def _aembed(
        self, texts: list[str], role: TextType, output_type: OutputType | None = None
    ) -> EmbeddingResponse:
        show = self.show_progress and role == "document"
        with langchain_errors, progress_bar(len(texts), show) as on_batch:
            return await AsyncQwenClient(self.client_settings()).embed(
                self.embedding_request(texts, role, output_type),
                on_batch,
                batch_size=self.batch_size,
                workers=self.max_concurrency,
            )


class HybridVectors(NamedTuple):
    """Dense and sparse vectors of the same texts, in order. A sparse vector maps token ids to weights."""

    dense: list[list[float]]
    sparse: list[requests.SparseVector]


class QwenEmbeddings(TextBatches, Embeddings):
    """A Qwen embedding model. Texts are sent in batches of the size that the model accepts; the order is kept.

    On the native protocol, queries are embedded with the text type ``query`` and texts with ``document``;
    ``instruct`` describes the retrieval task.

    Examples:
        >>> vectors = QwenEmbeddings().embed_documents(["one", "two"])  # doctest: +SKIP
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True, arbitrary_types_allowed=True)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return a vector for each text, in order. Raises a QwenError; there is never an empty vector."""
        return self._embed(texts, "document").vectors

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a query."""
        return self._embed([text], "query").vectors[0]

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return a vector for each text, in order, without blocking."""
        return (await self._aembed(texts, "document")).vectors

    async def aembed_query(self, text: str) -> list[float]:
        """Return the vector of a query."""
        return (await self._aembed([text], "query")).vectors[0]

    def embed_hybrid(self, texts: list[str], role: TextType = "document") -> HybridVectors:
        """Return dense and sparse vectors of texts, from the same calls. Requires the native protocol."""
        response = self._embed(texts, role, "dense&sparse")
        return HybridVectors(response.vectors, response.sparse_vectors)

    async def aembed_hybrid(self, texts: list[str], role: TextType = "document") -> HybridVectors:
        """Return dense and sparse vectors of texts, from the same calls. Requires the native protocol."""
        response = await self._aembed(texts, role, "dense&sparse")
        return HybridVectors(response.vectors, response.sparse_vectors)


class SparseVector(NamedTuple):
    """Token ids and their weights, in the same order."""

    indices: list[int]
    values: list[float]


class QwenSparseEmbeddings(TextBatches):
    """Sparse vectors of a Qwen embedding model: token weights. Requires the native protocol; since v3.

    It has the interface of ``langchain_qdrant.SparseEmbeddings`` without inheriting from it, so that no vector
    store has to be installed.

    Examples:
        >>> store = QdrantVectorStore(  # doctest: +SKIP
        ...     client, "docs", QwenEmbeddings(), sparse_embedding=QwenSparseEmbeddings(),
        ...     retrieval_mode=RetrievalMode.HYBRID,
        ... )
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True, arbitrary_types_allowed=True)

    def embed_documents(self, texts: list[str]) -> list[SparseVector]:
        """Return a sparse vector for each text, in order."""
        return [as_vector(weights) for weights in self._embed(texts, "document", "sparse").sparse_vectors]

    def embed_query(self, text: str) -> SparseVector:
        """Return the sparse vector of a query."""
        return as_vector(self._embed([text], "query", "sparse").sparse_vectors[0])

    async def aembed_documents(self, texts: list[str]) -> list[SparseVector]:
        """Return a sparse vector for each text, in order, without blocking."""
        response = await self._aembed(texts, "document", "sparse")
        return [as_vector(weights) for weights in response.sparse_vectors]

    async def aembed_query(self, text: str) -> SparseVector:
        """Return the sparse vector of a query."""
        return as_vector((await self._aembed([text], "query", "sparse")).sparse_vectors[0])


def as_vector(weights: requests.SparseVector) -> SparseVector:
    """Return token ids and weights as two lists."""
    return SparseVector(list(weights), list(weights.values()))


class QwenMultiModalEmbeddings(BriefRepr, BatchFields, MultimodalEmbeddingFields, Embeddings):
    """A Qwen embedding model for texts, images and videos. Requires the native protocol.

    Examples:
        >>> model = QwenMultiModalEmbeddings()
        >>> image = [{"type": "image", "url": "https://example.com/cat.png"}]
        >>> vectors = model.embed_contents([image, ["A cat.", *image]])  # doctest: +SKIP
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True, arbitrary_types_allowed=True)

    model: str = DEFAULT_MULTIMODAL_EMBEDDING_MODEL
    """The model name. Unknown names work."""

    def embed_contents(self, contents: Sequence[Content]) -> list[list[float]]:
        """Return a vector for each content, in order. Several blocks of one content are fused into one vector."""
        return self._embed([parts(content) for content in contents])

    async def aembed_contents(self, contents: Sequence[Content]) -> list[list[float]]:
        """Return a vector for each content, in order. Several blocks of one content are fused into one vector."""
        return await self._aembed([parts(content) for content in contents])

    def embed_image(self, uris: list[str]) -> list[list[float]]:
        """Return a vector for each image, by URL or path. Image stores look for this method."""
        return self._embed([(ImagePart(uri),) for uri in uris])

    async def aembed_image(self, uris: list[str]) -> list[list[float]]:
        """Return a vector for each image, by URL or path, without blocking."""
        return await self._aembed([(ImagePart(uri),) for uri in uris])

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return a vector for each text, in order."""
        return self._embed([(TextPart(text),) for text in texts])

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a query."""
        return self._embed([(TextPart(text),)])[0]

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return a vector for each text, in order, without blocking."""
        return await self._aembed([(TextPart(text),) for text in texts])

    async def aembed_query(self, text: str) -> list[float]:
        """Return the vector of a query."""
        return (await self._aembed([(TextPart(text),)]))[0]

    def _embed(self, contents: Sequence[tuple[Part, ...]]) -> list[list[float]]:
        with langchain_errors, progress_bar(len(contents), self.show_progress) as on_batch:
            client = QwenClient(self.client_settings())
            request = self.multimodal_request(contents)
            response = client.embed(request, on_batch, batch_size=self.batch_size, workers=self.max_concurrency)
            return response.vectors

    async def _aembed(self, contents: Sequence[tuple[Part, ...]]) -> list[list[float]]:
        with langchain_errors, progress_bar(len(contents), self.show_progress) as on_batch:
            client = AsyncQwenClient(self.client_settings())
            request = self.multimodal_request(contents)
            response = await client.embed(
                request, on_batch, batch_size=self.batch_size, workers=self.max_concurrency
            )
            return response.vectors
