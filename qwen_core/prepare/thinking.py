"""Translate what the caller asked about thinking into what each model accepts: the thinking steps of ``adapt``.

A value that a model refuses or does not know is translated if another parameter expresses the same, and otherwise
dropped with a warning. A model whose thinking is unknown gets the caller's values unchanged. Sources: compatible 2
and 2.1, native 3.2.
"""

from typing import Any

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
        return msgspec.structs.replace(request, reasoning_effort=dict(profile.effort_aliases).get(effort, effort))
    if effort == "none":
        return disable_thinking(request)
    switch = True if profile.thinking == "optional" else request.enable_thinking
    budget = request.thinking_budget or EFFORT_BUDGETS.get(effort)
    if budget is not None and profile.max_thinking_tokens is not None:
        budget = min(budget, profile.max_thinking_tokens)
    if request.thinking_budget is None:
        budget = budget_below_limit(request, profile, budget, warnings)
    return msgspec.structs.replace(request, reasoning_effort=None, enable_thinking=switch, thinking_budget=budget)


def budget_below_limit(
    request: ChatRequest, profile: ModelProfile, budget: int | None, warnings: list[str]
) -> int | None:
    """Return a budget that leaves room for the answer: the service refuses one that is not below the limit.

    Only for a budget that stands for an effort; what the caller sets for both is sent.
    """
    limits = [request.max_completion_tokens, request.max_tokens if profile.max_tokens_counts_thinking else None]
    limit = min((value for value in limits if value is not None), default=None)
    if budget is None or limit is None or budget < limit:
        return budget
    smaller = limit // 2 or None
    warnings.append(
        f"reasoning_effort={request.reasoning_effort!r} means a thinking_budget of {budget} for {request.model}, "
        f"which must be below the limit of {limit} for reasoning and answer together. "
        f"{'None' if smaller is None else smaller} was sent. Raise the limit, or set thinking_budget yourself."
    )
    return smaller


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


def warn_what_max_tokens_bounds(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """Warn if a limit does not bound what its name says: the answer, or reasoning and answer together.

    ``max_tokens`` bounds both for some families, on other APIs for others; the Responses API has one limit, which
    bounds the answer alone for most families (compatible 2.7).
    """
    if not thinks(request, profile):
        return request
    responses = request.needs_responses_api
    together = profile.responses_max_tokens_counts_thinking if responses else profile.max_tokens_counts_thinking
    if request.max_tokens is not None and request.max_completion_tokens is None and together:
        warnings.append(
            f"max_tokens limits reasoning and answer of {request.model} together, so the answer may be shorter or "
            "empty. Raise it, or set enable_thinking=False."
        )
    if responses and request.max_completion_tokens is not None and not together:
        warnings.append(
            f"max_completion_tokens limits only the answer of {request.model} on the Responses API, not its "
            "reasoning. Set reasoning_effort or enable_thinking=False to limit that."
        )
    return request


def allow_several_choices(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """Switch thinking off for n > 1, which the service accepts only without, unless the caller asked for it."""
    if request.n is None or request.n < 2 or profile.thinking == "always" or not thinks(request, profile):
        return request
    asked = (request.extra_body or {}).get("enable_thinking", request.enable_thinking)
    if asked or request.reasoning_effort is not None:
        return request
    warnings.append(
        f"n={request.n} is accepted only without thinking. Thinking was switched off for this call of "
        f"{request.model}. Set enable_thinking=False to say so yourself, or n=1 to keep it."
    )
    return disable_thinking(request)


def translate_thinking_switch(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """Send the switches under the names that the vendor of the model gave them. ``extra_body`` overrides them."""
    fields: dict[str, Any] = {}
    if profile.thinking_switch == "thinking":
        if request.enable_thinking is not None:
            fields["thinking"] = {"type": "adaptive" if request.enable_thinking else "disabled"}
        if request.thinking_budget is not None:
            warnings.append(f"{request.model} has no thinking_budget, which was not sent. Leave it unset.")
        request = msgspec.structs.replace(request, enable_thinking=None, thinking_budget=None)
    if profile.preserve_thinking_switch == "clear_thinking" and request.preserve_thinking is not None:
        fields["clear_thinking"] = not request.preserve_thinking
    return with_body_fields(request, fields)


def with_body_fields(request: ChatRequest, fields: dict[str, Any]) -> ChatRequest:
    """Return the request with these fields in its body; the caller's ``extra_body`` overrides them."""
    if not fields:
        return request
    return msgspec.structs.replace(request, extra_body={**fields, **(request.extra_body or {})})
