"""``QwenEmbedding``: dense text vectors for LlamaIndex."""

from llama_index.core.base.embeddings.base import BaseEmbedding, Embedding
from pydantic import ConfigDict

from llama_index_qwen.embedding_component import EmbeddingComponent, HybridEmbeddings
from qwen_core.adapters.retrieval_fields import TextEmbeddingFields
from qwen_core.resources.client import AsyncQwenClient
from qwen_core.resources.sync.client import QwenClient
from qwen_core.types.requests import TextType


class QwenEmbedding(EmbeddingComponent, TextEmbeddingFields, BaseEmbedding):
    """A Qwen embedding model.

    On the native protocol questions are embedded as ``query`` and texts as ``document``; ``instruct`` says more of
    what the questions are for. An ``embeddings_cache`` keeps texts only, never questions, because LlamaIndex knows
    its entries by the text alone; for the same reason use one cache for one model and dimension.

    Example:
        >>> vector = QwenEmbedding().get_query_embedding("Which river is the longest?")  # doctest: +SKIP
    """

    model_config = ConfigDict(
        extra="forbid", populate_by_name=True, arbitrary_types_allowed=True, protected_namespaces=()
    )

    @classmethod
    def class_name(cls) -> str:
        """The name in serialised form."""
        return "QwenEmbedding"

    def get_hybrid_embeddings(self, texts: list[str], role: TextType = "document") -> HybridEmbeddings:
        """Dense and sparse vectors of texts, from the same calls. Native protocol."""
        request = self.embedding_request(texts, role, "dense&sparse")
        answer = QwenClient(self.client_settings()).embed(request, workers=self._workers)
        return HybridEmbeddings(answer.vectors, answer.sparse_vectors)

    async def aget_hybrid_embeddings(self, texts: list[str], role: TextType = "document") -> HybridEmbeddings:
        """Dense and sparse vectors of texts, from the same calls. Native protocol."""
        request = self.embedding_request(texts, role, "dense&sparse")
        answer = await AsyncQwenClient(self.client_settings()).embed(request, workers=self._workers)
        return HybridEmbeddings(answer.vectors, answer.sparse_vectors)

    def get_query_embedding(self, query: str) -> Embedding:
        """The vector of a question, never that of an equal text in the cache."""
        return BaseEmbedding.get_query_embedding(self._uncached(), query)

    async def aget_query_embedding(self, query: str) -> Embedding:
        """The vector of a question, never that of an equal text in the cache."""
        return await BaseEmbedding.aget_query_embedding(self._uncached(), query)

    def _uncached(self) -> "QwenEmbedding":
        return self if self.embeddings_cache is None else self.model_copy(update={"embeddings_cache": None})

    def _embed(self, texts: list[str], role: TextType) -> list[Embedding]:
        request = self.embedding_request(texts, role)
        return QwenClient(self.client_settings()).embed(request, workers=self._workers).vectors

    async def _aembed(self, texts: list[str], role: TextType) -> list[Embedding]:
        request = self.embedding_request(texts, role)
        return (await AsyncQwenClient(self.client_settings()).embed(request, workers=self._workers)).vectors

    def _get_query_embedding(self, query: str) -> Embedding:
        return self._embed([query], "query")[0]

    async def _aget_query_embedding(self, query: str) -> Embedding:
        return (await self._aembed([query], "query"))[0]

    def _get_text_embedding(self, text: str) -> Embedding:
        return self._embed([text], "document")[0]

    async def _aget_text_embedding(self, text: str) -> Embedding:
        return (await self._aembed([text], "document"))[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        return self._embed(texts, "document")

    async def _aget_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        return await self._aembed(texts, "document")
