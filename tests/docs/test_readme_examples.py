"""Every Python example of both READMEs runs unchanged against the emulator."""

import re
import warnings
from pathlib import Path

import pytest

from qwen_emulator import Emulator
from tests.media.generated_media import png_image

ROOT = Path(__file__).parents[2]
EXAMPLES = [
    pytest.param(example, id=f"{name}-{number}")
    for name in ("README.md", "README.zh-CN.md")
    for number, example in enumerate(
        re.findall(r"^```python\n(.*?)^```", (ROOT / name).read_text("utf-8"), re.DOTALL | re.MULTILINE)
    )
]

SELF_HOSTED_SERVERS = {8000: "vllm", 11434: "ollama"}


@pytest.mark.parametrize("example", EXAMPLES)
def test_readme_example_runs(
    example: str, qwen_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-test")
    monkeypatch.setenv("DASHSCOPE_API_BASE", qwen_emulator.base_url)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "rivers.txt").write_text("The Nile is a river in Africa. It flows north.", "utf-8")
    for port, server in SELF_HOSTED_SERVERS.items():
        example = example.replace(f"http://localhost:{port}/v1", qwen_emulator.self_hosted_url(server))
    (tmp_path / "picture.png").write_bytes(png_image())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImportWarning)
        exec(compile(example, "README.md", "exec"), {})
    assert qwen_emulator.requests or "import count_usage" in example or "Emulator()" in example


def test_readmes_have_examples() -> None:
    assert len(EXAMPLES) >= 12
