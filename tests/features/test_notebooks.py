"""The notebooks on thinking and on search run without a key, and say what they are stored with."""

from pathlib import Path
from typing import Any

import pytest

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")

COOKBOOK = Path(__file__).parents[2] / "cookbook"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["thinking", "search"])
def test_notebook(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("DASHSCOPE_API_KEY", "DASHSCOPE_API_BASE", "QWEN_MODEL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(COOKBOOK.parent))
    notebook = nbformat.read(COOKBOOK / f"{name}.ipynb", as_version=4)
    stored = said(notebook)
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    assert said(notebook) == stored
    assert any(stored)


def said(notebook: Any) -> list[str]:
    """What each cell shows, whatever the pieces it came in."""
    return [
        "".join(
            output.get("text") or str(sorted(output.get("data", {}).items())) for output in cell.get("outputs", [])
        )
        for cell in notebook.cells
    ]
