"""What is shipped: the wheel holds the packages and nothing of the repository, and works without it."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytest.importorskip("hatchling")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built here."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_contents(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    packages = {"qwen_core", "qwen_emulator", "langchain_qwen", "llama_index_qwen"}
    assert {top for top in tops if not top.endswith(".dist-info")} == packages | {"llama_index"}
    for package in packages:
        assert f"{package}/py.typed" in names
    assert {"qwen_core/models/catalogue.toml", "qwen_core/models/folded.jsonl"} <= set(names)
    assert not [name for name in names if "tests" in name or "cookbook" in name or "benchmarks" in name]
    # An __init__.py there would hide LlamaIndex itself.
    assert "llama_index/__init__.py" not in names and "llama_index/llms/__init__.py" not in names


def test_it_works_without_the_repository(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    program = """
import sys, qwen_core, langchain_qwen, llama_index_qwen
from llama_index.llms.qwen import Qwen
from llama_index.embeddings.qwen import QwenEmbedding
from llama_index.postprocessor.qwen_rerank import QwenRerank
from qwen_emulator import Emulator
for module in (qwen_core, langchain_qwen, llama_index_qwen):
    assert module.__file__.startswith(sys.argv[1])
with Emulator() as emulator:
    emulator.reply("Hello!", "Hello too!")
    model = langchain_qwen.ChatQwen(api_key="any", base_url=emulator.base_url)
    assert model.invoke("Hi").content == "Hello!"
    assert Qwen(api_key="any", base_url=emulator.base_url).complete("Hi").text == "Hello too!"
"""
    command = [sys.executable, "-P", "-c", program, str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
