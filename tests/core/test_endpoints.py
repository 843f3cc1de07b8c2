"""Where requests go."""

import pytest

from qwen_core.config.endpoints import REGIONS, SHORT_FORMS, ProtocolName, region_of, rerank_url, resolve_endpoint
from qwen_core.config.settings import ClientSettings, resolve_connection
from qwen_core.errors import QwenError, QwenWarning, UnsupportedFeatureError
from qwen_core.resources.files import QwenFiles
from qwen_emulator import Emulator

SHARED = {
    "cn-beijing": "dashscope.aliyuncs.com",
    "ap-southeast-1": "dashscope-intl.aliyuncs.com",
    "us-east-1": "dashscope-us.aliyuncs.com",
    "cn-hongkong": "cn-hongkong.dashscope.aliyuncs.com",
    "finance": "dashscope-finance.aliyuncs.com",
}


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DASHSCOPE_API_BASE", raising=False)


@pytest.mark.parametrize(("wire", "path"), [("openai", "/compatible-mode/v1"), ("dashscope", "/api/v1")])
@pytest.mark.parametrize(("region", "host"), SHARED.items())
def test_shared_hosts(region: str, host: str, wire: ProtocolName, path: str) -> None:
    assert resolve_endpoint(wire, region=region) == (f"https://{host}{path}", {})


def test_the_default_is_beijing() -> None:
    assert resolve_endpoint("openai").host == "dashscope.aliyuncs.com"


@pytest.mark.parametrize(("short", "region"), SHORT_FORMS.items())
def test_short_forms(short: str, region: str) -> None:
    long = resolve_endpoint("openai", region=region, workspace="ws-1")
    assert resolve_endpoint("openai", region=short, workspace="ws-1") == long


@pytest.mark.parametrize("region", [name for name in REGIONS if name != "finance"])
def test_a_workspace_has_its_own_host(region: str) -> None:
    endpoint = resolve_endpoint("openai", region=region, workspace="ws-abc123")
    assert endpoint == (f"https://ws-abc123.{region}.maas.aliyuncs.com/compatible-mode/v1", {})


def test_without_workspace_hosts_the_header_names_it() -> None:
    endpoint = resolve_endpoint("dashscope", region="finance", workspace="ws-1")
    assert endpoint.headers == {"X-DashScope-WorkSpace": "ws-1"}
    endpoint = resolve_endpoint("openai", base_url="http://127.0.0.1:1", workspace="ws-1")
    assert endpoint.headers == {"X-DashScope-WorkSpace": "ws-1"}


@pytest.mark.parametrize("region", ["de", "jp"])
def test_regions_without_a_shared_host_need_a_workspace(region: str) -> None:
    with pytest.raises(UnsupportedFeatureError, match="workspace"):
        resolve_endpoint("openai", region=region)


@pytest.mark.parametrize("workspace", ["ws/../x", "a.b", "ws 1", "wś"])
def test_a_workspace_that_could_change_the_host_is_refused(workspace: str) -> None:
    with pytest.raises(UnsupportedFeatureError, match="workspace"):
        resolve_endpoint("openai", workspace=workspace)


def test_an_unknown_region_names_the_known_ones() -> None:
    with pytest.raises(UnsupportedFeatureError, match="ap-southeast-1"):
        resolve_endpoint("openai", region="mars")


@pytest.mark.parametrize(
    ("given", "wire", "wanted"),
    [
        ("https://h.example", "openai", "https://h.example/compatible-mode/v1"),
        ("https://h.example/", "dashscope", "https://h.example/api/v1"),
        ("h.example", "openai", "https://h.example/compatible-mode/v1"),
        ("https://h.example/v1", "openai", "https://h.example/v1"),
        ("https://h.example/v1/", "openai", "https://h.example/v1"),
        ("https://h.example/compatible-mode/v1", "dashscope", "https://h.example/api/v1"),
        ("https://h.example/proxy/api/v1", "openai", "https://h.example/proxy/compatible-mode/v1"),
        ("http://127.0.0.1:8000", "openai", "http://127.0.0.1:8000/compatible-mode/v1"),
    ],
)
def test_base_urls(given: str, wire: ProtocolName, wanted: str) -> None:
    assert resolve_endpoint(wire, base_url=given, region="us").base_url == wanted


def test_the_environment_gives_a_base_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHSCOPE_API_BASE", "https://h.example")
    assert resolve_endpoint("openai", region="us").host == "h.example"
    assert resolve_endpoint("openai", base_url="https://other.example").host == "other.example"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://u:secret@h.example",
        "https://",
        "file:///etc/passwd",
        "http://[::1",
        "http://h:99999",
        "http://h:a/v1",
    ],
)
def test_only_http_urls(url: str) -> None:
    with pytest.raises(UnsupportedFeatureError, match="URL") as caught:
        resolve_endpoint("openai", base_url=url)
    assert "secret" not in str(caught.value)
    with pytest.raises(UnsupportedFeatureError, match="URL"):
        ClientSettings(base_url=url).self_hosted_server()


def test_a_host_never_shows_the_user_in_a_url() -> None:
    assert resolve_endpoint("openai", base_url="https://user:secret@h.example").host == "h.example"


def test_an_error_never_shows_the_user_in_a_url(qwen_emulator: Emulator) -> None:
    url = qwen_emulator.base_url.replace("//", "//user:secret@")
    settings = ClientSettings(api_key="k", base_url=url, max_retries=0)
    with pytest.raises(QwenError) as caught:
        QwenFiles(settings).get("file-none")
    assert "127.0.0.1" in str(caught.value) and "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "region"),
    [
        *((host, region) for region, host in SHARED.items()),
        ("ws-1.ap-southeast-1.maas.aliyuncs.com", "ap-southeast-1"),
        ("ws-1.ap-southeast-1.maas.aliyuncs.com.evil.example", None),
        ("example.com", None),
    ],
)
def test_the_region_of_a_host(host: str, region: str | None) -> None:
    assert region_of(host) == region


@pytest.mark.parametrize("wire", ["openai", "dashscope"])
def test_a_connection_never_shows_its_key(wire: ProtocolName) -> None:
    settings = ClientSettings(api_key="sk-secret", default_headers=(("X-A", "sk-secret"),))
    connection = resolve_connection(settings, wire, asynchronous=False)
    assert connection.api_key == "sk-secret" and "sk-secret" not in repr(connection)


def test_rerank_lives_beside_the_compatible_path() -> None:
    assert rerank_url("https://h.example/compatible-mode/v1") == "https://h.example/compatible-api/v1"


def test_a_key_over_plain_http_warns() -> None:
    from qwen_core import ChatRequest
    from qwen_core.execution.call import chat_call

    settings = ClientSettings(api_key="sk", base_url="http://h.example")
    with pytest.warns(QwenWarning, match="unencrypted"):
        chat_call(settings, ChatRequest(model="qwen-plus", messages=()), stream=False, asynchronous=False)
