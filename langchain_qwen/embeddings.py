"""``QwenEmbeddings``: text vectors for LangChain."""

from typing import Any

from langchain_core.embeddings import Embeddings
from pydantic import ConfigDict

from langchain_qwen.exceptions import langchain_errors
from qwen_core.client import AsyncQwenClient, QwenClient
from qwen_core.parameters import TextEmbeddingFields
from qwen_core.progress import progress_bar


class QwenEmbeddings(TextEmbeddingFields, Embeddings):
    """A Qwen embedding model. Texts are cut into the batches that the model takes; their order is kept.

    Example:
        >>> vectors = QwenEmbeddings().embed_documents(["one", "two"])  # doctest: +SKIP
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True, arbitrary_types_allowed=True)

    show_progress: bool = False
    """Show a progress bar while documents are embedded."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """A vector for each text, in order. Raises a QwenError; there is never an empty vector."""
        with langchain_errors(), progress_bar(len(texts), self.show_progress) as on_batch:
            return QwenClient(self.client_settings()).embed(self.embedding_request(texts), on_batch).vectors

    def embed_query(self, text: str) -> list[float]:
        """The vector of a question."""
        with langchain_errors():
            return QwenClient(self.client_settings()).embed(self.embedding_request([text])).vectors[0]

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """A vector for each text, in order, several batches at a time."""
        with langchain_errors(), progress_bar(len(texts), self.show_progress) as on_batch:
            client = AsyncQwenClient(self.client_settings())
            return (await client.embed(self.embedding_request(texts), on_batch)).vectors

    async def aembed_query(self, text: str) -> list[float]:
        """The vector of a question."""
        with langchain_errors():
            client = AsyncQwenClient(self.client_settings())
            return (await client.embed(self.embedding_request([text]))).vectors[0]

    def __repr_args__(self) -> Any:
        """The fields that ``repr`` shows: what was set, and never a secret."""
        return [(name, value) for name, value in super().__repr_args__() if value is not None]
