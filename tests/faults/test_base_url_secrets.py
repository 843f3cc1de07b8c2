"""A base URL has no secrets: what may be one is refused when the object is made, and not quoted."""

import pytest

from langchain_qwen import ChatQwen, QwenEmbeddings, QwenRerank
from llama_index_qwen import Qwen, QwenEmbedding
from qwen_core import ChatRequest, ClientSettings, QwenClient
from qwen_core.types.errors import UnsupportedFeatureError

SECRET = "hunter2secret"
URLS = (
    f"http://bob:{SECRET}@gateway.example/compatible-mode/v1",
    f"https://{SECRET}@gateway.example",
    f"bob:{SECRET}@gateway.example",
    f"ftp://bob:{SECRET}@gateway.example",
    f"http:/bob:{SECRET}@gateway.example",
    f"https://gateway.example/v1?token={SECRET}",
    f"https://gateway.example/v1#{SECRET}",
)


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("kind", [ClientSettings, ChatQwen, QwenEmbeddings, QwenRerank, Qwen, QwenEmbedding])
def test_secret_in_base_url_is_refused_and_not_quoted(url: str, kind: type) -> None:
    with pytest.raises(UnsupportedFeatureError, match="base_url") as caught:
        kind(base_url=url)
    assert SECRET not in str(caught.value) and SECRET not in repr(caught.value)


@pytest.mark.parametrize("url", URLS)
def test_secret_in_the_environments_base_url_is_refused_and_not_quoted(
    url: str, request_: ChatRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASHSCOPE_API_BASE", url)
    with pytest.raises(UnsupportedFeatureError, match="base_url") as caught:
        QwenClient(ClientSettings(api_key="sk-test")).generate(request_)
    assert SECRET not in str(caught.value)
