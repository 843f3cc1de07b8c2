"""The cost of a chain, an agent or an index build: a callback handler with totals by model, and a context manager.

Costs are by list price. Calls of other providers are not counted; calls of ours whose price is unknown are, under
``totals.unpriced``, so that an incomplete total can be told from a complete one. Embeddings and reranking have no
callbacks in LangChain: only the context manager counts those.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.tracers.context import register_configure_hook

from langchain_qwen.content_blocks import PROVIDER
from qwen_core.adapters.costs import add_cost
from qwen_core.execution.cost_totals import CostTotals
from qwen_core.execution.usage_meter import count_usage
from qwen_core.types.errors import QwenError

UNNAMED = "unknown"


class CostCallbackHandler(BaseCallbackHandler):
    """Adds up the costs of ``ChatQwen`` calls. Safe to share between threads and tasks.

    Examples:
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
        """Count one call per prompt, whatever its number of choices."""
        for generations in response.generations:
            first = generations[0] if generations else None
            if isinstance(first, ChatGeneration) and isinstance(first.message, AIMessage):
                self.add(first.message)

    def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        """Count a response that broke off, which is billed too."""
        if isinstance(error, QwenError) and error.partial is not None:
            self.totals.add(error.model or UNNAMED, error.partial.cost)

    def add(self, message: AIMessage) -> None:
        """Count the call of this response, unless it is another provider's or from LangChain's cache."""
        metadata = message.response_metadata
        if metadata.get("model_provider") != PROVIDER or is_from_cache(message):
            return
        add_cost(self.totals, metadata.get("model_name") or UNNAMED, metadata.get("cost"))


class _Innermost(CostCallbackHandler):
    """The handler of one ``with`` block, which reports to those of the enclosing blocks too."""

    def __init__(self, enclosing: "_Innermost | None") -> None:
        super().__init__()
        self.enclosing = enclosing

    def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        """Leave broken-off responses to ``count_usage``, which counts them too."""

    def add(self, message: AIMessage) -> None:
        super().add(message)
        if self.enclosing is not None:
            self.enclosing.add(message)


def is_from_cache(message: AIMessage) -> bool:
    """Return whether the response was paid for before, which LangChain marks by a total cost of 0."""
    usage: dict[str, Any] = {**(message.usage_metadata or {})}
    return usage.get("total_cost") == 0


_CURRENT: ContextVar[_Innermost | None] = ContextVar("qwen_costs", default=None)
register_configure_hook(_CURRENT, inheritable=True)


@contextmanager
def get_cost_callback() -> Iterator[CostCallbackHandler]:
    """Add up all calls made inside, embeddings and reranking too, and those of its threads and tasks.

    Examples:
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
