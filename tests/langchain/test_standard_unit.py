"""langchain-tests' unit suites."""

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_tests.unit_tests import ChatModelUnitTests, EmbeddingsUnitTests

from langchain_qwen import ChatQwen, QwenEmbeddings


@pytest.fixture(autouse=True)
def chat_qwen_is_loadable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Register ChatQwen: ``test_serdes`` loads ``allowed_objects="all"``, which are LangChain's vendors only."""
    load_module = importlib.import_module("langchain_core.load.load")
    path = ("langchain_qwen", "chat_models", "ChatQwen")
    monkeypatch.setitem(load_module.ALL_SERIALIZABLE_MAPPINGS, path, path)
    load_module._default_class_paths_cache.clear()
    yield
    load_module._default_class_paths_cache.clear()


class TestChatQwenUnit(ChatModelUnitTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatQwen

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "qwen-plus", "api_key": "sk-test"}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        environment = {"DASHSCOPE_API_KEY": "sk-env", "QWEN_MODEL": "qwen-flash"}
        return environment, {}, {"api_key": "sk-env", "model": "qwen-flash"}

    @property
    def has_tool_calling(self) -> bool:
        return True

    @property
    def has_structured_output(self) -> bool:
        return True

    @property
    def supports_image_inputs(self) -> bool:
        return True


class TestQwenEmbeddingsUnit(EmbeddingsUnitTests):
    @property
    def embeddings_class(self) -> type[Embeddings]:
        return QwenEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"api_key": "sk-test"}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        return {"DASHSCOPE_API_KEY": "sk-env"}, {}, {"api_key": "sk-env"}
