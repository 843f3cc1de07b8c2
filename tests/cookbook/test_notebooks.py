"""Every notebook runs from first to last cell without an API key and shows its stored outputs.

``QWEN_UPDATE_SNAPSHOT=1 python -m pytest tests/cookbook`` stores the current outputs.
"""

import os
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from qwen_emulator import Emulator
from tests.cookbook.execution import execute

COOKBOOK = Path(__file__).parents[2] / "cookbook"
NOTEBOOKS = sorted(path.stem for path in COOKBOOK.glob("*.ipynb"))
SELF_HOSTED = "12_self_hosted"
TESTING = "10_testing"
WARNINGS = pytest.mark.filterwarnings("ignore", "error::qwen_core.errors.QwenWarning")
WIDTH = 100
"""Number of characters of a code line that a browser shows."""
MACHINE_SPECIFIC = re.compile(r"/(?:tmp|root|home|work|Users|usr)/|127\.0\.0\.1|localhost")
KEY = re.compile(r"sk-(?!emulator)\w{8}")


@pytest.fixture(autouse=True)
def no_api_key_in_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Remove API keys from the environment and undo what a notebook sets."""
    for name in ("DASHSCOPE_API_KEY", "DASHSCOPE_API_BASE", "QWEN_MODEL", "QWEN_OWN_SERVER"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path))
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    monkeypatch.chdir(COOKBOOK)


@WARNINGS
@pytest.mark.parametrize("name", NOTEBOOKS)
async def test_notebook_runs_with_its_stored_outputs(name: str) -> None:
    notebook = read(name)
    stored = [said(cell) for cell in notebook.cells]
    await execute(notebook)
    if os.environ.get("QWEN_UPDATE_SNAPSHOT"):
        nbformat.write(notebook, COOKBOOK / f"{name}.ipynb")
        pytest.fail(f"{name} was stored with what it shows now; review the change")
    assert [said(cell) for cell in notebook.cells] == stored


@WARNINGS
@pytest.mark.parametrize("name", ["02_tools_and_agents", "05_thinking", "06_search", "13_agent_middleware"])
async def test_notebook_runs_with_an_api_key(
    name: str, qwen_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run notebooks that script no replies with an API key: the emulator stands for the service."""
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-of-somebody")
    monkeypatch.setenv("DASHSCOPE_API_BASE", qwen_emulator.base_url)
    await execute(read(name))
    keys = {request.headers["Authorization"] for request in qwen_emulator.requests}
    assert keys == {"Bearer sk-of-somebody"}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_outputs_have_no_errors_paths_or_keys(name: str) -> None:
    notebook = read(name)
    nbformat.validate(notebook)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert outputs
    for output in outputs:
        assert output.output_type != "error" and output.get("name") != "stderr"
    told = "\n".join(text for cell in notebook.cells for text in said(cell))
    assert not MACHINE_SPECIFIC.findall(told)
    assert not KEY.findall(told + "\n".join(cell.source for cell in notebook.cells))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_code_lines_fit_a_page(name: str) -> None:
    code = [cell.source for cell in read(name).cells if cell.cell_type == "code"]
    assert [line for source in code for line in source.splitlines() if len(line) > WIDTH] == []


def test_notebooks_share_one_hidden_setup_cell() -> None:
    code = {name: [cell for cell in read(name).cells if cell.cell_type == "code"] for name in NOTEBOOKS}
    tags = {name: [cell.metadata.get("tags") for cell in cells] for name, cells in code.items()}
    assert [name for name, found in tags.items() if found != [["setup"], *[None] * (len(found) - 1)]] == []
    start = code[NOTEBOOKS[0]][0].source
    for name in NOTEBOOKS:
        if name not in (SELF_HOSTED, TESTING):
            assert code[name][0].source.startswith(start)
        if name != TESTING:
            assert code[name][0].metadata["jupyter"] == {"source_hidden": True}
            assert [cell.source for cell in code[name][1:] if "emulator" in cell.source] == []


def test_cookbook_readme_lists_notebooks_in_order() -> None:
    listed = re.findall(r"\]\((\w+)\.ipynb\)", (COOKBOOK / "README.md").read_text("utf-8"))
    assert listed == NOTEBOOKS


def read(name: str) -> Any:
    """Read a notebook of the cookbook."""
    return nbformat.read(COOKBOOK / f"{name}.ipynb", as_version=4)


def said(cell: Any) -> list[str]:
    """Return the outputs of a cell. Image bytes differ with fonts and libraries: only their presence counts."""
    return [
        output.get("text") or "\n".join(without_media(kind, output.data[kind]) for kind in sorted(output.data))
        for output in cell.get("outputs", ())
    ]


def without_media(kind: str, value: str) -> str:
    """Return one format of an output, without the bytes of images and audio."""
    return kind if kind.startswith("image/") else re.sub(r"base64,[\w+/=]+", "base64", value)
