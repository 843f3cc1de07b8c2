"""Fixtures of the fault tests: no backoff between attempts, and the settings of the core tests."""

import pytest

from qwen_core import ChatRequest, ClientSettings
from qwen_core.execution import retry
from qwen_core.types.messages import Message, TextPart
from qwen_emulator import Emulator

KEY = "sk-very-secret-0123456789"


@pytest.fixture(autouse=True)
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "backoff", lambda attempt: 0.0)


@pytest.fixture(params=["openai", "dashscope"])
def settings(qwen_emulator: Emulator, request: pytest.FixtureRequest) -> ClientSettings:
    """Return settings for the emulator on either protocol, with an API key that no output may show."""
    return ClientSettings(api_key=KEY, base_url=qwen_emulator.base_url, protocol=request.param)


@pytest.fixture
def request_() -> ChatRequest:
    """Return the simplest chat request."""
    return ChatRequest(model="qwen-plus", messages=(Message("user", (TextPart("Say hello to Paris"),)),))
