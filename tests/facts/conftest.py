"""Fixtures of the tests of model facts: an emulator that stands for region cn-beijing, whose prices are known."""

from importlib.util import find_spec
from typing import Any

import pytest

from qwen_emulator import Emulator

NATIVE = pytest.param("dashscope", marks=pytest.mark.skipif(not find_spec("dashscope"), reason="needs dashscope"))


@pytest.fixture
def service(shared_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """Reset the shared emulator: nothing scripted, nothing recorded."""
    monkeypatch.delenv("DASHSCOPE_API_BASE", raising=False)
    monkeypatch.delenv("QWEN_MODEL", raising=False)
    shared_emulator.reset()
    return shared_emulator


@pytest.fixture(params=["openai", NATIVE])
def protocol(request: pytest.FixtureRequest) -> str:
    """Run the test on each protocol."""
    return str(request.param)


@pytest.fixture
def beijing(service: Emulator, protocol: str) -> dict[str, Any]:
    """Return fields of a model that reaches the emulator as region cn-beijing."""
    return {"api_key": "sk-test", "base_url": service.base_url, "region": "cn", "protocol": protocol}
