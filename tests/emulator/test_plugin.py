"""The fixture that users of the distribution get."""

from __future__ import annotations

import urllib.request
from typing import Any

import pytest

from qwen_emulator import Emulator, pytest_plugin

_qwen_emulator_server = pytest_plugin._qwen_emulator_server
qwen_emulator = pytest_plugin.qwen_emulator


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_gets_a_clean_emulator(qwen_emulator: Emulator, turn: int) -> None:
    assert qwen_emulator.requests == []
    assert qwen_emulator.replies_left == 0
    qwen_emulator.reply("left over")
    request: Any = urllib.request.Request(
        qwen_emulator.compatible_url + "/models", headers={"Authorization": "Bearer x"}
    )
    with urllib.request.urlopen(request) as response:
        assert response.status == 200
    assert len(qwen_emulator.requests) == 1
