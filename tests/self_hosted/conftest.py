"""Fixtures of the self-hosted tests: an emulator, and an API key in the environment that no server may receive."""

import pytest

from qwen_emulator import Emulator

SECRET = "sk-alibaba-secret"
SERVERS = ("vllm", "sglang", "llama.cpp", "ollama")


@pytest.fixture
def service(shared_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """Reset the emulator, with Alibaba's API key in the environment."""
    shared_emulator.reset()
    monkeypatch.setenv("DASHSCOPE_API_KEY", SECRET)
    for name in ("DASHSCOPE_API_BASE", "QWEN_MODEL"):
        monkeypatch.delenv(name, raising=False)
    return shared_emulator


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> str:
    """Run the test on each kind of server."""
    return str(request.param)
