"""The old and new defaults in the tables of docs/migration.md are correct."""

from importlib import import_module
from typing import Any

import pytest

from tests.migration.guide import GUIDE, installed

TEXT = GUIDE.read_text("utf-8")

# Module, class, field, default, and the text in the guide.
DEFAULTS: tuple[tuple[str, str, str, Any, str], ...] = (
    ("langchain_community.chat_models.tongyi", "ChatTongyi", "model_name", "qwen-turbo", "not `qwen-turbo`"),
    ("langchain_community.chat_models.tongyi", "ChatTongyi", "top_p", 0.8, "`top_p=0.8` (default)"),
    ("langchain_community.chat_models.tongyi", "ChatTongyi", "max_retries", 10, "`max_retries=10`"),
    (
        "langchain_community.embeddings.dashscope",
        "DashScopeEmbeddings",
        "model",
        "text-embedding-v1",
        '`model="text-embedding-v1"` (default)',
    ),
    (
        "langchain_community.document_compressors.dashscope_rerank",
        "DashScopeRerank",
        "top_n",
        3,
        "`top_n=3` (default)",
    ),
    ("langchain_qwq.chat_models", "ChatQwen", "model_name", "qwen3-32b", '`model="qwen3-32b"` (default)'),
    ("llama_index.llms.dashscope", "DashScope", "model_name", "qwen-max", '`model_name="qwen-max"` (default)'),
    ("llama_index.llms.dashscope", "DashScope", "max_tokens", 256, "`max_tokens=256` (default)"),
    ("llama_index.llms.dashscope", "DashScope", "seed", 1234, "`seed=1234`, `temperature=0.1` (defaults)"),
    ("llama_index.llms.dashscope", "DashScope", "temperature", 0.1, "`seed=1234`, `temperature=0.1` (defaults)"),
    ("llama_index.llms.dashscope", "DashScope", "context_window", 8192, "`context_window=8192` (default"),
    ("llama_index.llms.openai_like", "OpenAILike", "context_window", 3900, "`context_window=3900` (default)"),
    ("llama_index.llms.openai_like", "OpenAILike", "temperature", 0.1, "`temperature=0.1` (default)"),
    ("llama_index.llms.openai_like", "OpenAILike", "is_chat_model", False, "`is_chat_model=True`"),
    ("langchain_qwen", "ChatQwen", "model", "qwen-plus", "default: `qwen-plus`"),
    ("langchain_qwen", "ChatQwen", "max_retries", 2, "| default 2;"),
    ("langchain_qwen", "QwenEmbeddings", "model", "text-embedding-v4", "default `text-embedding-v4`"),
    ("langchain_qwen", "QwenRerank", "top_n", None, "default: all documents"),
    ("llama_index_qwen", "Qwen", "model", "qwen-plus", "default `qwen-plus`"),
    ("llama_index_qwen", "Qwen", "max_tokens", None, "not sent unless set"),
    ("llama_index_qwen", "QwenEmbedding", "model", "text-embedding-v4", "default `text-embedding-v4`"),
    ("llama_index_qwen", "QwenRerank", "model", "qwen3-rerank", "default `qwen3-rerank`"),
    ("llama_index_qwen", "QwenRerank", "top_n", None, "default: all nodes"),
)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("module", "name", "field", "default", "said"), [row for row in DEFAULTS if installed(row[0])]
)
def test_field_default_equals_the_guide(
    module: str, name: str, field: str, default: Any, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("QWEN_MODEL", raising=False)
    assert said in TEXT
    found = getattr(import_module(module), name).model_fields[field]
    assert found.get_default(call_default_factory=True) == default


def test_constructor_defaults_equal_the_guide() -> None:
    """Check defaults that two LlamaIndex classes have only in their signatures."""
    import inspect

    from llama_index.core.bridge.pydantic import BaseModel

    for module, name, defaults in (
        (
            "llama_index.embeddings.dashscope",
            "DashScopeEmbedding",
            {"model_name": "text-embedding-v2", "embed_batch_size": 25, "text_type": "document"},
        ),
        ("llama_index.postprocessor.dashscope_rerank", "DashScopeRerank", {"model": "gte-rerank", "top_n": 3}),
    ):
        if installed(module):
            made: type[BaseModel] = getattr(import_module(module), name)
            parameters = inspect.signature(made.__init__).parameters
            assert {field: parameters[field].default for field in defaults} == defaults
            for field, value in defaults.items():
                assert f'`{field}="{value}"`' in TEXT or f"`{field}={value}` (default)" in TEXT
