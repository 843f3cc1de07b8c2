"""Configuration of every test: one emulator, and hypothesis without deadlines, which fail on a busy machine."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from qwen_emulator import Emulator

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def shared_emulator() -> Iterator[Emulator]:
    """Start one emulator for the whole run; fixtures that pass it to a test reset it first."""
    with Emulator() as emulator:
        yield emulator
