"""The asynchronous transport on aiohttp, the best there is, and on httpx where the SDK finds no aiohttp."""

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
    """Whether the SDK finds aiohttp; 2.x needs a package of its own for it."""
    try:
        openai.DefaultAioHttpClient()
    except RuntimeError:
        return False
    return True


def refuse_aiohttp(**arguments: object) -> None:
    """What the SDK has in the client's place where aiohttp is missing."""
    raise RuntimeError("To use the aiohttp client you must have installed the package with the `aiohttp` extra")


@pytest.fixture(params=["aiohttp", "httpx"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The HTTP library under the SDK."""
    if request.param == "httpx":
        monkeypatch.setattr(http_clients, "AioHTTPClient", refuse_aiohttp)
    elif not has_aiohttp():
        pytest.skip("the SDK finds no aiohttp")
    return str(request.param)


@pytest.fixture
def settings(qwen_emulator: Emulator) -> ClientSettings:
    """Settings for the emulator on the wire that the openai SDK carries."""
    return ClientSettings(api_key=KEY, base_url=qwen_emulator.base_url, protocol="openai")


async def test_the_library_that_is_there(library: str) -> None:
    connection = Connection(protocol="openai", base_url="http://127.0.0.1", api_key=KEY)
    transport = AsyncOpenAITransport(connection)
    client = transport._client._client
    await transport.close()
    assert isinstance(client, openai.DefaultAioHttpClient) == (library == "aiohttp")


def test_many_configurations_leave_nothing_open(
    library: str, settings: ClientSettings, request_: ChatRequest, caplog: pytest.LogCaptureFixture
) -> None:
    """More of them than there are pools, and none may be reported as unclosed."""

    async def ask() -> list[str]:
        others = (msgspec.structs.replace(settings, api_key=f"{KEY}{i}") for i in range(MAX_POOLS + 4))
        answers = [await AsyncQwenClient(other).generate(request_) for other in others]
        return [answer.text for answer in answers]

    with caplog.at_level(logging.ERROR, logger="asyncio"):
        assert all(asyncio.run(ask()))
    assert not caplog.records


async def test_two_hundred_at_once(library: str, settings: ClientSettings, request_: ChatRequest) -> None:
    client = AsyncQwenClient(settings)
    answers = await asyncio.gather(*(client.generate(request_) for _ in range(200)))
    assert len(answers) == 200
