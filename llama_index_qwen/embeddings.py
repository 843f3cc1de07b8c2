"""``QwenEmbedding``: text vectors for LlamaIndex."""

from typing import Any, Self

from llama_index.core.base.embeddings.base import BaseEmbedding, Embedding
from pydantic import AliasChoices, ConfigDict, Field, model_validator

from llama_index_qwen.component import QwenComponent
from qwen_core.client import AsyncQwenClient, QwenClient
from qwen_core.embeddings import DEFAULT_BATCH
from qwen_core.endpoints import DEFAULT_EMBEDDING_MODEL
from qwen_core.models.catalogue import resolve
from qwen_core.parameters import TextEmbeddingFields


class QwenEmbedding(QwenComponent, TextEmbeddingFields, BaseEmbedding):
    """A Qwen embedding model.

    ``embed_batch_size`` is at most what the model takes in one call, which is also its default. With an
    ``embeddings_cache`` LlamaIndex keeps vectors by text alone: use one cache for one model and dimension.

    Example:
        >>> vector = QwenEmbedding().get_query_embedding("Which river is the longest?")  # doctest: +SKIP
    """

    model_config = ConfigDict(
        extra="forbid", populate_by_name=True, arbitrary_types_allowed=True, protected_namespaces=()
    )

    model: str = Field(default=DEFAULT_EMBEDDING_MODEL, validation_alias=AliasChoices("model", "model_name"))
    """The model's name. Unknown names work."""
    model_name: str = Field(default=DEFAULT_EMBEDDING_MODEL, validation_alias=AliasChoices("model_name", "model"))
    """The same, by LlamaIndex's name for it."""
    num_workers: int | None = Field(default=4)
    """How many batches are on their way at once in asynchronous calls."""

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        if self.model != self.model_name:
            raise ValueError(f"model {self.model!r} and model_name {self.model_name!r} are two names for one thing.")
        return self

    @model_validator(mode="after")
    def _fit_batch_size(self) -> Self:
        limit = resolve(self.model).embedding_batch
        if "embed_batch_size" not in self.model_fields_set:
            self.__dict__["embed_batch_size"] = limit or DEFAULT_BATCH
        elif limit is not None:
            self.__dict__["embed_batch_size"] = min(self.embed_batch_size, limit)
        return self

    @classmethod
    def class_name(cls) -> str:
        """The name in serialised form."""
        return "QwenEmbedding"

    def __setattr__(self, name: str, value: Any) -> None:
        """Keep both names of the model the same."""
        super().__setattr__(name, value)
        if name in ("model", "model_name"):
            self.__dict__.update(model=value, model_name=value)

    def _embed(self, texts: list[str]) -> list[Embedding]:
        return QwenClient(self.client_settings()).embed(self.embedding_request(texts)).vectors

    async def _aembed(self, texts: list[str]) -> list[Embedding]:
        return (await AsyncQwenClient(self.client_settings()).embed(self.embedding_request(texts))).vectors

    def _get_query_embedding(self, query: str) -> Embedding:
        return self._embed([query])[0]

    async def _aget_query_embedding(self, query: str) -> Embedding:
        return (await self._aembed([query]))[0]

    def _get_text_embedding(self, text: str) -> Embedding:
        return self._embed([text])[0]

    async def _aget_text_embedding(self, text: str) -> Embedding:
        return (await self._aembed([text]))[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        return self._embed(texts)

    async def _aget_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        return await self._aembed(texts)
