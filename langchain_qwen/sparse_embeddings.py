"""``QwenSparseEmbeddings``: sparse text vectors in the form that LangChain's hybrid stores take.

The interface is that of ``langchain_qdrant.SparseEmbeddings``. It is met and not inherited, so that no store has
to be installed.
"""

from typing import NamedTuple

from pydantic import ConfigDict

from langchain_qwen.embeddings import TextBatches
from qwen_core.types import requests as request


class SparseVector(NamedTuple):
    """Token numbers and their weights, in one order."""

    indices: list[int]
    values: list[float]


class QwenSparseEmbeddings(TextBatches):
    """The sparse vectors of a Qwen embedding model: tokens with weights. Native protocol, since v3.

    Example:
        >>> store = QdrantVectorStore(  # doctest: +SKIP
        ...     client, "docs", QwenEmbeddings(), sparse_embedding=QwenSparseEmbeddings(),
        ...     retrieval_mode=RetrievalMode.HYBRID,
        ... )
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True, arbitrary_types_allowed=True)

    def embed_documents(self, texts: list[str]) -> list[SparseVector]:
        """A sparse vector for each text, in order."""
        return [as_vector(weights) for weights in self._embed(texts, "document", "sparse").sparse_vectors]

    def embed_query(self, text: str) -> SparseVector:
        """The sparse vector of a question."""
        return as_vector(self._embed([text], "query", "sparse").sparse_vectors[0])

    async def aembed_documents(self, texts: list[str]) -> list[SparseVector]:
        """A sparse vector for each text, in order, without blocking."""
        answer = await self._aembed(texts, "document", "sparse")
        return [as_vector(weights) for weights in answer.sparse_vectors]

    async def aembed_query(self, text: str) -> SparseVector:
        """The sparse vector of a question."""
        return as_vector((await self._aembed([text], "query", "sparse")).sparse_vectors[0])


def as_vector(weights: request.SparseVector) -> SparseVector:
    """Numbers and weights apart."""
    return SparseVector(list(weights), list(weights.values()))
