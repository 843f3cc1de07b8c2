"""Embeddings for LlamaIndex: of texts, dense and sparse, and of texts, images and videos in one vector space."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Self, TypeVar

from llama_index.core.base.embeddings.base import BaseEmbedding, Embedding
from llama_index.core.base.embeddings.base_sparse import BaseSparseEmbedding, SparseEmbedding
from llama_index.core.embeddings.multi_modal_base import MultiModalEmbedding
from llama_index.core.schema import ImageType
from pydantic import AliasChoices, ConfigDict, Field, model_validator

from llama_index_qwen.component import RetrievalComponent
from llama_index_qwen.messages import blocks_to_parts, image_part
from qwen_core.adapters.retrieval_fields import EmbeddingFields, MultimodalEmbeddingFields, TextEmbeddingFields
from qwen_core.config.endpoints import DEFAULT_EMBEDDING_MODEL, DEFAULT_MULTIMODAL_EMBEDDING_MODEL
from qwen_core.execution.ordered import async_map_in_order, map_in_order
from qwen_core.models.catalogue import resolve
from qwen_core.resources.client import AsyncQwenClient
from qwen_core.resources.embeddings import DEFAULT_BATCH
from qwen_core.resources.sync.client import QwenClient
from qwen_core.transports.progress import progress_bar
from qwen_core.types.messages import Part, TextPart
from qwen_core.types.requests import SparseVector, TextType

T = TypeVar("T")

PROGRESS_TITLE = "Generating embeddings"

Contents = Sequence[tuple[Part, ...]]

SparseBatch = tuple[list[list[int]], list[list[float]]]
"""Token ids and weights, a list of each per text: the form that vector stores accept."""


class HybridEmbeddings(NamedTuple):
    """Dense and sparse vectors of the same texts, in order."""

    dense: list[list[float]]
    sparse: list[SparseVector]


class EmbeddingComponent(RetrievalComponent, EmbeddingFields):
    """Runs the batches of LlamaIndex's embedding classes concurrently. Goes before one of them."""

    model: str = Field(default=DEFAULT_EMBEDDING_MODEL, validation_alias=AliasChoices("model", "model_name"))
    """The model name. Unknown names work."""
    model_name: str = Field(default=DEFAULT_EMBEDDING_MODEL, validation_alias=AliasChoices("model_name", "model"))
    """The model name, by LlamaIndex's name of the field."""
    embed_batch_size: int = Field(default=DEFAULT_BATCH, gt=0, le=2048)
    """Texts per call; default and maximum: the model's limit."""
    num_workers: int | None = Field(default=4)
    """The maximum number of concurrent calls."""

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        if self.model != self.model_name:
            raise ValueError(
                f"model and model_name must be equal (got {self.model!r} and {self.model_name!r}). Set only one."
            )
        return self

    @model_validator(mode="after")
    def _fit_batch_size(self) -> Self:
        limit = resolve(self.model).embedding_batch
        if "embed_batch_size" not in self.model_fields_set:
            self.__dict__["embed_batch_size"] = limit or DEFAULT_BATCH
        elif limit is not None:
            self.__dict__["embed_batch_size"] = min(self.embed_batch_size, limit)
        return self

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a field; ``model`` and ``model_name`` together."""
        super().__setattr__(name, value)
        if name in ("model", "model_name"):
            self.__dict__.update(model=value, model_name=value)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy, in which ``model`` and ``model_name`` are equal too."""
        changes = dict(update or {})
        for name, other in (("model", "model_name"), ("model_name", "model")):
            if name in changes:
                changes.setdefault(other, changes[name])
        return super().model_copy(update=changes, deep=deep)

    def get_text_embedding_batch(self, texts: list[str], show_progress: bool = False, **kwargs: Any) -> Any:
        """Return a vector for each text, in order. Events, cache and rate limiter are the base class's."""
        embed_batch: Callable[[list[str]], list[Any]] = super().get_text_embedding_batch  # type: ignore[misc]
        with progress_bar(len(texts), show_progress, PROGRESS_TITLE) as on_batch:
            results = map_in_order(
                embed_batch, self._batches(texts), self.num_workers or 1, batch_counter(on_batch)
            )
        return [vector for vectors in results for vector in vectors]

    async def aget_text_embedding_batch(self, texts: list[str], show_progress: bool = False, **kwargs: Any) -> Any:
        """Return a vector for each text, in order, without blocking. An error cancels the other batches."""
        # The base class would make a job queue for each batch.
        sequential = self.model_copy(update={"num_workers": None})
        embed_batch = super(EmbeddingComponent, sequential).aget_text_embedding_batch  # type: ignore[misc]
        with progress_bar(len(texts), show_progress, PROGRESS_TITLE) as on_batch:
            results: list[list[Any]] = await async_map_in_order(
                embed_batch, self._batches(texts), self.num_workers or 1, batch_counter(on_batch)
            )
        return [vector for vectors in results for vector in vectors]

    def _batches(self, texts: list[T]) -> list[list[T]]:
        step = self.embed_batch_size
        return [texts[start : start + step] for start in range(0, len(texts), step)]

    @property
    def _workers(self) -> int:
        return self.num_workers or 1


