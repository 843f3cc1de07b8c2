"""What a query, an agent or an index build cost: an event handler that sums by model, and a context manager.

Costs are by list price. Calls of other providers are not counted; a call of ours whose price is not known is,
under ``unpriced``, so that an incomplete sum can be told from a complete one. Events carry no usage of embeddings
and reranking: only the context manager counts those.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from llama_index.core.base.llms.types import ChatResponse, CompletionResponse
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events import BaseEvent
from llama_index.core.instrumentation.events.llm import LLMChatEndEvent, LLMCompletionEndEvent
from llama_index_instrumentation import get_dispatcher
from pydantic import Field

from qwen_core.execution.cost_totals import CostTotals
from qwen_core.execution.usage_meter import count_usage
from qwen_core.types.usage import Cost

FINGERPRINT = frozenset({"model", "finish_reason"})
"""What the raw dict of an answer has when it is one of ours."""


class CostEventHandler(BaseEventHandler):
    """Sums what ``Qwen`` calls cost. Safe to share between threads and tasks.

    Example:
        >>> costs = CostEventHandler()
        >>> get_dispatcher().add_event_handler(costs)
        >>> costs.totals.by_currency
        {}
    """

    totals: CostTotals = Field(default_factory=CostTotals)

    @classmethod
    def class_name(cls) -> str:
        """The name that LlamaIndex knows it by."""
        return "CostEventHandler"

    def handle(self, event: BaseEvent, **kwargs: Any) -> None:
        """Count the call that an event ends, if it is the end of one."""
        if isinstance(event, LLMChatEndEvent | LLMCompletionEndEvent) and event.response is not None:
            self.add(event.response)

    def add(self, response: ChatResponse | CompletionResponse) -> None:
        """Count the call of this answer, if it is one of ours."""
        raw = response.raw
        if not isinstance(raw, dict) or not raw.keys() >= FINGERPRINT:
            return
        cost = raw.get("cost")
        self.totals.add(raw["model"], msgspec.convert(cost, Cost) if cost else None)


@contextmanager
def count_costs() -> Iterator[CostTotals]:
    """Sum everything that is called inside, embeddings and reranking too.

    LlamaIndex has one dispatcher for the process: what other threads ask a ``Qwen`` meanwhile is counted as well.

    Example:
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
