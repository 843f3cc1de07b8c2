"""Whose price list a call falls under: the region of the host, and whether it is a batch host.

A host that is not the service's own, such as a gateway, falls under the region that the user named. Hosts of
subscriptions have no price for a call.
"""

from typing import NamedTuple

import msgspec

from qwen_core.adaptation.thinking import thinks
from qwen_core.cost import Cost, cost
from qwen_core.endpoints import BATCH_HOST, SHORT_FORMS, is_alibaba, region_of
from qwen_core.models.profile import ModelProfile
from qwen_core.request import ChatRequest
from qwen_core.usage import Usage

SUBSCRIPTIONS = ("token-plan.", "coding.", "coding-intl.")
"""Hosts of the Token Plan and the Coding Plan begin so (compatible 1.1)."""


class PriceList(NamedTuple):
    """Which prices hold for a call."""

    region: str
    batch: bool = False


def price_list(host: str, named_region: str | None) -> PriceList | None:
    """The prices of a host; None where they are not known. ``named_region`` is the user's own word."""
    if host.startswith(SUBSCRIPTIONS):
        return None
    region = region_of(host)
    if region is None and named_region and not is_alibaba(host):
        region = SHORT_FORMS.get(named_region, named_region)
    return PriceList(region, host == BATCH_HOST) if region else None


def asked_to_think(request: ChatRequest, profile: ModelProfile) -> bool | None:
    """Whether a call thinks, where the caller said anything of it; else its usage tells."""
    said = request.enable_thinking is not None or request.reasoning_effort is not None
    return thinks(request, profile) if said else None


class Pricing(msgspec.Struct, frozen=True):
    """All that a call's price depends on beside its usage."""

    profile: ModelProfile
    prices: PriceList | None
    thinking: bool | None = None

    def cost(self, usage: Usage | None) -> Cost | None:
        """What a call with this usage cost; None where its price is not known."""
        if usage is None or self.prices is None:
            return None
        region, batch = self.prices
        return cost(self.profile, usage, region=region, thinking=self.thinking, batch=batch)
