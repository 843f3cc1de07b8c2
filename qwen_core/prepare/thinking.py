"""Translate what the caller asked about thinking into what each model accepts: the thinking steps of ``adapt``.

A value that a model refuses or does not know is translated if another parameter expresses the same, and otherwise
dropped with a warning. A model whose thinking is unknown gets the caller's values unchanged. Sources: compatible 2
and 2.1, native 3.2.
"""

import msgspec

from qwen_core.models.profile import ModelProfile
from qwen_core.types.requests import ChatRequest

# Thinking budget in tokens for each effort; any other effort means the model's maximum (compatible, section 2).
EFFORT_BUDGETS = {"minimal": 4_096, "low": 4_096, "medium": 16_384}


def thinks(request: ChatRequest, profile: ModelProfile) -> bool:
    """Return whether the model will think before it responds to this request."""
    requested = (request.extra_body or {}).get("enable_thinking", request.enable_thinking)
    if requested is None and request.reasoning_effort is not None:
        requested = request.reasoning_effort != "none"
    return profile.thinks(requested)


def requested_thinking(request: ChatRequest, profile: ModelProfile) -> bool | None:
    """Return whether a call thinks if the caller set anything about it, else None: the usage will tell."""
    requested = request.enable_thinking is not None or request.reasoning_effort is not None
    return thinks(request, profile) if requested else None


def disable_thinking(request: ChatRequest) -> ChatRequest:
    """Return the request with thinking switched off."""
    return msgspec.structs.replace(request, enable_thinking=False, reasoning_effort=None, thinking_budget=None)


def resolve_enable_thinking(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """Drop the switch for models that never think, and a False for models that always think."""
    if profile.thinking == "none":
        configured = request.thinking_budget is not None or request.reasoning_effort not in (None, "none")
        if request.enable_thinking or (configured and request.enable_thinking is None):
            warnings.append(
                f"{request.model} cannot think. enable_thinking, thinking_budget and reasoning_effort were not "
                "sent. Choose a model that thinks, or leave them unset."
            )
        return msgspec.structs.replace(request, enable_thinking=None, thinking_budget=None, reasoning_effort=None)
    if profile.thinking == "always":
        disabled = request.enable_thinking is False
        no_effort = request.reasoning_effort == "none"
        if disabled or no_effort:
            setting = "enable_thinking=False" if disabled else 'reasoning_effort="none"'
            warnings.append(
                f"{request.model} always thinks. {setting} was not sent. Choose a model whose thinking is "
                "optional to switch it off."
            )
        return msgspec.structs.replace(
            request,
            enable_thinking=None if disabled else request.enable_thinking,
            reasoning_effort=None if no_effort else request.reasoning_effort,
        )
    return request


def resolve_reasoning_effort(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """Keep the effort if the model has efforts; else replace it by the equivalent switch and budget."""
    effort = request.reasoning_effort
    if effort is None:
        return request
    if request.enable_thinking is not None and request.enable_thinking is (effort == "none"):
        warnings.append(
            f"reasoning_effort={effort!r} contradicts enable_thinking={request.enable_thinking}. reasoning_effort "
            "was not sent. Set only one of them."
        )
        return msgspec.structs.replace(request, reasoning_effort=None)
    if profile.reasoning_efforts or profile.thinking is None:
        return request
    if effort == "none":
        return disable_thinking(request)
    switch = True if profile.thinking == "optional" else request.enable_thinking
    budget = request.thinking_budget or EFFORT_BUDGETS.get(effort)
    if budget is not None and profile.max_thinking_tokens is not None:
        budget = min(budget, profile.max_thinking_tokens)
    return msgspec.structs.replace(request, reasoning_effort=None, enable_thinking=switch, thinking_budget=budget)


def drop_budget_beside_effort(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """Drop the budget if the model accepts only one of the two: Alibaba's own client keeps the effort too."""
    if not profile.effort_excludes_budget or request.reasoning_effort is None or request.thinking_budget is None:
        return request
    warnings.append(
        f"{request.model} accepts reasoning_effort or thinking_budget, not both. thinking_budget was not sent. "
        "Leave reasoning_effort unset to use the budget."
    )
    return msgspec.structs.replace(request, thinking_budget=None)


def drop_budget_without_thinking(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """Drop thinking_budget if thinking is disabled."""
    if request.thinking_budget is None or request.enable_thinking is not False:
        return request
    warnings.append(
        "thinking_budget has no effect while thinking is disabled, and was not sent. Set enable_thinking=True to "
        "use it."
    )
    return msgspec.structs.replace(request, thinking_budget=None)


def warn_unsupported_max_completion_tokens(
    request: ChatRequest, profile: ModelProfile, warnings: list[str]
) -> ChatRequest:
    """Warn that the model may ignore max_completion_tokens, because the caller relies on it."""
    undocumented = profile.certainty == "documented" and not profile.max_completion_tokens
    if request.max_completion_tokens is not None and undocumented:
        warnings.append(
            f"{request.model} is not documented to honour max_completion_tokens, which was sent all the same. Use "
            "max_tokens to limit the response, and thinking_budget to limit the reasoning."
        )
    return request


def warn_unread_preserved_thinking(
    request: ChatRequest, profile: ModelProfile, warnings: list[str]
) -> ChatRequest:
    """Warn that the reasoning of earlier turns costs tokens even if the model does not read it."""
    if request.preserve_thinking and profile.preserve_thinking is False:
        warnings.append(
            f"{request.model} is not documented to read the reasoning of earlier turns, which is sent and billed "
            "because of preserve_thinking=True. Leave preserve_thinking unset to save these tokens."
        )
    return request
