"""The wheel contains the packages and nothing else of the repository, and works without it."""

import email
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytest.importorskip("hatchling")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_wheel_contains_only_the_packages(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    packages = {"qwen_core", "qwen_emulator", "langchain_qwen", "llama_index_qwen"}
    assert {top for top in tops if not top.endswith(".dist-info")} == packages | {"llama_index"}
    for package in packages:
        assert f"{package}/py.typed" in names
    assert {"qwen_core/models/catalogue.toml", "qwen_core/models/profiles.jsonl"} <= set(names)
    assert not [name for name in names if "tests" in name or "cookbook" in name or "benchmarks" in name]
    # An __init__.py there would hide LlamaIndex itself.
    assert "llama_index/__init__.py" not in names and "llama_index/llms/__init__.py" not in names


def test_source_distribution_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--directory", str(tmp_path), "--target"]
    subprocess.run([*build, "sdist"], cwd=ROOT, check=True, capture_output=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as files:
        files.extractall(tmp_path, filter="data")
    (source,) = (found for found in tmp_path.iterdir() if found.is_dir())
    shipped = {found.name for found in source.iterdir()}
    assert not shipped & {"tests", "cookbook", "benchmarks", "docs"}
    subprocess.run([*build, "wheel"], cwd=source, check=True, capture_output=True)
    (rebuilt,) = tmp_path.glob("*.whl")
    contents = [
        {name: files.read(name) for name in files.namelist()}
        for files in (zipfile.ZipFile(wheel), zipfile.ZipFile(rebuilt))
    ]
    assert contents[0] == contents[1]


def test_wheel_metadata(wheel: Path) -> None:
    files = zipfile.ZipFile(wheel)
    (folder,) = {name.partition("/")[0] for name in files.namelist() if ".dist-info/" in name}
    metadata = email.message_from_bytes(files.read(f"{folder}/METADATA"))
    extras = {"langchain", "llama-index", "dashscope", "aiohttp", "tokenizer", "emulator", "documents", "all"}
    assert set(metadata.get_all("Provides-Extra", [])) == extras
    needs = [need.partition("; extra == ") for need in metadata.get_all("Requires-Dist", [])]
    of_all = {need for need, _, extra in needs if extra == "'all'"}
    assert of_all == {need for need, _, extra in needs if extra not in ("", "'all'")}
    assert metadata["Requires-Python"] == ">=3.11"
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])
    assert b"[pytest11]\nqwen_emulator = qwen_emulator.pytest_plugin" in files.read(f"{folder}/entry_points.txt")


def test_wheel_works_without_the_repository(wheel: Path, tmp_path: Path) -> None:
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
