"""CONTRIBUTING.md names files and make targets that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
PATH = re.compile(
    r"`((?:qwen_core|qwen_emulator|langchain_qwen|llama_index_qwen|tests|docs|scripts|cookbook)/[^` ]*)`"
)


def test_named_files_exist() -> None:
    paths = PATH.findall(TEXT)
    assert len(paths) > 40
    assert [path for path in paths if not any(ROOT.glob(path.rstrip("/")))] == []


def test_named_make_targets_exist() -> None:
    targets = set(re.findall(r"`?make ([a-z-]+)", TEXT))
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert len(targets) > 6
    assert [target for target in sorted(targets) if f"\n{target}:" not in makefile] == []