def batch_counter(on_batch: Callable[[int], object] | None) -> Callable[[list[str]], object] | None:
    """Return a function to call after each batch, if a progress bar is shown."""
    return (lambda batch: on_batch(len(batch))) if on_batch else None


class QwenEmbedding(EmbeddingComponent, TextEmbeddingFields, BaseEmbedding):
    """A Qwen embedding model.

    On the native protocol, queries are embedded with the text type ``query`` and texts with ``document``;
    ``instruct`` describes the retrieval task. An ``embeddings_cache`` holds texts only, not queries, because
    LlamaIndex identifies its entries by the text alone; for the same reason use one cache per model and dimension.

    Examples:
        >>> vector = QwenEmbedding().get_query_embedding("Which river is the longest?")  # doctest: +SKIP
    """

    model_config = ConfigDict(
        extra="forbid", populate_by_name=True, arbitrary_types_allowed=True, protected_namespaces=()
    )

    @classmethod
    def class_name(cls) -> str:
        """Return the name in serialized form."""
        return "QwenEmbedding"

    def get_hybrid_embeddings(self, texts: list[str], role: TextType = "document") -> HybridEmbeddings:
        """Return dense and sparse vectors of texts, from the same calls. Requires the native protocol."""
        request = self.embedding_request(texts, role, "dense&sparse")
        response = QwenClient(self.client_settings()).embed(request, workers=self._workers)
        return HybridEmbeddings(response.vectors, response.sparse_vectors)

    async def aget_hybrid_embeddings(self, texts: list[str], role: TextType = "document") -> HybridEmbeddings:
        """Return dense and sparse vectors of texts, from the same calls. Requires the native protocol."""
        request = self.embedding_request(texts, role, "dense&sparse")
        response = await AsyncQwenClient(self.client_settings()).embed(request, workers=self._workers)
        return HybridEmbeddings(response.vectors, response.sparse_vectors)

    def get_query_embedding(self, query: str) -> Embedding:
        """Return the vector of a query, never that of an equal text in the cache."""
        return BaseEmbedding.get_query_embedding(self._uncached(), query)

    async def aget_query_embedding(self, query: str) -> Embedding:
        """Return the vector of a query, never that of an equal text in the cache."""
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


class QwenSparseEmbedding(EmbeddingComponent, TextEmbeddingFields, BaseSparseEmbedding):
    """Sparse vectors of a Qwen embedding model: token weights. Requires the native protocol; since v3.

    Examples:
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
        """Return the name in serialized form."""
        return "QwenSparseEmbedding"

    def encode_documents(self, texts: list[str]) -> SparseBatch:
        """Return sparse vectors of documents, as vector stores need it of a ``sparse_doc_fn``."""
        return as_batch(self._embed(texts, "document"))

    def encode_queries(self, texts: list[str]) -> SparseBatch:
        """Return sparse vectors of queries, as vector stores need it of a ``sparse_query_fn``."""
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
    """Return token ids and weights as two lists, in the same order."""
    return [list(vector) for vector in vectors], [list(vector.values()) for vector in vectors]


class QwenMultiModalEmbedding(EmbeddingComponent, MultimodalEmbeddingFields, MultiModalEmbedding):
    """A Qwen embedding model for texts, images and videos. Requires the native protocol.

    Images are URLs, streams, or with ``allow_local_files`` paths. Use content blocks for anything else: a video,
    or a text and its image fused into one vector.

    Examples:
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
        """Return the name in serialized form."""
        return "QwenMultiModalEmbedding"

    def get_content_embeddings(self, contents: Sequence[Sequence[Any]]) -> list[Embedding]:
        """Return a vector for each content, a list of blocks; several blocks are fused into one vector."""
        return self._embed([blocks_to_parts(blocks) for blocks in contents])

    async def aget_content_embeddings(self, contents: Sequence[Sequence[Any]]) -> list[Embedding]:
        """Return a vector for each content, a list of blocks; several blocks are fused into one vector."""
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
    """Return texts as contents of one part each."""
    return [(TextPart(text),) for text in texts]
