"""``QwenMultiModalEmbeddings``: vectors of texts, images and videos in one space, for LangChain."""

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.embeddings import Embeddings
from pydantic import ConfigDict

from langchain_qwen.brief_repr import BriefRepr
from langchain_qwen.embeddings import BatchFields
from langchain_qwen.exceptions import langchain_errors
from langchain_qwen.messages import parts
from qwen_core.adapters.retrieval_fields import MultimodalEmbeddingFields
from qwen_core.config.endpoints import DEFAULT_MULTIMODAL_EMBEDDING_MODEL
from qwen_core.resources.client import AsyncQwenClient
from qwen_core.resources.sync.client import QwenClient
from qwen_core.transports.progress import progress_bar
from qwen_core.types.messages import ImagePart, Part, TextPart

Content = str | Sequence[str | Mapping[str, Any]]
"""A text, or a list of LangChain's content blocks that become one vector together."""


class QwenMultiModalEmbeddings(BriefRepr, BatchFields, MultimodalEmbeddingFields, Embeddings):
    """A Qwen embedding model for texts, images and videos. Native protocol.

    Example:
        >>> model = QwenMultiModalEmbeddings()
        >>> picture = [{"type": "image", "url": "https://example.com/cat.png"}]
        >>> vectors = model.embed_contents([picture, ["A cat.", *picture]])  # doctest: +SKIP
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True, arbitrary_types_allowed=True)

    model: str = DEFAULT_MULTIMODAL_EMBEDDING_MODEL
    """The model's name. Unknown names work."""

    def embed_contents(self, contents: Sequence[Content]) -> list[list[float]]:
        """A vector for each content, in order. Several blocks of one content are fused to one vector."""
        return self._embed([parts(content) for content in contents])

    async def aembed_contents(self, contents: Sequence[Content]) -> list[list[float]]:
        """A vector for each content, in order. Several blocks of one content are fused to one vector."""
        return await self._aembed([parts(content) for content in contents])

    def embed_image(self, uris: list[str]) -> list[list[float]]:
        """A vector for each image, by URL or path; the method that image stores look for."""
        return self._embed([(ImagePart(uri),) for uri in uris])

    async def aembed_image(self, uris: list[str]) -> list[list[float]]:
        """A vector for each image, by URL or path."""
        return await self._aembed([(ImagePart(uri),) for uri in uris])

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """A vector for each text, in order."""
        return self._embed([(TextPart(text),) for text in texts])

    def embed_query(self, text: str) -> list[float]:
        """The vector of a question."""
        return self._embed([(TextPart(text),)])[0]

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """A vector for each text, in order, without blocking."""
        return await self._aembed([(TextPart(text),) for text in texts])

    async def aembed_query(self, text: str) -> list[float]:
        """The vector of a question."""
        return (await self._aembed([(TextPart(text),)]))[0]

    def _embed(self, contents: Sequence[tuple[Part, ...]]) -> list[list[float]]:
        with langchain_errors, progress_bar(len(contents), self.show_progress) as on_batch:
            client = QwenClient(self.client_settings())
            request = self.multimodal_request(contents)
            answer = client.embed(request, on_batch, batch_size=self.batch_size, workers=self.max_concurrency)
            return answer.vectors

    async def _aembed(self, contents: Sequence[tuple[Part, ...]]) -> list[list[float]]:
        with langchain_errors, progress_bar(len(contents), self.show_progress) as on_batch:
            client = AsyncQwenClient(self.client_settings())
            request = self.multimodal_request(contents)
            answer = await client.embed(
                request, on_batch, batch_size=self.batch_size, workers=self.max_concurrency
            )
            return answer.vectors
