"""Imports: only our own modules and msgspec; clients, protocols and SDKs are imported at the first call."""

import importlib
import json
import subprocess
import sys

import pytest
from langchain_core.rate_limiters import BaseRateLimiter

import langchain_qwen

PACKAGES = ("qwen_core", "langchain_qwen", "llama_index_qwen")

ASK = """
import json, sys, {framework}
before = set(sys.modules)
from {package} import {name}
{name}()
print(json.dumps(sorted(set(sys.modules) - before)))
"""


@pytest.mark.parametrize(
    ("package", "name", "framework"),
    [
        ("langchain_qwen", "ChatQwen", "langchain_core.language_models.chat_models"),
        ("llama_index_qwen", "Qwen", "llama_index.core.llms"),
    ],
)
def test_creating_a_model_imports_no_client_or_sdk(package: str, name: str, framework: str) -> None:
    program = ASK.format(package=package, name=name, framework=framework)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    third_party = {module.partition(".")[0] for module in loaded} - sys.stdlib_module_names
    assert third_party == {package, "qwen_core", "msgspec"}
    heavy = (
        f"{package}.messages",
        f"{package}.output",
        f"{package}.responses",
        f"{package}.tools",
        "qwen_core.resources.client",
        "qwen_core.resources.sync",
        "qwen_core.execution.plan",
        "qwen_core.protocols",
        "qwen_core.transports",
        "tomllib",
    )
    assert not {module for module in loaded if module.startswith(heavy)}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_exported(package: str) -> None:
    module = importlib.import_module(package)
    for name in module.__all__:
        assert getattr(module, name).__name__ == name
        assert vars(module)[name] is getattr(module, name)
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'Nothing'"):
        _ = module.Nothing


def test_rate_limiter_is_a_langchain_rate_limiter() -> None:
    limiter: BaseRateLimiter = langchain_qwen.RateLimiter(60)
    assert isinstance(limiter, BaseRateLimiter)
