"""The model table in docs/models.md equals the catalog."""

import re
from pathlib import Path

import pytest

from qwen_core.models.__main__ import main

PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
BLOCK = re.compile(
    r"<!-- python -m qwen_core\.models (?P<arguments>.*?) -->\n(?P<table>.*?)\n<!-- end -->", re.DOTALL
)


def test_model_table_equals_its_commands_output(capsys: pytest.CaptureFixture[str]) -> None:
    found = BLOCK.search(PAGE)
    assert found
    assert main(found["arguments"].split()) == 0
    assert capsys.readouterr().out.strip() == found["table"].strip()


def test_model_table_lists_active_models_only() -> None:
    found = BLOCK.search(PAGE)
    assert found
    models = [line.split(" | ")[0].removeprefix("| ") for line in found["table"].splitlines()[2:]]
    assert {"qwen-plus", "qwen3.8-max", "qwen3.7-flash"} <= set(models)
    assert "qwen-turbo" not in models
