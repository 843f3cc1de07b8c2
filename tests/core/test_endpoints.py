"""Endpoints: regions, workspaces, base_url, and what errors may show of a URL."""

import pytest

from qwen_core.config.endpoints import REGIONS, SHORT_FORMS, ProtocolName, region_of, rerank_url, resolve_endpoint
from qwen_core.config.settings import ClientSettings, resolve_connection
from qwen_core.errors import QwenWarning, UnsupportedFeatureError

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


@pytest.mark.parametrize(("protocol", "path"), [("openai", "/compatible-mode/v1"), ("dashscope", "/api/v1")])
@pytest.mark.parametrize(("region", "host"), SHARED.items())
def test_region_resolves_to_its_shared_host(region: str, host: str, protocol: ProtocolName, path: str) -> None:
    assert resolve_endpoint(protocol, region=region) == (f"https://{host}{path}", {})


def test_default_region_is_cn_beijing() -> None:
    assert resolve_endpoint("openai").host == "dashscope.aliyuncs.com"


@pytest.mark.parametrize(("short", "region"), SHORT_FORMS.items())
def test_region_short_form_equals_its_full_name(short: str, region: str) -> None:
    long = resolve_endpoint("openai", region=region, workspace="ws-1")
    assert resolve_endpoint("openai", region=short, workspace="ws-1") == long


@pytest.mark.parametrize("region", [name for name in REGIONS if name != "finance"])
def test_workspace_resolves_to_its_own_host(region: str) -> None:
    endpoint = resolve_endpoint("openai", region=region, workspace="ws-abc123")
    assert endpoint == (f"https://ws-abc123.{region}.maas.aliyuncs.com/compatible-mode/v1", {})


def test_workspace_is_sent_as_header_without_a_workspace_host() -> None:
    endpoint = resolve_endpoint("dashscope", region="finance", workspace="ws-1")
    assert endpoint.headers == {"X-DashScope-WorkSpace": "ws-1"}
    endpoint = resolve_endpoint("openai", base_url="http://127.0.0.1:1", workspace="ws-1")
    assert endpoint.headers == {"X-DashScope-WorkSpace": "ws-1"}


@pytest.mark.parametrize("region", ["de", "jp"])
def test_region_without_shared_host_requires_a_workspace(region: str) -> None:
    with pytest.raises(UnsupportedFeatureError, match="workspace"):
        resolve_endpoint("openai", region=region)


@pytest.mark.parametrize("workspace", ["ws/../x", "a.b", "ws 1", "wś"])
def test_workspace_with_invalid_host_characters_is_refused(workspace: str) -> None:
    with pytest.raises(UnsupportedFeatureError, match="workspace"):
        resolve_endpoint("openai", workspace=workspace)


def test_unknown_region_error_lists_known_regions() -> None:
    with pytest.raises(UnsupportedFeatureError, match="ap-southeast-1"):
        resolve_endpoint("openai", region="mars")


@pytest.mark.parametrize(
    ("given", "protocol", "wanted"),
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
def test_base_url_is_completed_with_the_protocol_path(given: str, protocol: ProtocolName, wanted: str) -> None:
    assert resolve_endpoint(protocol, base_url=given, region="us").base_url == wanted


def test_base_url_defaults_to_dashscope_api_base(monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_invalid_base_url_is_refused_without_its_credentials(url: str) -> None:
    with pytest.raises(UnsupportedFeatureError, match="URL") as caught:
        resolve_endpoint("openai", base_url=url)
    assert "secret" not in str(caught.value)
    with pytest.raises(UnsupportedFeatureError, match="URL"):
        ClientSettings(base_url=url).self_hosted_server()


def test_base_url_with_credentials_is_refused_without_quoting_them() -> None:
    for kind in (lambda url: resolve_endpoint("openai", base_url=url), lambda url: ClientSettings(base_url=url)):
        with pytest.raises(UnsupportedFeatureError, match="user name, password") as caught:
            kind("https://user:secret@h.example")
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "region"),
    [
        *((host, region) for region, host in SHARED.items()),
        ("ws-1.ap-southeast-1.maas.aliyuncs.com", "ap-southeast-1"),
        ("ws-1.ap-southeast-1.maas.aliyuncs.com.evil.example", None),
        ("example.com", None),
    ],
)
def test_region_of_host_is_recognized(host: str, region: str | None) -> None:
    assert region_of(host) == region


@pytest.mark.parametrize("protocol", ["openai", "dashscope"])
def test_connection_repr_omits_api_key(protocol: ProtocolName) -> None:
    settings = ClientSettings(api_key="sk-secret", default_headers=(("X-A", "sk-secret"),))
    connection = resolve_connection(settings, protocol, asynchronous=False)
    assert connection.api_key == "sk-secret" and "sk-secret" not in repr(connection)


def test_rerank_url_uses_compatible_api_path() -> None:
    assert rerank_url("https://h.example/compatible-mode/v1") == "https://h.example/compatible-api/v1"


def test_api_key_over_plain_http_warns() -> None:
    from qwen_core import ChatRequest
    from qwen_core.execution.exchange import show_warnings
    from qwen_core.execution.plan import plan_chat

    settings = ClientSettings(api_key="sk", base_url="http://h.example")
    with pytest.warns(QwenWarning, match="unencrypted"):
        show_warnings(plan_chat(ChatRequest(model="qwen-plus", messages=()), settings, asynchronous=False))
