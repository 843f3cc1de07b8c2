"""Every Python snippet of README and docs runs unchanged against the emulator, with only the extras it names."""

import re
import subprocess
import sys
from itertools import groupby
from pathlib import Path

import pytest

from qwen_emulator import Emulator
from tests.docs.snippets import ROOT, Snippet, as_json, pages, snippets

SNIPPETS = [snippet for page in pages() for snippet in snippets(page)]
SELF_HOSTED_SERVERS = {8000: "vllm", 11434: "ollama"}
WORDS_OF_README = 1500


def needs(snippet: Snippet) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what a snippet needs, to group by."""
    return snippet.extras, snippet.packages


GROUPS = [list(group) for _, group in groupby(sorted(SNIPPETS, key=needs), key=needs)]


@pytest.mark.parametrize("group", GROUPS, ids=["-".join(sum(needs(group[0]), ())) or "none" for group in GROUPS])
def test_snippets_run_with_only_the_extras_they_name(
    group: list[Snippet], qwen_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cookbook").symlink_to(ROOT / "cookbook")
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-test")
    monkeypatch.setenv("DASHSCOPE_API_BASE", qwen_emulator.base_url)
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{ROOT / 'aliases'}")
    text = as_json(group)
    for port, server in SELF_HOSTED_SERVERS.items():
        text = text.replace(f"http://localhost:{port}/v1", qwen_emulator.self_hosted_url(server))
    command = [sys.executable, "-m", "tests.docs.snippets"]
    done = subprocess.run(command, input=text, cwd=tmp_path, capture_output=True, text=True, timeout=220)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    outputs = done.stdout.split("\n=== ")[1:]
    assert len(outputs) == len(group)
    assert "does not contain the answer" not in done.stdout
    for snippet, output in zip(group, outputs, strict=True):
        assert output.splitlines()[1:] or "print(" not in snippet.code, output


def test_chat_snippets_name_extras() -> None:
    without = [snippet for snippet in SNIPPETS if not snippet.extras]
    assert [snippet for snippet in without if re.search(r"(langchain|llama_index|emulator)", snippet.code)] == []
    assert len(SNIPPETS) > 40


def test_readme_has_at_most_1500_words() -> None:
    words = (ROOT / "README.md").read_text("utf-8").split()
    assert len(words) <= WORDS_OF_README


def test_snippets_do_not_see_other_extras() -> None:
    code = "try:\n    import dashscope\nexcept ImportError:\n    print('refused')\nimport langchain_qwen, aiohttp"
    snippet = Snippet("README.md", 1, code, ("langchain",), ())
    command = [sys.executable, "-m", "tests.docs.snippets"]
    done = subprocess.run(command, input=as_json([snippet]), cwd=ROOT, capture_output=True, text=True)
    assert "refused" in done.stdout
    assert done.returncode == 1 and "aiohttp" in done.stderr.splitlines()[-1]
