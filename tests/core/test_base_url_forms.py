"""Base URLs in the forms in which applications keep them."""

from typing import Any

import httpx
import pytest

from langchain_qwen import ChatQwen, QwenEmbeddings
from qwen_core.config.endpoints import ENDPOINT_PATHS, resolve_endpoint
from qwen_core.config.self_hosted import is_external_url
from qwen_core.errors import NotFoundError
from qwen_emulator import Emulator

HOSTS = (
    "https://dashscope.aliyuncs.com",
    "https://dashscope-intl.aliyuncs.com",
    "https://ws-1.cn-beijing.maas.aliyuncs.com",
)
COMPATIBLE = ("", "/compatible-mode", "/compatible-mode/v1", "/compatible-mode/v1/", "//compatible-mode//v1")
NATIVE = ("/api", "/api/v1", "/api/v1/")


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("path", [*COMPATIBLE, *NATIVE])
def test_every_form_of_a_base_url_serves_both_protocols(host: str, path: str) -> None:
    assert resolve_endpoint("openai", base_url=host + path).base_url == host + "/compatible-mode/v1"
    assert resolve_endpoint("dashscope", base_url=host + path).base_url == host + "/api/v1"


@pytest.mark.parametrize("endpoint", ENDPOINT_PATHS)
@pytest.mark.parametrize(
    "host", ["https://dashscope.aliyuncs.com", "http://127.0.0.1:8930", "https://gateway.example"]
)
def test_endpoint_at_the_end_of_a_base_url_is_cut_off(host: str, endpoint: str) -> None:
    base = host + ("/api/v1" if endpoint.startswith("/services") else "/compatible-mode/v1")
    assert resolve_endpoint("openai", base_url=base + endpoint).base_url == host + "/compatible-mode/v1"
    assert resolve_endpoint("dashscope", base_url=base + endpoint + "/").base_url == host + "/api/v1"
    assert not is_external_url(base + endpoint)


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("http://localhost:8000/v1/chat/completions", "http://localhost:8000/v1"),
        ("http://localhost:8000/v1/", "http://localhost:8000/v1"),
        ("http://localhost:8000", "http://localhost:8000/v1"),
        ("http://localhost:8000/chat/completions", "http://localhost:8000"),
        ("http://localhost:8000/api", "http://localhost:8000/api"),
    ],
)
def test_endpoint_of_a_self_hosted_server_is_cut_off(url: str, base: str) -> None:
    assert resolve_endpoint("openai", base_url=url, self_hosted=True).base_url == base


def test_other_paths_are_kept() -> None:
    for url in (
        "https://gateway.example/api",
        "https://coding.dashscope.aliyuncs.com/v1",
        "https://g.example/x/v1",
    ):
        assert resolve_endpoint("openai", base_url=url).base_url == url


def test_endpoint_of_the_emulator_is_understood(qwen_emulator: Emulator) -> None:
    """Such an address is not a self-hosted server: the key is sent."""
    url = qwen_emulator.compatible_url + "/chat/completions"
    assert ChatQwen(api_key="k", base_url=url).invoke("hi").content
    embeddings = QwenEmbeddings(api_key="k", base_url=qwen_emulator.compatible_url + "/embeddings")
    assert len(embeddings.embed_query("hi")) == 1024
    assert {request.headers["authorization"] for request in qwen_emulator.requests} == {"Bearer k"}


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_error_404_shows_the_path(asynchronous: bool) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(404))
    clients: dict[str, Any] = {
        "http_client": httpx.Client(transport=transport),
        "http_async_client": httpx.AsyncClient(transport=transport),
    }
    model = ChatQwen(api_key="k", base_url="https://gateway.example/qwen/v7", server="dashscope", **clients)
    with pytest.raises(NotFoundError, match=r"/qwen/v7/chat/completions"):
        await model.ainvoke("hi") if asynchronous else model.invoke("hi")
