"""Count the usage of embedding and rerank calls: neither framework reports it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from qwen_core.execution.cost_totals import CostTotals
from qwen_core.types.usage import Cost


class UsageMeter:
    """Tokens by model, as the service counted them. Safe to share between threads and tasks."""

    def __init__(self, costs: CostTotals | None = None) -> None:
        self._lock = threading.Lock()
        self.costs = CostTotals() if costs is None else costs
        """Their cost by list price, if region and price are known."""
        self.calls = 0
        self.uncounted_calls = 0
        """Calls whose usage the service did not report."""
        self.tokens_by_model: dict[str, int] = {}

    @property
    def total_tokens(self) -> int:
        """The tokens of all calls together."""
        return sum(self.tokens_by_model.values())

    def add(self, model: str, tokens: int | None, cost: Cost | None = None) -> None:
        """Count one call."""
        self.costs.add(model, cost)
        with self._lock:
            self.calls += 1
            if tokens is None:
                self.uncounted_calls += 1
            else:
                self.tokens_by_model[model] = self.tokens_by_model.get(model, 0) + tokens


_METERS: ContextVar[tuple[UsageMeter, ...]] = ContextVar("qwen_usage_meters", default=())


@contextmanager
def count_usage(costs: CostTotals | None = None) -> Iterator[UsageMeter]:
    """Count every embedding and rerank call made in this block, in its threads and tasks too.

    ``costs`` are totals to add to instead of new ones.

    Examples:
        >>> with count_usage() as usage:
        ...     pass  # QwenEmbeddings().embed_documents(texts)
        >>> usage.total_tokens
        0
    """
    meter = UsageMeter(costs)
    token = _METERS.set((*_METERS.get(), meter))
    try:
        yield meter
    finally:
        _METERS.reset(token)


def record_usage(model: str, tokens: int | None, cost: Cost | None = None) -> None:
    """Add one call to every meter that is running."""
    for meter in _METERS.get():
        meter.add(model, tokens, cost)
