"""What holds for every test: one server, and properties that are about answers and not about a busy machine."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from qwen_emulator import Emulator

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def shared_emulator() -> Iterator[Emulator]:
    """One server for the whole run; a fixture that gives it to a test empties it first."""
    with Emulator() as emulator:
        yield emulator
