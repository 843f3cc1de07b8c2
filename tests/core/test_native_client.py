"""Native DashScope calls: the SDK, its globals, the endpoints, and protocol selection.

Behaviour that both protocols share is in ``test_client.py``, which runs over both.
"""

import asyncio
import json
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dashscope
import httpx
import msgspec
import pytest

from qwen_core import AsyncQwenClient, ChatRequest, ClientSettings, EmbeddingRequest, QwenClient, errors
from qwen_core.config.endpoints import PATHS
from qwen_core.config.settings import Connection
from qwen_core.errors import QwenWarning
from qwen_core.protocols import registry as selection
from qwen_core.transports import pool
from qwen_core.types.accumulator import accumulate
from qwen_core.types.messages import ImagePart, Message, TextPart
from qwen_emulator import Emulator, Failure, RawReply, RecordedRequest, Reply, SearchResult, faults
from tests.core.conftest import KEY
from tests.core.surfaces import WAYS, Run, async_generate, generate, stream

TEXT = "/api/v1/services/aigc/text-generation/generation"
MULTIMODAL = "/api/v1/services/aigc/multimodal-generation/generation"
URL_ERROR = Failure(400, "InvalidParameter", "url error, please check url！")


@pytest.fixture
def native(qwen_emulator: Emulator) -> ClientSettings:
    return ClientSettings(api_key=KEY, base_url=qwen_emulator.base_url, protocol="dashscope")


@pytest.fixture
def auto(native: ClientSettings) -> ClientSettings:
    return msgspec.structs.replace(native, protocol="auto")


def asking(model: str, text: str = "Say hello to Paris", **fields: Any) -> ChatRequest:
    return ChatRequest(model=model, messages=(Message("user", (TextPart(text),)),), **fields)


def paths(emulator: Emulator) -> list[str]:
    return [request.path for request in emulator.requests]


@pytest.mark.parametrize("run", WAYS)
def test_file_path_in_text_is_sent_as_text(run: Run, native: ClientSettings, qwen_emulator: Emulator) -> None:
    """Send a path as text: the SDK's own multimodal call would upload that file (native 4.4)."""
    assert Path("/etc/hostname").exists()
    for model in ("qwen3.7-plus", "qwen-plus"):
        run(native, asking(model, "/etc/hostname"))
    multimodal, text = qwen_emulator.requests
    assert multimodal.body["input"]["messages"][0]["content"] == [{"text": "/etc/hostname"}]
    assert text.body["input"]["messages"][0]["content"] == "/etc/hostname"


def snapshot() -> dict[str, str]:
    """Return every global of the SDK: URLs, key, sessions, explicit settings."""
    loaded = [module for name, module in sys.modules.items() if name.partition(".")[0] == "dashscope"]
    found = {f"{module.__name__}.{name}": repr(value) for module in loaded for name, value in vars(module).items()}
    set_by_hand = {name: repr(dashscope.settings.get_explicit(name)) for name in ("api_key", "base_url", "region")}
    return {**found, **set_by_hand}


@pytest.mark.parametrize("run", WAYS)
def test_dashscope_sdk_globals_are_not_modified(run: Run, native: ClientSettings) -> None:
    run(native, asking("qwen-plus"))
    before = snapshot()
    run(msgspec.structs.replace(native, api_key="sk-other", workspace="ws-1"), asking("qwen3.7-plus"))
    assert snapshot() == before


