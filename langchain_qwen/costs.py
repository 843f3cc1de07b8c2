"""What a chain, an agent or an index build cost: a callback handler that sums by model, and a context manager.

Costs are by list price. Calls of other providers are not counted; a call of ours whose price is not known is,
under ``totals.unpriced``, so that an incomplete sum can be told from a complete one. Embeddings and reranking have
no callbacks in LangChain: only the context manager counts those.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import msgspec
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.tracers.context import register_configure_hook

from langchain_qwen.block_translator import PROVIDER
from qwen_core.execution.cost_totals import CostTotals
from qwen_core.execution.usage_meter import count_usage
from qwen_core.types.usage import Cost

UNNAMED = "unknown"


class CostCallbackHandler(BaseCallbackHandler):
    """Sums what ``ChatQwen`` calls cost. Safe to share between threads and tasks.

    Example:
        >>> costs = CostCallbackHandler()
        >>> # chain.invoke(question, config={"callbacks": [costs]})
        >>> costs.totals.by_currency
        {}
    """

    def __init__(self) -> None:
        super().__init__()
        self.totals = CostTotals()

    def __repr__(self) -> str:
        return f"CostCallbackHandler({self.totals.by_currency})"

    def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:
        """Count one call for each prompt, whatever the number of its answers."""
        for generations in response.generations:
            first = generations[0] if generations else None
            if isinstance(first, ChatGeneration) and isinstance(first.message, AIMessage):
                self.add(first.message)

    def add(self, message: AIMessage) -> None:
        """Count the call that this message answers, unless it is another provider's or from LangChain's cache."""
        metadata = message.response_metadata
        if metadata.get("model_provider") != PROVIDER or is_from_cache(message):
            return
        cost = metadata.get("cost")
        self.totals.add(metadata.get("model_name") or UNNAMED, msgspec.convert(cost, Cost) if cost else None)


class _Innermost(CostCallbackHandler):
    """The handler of one ``with``, which tells those around it too."""

    def __init__(self, enclosing: "_Innermost | None") -> None:
        super().__init__()
        self.enclosing = enclosing

    def add(self, message: AIMessage) -> None:
        super().add(message)
        if self.enclosing is not None:
            self.enclosing.add(message)


def is_from_cache(message: AIMessage) -> bool:
    """Whether the answer was paid for before: LangChain notes it so."""
    usage: dict[str, Any] = {**(message.usage_metadata or {})}
    return usage.get("total_cost") == 0


_CURRENT: ContextVar[_Innermost | None] = ContextVar("qwen_costs", default=None)
register_configure_hook(_CURRENT, inheritable=True)


@contextmanager
def get_cost_callback() -> Iterator[CostCallbackHandler]:
    """Sum everything that is called inside, embeddings and reranking too, in its threads and tasks as well.

    Example:
        >>> with get_cost_callback() as costs:
        ...     pass  # agent.invoke({"messages": [question]})
        >>> costs.totals.calls
        {}
    """
    handler = _Innermost(_CURRENT.get())
    token = _CURRENT.set(handler)
    try:
        with count_usage(handler.totals):
            yield handler
    finally:
        _CURRENT.reset(token)
