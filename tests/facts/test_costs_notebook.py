"""The notebook on costs runs without a key, and shows its plots and the cost of the agent run."""

from pathlib import Path
from typing import Any

import pytest

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")
for needed in ("ipykernel", "matplotlib", "langchain"):
    pytest.importorskip(needed)

ROOT = Path(__file__).parents[2]


@pytest.mark.filterwarnings("ignore")
def test_costs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in ("DASHSCOPE_API_KEY", "DASHSCOPE_API_BASE", "QWEN_MODEL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path))
    notebook: Any = nbformat.read(ROOT / "cookbook" / "costs.ipynb", as_version=4)
    stored = said(notebook)
    assert plots(notebook) == 2, "kept with its outputs, so that readers see them"
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    assert plots(notebook) == 2
    assert said(notebook) == stored
    assert "qwen-plus: 2 calls, 0.0001848 CNY" in stored  # (84 + 102) * 0.8 + (10 + 8) * 2, by the million


def said(notebook: Any) -> str:
    """What the notebook prints."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return "".join(output.get("text", "") for output in outputs if output.get("name") == "stdout")


def plots(notebook: Any) -> int:
    """How many pictures the notebook shows."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return sum("image/png" in output.get("data", ()) for output in outputs)
