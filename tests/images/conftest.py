"""Fixtures of the tests of images and videos: an emulator, a server of exact bytes, both halves of a client."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from qwen_core import (
    AsyncQwenImages,
    AsyncQwenVideos,
    ClientSettings,
    GeneratedVideo,
    ImageRequest,
    ImageResponse,
    QwenImages,
    QwenVideos,
    VideoRequest,
)
from qwen_core.execution import retry
from qwen_emulator import Emulator
from tests.canned_server import CannedServer, canned_server

KEY = "sk-images-secret"
FAST: dict[str, Any] = {"poll_seconds": 0.01}

CONSTRUCTOR_OPTIONS = ("download", "on_task", "patience", "workers")


@pytest.fixture
def service(shared_emulator: Emulator) -> Emulator:
    """Reset the shared emulator."""
    shared_emulator.reset()
    return shared_emulator


@pytest.fixture
def settings(service: Emulator) -> ClientSettings:
    return ClientSettings(api_key=KEY, base_url=service.base_url, region="ap-southeast-1")


@pytest.fixture
def server() -> Iterator[CannedServer]:
    with canned_server() as server:
        yield server


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "backoff", lambda attempt: 0.0)


class Both:
    """The two halves of the client, called alike."""

    def __init__(self, asynchronous: bool) -> None:
        self.asynchronous = asynchronous

    def images(self, method: str, settings: ClientSettings, *args: Any, **options: Any) -> Any:
        """Call a method of the client for images; options of the constructor and of the method are told apart."""
        fields = dict(FAST)
        fields.update((name, options.pop(name)) for name in CONSTRUCTOR_OPTIONS if name in options)
        if not self.asynchronous:
            return getattr(QwenImages(settings, **fields), method)(*args, **options)

        async def run() -> Any:
            return await getattr(AsyncQwenImages(settings, **fields), method)(*args, **options)

        return asyncio.run(run())

    def generate(
        self, settings: ClientSettings, options: dict[str, Any] | None = None, **fields: Any
    ) -> ImageResponse:
        """Generate images."""
        response: ImageResponse = self.images("generate", settings, ImageRequest(**fields), **(options or {}))
        return response

    def video(self, settings: ClientSettings, **fields: Any) -> GeneratedVideo:
        """Generate a video."""
        request = VideoRequest(**fields)
        if not self.asynchronous:
            return QwenVideos(settings, **FAST).generate(request)

        async def run() -> GeneratedVideo:
            return await AsyncQwenVideos(settings, **FAST).generate(request)

        return asyncio.run(run())


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def both(request: pytest.FixtureRequest) -> Both:
    return Both(request.param)
