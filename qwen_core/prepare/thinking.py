"""How a wish to think, or not to, is put to each model: the steps of ``to_model`` that concern thinking.

What a model refuses or does not know is translated where another parameter says the same, and else left out with
a warning. A model whose thinking is unknown gets what the caller said. Sources: compatible 2 and 2.1, native 3.2.
"""

import msgspec

from qwen_core.models.profile import ModelProfile
from qwen_core.types.requests import ChatRequest

# How many tokens of thinking each effort means; the others mean the model's maximum (compatible, section 2).
EFFORT_BUDGETS = {"minimal": 4_096, "low": 4_096, "medium": 16_384}


def thinks(request: ChatRequest, profile: ModelProfile) -> bool:
    """Whether the model will think before it answers this request."""
    requested = (request.extra_body or {}).get("enable_thinking", request.enable_thinking)
    if requested is None and request.reasoning_effort is not None:
        requested = request.reasoning_effort != "none"
    return profile.thinks(requested)


def asked_to_think(request: ChatRequest, profile: ModelProfile) -> bool | None:
    """Whether a call thinks, where the caller said anything of it; else its usage tells."""
    said = request.enable_thinking is not None or request.reasoning_effort is not None
    return thinks(request, profile) if said else None


def without_thinking(request: ChatRequest) -> ChatRequest:
    """The request with thinking switched off."""
    return msgspec.structs.replace(request, enable_thinking=False, reasoning_effort=None, thinking_budget=None)


def fit_switch(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """Models that never think take no switch, and those that always think cannot be told not to."""
    if profile.thinking == "none":
        asked = request.thinking_budget is not None or request.reasoning_effort not in (None, "none")
        if request.enable_thinking or (asked and request.enable_thinking is None):
            warnings.append(f"{request.model} does not think: what was asked about thinking is left out.")
        return msgspec.structs.replace(request, enable_thinking=None, thinking_budget=None, reasoning_effort=None)
    if profile.thinking == "always":
        unthinking = request.enable_thinking is False
        effortless = request.reasoning_effort == "none"
        if unthinking or effortless:
            warnings.append(f"{request.model} always thinks: that cannot be switched off.")
        return msgspec.structs.replace(
            request,
            enable_thinking=None if unthinking else request.enable_thinking,
            reasoning_effort=None if effortless else request.reasoning_effort,
        )
    return request


def fit_effort(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """An effort where efforts are known; elsewhere the switch and the budget that mean the same."""
    effort = request.reasoning_effort
    if effort is None:
        return request
    if request.enable_thinking is not None and request.enable_thinking is (effort == "none"):
        warnings.append(
            f"reasoning_effort={effort!r} contradicts enable_thinking={request.enable_thinking}: it is left out."
        )
        return msgspec.structs.replace(request, reasoning_effort=None)
    if profile.reasoning_efforts or profile.thinking is None:
        return request
    if effort == "none":
        return without_thinking(request)
    switch = True if profile.thinking == "optional" else request.enable_thinking
    budget = request.thinking_budget or EFFORT_BUDGETS.get(effort)
    if budget is not None and profile.max_thinking_tokens is not None:
        budget = min(budget, profile.max_thinking_tokens)
    return msgspec.structs.replace(request, reasoning_effort=None, enable_thinking=switch, thinking_budget=budget)


def choose_effort_or_budget(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """Where the two exclude each other the effort stays, as in Alibaba's own client."""
    if not profile.effort_excludes_budget or request.reasoning_effort is None or request.thinking_budget is None:
        return request
    warnings.append(
        f"{request.model} takes reasoning_effort or thinking_budget, not both: the thinking_budget is left out."
    )
    return msgspec.structs.replace(request, thinking_budget=None)


def fit_budget(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """A budget without thinking is none."""
    if request.thinking_budget is None or request.enable_thinking is not False:
        return request
    warnings.append("A thinking_budget means nothing while thinking is switched off: it is left out.")
    return msgspec.structs.replace(request, thinking_budget=None)


def note_unknown_bound(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """A bound that nobody keeps to is none; whoever sets it counts on it."""
    unknown = profile.certainty == "documented" and not profile.max_completion_tokens
    if request.max_completion_tokens is not None and unknown:
        warnings.append(
            f"{request.model} is not documented to keep to max_completion_tokens: max_tokens bounds the answer, "
            "and thinking_budget the thinking."
        )
    return request


def note_preserved_thinking(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """Reasoning of earlier turns costs tokens even where nobody reads it."""
    if request.preserve_thinking and profile.preserve_thinking is False:
        warnings.append(
            f"{request.model} is not documented to read the reasoning of earlier turns, which is sent and billed."
        )
    return request