@pytest.mark.parametrize("run", [generate, async_generate])
def test_dashscope_sdk_environment_and_config_file_are_ignored(
    run: Run,
    native: ClientSettings,
    qwen_emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    config = tmp_path / "config.toml"
    config.write_text('api_key = "sk-file"\nbase_url = "http://127.0.0.1:9/api/v1"\nworkspace = "ws-file"\n')
    for name, value in {
        "DASHSCOPE_CONFIG": str(config),
        "DASHSCOPE_API_KEY": "sk-environment",
        "DASHSCOPE_BASE_URL": "http://127.0.0.1:9/api/v1",
        "DASHSCOPE_HTTP_BASE_URL": "http://127.0.0.1:9/api/v1",
        "DASHSCOPE_WORKSPACE": "ws-environment",
        "DASHSCOPE_REGION": "eu-central-1",
        "DASHSCOPE_PROTOCOL": "anthropic",
        "DASHSCOPE_TIMEOUT": "0.001",
        "DASHSCOPE_MAX_RETRIES": "5",
    }.items():
        monkeypatch.setenv(name, value)
    own = msgspec.structs.replace(native, default_headers=(("X-Tenant", "t"),), max_retries=0)
    run(own, asking("qwen-plus"))
    sent = qwen_emulator.last_request
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert sent.headers["x-tenant"] == "t"
    assert "x-dashscope-workspace" not in sent.headers
    qwen_emulator.reply(Failure.named("rate_limit", times=9))
    with pytest.raises(errors.RateLimitError):
        run(own, asking("qwen-plus"))
    assert len(qwen_emulator.requests) == 2, "the SDK's own retries are off"


@pytest.mark.parametrize("run", WAYS)
def test_workspace_is_sent_as_header(run: Run, native: ClientSettings, qwen_emulator: Emulator) -> None:
    run(msgspec.structs.replace(native, workspace="ws-1"), asking("qwen-plus"))
    assert qwen_emulator.last_request.headers["x-dashscope-workspace"] == "ws-1"


def test_api_keys_of_different_settings_are_not_mixed(native: ClientSettings, qwen_emulator: Emulator) -> None:
    for key in ("sk-a", "sk-b", "sk-a"):
        generate(msgspec.structs.replace(native, api_key=key), asking("qwen-plus"))
        assert qwen_emulator.last_request.headers["authorization"] == f"Bearer {key}"


def test_http_client_is_used_and_left_open(native: ClientSettings, qwen_emulator: Emulator) -> None:
    with httpx.Client(headers={"X-Mine": "yes"}) as own:
        assert generate(msgspec.structs.replace(native, http_client=own), asking("qwen-plus")).text
        sent = qwen_emulator.last_request
        assert (sent.headers["x-mine"], sent.headers["authorization"]) == ("yes", f"Bearer {KEY}")
        assert not own.is_closed


async def test_http_async_client_is_used(native: ClientSettings, qwen_emulator: Emulator) -> None:
    async with httpx.AsyncClient(headers={"X-Mine": "yes"}) as own:
        settings = msgspec.structs.replace(native, http_async_client=own)
        assert (await AsyncQwenClient(settings).generate(asking("qwen-plus"))).text
        assert qwen_emulator.last_request.headers["x-mine"] == "yes"


def test_http_client_that_is_not_httpx_is_refused(native: ClientSettings) -> None:
    with pytest.raises(errors.UnsupportedFeatureError, match="httpx"):
        generate(msgspec.structs.replace(native, http_client=object()), asking("qwen-plus"))


@pytest.mark.parametrize("run", WAYS)
def test_redirect_raises_error_with_status(run: Run, native: ClientSettings, qwen_emulator: Emulator) -> None:
    qwen_emulator.reply(RawReply(302, {"location": "https://elsewhere.example.com/"}))
    with pytest.raises(errors.QwenError) as caught:
        run(native, asking("qwen-plus"))
    assert caught.value.status_code == 302


@pytest.mark.parametrize("run", WAYS)
def test_dashscope_sdk_exception_is_the_cause(run: Run, native: ClientSettings, qwen_emulator: Emulator) -> None:
    qwen_emulator.reply(faults.failing(403))
    with pytest.raises(errors.PermissionDeniedError) as caught:
        run(native, asking("qwen-plus"))
    assert isinstance(caught.value.__cause__, dashscope.v2.errors.PermissionDeniedError)


def test_stream_with_incremental_output_false_is_decoded_as_cumulative(
    native: ClientSettings, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(Reply(text=["ha", "ha", "!"]))
    request = asking("qwen-plus", extra_body={"incremental_output": False})
    assert accumulate(QwenClient(native).stream(request)).text == "haha!"
    assert qwen_emulator.last_request.body["parameters"]["incremental_output"] is False


@pytest.mark.parametrize("run", WAYS)
def test_enable_search_returns_citations_by_default(
    run: Run, native: ClientSettings, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(Reply(text="See [1].", search_results=[SearchResult("Title", "https://h.example/t")]))
    response = run(native, asking("qwen-plus", enable_search=True))
    assert [(source.index, source.url, source.title) for source in response.citations] == [
        (1, "https://h.example/t", "Title")
    ]
    assert response.search_info


# Endpoints.


def wrong_endpoint(right: str) -> Callable[[RecordedRequest], Any]:
    """Return a responder that knows every model at this path only."""
    return lambda request: Reply(text="found") if request.path == right else URL_ERROR


@pytest.mark.parametrize("run", WAYS)
def test_url_error_switches_to_the_other_endpoint_and_is_remembered(
    run: Run, native: ClientSettings, qwen_emulator: Emulator
) -> None:
    """Let the responder decide the endpoint: without validation the emulator accepts either."""
    model = f"new-model-{run.__name__}"
    with Emulator(validate=False) as emulator:
        emulator.reply(wrong_endpoint(MULTIMODAL))
        settings = msgspec.structs.replace(native, base_url=emulator.base_url, max_retries=0)
        assert run(settings, asking(model)).text == "found"
        assert paths(emulator) == [TEXT, MULTIMODAL]
        assert run(settings, asking(model)).text == "found"
        assert paths(emulator) == [TEXT, MULTIMODAL, MULTIMODAL]
        assert emulator.requests[0].body["input"]["messages"][0]["content"] == "Say hello to Paris"
        assert emulator.last_request.body["input"]["messages"][0]["content"] == [{"text": "Say hello to Paris"}]


@pytest.mark.parametrize("run", WAYS)
def test_model_on_neither_endpoint_is_tried_once_on_each(run: Run, native: ClientSettings) -> None:
    with Emulator(validate=False) as emulator:
        emulator.reply(lambda request: URL_ERROR)
        settings = msgspec.structs.replace(native, base_url=emulator.base_url)
        for _ in range(2):
            with pytest.raises(errors.BadRequestError, match="url error"):
                run(settings, asking("nowhere"))
        assert paths(emulator) == [TEXT, MULTIMODAL] * 2


@pytest.mark.parametrize("run", WAYS)
def test_image_request_never_falls_back_to_the_text_endpoint(run: Run, native: ClientSettings) -> None:
    message = Message("user", (ImagePart("https://h.example/a.png"), TextPart("what?")))
    with Emulator(validate=False) as emulator:
        emulator.reply(lambda request: URL_ERROR)
        settings = msgspec.structs.replace(native, base_url=emulator.base_url)
        with pytest.raises(errors.BadRequestError, match="url error"):
            run(settings, ChatRequest(model="nowhere", messages=(message,)))
        assert paths(emulator) == [MULTIMODAL]


@pytest.mark.parametrize("run", WAYS)
def test_other_errors_do_not_switch_the_endpoint(
    run: Run, native: ClientSettings, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(Failure.named("invalid_parameter"))
    with pytest.raises(errors.BadRequestError):
        run(native, asking("qwen-plus"))
    assert paths(qwen_emulator) == [TEXT]


# Protocol selection with protocol="auto".


@pytest.mark.parametrize(
    ("fields", "protocol"),
    [
        ({}, "openai"),
        ({"enable_search": True}, "dashscope"),
        ({"enable_search": True, "search_options": {"forced_search": True}}, "dashscope"),
        ({"enable_search": True, "search_options": {"enable_source": True}}, "dashscope"),
        ({"enable_search": True, "search_options": {"enable_citation": True}}, "dashscope"),
        ({"enable_search": True, "search_options": {"enable_source": False}}, "openai"),
        ({"search_options": {"enable_source": True}}, "openai"),
    ],
)
@pytest.mark.filterwarnings("ignore:search_options have no effect")
def test_protocol_auto_selects_native_for_search_sources(
    fields: dict[str, Any], protocol: Any, auto: ClientSettings, qwen_emulator: Emulator
) -> None:
    generate(auto, asking("qwen-plus", **fields))
    assert qwen_emulator.last_request.path.startswith(PATHS[protocol])


def test_protocol_auto_selects_native_for_ocr_task(auto: ClientSettings) -> None:
    with Emulator(validate=False) as emulator:
        settings = msgspec.structs.replace(auto, base_url=emulator.base_url)
        generate(settings, asking("qwen-vl-ocr", ocr_options={"task": "text_recognition"}))
        assert paths(emulator) == [MULTIMODAL]


def test_protocol_auto_follows_the_models_only_protocol(auto: ClientSettings) -> None:
    with Emulator(validate=False) as emulator:
        settings = msgspec.structs.replace(auto, base_url=emulator.base_url)
        generate(settings, asking("qwen-audio-turbo"))
        stream(settings, asking("qwen3-omni-flash"))
        assert paths(emulator) == [MULTIMODAL, "/compatible-mode/v1/chat/completions"]


SOURCES: dict[str, Any] = {"enable_search": True, "search_options": {"enable_source": True}}


def test_protocol_auto_without_dashscope_sdk_warns_of_lost_features(
    auto: ClientSettings, qwen_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "sdk_is_installed", lambda: False)
    with pytest.warns(QwenWarning, match=r"enable_source.*\.\[dashscope\]"):
        generate(auto, asking("qwen-plus", **SOURCES))
    assert qwen_emulator.last_request.path.startswith(PATHS["openai"])
    with pytest.raises(errors.UnsupportedFeatureError, match=r"\.\[dashscope\]"):
        generate(auto, asking("qwen-vl-ocr", ocr_options={"task": "text_recognition"}))


def test_openai_protocol_warns_or_refuses_native_only_features(
    native: ClientSettings, qwen_emulator: Emulator
) -> None:
    settings = msgspec.structs.replace(native, protocol="openai")
    with pytest.warns(QwenWarning, match=r'enable_source.*protocol="dashscope"'):
        generate(settings, asking("qwen-plus", **SOURCES))
    with pytest.raises(errors.UnsupportedFeatureError, match='protocol="dashscope"'):
        generate(settings, asking("qwen-vl-ocr", ocr_options={"task": "text_recognition"}))


def test_dashscope_protocol_warns_of_openai_only_model(native: ClientSettings) -> None:
    with Emulator(validate=False) as emulator:
        settings = msgspec.structs.replace(native, base_url=emulator.base_url)
        with pytest.warns(QwenWarning, match='protocol="openai"'):
            stream(settings, asking("qwen3-omni-flash"))
        assert len(emulator.requests) == 1


# The SDK itself.


def run_python(code: str) -> None:
    """Run code in a new interpreter and fail if it does."""
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60
    )
    assert finished.returncode == 0, finished.stderr


def test_missing_dashscope_sdk_error_names_the_extra() -> None:
    run_python(
        """
        import asyncio, sys

        class Blocker:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] == "dashscope":
                    raise ModuleNotFoundError(f"No module named {name!r}", name=name)

        sys.meta_path.insert(0, Blocker())
        from qwen_core import AsyncQwenClient, ChatRequest, ClientSettings, QwenClient
        from qwen_core.errors import UnsupportedFeatureError
        from qwen_core.types.messages import Message, TextPart
        from qwen_core.protocols.registry import sdk_is_installed

        assert not sdk_is_installed()
        settings = ClientSettings(api_key="k", protocol="dashscope")
        request = ChatRequest(model="qwen-plus", messages=(Message("user", (TextPart("hi"),)),))
        calls = [
            lambda: QwenClient(settings).generate(request),
            lambda: next(QwenClient(settings).stream(request)),
            lambda: asyncio.run(AsyncQwenClient(settings).generate(request)),
        ]
        for call in calls:
            try:
                call()
            except UnsupportedFeatureError as error:
                assert 'pip install ".[dashscope]"' in str(error), error
            else:
                raise AssertionError("nothing was raised")
        """
    )


def test_dashscope_sdk_is_imported_at_first_native_call_without_warnings() -> None:
    run_python(
        """
        import sys
        from qwen_core import ChatRequest, ClientSettings, QwenClient
        from qwen_core.types.messages import Message, TextPart
        from qwen_emulator import Emulator

        assert not {"dashscope", "openai", "httpx"} & set(sys.modules)
        with Emulator() as emulator:
            settings = ClientSettings(api_key="k", base_url=emulator.base_url, protocol="dashscope")
            request = ChatRequest(model="qwen-plus", messages=(Message("user", (TextPart("hi"),)),))
            assert QwenClient(settings).generate(request).text
        assert "dashscope" in sys.modules and "openai" not in sys.modules
        """
    )


async def test_creating_a_transport_does_not_block_the_event_loop(
    native: ClientSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Check that the SDK is imported off the event loop: ``langgraph dev`` refuses blocking file reads on it."""
    makers: list[str] = []
    load_transport = pool.load_transport

    def slow_import(module: str, name: str) -> Any:
        makers.append(threading.current_thread().name)
        time.sleep(0.2)
        return load_transport(module, name)

    monkeypatch.setattr(pool, "load_transport", slow_import)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticker = asyncio.create_task(tick())
    connection = Connection(protocol="dashscope", base_url="http://x", api_key="k")
    transports = pool.LoopTransports()
    impatient = asyncio.create_task(transports.get(connection))
    await asyncio.sleep(0.02)
    impatient.cancel()
    first, second = await asyncio.gather(transports.get(connection), transports.get(connection))
    ticker.cancel()
    assert first is second is await transports.get(connection)
    assert ticks > 5 and len(makers) == 1 and threading.main_thread().name not in makers


async def test_failed_transport_creation_is_not_cached(
    native: ClientSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    transports = pool.LoopTransports()
    connection = Connection(protocol="dashscope", base_url="http://x", api_key="k")
    with monkeypatch.context() as without_sdk:
        absent = ("dashscope.there_is_no_such_module", "Transport")
        without_sdk.setitem(pool.ASYNC_TRANSPORTS, "dashscope", absent)
        with pytest.raises(errors.UnsupportedFeatureError, match="SDK"):
            await transports.get(connection)
    assert await transports.get(connection) is await transports.get(connection)


def test_native_embedding_with_text_type_query(native: ClientSettings, qwen_emulator: Emulator) -> None:
    request = EmbeddingRequest(
        model="text-embedding-v4", texts=("a", "b"), dimensions=64, extra_body={"text_type": "query"}
    )
    response = QwenClient(native).embed(request)
    assert [len(vector) for vector in response.vectors] == [64, 64]
    assert response.model == "text-embedding-v4" and response.request_id
    sent = qwen_emulator.last_request
    assert sent.path == "/api/v1/services/embeddings/text-embedding/text-embedding"
    assert json.loads(json.dumps(sent.body))["parameters"] == {"dimension": 64, "text_type": "query"}
