"""``QwenEmbeddings``: dense text vectors for LangChain."""

from typing import NamedTuple

from langchain_core.embeddings import Embeddings
from pydantic import ConfigDict, Field

from langchain_qwen.brief_repr import BriefRepr
from langchain_qwen.exceptions import langchain_errors
from qwen_core.adapters.retrieval_fields import EmbeddingFields, TextEmbeddingFields
from qwen_core.execution.ordered import DEFAULT_CONCURRENCY
from qwen_core.resources.client import AsyncQwenClient
from qwen_core.resources.sync.client import QwenClient
from qwen_core.transports.progress import progress_bar
from qwen_core.types.requests import EmbeddingResponse, OutputType, SparseVector, TextType


class BatchFields(EmbeddingFields):
    """How many texts are sent, and how many calls are made at once."""

    batch_size: int | None = Field(default=None, ge=1)
    """Texts in one call; None: what the model takes. A smaller limit that the service states is kept to."""
    max_concurrency: int = Field(default=DEFAULT_CONCURRENCY, ge=1)
    """How many calls are on their way at once."""
    show_progress: bool = False
    """Show a progress bar while documents are embedded."""


class TextBatches(BriefRepr, BatchFields, TextEmbeddingFields):
    """Text embedding in batches, for dense vectors, sparse ones, or both."""

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
    """Dense and sparse vectors of the same texts, in their order; sparse ones are weights by token number."""

    dense: list[list[float]]
    sparse: list[SparseVector]


class QwenEmbeddings(TextBatches, Embeddings):
    """A Qwen embedding model. Texts are cut into the batches that the model takes; their order is kept.

    On the native protocol questions are embedded as ``query`` and texts as ``document``; ``instruct`` says more of
    what the questions are for.

    Example:
        >>> vectors = QwenEmbeddings().embed_documents(["one", "two"])  # doctest: +SKIP
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True, arbitrary_types_allowed=True)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """A vector for each text, in order. Raises a QwenError; there is never an empty vector."""
        return self._embed(texts, "document").vectors

    def embed_query(self, text: str) -> list[float]:
        """The vector of a question."""
        return self._embed([text], "query").vectors[0]

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """A vector for each text, in order, without blocking."""
        return (await self._aembed(texts, "document")).vectors

    async def aembed_query(self, text: str) -> list[float]:
        """The vector of a question."""
        return (await self._aembed([text], "query")).vectors[0]

    def embed_hybrid(self, texts: list[str], role: TextType = "document") -> HybridVectors:
        """Dense and sparse vectors of texts, from the same calls. Native protocol."""
        answer = self._embed(texts, role, "dense&sparse")
        return HybridVectors(answer.vectors, answer.sparse_vectors)

    async def aembed_hybrid(self, texts: list[str], role: TextType = "document") -> HybridVectors:
        """Dense and sparse vectors of texts, from the same calls. Native protocol."""
        answer = await self._aembed(texts, role, "dense&sparse")
        return HybridVectors(answer.vectors, answer.sparse_vectors)
