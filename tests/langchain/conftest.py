"""What the LangChain tests share: an emulator of the service, and models that talk to it."""

from collections.abc import Iterator

import pytest

from qwen_emulator import Emulator


@pytest.fixture(scope="session")
def shared_emulator() -> Iterator[Emulator]:
    """One server for the standard suites, which script nothing."""
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def service(shared_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """The emulator in the place of the service, found through the environment as a user's setup is."""
    shared_emulator.reset()
    monkeypatch.setenv("DASHSCOPE_API_BASE", shared_emulator.base_url)
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-test-secret")
    return shared_emulator
