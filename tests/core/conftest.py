"""What the core tests share: settings that reach the emulator, and a plain request."""

import pytest

from qwen_core import ChatRequest, ClientSettings
from qwen_core.types.messages import Message, TextPart
from qwen_emulator import Emulator

KEY = "sk-very-secret-0123456789"


@pytest.fixture(params=["openai", "dashscope"])
def settings(qwen_emulator: Emulator, request: pytest.FixtureRequest) -> ClientSettings:
    """Settings for the emulator on either wire, with a key that must appear nowhere."""
    return ClientSettings(api_key=KEY, base_url=qwen_emulator.base_url, protocol=request.param)


@pytest.fixture
def request_() -> ChatRequest:
    """The simplest request."""
    return ChatRequest(model="qwen-plus", messages=(Message("user", (TextPart("Say hello to Paris"),)),))
