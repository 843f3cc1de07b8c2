"""The pytest fixture ``qwen_emulator``: one server for the whole run, clean for each test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # the plugin is loaded in every run of pytest, the server only where it is used
    from qwen_emulator.emulator import Emulator


@pytest.fixture(scope="session")
def _qwen_emulator_server() -> Iterator[Emulator]:
    from qwen_emulator.emulator import Emulator

    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def qwen_emulator(_qwen_emulator_server: Emulator) -> Iterator[Emulator]:
    """Return an emulator with nothing scripted and nothing recorded."""
    _qwen_emulator_server.reset()
    yield _qwen_emulator_server
    _qwen_emulator_server.reset()
