"""The snippets of docs/knowledge.md run, one after the other, against the emulator."""

import re
from pathlib import Path
from typing import Any

import pytest

from qwen_emulator import Emulator
from tests.media.pdf_files import write_pdf

PAGE = Path(__file__).parents[2] / "docs" / "knowledge.md"
SNIPPET = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_snippets_of_the_knowledge_page_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "report.pdf").write_bytes(write_pdf([["Sales rose."], ["The end."]]))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    snippets = SNIPPET.findall(PAGE.read_text("utf-8"))
    assert len(snippets) == 7
    try:
        for snippet in snippets:
            exec(compile(snippet, str(PAGE), "exec"), names)
    finally:
        if isinstance(names.get("emulator"), Emulator):
            names["emulator"].stop()
    printed = capsys.readouterr().out
    assert "HTTP status 429" in printed and "<ref>[1]</ref>" in printed and "1 Sales rose." in printed
    assert len(names["documents"]) == 1
