"""One emulator for the tests of servers of one's own, and a key in the environment that none of them may see."""

import pytest

from qwen_emulator import Emulator

SECRET = "sk-alibaba-secret"
SERVERS = ("vllm", "sglang", "llama.cpp", "ollama")


@pytest.fixture
def service(shared_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """The emulator, and Alibaba's key in the environment."""
    shared_emulator.reset()
    monkeypatch.setenv("DASHSCOPE_API_KEY", SECRET)
    for name in ("DASHSCOPE_API_BASE", "QWEN_MODEL"):
        monkeypatch.delenv(name, raising=False)
    return shared_emulator


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> str:
    """Each kind of server in turn."""
    return str(request.param)
