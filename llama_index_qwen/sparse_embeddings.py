"""``QwenSparseEmbedding``: sparse text vectors for LlamaIndex and for its vector stores' hybrid search."""

from collections.abc import Sequence

from llama_index.core.base.embeddings.base_sparse import BaseSparseEmbedding, SparseEmbedding
from pydantic import ConfigDict

from llama_index_qwen.embedding_component import EmbeddingComponent
from qwen_core.adapters.retrieval_fields import TextEmbeddingFields
from qwen_core.resources.client import AsyncQwenClient
from qwen_core.resources.sync.client import QwenClient
from qwen_core.types.requests import TextType

SparseBatch = tuple[list[list[int]], list[list[float]]]
"""Token numbers and weights, a list of each for each text: what vector stores take."""


class QwenSparseEmbedding(EmbeddingComponent, TextEmbeddingFields, BaseSparseEmbedding):
    """The sparse vectors of a Qwen embedding model: tokens with weights. Native protocol, since v3.

    Example:
        >>> sparse = QwenSparseEmbedding()
        >>> store = QdrantVectorStore(  # doctest: +SKIP
        ...     "docs", client=client, enable_hybrid=True,
        ...     sparse_doc_fn=sparse.encode_documents, sparse_query_fn=sparse.encode_queries,
        ... )
    """

    model_config = ConfigDict(
        extra="forbid", populate_by_name=True, arbitrary_types_allowed=True, protected_namespaces=()
    )

    @classmethod
    def class_name(cls) -> str:
        """The name in serialised form."""
        return "QwenSparseEmbedding"

    def encode_documents(self, texts: list[str]) -> SparseBatch:
        """Sparse vectors of documents, in the form that vector stores take as ``sparse_doc_fn``."""
        return as_batch(self._embed(texts, "document"))

    def encode_queries(self, texts: list[str]) -> SparseBatch:
        """Sparse vectors of questions, in the form that vector stores take as ``sparse_query_fn``."""
        return as_batch(self._embed(texts, "query"))

    def _embed(self, texts: list[str], role: TextType) -> list[SparseEmbedding]:
        request = self.embedding_request(texts, role, "sparse")
        return QwenClient(self.client_settings()).embed(request, workers=self._workers).sparse_vectors

    async def _aembed(self, texts: list[str], role: TextType) -> list[SparseEmbedding]:
        request = self.embedding_request(texts, role, "sparse")
        client = AsyncQwenClient(self.client_settings())
        return (await client.embed(request, workers=self._workers)).sparse_vectors

    def _get_query_embedding(self, query: str) -> SparseEmbedding:
        return self._embed([query], "query")[0]

    async def _aget_query_embedding(self, query: str) -> SparseEmbedding:
        return (await self._aembed([query], "query"))[0]

    def _get_text_embedding(self, text: str) -> SparseEmbedding:
        return self._embed([text], "document")[0]

    async def _aget_text_embedding(self, text: str) -> SparseEmbedding:
        return (await self._aembed([text], "document"))[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[SparseEmbedding]:
        return self._embed(texts, "document")

    async def _aget_text_embeddings(self, texts: list[str]) -> list[SparseEmbedding]:
        return await self._aembed(texts, "document")


def as_batch(vectors: Sequence[SparseEmbedding]) -> SparseBatch:
    """Numbers and weights apart, in one order."""
    return [list(vector) for vector in vectors], [list(vector.values()) for vector in vectors]
