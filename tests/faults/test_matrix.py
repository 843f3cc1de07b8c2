"""Every fault x protocol x sync/async x complete/streamed x surface gives the expected text or error."""

import pytest

from qwen_emulator import Emulator
from tests.faults.cases import CASES, Case
from tests.faults.matrix import cells, run


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_fault_gives_expected_text_or_error_on_every_surface(case: Case, qwen_emulator: Emulator) -> None:
    results = {str(cell): run(cell, qwen_emulator) for cell in cells(case)}
    assert results
    assert not {name: result for name, result in results.items() if result.complaint}
