"""``QwenMultiModalEmbedding``: vectors of texts, images and videos in one space, for LlamaIndex."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llama_index.core.base.embeddings.base import Embedding
from llama_index.core.embeddings.multi_modal_base import MultiModalEmbedding
from llama_index.core.schema import ImageType
from pydantic import AliasChoices, ConfigDict, Field

from llama_index_qwen.embedding_component import EmbeddingComponent
from llama_index_qwen.media import media_url
from llama_index_qwen.messages import blocks_to_parts
from qwen_core.adapters.retrieval_fields import MultimodalEmbeddingFields
from qwen_core.config.endpoints import DEFAULT_MULTIMODAL_EMBEDDING_MODEL
from qwen_core.resources.client import AsyncQwenClient
from qwen_core.resources.sync.client import QwenClient
from qwen_core.types.messages import ImagePart, Part, TextPart

Contents = Sequence[tuple[Part, ...]]


class QwenMultiModalEmbedding(EmbeddingComponent, MultimodalEmbeddingFields, MultiModalEmbedding):
    """A Qwen embedding model for texts, images and videos. Native protocol.

    Images are URLs, streams, or with ``allow_local_files`` paths. Content blocks make anything else: a video, or a
    text and its image fused to one vector.

    Example:
        >>> model = QwenMultiModalEmbedding()
        >>> vector = model.get_image_embedding("https://example.com/cat.png")  # doctest: +SKIP
    """

    model_config = ConfigDict(
        extra="forbid", populate_by_name=True, arbitrary_types_allowed=True, protected_namespaces=()
    )

    model: str = Field(
        default=DEFAULT_MULTIMODAL_EMBEDDING_MODEL, validation_alias=AliasChoices("model", "model_name")
    )
    model_name: str = Field(
        default=DEFAULT_MULTIMODAL_EMBEDDING_MODEL, validation_alias=AliasChoices("model_name", "model")
    )

    @classmethod
    def class_name(cls) -> str:
        """The name in serialised form."""
        return "QwenMultiModalEmbedding"

    def get_content_embeddings(self, contents: Sequence[Sequence[Any]]) -> list[Embedding]:
        """A vector for each content, which is a list of blocks; several blocks are fused to one vector."""
        return self._embed([blocks_to_parts(blocks) for blocks in contents])

    async def aget_content_embeddings(self, contents: Sequence[Sequence[Any]]) -> list[Embedding]:
        """A vector for each content, which is a list of blocks; several blocks are fused to one vector."""
        return await self._aembed([blocks_to_parts(blocks) for blocks in contents])

    def _embed(self, contents: Contents) -> list[Embedding]:
        client = QwenClient(self.client_settings())
        return client.embed(self.multimodal_request(contents), workers=self._workers).vectors

    async def _aembed(self, contents: Contents) -> list[Embedding]:
        client = AsyncQwenClient(self.client_settings())
        return (await client.embed(self.multimodal_request(contents), workers=self._workers)).vectors

    def _get_query_embedding(self, query: str) -> Embedding:
        return self._embed(as_contents([query]))[0]

    async def _aget_query_embedding(self, query: str) -> Embedding:
        return (await self._aembed(as_contents([query])))[0]

    def _get_text_embedding(self, text: str) -> Embedding:
        return self._embed(as_contents([text]))[0]

    async def _aget_text_embedding(self, text: str) -> Embedding:
        return (await self._aembed(as_contents([text])))[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        return self._embed(as_contents(texts))

    async def _aget_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        return await self._aembed(as_contents(texts))

    def _get_image_embedding(self, img_file_path: ImageType) -> Embedding:
        return self._embed([(image_part(img_file_path),)])[0]

    async def _aget_image_embedding(self, img_file_path: ImageType) -> Embedding:
        return (await self._aembed([(image_part(img_file_path),)]))[0]

    def _get_image_embeddings(self, img_file_paths: list[ImageType]) -> list[Embedding]:
        return self._embed([(image_part(image),) for image in img_file_paths])

    async def _aget_image_embeddings(self, img_file_paths: list[ImageType]) -> list[Embedding]:
        return await self._aembed([(image_part(image),) for image in img_file_paths])


def as_contents(texts: Sequence[str]) -> Contents:
    """Texts as contents of one part each."""
    return [(TextPart(text),) for text in texts]


def image_part(image: ImageType | Path) -> ImagePart:
    """An image by URL, by path, or as a stream of its bytes."""
    return ImagePart(str(image) if isinstance(image, str | Path) else media_url(image, None, None, None))
