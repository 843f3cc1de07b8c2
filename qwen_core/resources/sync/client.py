# Generated from qwen_core/resources/client.py by scripts/generate_sync.py: do not edit.
"""The client: chat, embeddings and reranking with the same settings."""

from collections.abc import Iterator

from qwen_core.config.settings import ClientSettings
from qwen_core.execution.batching import BatchOptions, OnBatch
from qwen_core.execution.ordered import DEFAULT_CONCURRENCY
from qwen_core.execution.retry import OnRetry
from qwen_core.execution.sync.batching import run_batches
from qwen_core.resources.embeddings import EMBEDDING
from qwen_core.resources.rerank import RERANKING
from qwen_core.resources.sync.chat import generate, stream
from qwen_core.types.events import Event
from qwen_core.types.requests import (
    AnyEmbeddingRequest,
    ChatRequest,
    EmbeddingResponse,
    RerankRequest,
    RerankResponse,
)
from qwen_core.types.responses import ChatResponse


class QwenClient:
    """Calls the service.

    Safe to share between threads and event loops: connections are pooled by configuration.
    """

    def __init__(self, settings: ClientSettings, on_retry: OnRetry | None = None) -> None:
        self.settings = settings
        self.on_retry = on_retry

    def generate(self, request: ChatRequest) -> ChatResponse:
        """Return a complete response. Raises a QwenError."""
        return generate(request, self.settings, self.on_retry)

    def stream(self, request: ChatRequest) -> Iterator[Event]:
        """Yield the events of a response as they arrive.

        Raises a QwenError, with what had arrived as ``partial``.
        """
        return stream(request, self.settings, self.on_retry)

    def embed(
        self,
        request: AnyEmbeddingRequest,
        on_batch: OnBatch | None = None,
        *,
        batch_size: int | None = None,
        workers: int = DEFAULT_CONCURRENCY,
    ) -> EmbeddingResponse:
        """Return a vector for each text or content, in order.

        Raises a QwenError. No batch that succeeded is sent again.

        Args:
            request: what to embed, any number of texts or contents.
            on_batch: called after each batch with the number of its items.
            batch_size: the most items in one call; None: what the model is documented to take.
            workers: how many calls are made at once.
        """
        options = BatchOptions(batch_size, workers, on_batch, self.on_retry)
        return run_batches(EMBEDDING, request, self.settings, options)

    def rerank(self, request: RerankRequest, *, workers: int = DEFAULT_CONCURRENCY) -> RerankResponse:
        """Return the documents, most relevant first: one ranking, however many calls it takes. Raises a QwenError.

        Args:
            request: the query and any number of documents.
            workers: how many calls are made at once.
        """
        options = BatchOptions(None, workers, None, self.on_retry)
        return run_batches(RERANKING, request, self.settings, options)
