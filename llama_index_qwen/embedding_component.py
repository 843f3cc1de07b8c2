"""What LlamaIndex's embedding classes share here: the model's two names, the batch size, batches side by side."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Self, TypeVar

from pydantic import AliasChoices, Field, model_validator

from llama_index_qwen.retrieval_component import RetrievalComponent
from qwen_core.adapters.retrieval_fields import EmbeddingFields
from qwen_core.config.endpoints import DEFAULT_EMBEDDING_MODEL
from qwen_core.execution.ordered import async_map_in_order, map_in_order
from qwen_core.models.catalogue import resolve
from qwen_core.resources.embeddings import DEFAULT_BATCH
from qwen_core.transports.progress import progress_bar
from qwen_core.types.requests import SparseVector

T = TypeVar("T")

BAR = "Generating embeddings"


class HybridEmbeddings(NamedTuple):
    """Dense and sparse vectors of the same texts, in their order."""

    dense: list[list[float]]
    sparse: list[SparseVector]


class EmbeddingComponent(RetrievalComponent, EmbeddingFields):
    """Goes before one of LlamaIndex's base classes, whose batches it makes run side by side."""

    model: str = Field(default=DEFAULT_EMBEDDING_MODEL, validation_alias=AliasChoices("model", "model_name"))
    """The model's name. Unknown names work."""
    model_name: str = Field(default=DEFAULT_EMBEDDING_MODEL, validation_alias=AliasChoices("model_name", "model"))
    """The same, by LlamaIndex's name for it."""
    embed_batch_size: int = Field(default=DEFAULT_BATCH, gt=0, le=2048)
    """How many texts are one call; by default, and at most, what the model takes."""
    num_workers: int | None = Field(default=4)
    """How many batches are on their way at once."""

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        if self.model != self.model_name:
            raise ValueError(
                f"model {self.model!r} and model_name {self.model_name!r} are two names for one thing."
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
        """Keep both names of the model the same."""
        super().__setattr__(name, value)
        if name in ("model", "model_name"):
            self.__dict__.update(model=value, model_name=value)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy. Both names of the model stay the same here too."""
        changes = dict(update or {})
        for name, other in (("model", "model_name"), ("model_name", "model")):
            if name in changes:
                changes.setdefault(other, changes[name])
        return super().model_copy(update=changes, deep=deep)

    def get_text_embedding_batch(self, texts: list[str], show_progress: bool = False, **kwargs: Any) -> Any:
        """A vector for each text, in order. Each batch is the base class's: its events, cache and rate limiter."""
        one: Callable[[list[str]], list[Any]] = super().get_text_embedding_batch  # type: ignore[misc]
        with progress_bar(len(texts), show_progress, BAR) as on_batch:
            results = map_in_order(one, self._cut(texts), self.num_workers or 1, counting(on_batch))
        return [vector for vectors in results for vector in vectors]

    async def aget_text_embedding_batch(self, texts: list[str], show_progress: bool = False, **kwargs: Any) -> Any:
        """A vector for each text, in order, without blocking. The first failure cancels the other batches."""
        # The base class would make a job queue for each batch.
        alone = self.model_copy(update={"num_workers": None})
        one = super(EmbeddingComponent, alone).aget_text_embedding_batch  # type: ignore[misc]
        with progress_bar(len(texts), show_progress, BAR) as on_batch:
            results: list[list[Any]] = await async_map_in_order(
                one, self._cut(texts), self.num_workers or 1, counting(on_batch)
            )
        return [vector for vectors in results for vector in vectors]

    def _cut(self, texts: list[T]) -> list[list[T]]:
        step = self.embed_batch_size
        return [texts[start : start + step] for start in range(0, len(texts), step)]

    @property
    def _workers(self) -> int:
        return self.num_workers or 1


def counting(on_batch: Callable[[int], object] | None) -> Callable[[list[str]], object] | None:
    """A function to be told of each batch that is done, where a bar is shown."""
    return (lambda batch: on_batch(len(batch))) if on_batch else None
