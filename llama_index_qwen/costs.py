"""The cost of a query, an agent or an index build: an event handler with totals by model, and a context manager.

Costs are by list price. Calls of other providers are not counted; calls of ours whose price is unknown are, under
``unpriced``, so that an incomplete total can be told from a complete one. Events have no usage of embeddings and
reranking: only the context manager counts those.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llama_index.core.base.llms.types import ChatResponse, CompletionResponse
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events import BaseEvent
from llama_index.core.instrumentation.events.llm import LLMChatEndEvent, LLMCompletionEndEvent
from llama_index_instrumentation import get_dispatcher
from pydantic import Field

from qwen_core.adapters.costs import add_cost
from qwen_core.execution.cost_totals import CostTotals
from qwen_core.execution.usage_meter import count_usage

FINGERPRINT = frozenset({"model", "finish_reason"})
"""Keys that the raw dict of every response of ours has."""


class CostEventHandler(BaseEventHandler):
    """Adds up the costs of ``Qwen`` calls. Safe to share between threads and tasks.

    Examples:
        >>> costs = CostEventHandler()
        >>> get_dispatcher().add_event_handler(costs)
        >>> costs.totals.by_currency
        {}
    """

    totals: CostTotals = Field(default_factory=CostTotals)

    @classmethod
    def class_name(cls) -> str:
        """Return the name in serialized form."""
        return "CostEventHandler"

    def handle(self, event: BaseEvent, **kwargs: Any) -> None:
        """Count the call that ended, if this is the event of its end."""
        if isinstance(event, LLMChatEndEvent | LLMCompletionEndEvent) and event.response is not None:
            self.add(event.response)

    def add(self, response: ChatResponse | CompletionResponse) -> None:
        """Count the call of this response, if it is one of ours."""
        raw = response.raw
        if not isinstance(raw, dict) or not raw.keys() >= FINGERPRINT:
            return
        add_cost(self.totals, raw["model"], raw.get("cost"))


@contextmanager
def count_costs() -> Iterator[CostTotals]:
    """Add up all calls made inside, embeddings and reranking too.

    LlamaIndex has one dispatcher per process: calls of a ``Qwen`` in other threads meanwhile are counted as well.

    Examples:
        >>> with count_costs() as costs:
        ...     pass  # VectorStoreIndex.from_documents(documents, embed_model=QwenEmbedding())
        >>> costs.calls
        {}
    """
    handler = CostEventHandler()
    root = get_dispatcher()
    root.add_event_handler(handler)
    try:
        with count_usage(handler.totals):
            yield handler.totals
    finally:
        root.event_handlers.remove(handler)
