"""Add up costs over many calls, by model and currency."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock

from qwen_core.types.usage import Cost


class CostTotals:
    """Adds up costs by model and currency, over a chain, an agent or an index build.

    Safe to share between threads.

    Calls without a price are counted apart, so that an incomplete sum is recognizable.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._sums: dict[tuple[str, str], Cost] = {}
        self._calls: dict[str, int] = {}
        self._unpriced: dict[str, int] = {}

    def __repr__(self) -> str:
        sums = {currency: round(total, 6) for currency, total in self.by_currency.items()}
        return f"CostTotals(by_currency={sums}, calls={self.calls}, unpriced={self.unpriced})"

    def add(self, model: str, cost: Cost | None) -> None:
        """Add one call; ``cost`` is None if its price is not known."""
        with self._lock:
            self._calls[model] = self._calls.get(model, 0) + 1
            if cost is None:
                self._unpriced[model] = self._unpriced.get(model, 0) + 1
                return
            self._add((model, cost.currency), cost)

    def merge(self, other: CostTotals) -> None:
        """Add everything in the other totals."""
        with self._lock:
            for key, summed in other.by_model.items():
                self._add(key, summed)
            for mine, theirs in ((self._calls, other.calls), (self._unpriced, other.unpriced)):
                for model, count in theirs.items():
                    mine[model] = mine.get(model, 0) + count

    def _add(self, key: tuple[str, str], cost: Cost) -> None:
        before = self._sums.get(key)
        self._sums[key] = cost if before is None else _sum(before, cost)

    @property
    def by_model(self) -> Mapping[tuple[str, str], Cost]:
        """The sum for each (model, currency). Its tier is None if calls fell into different tiers."""
        return dict(self._sums)

    @property
    def by_currency(self) -> Mapping[str, float]:
        """The grand total in each currency."""
        totals: dict[str, float] = {}
        for (_, currency), summed in self._sums.items():
            totals[currency] = totals.get(currency, 0.0) + summed.total
        return totals

    @property
    def calls(self) -> Mapping[str, int]:
        """Number of calls by model, with and without a price."""
        return dict(self._calls)

    @property
    def unpriced(self) -> Mapping[str, int]:
        """Number of calls by model whose price is not known."""
        return dict(self._unpriced)


def _sum(first: Cost, second: Cost) -> Cost:
    return Cost(
        currency=first.currency,
        input=first.input + second.input,
        output=first.output + second.output,
        cached=first.cached + second.cached,
        total=first.total + second.total,
        tier=first.tier if first.tier == second.tier else None,
        price_date=min(first.price_date, second.price_date),
    )
