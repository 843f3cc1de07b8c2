"""The emulator's facts, which come from the documents alone, against the catalog's, for every chat model."""

import pytest

from qwen_core.models import all_models, resolve
from qwen_emulator.models import chat_facts

THINKING = {"none": "never", "always": "only"}
CHAT = ("chat", "omni", "ocr", "translation")
MODELS = [model for model in all_models() if resolve(model).kind in CHAT and resolve(model).certainty != "id-only"]


@pytest.mark.parametrize("model", MODELS)
def test_emulator_and_catalog_agree(model: str) -> None:
    profile, facts = resolve(model), chat_facts(model)
    differing = set()
    if profile.thinking in THINKING and facts.thinking != THINKING[profile.thinking]:
        differing.add(f"thinking: {profile.thinking} in the catalog, {facts.thinking} in the emulator")
    if profile.thinking == "optional" and facts.thinking in ("only", "never"):
        differing.add(f"thinking: optional in the catalog, {facts.thinking} in the emulator")
    if profile.tool_calling and not facts.tools:
        differing.add("tools: yes in the catalog, no in the emulator")
    if facts.stream_only and not profile.stream_only:
        differing.add("stream only in the emulator alone")
    assert differing == set()
