"""Compare the catalog with an independent table of models and prices, in the form of litellm's price list.

The table is a JSON object: ``"dashscope/<model>"`` -> ``mode``, limits, ``supports_*`` flags and prices in USD per
token (or per character, image or second). Our prices are in CNY of several regions: a price differs if it is not,
at the given exchange rate, that of any of them.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from qwen_core.models.catalogue import resolve
from qwen_core.models.profile import Kind, ModelProfile, Price, Unit

PREFIX = "dashscope/"
CNY_PER_USD = 7.29
"""The rate that Alibaba's own price pages imply (2026-10)."""
TOLERANCE = 0.03
_MILLION = 1_000_000

KINDS: Mapping[str, tuple[Kind, ...]] = {
    "chat": ("chat", "translation", "ocr", "omni"),
    "embedding": ("embedding", "multimodal_embedding"),
    "rerank": ("rerank",),
    "audio_speech": ("speech",),
    "audio_transcription": ("transcription",),
    "image_generation": ("image",),
    "video_generation": ("video",),
}
UNITS: Mapping[str, Unit] = {
    "input_cost_per_character": "character",
    "output_cost_per_image": "image",
    "output_cost_per_second": "second",
}


class Discrepancy(NamedTuple):
    """A fact of one model that the table states otherwise, or that the catalog does not have (``ours`` None)."""

    model: str
    fact: str
    ours: object
    theirs: object

    def line(self) -> str:
        """Return it as a line of text."""
        ours = "unknown" if self.ours is None else self.ours
        return f"{self.model}  {self.fact}: {ours} here, {self.theirs} there"


def compare_price_list(table: Mapping[str, Any], cny_per_usd: float = CNY_PER_USD) -> Iterator[Discrepancy]:
    """Yield what a price list states otherwise than the catalog, for the models of DashScope in it."""
    for name, row in sorted(table.items()):
        if name.startswith(PREFIX) and isinstance(row, Mapping):
            yield from _compare(resolve(name.removeprefix(PREFIX)), row, cny_per_usd)


def _compare(profile: ModelProfile, row: Mapping[str, Any], rate: float) -> Iterator[Discrepancy]:
    mode = row.get("mode")
    theirs = profile.kind if mode is None or profile.kind in KINDS.get(mode, ()) else mode
    facts: dict[str, tuple[object, object]] = {
        "listed": (profile.catalogue_id is not None, True),
        "kind": (profile.kind, theirs),
        "max_input_tokens": (profile.max_input_tokens, row.get("max_input_tokens")),
        "max_output_tokens": (profile.max_output_tokens, row.get("max_output_tokens")),
        "tool_calling": (profile.tool_calling, row.get("supports_function_calling")),
        "thinking": (_thinks(profile), row.get("supports_reasoning")),
        "images": ("image" in profile.input_modalities, row.get("supports_vision")),
        "json_schema": (profile.json_schema, row.get("supports_response_schema")),
        "search": (profile.search, row.get("supports_web_search")),
        "cache": (profile.implicit_cache or profile.explicit_cache, row.get("supports_prompt_caching")),
    }
    for fact, (known, stated) in facts.items():
        if stated is not None and known != stated:
            yield Discrepancy(profile.name, fact, known, stated)
    yield from _compare_tokens(profile, row, rate)
    for key, unit in UNITS.items():
        if (amount := row.get(key)) is not None:
            ours = [price.amount / (rate if price.currency == "CNY" else 1) for price in profile.unit_prices
                    if price.unit == unit]  # fmt: skip
            if not any(_close(price, amount) for price in ours):
                yield Discrepancy(profile.name, f"USD per {unit}", _figures(ours), f"{amount:g}")


def _compare_tokens(profile: ModelProfile, row: Mapping[str, Any], rate: float) -> Iterator[Discrepancy]:
    """Compare the token prices of each tier, and where the tiers end."""
    for tier in row.get("tiered_pricing") or [row]:
        if tier.get("input_cost_per_token") is None:
            continue
        start, end = (int(bound) for bound in tier.get("range", (0, 0)))
        length = start + 1
        local = [price for price in profile.prices if _covers(price, length)]
        label = f"USD per million tokens above {start}" if start else "USD per million tokens"
        for side, key in (("input", "input_cost_per_token"), ("output", "output_cost_per_token")):
            theirs = tier.get(key)
            ours = [amount for price in local for amount in _amounts(price, side, rate)]
            if theirs is not None and not any(_close(amount, theirs * _MILLION) for amount in ours):
                yield Discrepancy(profile.name, f"{side}, {label}", _figures(ours), f"{theirs * _MILLION:g}")
        ends = {price.up_to_input_tokens for price in local}  # None: no upper limit
        if end and ends and end not in ends:
            our_ends = " or ".join(map(str, sorted(filter(None, ends)))) or None
            yield Discrepancy(profile.name, f"end of the tier above {start}", our_ends, end)


def _amounts(price: Price, side: str, rate: float) -> Iterator[float]:
    figures = (price.input,) if side == "input" else (price.output, price.output_thinking)
    for figure in figures:
        if figure is not None:
            yield figure / (rate if price.currency == "CNY" else 1)


def _covers(price: Price, length: int) -> bool:
    end = price.up_to_input_tokens
    return price.above_input_tokens < length and (end is None or length <= end)


def _thinks(profile: ModelProfile) -> bool | None:
    return None if profile.thinking is None else profile.thinking != "none"


def _close(ours: float, theirs: float) -> bool:
    return abs(ours - theirs) <= TOLERANCE * max(abs(theirs), 1e-12)


def _figures(amounts: Any) -> str | None:
    return " or ".join(f"{amount:.4g}" for amount in sorted(set(amounts))) or None
