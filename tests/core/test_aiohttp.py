"""The async transport on aiohttp, the default, and on httpx if the SDK does not find aiohttp."""

import asyncio
import logging

import msgspec
import openai
import pytest

from qwen_core import AsyncQwenClient, ChatRequest, ClientSettings
from qwen_core.config.settings import Connection
from qwen_core.transports import http_clients
from qwen_core.transports.openai_sdk import AsyncOpenAITransport
from qwen_core.transports.pool import MAX_POOLS
from qwen_emulator import Emulator
from tests.core.conftest import KEY


def has_aiohttp() -> bool:
    """Return whether the SDK finds aiohttp; 2.x needs an extra package for it."""
    try:
        openai.DefaultAioHttpClient()
    except RuntimeError:
        return False
    return True


def refuse_aiohttp(**arguments: object) -> None:
    """Raise as the SDK's client class does if aiohttp is missing."""
    raise RuntimeError("To use the aiohttp client you must have installed the package with the `aiohttp` extra")


@pytest.fixture(params=["aiohttp", "httpx"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Select the HTTP library under the SDK."""
    if request.param == "httpx":
        monkeypatch.setattr(http_clients, "AioHTTPClient", refuse_aiohttp)
    elif not has_aiohttp():
        pytest.skip("the SDK finds no aiohttp")
    return str(request.param)


@pytest.fixture
def settings(qwen_emulator: Emulator) -> ClientSettings:
    """Return settings for the emulator on the OpenAI-compatible protocol."""
    return ClientSettings(api_key=KEY, base_url=qwen_emulator.base_url, protocol="openai")


async def test_async_openai_transport_uses_aiohttp_if_available(library: str) -> None:
    connection = Connection(protocol="openai", base_url="http://127.0.0.1", api_key=KEY)
    transport = AsyncOpenAITransport(connection)
    client = transport._client._client
    await transport.close()
    assert isinstance(client, openai.DefaultAioHttpClient) == (library == "aiohttp")


def test_more_configurations_than_pools_leave_no_unclosed_client(
    library: str, settings: ClientSettings, request_: ChatRequest, caplog: pytest.LogCaptureFixture
) -> None:
    """Use more configurations than MAX_POOLS; no client may be reported as unclosed."""

    async def ask() -> list[str]:
        others = (msgspec.structs.replace(settings, api_key=f"{KEY}{i}") for i in range(MAX_POOLS + 4))
        answers = [await AsyncQwenClient(other).generate(request_) for other in others]
        return [answer.text for answer in answers]

    with caplog.at_level(logging.ERROR, logger="asyncio"):
        assert all(asyncio.run(ask()))
    assert not caplog.records


async def test_two_hundred_concurrent_async_requests_succeed(
    library: str, settings: ClientSettings, request_: ChatRequest
) -> None:
    client = AsyncQwenClient(settings)
    answers = await asyncio.gather(*(client.generate(request_) for _ in range(200)))
    assert len(answers) == 200
