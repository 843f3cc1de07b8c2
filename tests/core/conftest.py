"""Fixtures of the core tests: settings that point at the emulator, and a minimal chat request."""

import pytest

from qwen_core import ChatRequest, ClientSettings
from qwen_core.types.messages import Message, TextPart
from qwen_emulator import Emulator

KEY = "sk-very-secret-0123456789"


@pytest.fixture(params=["openai", "dashscope"])
def settings(qwen_emulator: Emulator, request: pytest.FixtureRequest) -> ClientSettings:
    """Return settings for the emulator on either protocol, with an API key that no output may show."""
    return ClientSettings(api_key=KEY, base_url=qwen_emulator.base_url, protocol=request.param)


@pytest.fixture
def request_() -> ChatRequest:
    """Return the simplest chat request."""
    return ChatRequest(model="qwen-plus", messages=(Message("user", (TextPart("Say hello to Paris"),)),))
