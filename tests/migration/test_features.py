"""The feature table of docs/comparison.md equals the probes, for every installed integration."""

import re
from pathlib import Path

import pytest

from qwen_emulator import Emulator
from tests.migration.features import FEATURES, LANGCHAIN, LLAMA_INDEX, here, measured

PAGE = (Path(__file__).parents[2] / "docs" / "comparison.md").read_text("utf-8")
OURS = {"ChatQwen", "Qwen"}


def table() -> dict[str, dict[str, str]]:
    """Return the cells by feature and integration; ours share a column."""
    found = re.search(r"^\| *\| `ChatQwen`, `Qwen` .*\n(?:\|.*\n)+", PAGE, re.MULTILINE)
    assert found
    head, _, *rows = ([cell.strip() for cell in line.strip("|\n").split("|")] for line in found[0].splitlines())
    names = [re.sub(r"`|\[|\]|\(.*\)", "", name) for name in head[1:]]
    return {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows}


TABLE = table()
HERE = {name: peer for name, peer in {**LANGCHAIN, **LLAMA_INDEX}.items() if here(peer)}


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("name", HERE)
def test_feature_table_cell_equals_the_probe(
    feature: str, name: str, qwen_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dashscope

    monkeypatch.setattr(dashscope, "base_http_api_url", dashscope.base_http_api_url)  # restored after the test
    probe = FEATURES[feature][name in LLAMA_INDEX]
    if probe is not None:
        written = TABLE[feature]["ChatQwen, Qwen" if name in OURS else name]
        assert measured(HERE[name], probe, qwen_emulator) == written


def test_feature_table_has_all_integrations() -> None:
    for row in FEATURES:
        assert TABLE[row].keys() == (LANGCHAIN.keys() | LLAMA_INDEX.keys()) - OURS | {"ChatQwen, Qwen"}
