"""The catalog's facts in the form of LangChain's model profiles."""

from typing import Any, cast

from langchain_core.language_models.model_profile import ModelProfile as LangChainProfile

from qwen_core.models.profile import Modality, ModelProfile

PROFILE_KEYS = frozenset(LangChainProfile.__annotations__)
"""The keys of this version of LangChain, which warns of any other."""


def langchain_profile(
    profile: ModelProfile, *, enable_thinking: bool | None = None, reasoning_effort: str | None = None
) -> LangChainProfile:
    """Return what LangChain's agents and middleware read of a model as configured. Unknown facts are left out."""
    if enable_thinking is None and reasoning_effort is not None:
        enable_thinking = reasoning_effort != "none"
    thinks = profile.thinks(enable_thinking)
    facts = {
        **identity(profile),
        **limits(profile, thinks),
        **modalities(profile),
        **reasoning(profile),
        **tools(profile, thinking_requested=bool(enable_thinking)),
        "structured_output": bool(profile.json_schema) and not (thinks and profile.json_object_thinking is False),
        "temperature": "temperature" not in profile.refused_parameters,
    }
    return cast(
        LangChainProfile,
        {name: value for name, value in facts.items() if value is not None and name in PROFILE_KEYS},
    )


def identity(profile: ModelProfile) -> dict[str, Any]:
    """Return which model it is, and whether its retirement was announced."""
    status = "deprecated" if profile.retired_on else "active"
    return {
        "name": profile.name,
        "status": status if profile.catalogue_id else None,
        "release_date": profile.released_on,
    }


def limits(profile: ModelProfile, thinks: bool) -> dict[str, Any]:
    """Return the maximum input and output, which thinking may reduce."""
    longest_input = profile.max_input_tokens_thinking if thinks else None
    longest_output = profile.max_output_tokens_thinking if thinks else None
    return {
        "max_input_tokens": longest_input or profile.max_input_tokens or profile.context_window,
        "max_output_tokens": longest_output or profile.max_output_tokens,
    }


def modalities(profile: ModelProfile) -> dict[str, Any]:
    """Return the modalities of input and output. Media in a tool result are sent in a message of their own."""
    into, out = profile.input_modalities, profile.output_modalities
    return {
        "text_inputs": _has("text", into),
        "image_inputs": _has("image", into),
        "image_url_inputs": _has("image", into),
        "image_tool_message": _has("image", into),
        "pdf_inputs": _has("pdf", into),
        "pdf_tool_message": _has("pdf", into),
        "audio_inputs": _has("audio", into),
        "video_inputs": _has("video", into),
        "attachment": any(modality != "text" for modality in into) if into else None,
        "text_outputs": _has("text", out),
        "image_outputs": _has("image", out),
        "audio_outputs": _has("audio", out),
        "video_outputs": _has("video", out),
    }


def reasoning(profile: ModelProfile) -> dict[str, Any]:
    """Return whether it thinks, and its reasoning efforts."""
    return {
        "reasoning_output": profile.thinking in ("optional", "always") if profile.thinking else None,
        "reasoning_effort_levels": list(profile.reasoning_efforts) or None,
        "reasoning_effort_default": profile.default_reasoning_effort,
    }


def tools(profile: ModelProfile, *, thinking_requested: bool) -> dict[str, Any]:
    """Return whether it calls tools and can be forced to.

    Forcing and thinking exclude each other; thinking by default is then turned off, thinking on request is not.
    """
    forced = profile.forced_tool_choice and profile.thinking != "always"
    if profile.thinking != "none":
        forced = forced and not thinking_requested
    return {
        "tool_calling": profile.tool_calling,
        "tool_choice": forced and profile.tool_calling is not False,
        "tool_call_streaming": profile.tool_calling,
    }


def _has(modality: Modality, modalities: tuple[Modality, ...]) -> bool | None:
    return modality in modalities if modalities else None
