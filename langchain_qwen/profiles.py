"""The catalogue's facts in the shape of LangChain's model profiles."""

from typing import cast

from langchain_core.language_models.model_profile import ModelProfile as LangChainProfile

from qwen_core.models.profile import ModelProfile


def langchain_profile(profile: ModelProfile, *, enable_thinking: bool | None) -> LangChainProfile:
    """What LangChain's agents and middleware read of a model. What is unknown is left out."""
    thinks = profile.thinking_default if enable_thinking is None else enable_thinking
    longest_input = profile.max_input_tokens_thinking if thinks else None
    facts = {
        "name": profile.name,
        "max_input_tokens": longest_input or profile.max_input_tokens or profile.context_window,
        "max_output_tokens": profile.max_output_tokens,
        "text_inputs": _has("text", profile.input_modalities),
        "image_inputs": _has("image", profile.input_modalities),
        "image_url_inputs": _has("image", profile.input_modalities),
        "pdf_inputs": _has("pdf", profile.input_modalities),
        "audio_inputs": _has("audio", profile.input_modalities),
        "video_inputs": _has("video", profile.input_modalities),
        "text_outputs": _has("text", profile.output_modalities),
        "audio_outputs": _has("audio", profile.output_modalities),
        "reasoning_output": profile.thinking in ("optional", "always") if profile.thinking else None,
        "tool_calling": profile.tool_calling,
        "tool_choice": profile.forced_tool_choice,
        "structured_output": bool(profile.json_schema),
    }
    return cast(LangChainProfile, {name: value for name, value in facts.items() if value is not None})


def _has(modality: str, modalities: tuple[str, ...]) -> bool | None:
    return modality in modalities if modalities else None
