"""Compute the cost of a call from the reported usage and the price list in the model's profile.

The price list is that of the host's region, and of the batch API for a batch host. A host that is not the
service's, such as a gateway, is priced by the region that the user set. Subscription hosts have no price per call.

Pure arithmetic on list prices: no discounts, free quotas, search fees or PDF page fees. The result is None, not a
guess, if the price list does not settle a case.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec

from qwen_core.config.endpoints import BATCH_HOST, SHORT_FORMS, is_alibaba, region_of
from qwen_core.models.profile import ModelProfile, Price, Unit
from qwen_core.types.usage import Cost, Usage

# General rates of the context cache guide, for models without a figure in the price list.
IMPLICIT_CACHE_RATE = 0.20
CACHE_CREATION_RATE = 1.25
EXPLICIT_CACHE_HIT_RATE = 0.10
BATCH_RATE = 0.50

_MILLION = 1_000_000
_INPUT_ONLY = frozenset({"embedding", "multimodal_embedding", "rerank"})


def cost(
    profile: ModelProfile,
    usage: Usage,
    *,
    region: str,
    scope: str | None = None,
    thinking: bool | None = None,
    batch: bool = False,
) -> Cost | None:
    """Return the cost of a call, or None if its price is unknown.

    ``thinking`` says whether the call was in thinking mode; None derives it from the reported reasoning
    tokens or, if none are reported, from the model's default. ``scope`` (``global``, ``eu``, ``jp``, ``us``) is
    needed only if a region sells the same model in two scopes. ``batch`` means a call through the batch API.
    """
    input_tokens = _input_tokens(profile, usage)
    price = None if input_tokens is None else applicable_price(profile.prices, region, scope, input_tokens)
    if input_tokens is None or price is None or (batch and not price.batch):
        return None
    if thinking is None:
        thinking = profile.thinks(None if usage.reasoning_tokens is None else usage.reasoning_tokens > 0)
    parts = _input_cost(profile, price, usage, input_tokens)
    output = _output_cost(price, usage, thinking)
    if parts is None or output is None:
        return None
    uncached, cached, created = parts
    if batch and (cached or created):
        return None  # the cache does not work in batches, so there is no price for it
    rate = BATCH_RATE if batch else 1.0
    input_cost = (uncached + cached + created) * rate
    return Cost(
        currency=price.currency,
        input=input_cost,
        output=output * rate,
        cached=cached,
        total=input_cost + output * rate,
        tier=_tier(price),
        price_date=price.price_date,
    )


def unit_cost(
    profile: ModelProfile, unit: Unit, quantity: float, *, region: str, variant: str | None = None
) -> Cost | None:
    """Return the cost of so many seconds, characters or images, or None if the price is unknown.

    ``variant`` selects a price if the model has several in the region, such as the resolution of a video. The cost
    is ``output`` of the result if the model generates the unit (an image, a second of video), else ``input``.
    """
    fitting = [
        price
        for price in profile.unit_prices
        if (price.region, price.unit) == (region, unit) and variant in (None, price.variant)
    ]
    if len(fitting) != 1:
        return None
    (price,) = fitting
    total = quantity * price.amount
    generated = profile.kind in ("image", "video")
    return Cost(
        currency=price.currency,
        input=0.0 if generated else total,
        output=total if generated else 0.0,
        cached=0.0,
        total=total,
        tier=price.variant,
        price_date=price.price_date,
    )


def applicable_price(prices: Sequence[Price], region: str, scope: str | None, input_tokens: int) -> Price | None:
    """Return the price of a request of that length, or None if there is none or if the scope is ambiguous.

    The last tier holds for longer inputs too: its printed end is a round figure of the model's input limit.
    """
    local = [price for price in prices if price.region == region and scope in (None, price.scope)]
    if len({price.scope for price in local}) != 1:
        return None
    if all(price.up_to_input_tokens is not None and input_tokens > price.up_to_input_tokens for price in local):
        return max(local, key=lambda price: price.above_input_tokens)
    fitting = [
        price
        for price in local
        if price.above_input_tokens < max(input_tokens, 1)
        and (price.up_to_input_tokens is None or input_tokens <= price.up_to_input_tokens)
    ]
    return fitting[0] if len(fitting) == 1 else None


def _input_tokens(profile: ModelProfile, usage: Usage) -> int | None:
    """Return the input tokens. Embedding and rerank responses may report only a total, all of which is input."""
    if usage.input_tokens is None and profile.kind in _INPUT_ONLY:
        return usage.total_tokens
    return usage.input_tokens


def _input_cost(
    profile: ModelProfile, price: Price, usage: Usage, input_tokens: int
) -> tuple[float, float, float] | None:
    """Return the cost of uncached, cached and cache-creating input, or None if it cannot be determined."""
    cached, created = usage.cached_tokens or 0, usage.cache_creation_tokens or 0
    read = _cache_read_price(profile, price, usage) if cached else 0.0
    written = _cache_creation_price(profile, price) if created else 0.0
    media = _media_cost(price, usage)
    if read is None or written is None or media is None:
        return None
    media_tokens, media_cost = media
    plain = input_tokens - cached - created - media_tokens
    if plain < 0 or (media_tokens and (cached or created)):
        return None  # the usage does not say which modality the cached tokens belong to
    uncached = plain * price.input / _MILLION + media_cost
    return uncached, cached * read / _MILLION, created * written / _MILLION


def _media_cost(price: Price, usage: Usage) -> tuple[int, float] | None:
    """Return tokens and cost of input with a separate price, or None if the usage does not report them."""
    if price.input_image is None and price.input_audio is None:
        return 0, 0.0
    if usage.text_tokens is None and not _has_media(usage):
        return None
    image = (usage.image_tokens or 0) + (usage.video_tokens or 0) if price.input_image is not None else 0
    audio = (usage.audio_tokens or 0) if price.input_audio is not None else 0
    cost = image * (price.input_image or 0.0) + audio * (price.input_audio or 0.0)
    return image + audio, cost / _MILLION


def _cache_read_price(profile: ModelProfile, price: Price, usage: Usage) -> float | None:
    explicit = usage.cache_type == "ephemeral" or bool(usage.cache_creation_tokens)
    if explicit:
        return _listed_or_general(price.cache_hit_explicit, profile.explicit_cache, price, EXPLICIT_CACHE_HIT_RATE)
    return _listed_or_general(price.cached_input, profile.implicit_cache, price, IMPLICIT_CACHE_RATE)


def _cache_creation_price(profile: ModelProfile, price: Price) -> float | None:
    return _listed_or_general(price.cache_creation, profile.explicit_cache, price, CACHE_CREATION_RATE)


def _listed_or_general(listed: float | None, has_cache: bool | None, price: Price, rate: float) -> float | None:
    if listed is not None:
        return listed
    return price.input * rate if has_cache else None


def _output_cost(price: Price, usage: Usage, thinking: bool) -> float | None:
    """Return the cost of the output, or None if it is charged for and its amount is unknown."""
    if price.output is None:
        return 0.0
    if usage.output_tokens is None:
        return None
    if price.output_audio is not None:
        if usage.output_audio_tokens is None and usage.output_text_tokens is None:
            return None  # speech and text have different prices
        if usage.output_audio_tokens:
            return usage.output_audio_tokens * price.output_audio / _MILLION  # its text is free
    text = price.output
    if thinking and price.output_thinking is not None:
        text = price.output_thinking
    elif price.output_with_media is not None and _has_media(usage):
        text = price.output_with_media
    return usage.output_tokens * text / _MILLION


def _has_media(usage: Usage) -> bool:
    return any((usage.image_tokens, usage.video_tokens, usage.audio_tokens))


def _tier(price: Price) -> str | None:
    if price.up_to_input_tokens is None and not price.above_input_tokens:
        return None
    if price.up_to_input_tokens is None:
        return f"input > {price.above_input_tokens}"
    if not price.above_input_tokens:
        return f"input <= {price.up_to_input_tokens}"
    return f"{price.above_input_tokens} < input <= {price.up_to_input_tokens}"


SUBSCRIPTIONS = ("token-plan.", "coding.", "coding-intl.")
"""Host prefixes of the Token Plan and the Coding Plan (compatible 1.1)."""


class PriceList(NamedTuple):
    """The region, and whether batch prices apply."""

    region: str
    batch: bool = False


@lru_cache(maxsize=256)
def price_list(host: str, named_region: str | None) -> PriceList | None:
    """Return the price list of a host, or None if it is unknown. ``named_region`` is the user's setting."""
    if host.startswith(SUBSCRIPTIONS):
        return None
    region = region_of(host)
    if region is None and named_region and not is_alibaba(host):
        region = SHORT_FORMS.get(named_region, named_region)
    return PriceList(region, host == BATCH_HOST) if region else None


class Pricing(msgspec.Struct, frozen=True):
    """Everything that the price of a call depends on besides its usage."""

    profile: ModelProfile
    prices: PriceList | None
    thinking: bool | None = None

    def cost(self, usage: Usage | None) -> Cost | None:
        """Return the cost of a call with this usage, or None if its price is unknown."""
        if usage is None or self.prices is None:
            return None
        region, batch = self.prices
        return cost(self.profile, usage, region=region, thinking=self.thinking, batch=batch)
