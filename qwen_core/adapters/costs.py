"""Costs that responses report, added up for a framework's callbacks."""

from collections.abc import Mapping
from typing import Any

import msgspec

from qwen_core.execution.cost_totals import CostTotals
from qwen_core.types.usage import Cost


def add_cost(totals: CostTotals, model: str, cost: Mapping[str, Any] | None) -> None:
    """Count one call.

    Args:
        totals: the totals to add to.
        model: the name of the model that responded.
        cost: the cost as the framework's response holds it; None if the price is unknown.
    """
    totals.add(model, msgspec.convert(cost, Cost) if cost else None)
