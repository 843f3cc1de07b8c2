"""The four surfaces of a chat client: complete and streamed, sync and async."""

import asyncio
from collections.abc import Callable

from qwen_core import (
    AsyncQwenClient,
    ChatRequest,
    ChatResponse,
    ClientSettings,
    QwenClient,
)
from qwen_core.types.accumulator import accumulate
from qwen_core.types.events import Event

Run = Callable[[ClientSettings, ChatRequest], ChatResponse]


def generate(settings: ClientSettings, request: ChatRequest) -> ChatResponse:
    return QwenClient(settings).generate(request)


def stream(settings: ClientSettings, request: ChatRequest) -> ChatResponse:
    return accumulate(QwenClient(settings).stream(request))


def async_generate(settings: ClientSettings, request: ChatRequest) -> ChatResponse:
    return asyncio.run(AsyncQwenClient(settings).generate(request))


def async_stream(settings: ClientSettings, request: ChatRequest) -> ChatResponse:
    async def collect() -> list[Event]:
        return [event async for event in AsyncQwenClient(settings).stream(request)]

    return accumulate(asyncio.run(collect()))


WAYS = [generate, stream, async_generate, async_stream]
STREAMS = [stream, async_stream]
