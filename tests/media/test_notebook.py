"""The notebook runs from its first cell to its last without a key, and shows its pictures."""

import os
from pathlib import Path
from typing import Any

import pytest

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")
pytest.importorskip("ipykernel")

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "cookbook" / "pictures.ipynb"


@pytest.fixture
def no_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine on which nothing is set up."""
    for name in ("DASHSCOPE_API_KEY", "DASHSCOPE_API_BASE", "QWEN_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "jupyter"))


@pytest.mark.usefixtures("no_key")
@pytest.mark.filterwarnings("ignore")
def test_pictures() -> None:
    notebook: Any = nbformat.read(NOTEBOOK, as_version=4)
    assert pictures(notebook) == 4, "kept with its outputs, so that readers see them"
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3", resources={}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    printed = "".join(output.get("text", "") for output in outputs)
    assert pictures(notebook) == 4
    assert any("text/html" in output.get("data", ()) for output in outputs)  # the player
    for told in ("160×90 pixels and mostly red", "90×120 pixels and mostly green", "4 frames", "1874", "deleted"):
        assert told in printed
    assert "UnsupportedFeatureError" in printed


def pictures(notebook: Any) -> int:
    """How many pictures the notebook shows."""
    shown = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return sum("image/png" in output.get("data", ()) for output in shown)
