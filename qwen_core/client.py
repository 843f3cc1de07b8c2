"""The two clients: profile -> encode -> retry -> transport -> decode.

``QwenClient`` and ``AsyncQwenClient`` are twins: a test strips ``async`` and ``await`` and holds them equal. All
that is pure is in ``Call``.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from qwen_core.accumulator import Accumulator
from qwen_core.call import Call, chat_call, embedding_call, must_stream
from qwen_core.embeddings import DEFAULT_BATCH, OnBatch, async_map_in_order, join, map_in_order, split
from qwen_core.errors import QwenError
from qwen_core.events import Event
from qwen_core.models.catalogue import resolve
from qwen_core.protocols.stream_reader import StreamReader
from qwen_core.request import ChatRequest, EmbeddingRequest, EmbeddingResponse
from qwen_core.response import ChatResponse
from qwen_core.retries import async_retrying, retrying
from qwen_core.settings import ClientSettings
from qwen_core.transports.base import AsyncByteStream, ByteStream, StatusFailure
from qwen_core.transports.pool import ASYNC_POOL, POOL


class OpenStream(NamedTuple):
    """A stream whose first events have arrived."""

    source: ByteStream
    segments: Iterator[bytes]
    reader: StreamReader
    events: Sequence[Event]


class AsyncOpenStream(NamedTuple):
    """A stream whose first events have arrived."""

    source: AsyncByteStream
    segments: AsyncIterator[bytes]
    reader: StreamReader
    events: Sequence[Event]


class QwenClient:
    """Calls the service. Safe to share between threads; connections are pooled by configuration."""

    def __init__(self, settings: ClientSettings) -> None:
        self.settings = settings

    def generate(self, request: ChatRequest) -> ChatResponse:
        """The whole answer. Raises a QwenError."""
        if must_stream(request):
            accumulator = Accumulator()
            for event in self.stream(request):
                accumulator.add(event)
            return accumulator.response()
        call = chat_call(self.settings, request, stream=False, asynchronous=False)
        return retrying(self.settings.max_retries)(self._generate, call)

    def stream(self, request: ChatRequest) -> Iterator[Event]:
        """The answer's events as they arrive. Raises a QwenError, with what had arrived as ``partial``."""
        call = chat_call(self.settings, request, stream=True, asynchronous=False)
        opened: OpenStream = retrying(self.settings.max_retries)(self._open, call)
        source, segments, reader, events = opened
        seen: list[Event] = []
        try:
            while True:
                for event in events:
                    seen.append(event)
                    yield event
                if reader.closed:
                    break
                segment = None if reader.done else next(segments, None)
                events = reader.close() if segment is None else reader.feed(segment)
            with suppress(QwenError):
                # Read to the end of the body, so that the connection can be used again.
                for _ in segments:
                    pass
        except (QwenError, StatusFailure) as error:
            raise call.failure(error, seen) from error.__cause__
        finally:
            source.close()

    def embed(self, request: EmbeddingRequest, on_batch: OnBatch | None = None) -> EmbeddingResponse:
        """A vector for each text, in order. Cut into the batches that the model takes."""
        batches = split(request, resolve(request.model).embedding_batch or DEFAULT_BATCH)
        return join(batches, map_in_order(self._embed_batch, batches, on_batch))

    def _generate(self, call: Call) -> ChatResponse:
        try:
            transport = POOL.get(call.connection)
            return call.decode(transport.send(call.encoded))
        except (QwenError, StatusFailure) as error:
            failure = call.failure(error)
            if call.reroute(failure):
                return self._generate(call)
            raise failure from error.__cause__

    def _open(self, call: Call) -> OpenStream:
        try:
            transport = POOL.get(call.connection)
            source = transport.open_stream(call.encoded)
            try:
                reader = call.reader(source.headers)
                segments = iter(source)
                for segment in segments:
                    events = reader.feed(segment)
                    if events or reader.done:
                        break
                else:
                    events = reader.close()
            except BaseException:
                source.close()
                raise
        except (QwenError, StatusFailure) as error:
            failure = call.failure(error)
            if call.reroute(failure):
                return self._open(call)
            raise failure from error.__cause__
        return OpenStream(source, segments, reader, events)

    def _embed_batch(self, request: EmbeddingRequest) -> EmbeddingResponse:
        call = embedding_call(self.settings, request, asynchronous=False)
        return retrying(self.settings.max_retries)(self._embed, call)

    def _embed(self, call: Call) -> EmbeddingResponse:
        try:
            transport = POOL.get(call.connection)
            return call.decode_embedding(transport.send(call.encoded))
        except (QwenError, StatusFailure) as error:
            raise call.failure(error) from error.__cause__


class AsyncQwenClient:
    """Calls the service without blocking. Safe to share between event loops; each has its own connections."""

    def __init__(self, settings: ClientSettings) -> None:
        self.settings = settings

    async def generate(self, request: ChatRequest) -> ChatResponse:
        """The whole answer. Raises a QwenError."""
        if must_stream(request):
            accumulator = Accumulator()
            async for event in self.stream(request):
                accumulator.add(event)
            return accumulator.response()
        call = chat_call(self.settings, request, stream=False, asynchronous=True)
        return await async_retrying(self.settings.max_retries)(self._generate, call)

    async def stream(self, request: ChatRequest) -> AsyncIterator[Event]:
        """The answer's events as they arrive. Raises a QwenError, with what had arrived as ``partial``."""
        call = chat_call(self.settings, request, stream=True, asynchronous=True)
        opened: AsyncOpenStream = await async_retrying(self.settings.max_retries)(self._open, call)
        source, segments, reader, events = opened
        seen: list[Event] = []
        try:
            while True:
                for event in events:
                    seen.append(event)
                    yield event
                if reader.closed:
                    break
                segment = None if reader.done else await anext(segments, None)
                events = reader.close() if segment is None else reader.feed(segment)
            with suppress(QwenError):
                # Read to the end of the body, so that the connection can be used again.
                async for _ in segments:
                    pass
        except (QwenError, StatusFailure) as error:
            raise call.failure(error, seen) from error.__cause__
        finally:
            await source.close()

    async def embed(self, request: EmbeddingRequest, on_batch: OnBatch | None = None) -> EmbeddingResponse:
        """A vector for each text, in order. Cut into the batches that the model takes."""
        batches = split(request, resolve(request.model).embedding_batch or DEFAULT_BATCH)
        return join(batches, await async_map_in_order(self._embed_batch, batches, on_batch))

    async def _generate(self, call: Call) -> ChatResponse:
        try:
            transport = await ASYNC_POOL.get(call.connection)
            return call.decode(await transport.send(call.encoded))
        except (QwenError, StatusFailure) as error:
            failure = call.failure(error)
            if call.reroute(failure):
                return await self._generate(call)
            raise failure from error.__cause__

    async def _open(self, call: Call) -> AsyncOpenStream:
        try:
            transport = await ASYNC_POOL.get(call.connection)
            source = await transport.open_stream(call.encoded)
            try:
                reader = call.reader(source.headers)
                segments = aiter(source)
                async for segment in segments:
                    events = reader.feed(segment)
                    if events or reader.done:
                        break
                else:
                    events = reader.close()
            except BaseException:
                await source.close()
                raise
        except (QwenError, StatusFailure) as error:
            failure = call.failure(error)
            if call.reroute(failure):
                return await self._open(call)
            raise failure from error.__cause__
        return AsyncOpenStream(source, segments, reader, events)

    async def _embed_batch(self, request: EmbeddingRequest) -> EmbeddingResponse:
        call = embedding_call(self.settings, request, asynchronous=True)
        return await async_retrying(self.settings.max_retries)(self._embed, call)

    async def _embed(self, call: Call) -> EmbeddingResponse:
        try:
            transport = await ASYNC_POOL.get(call.connection)
            return call.decode_embedding(await transport.send(call.encoded))
        except (QwenError, StatusFailure) as error:
            raise call.failure(error) from error.__cause__
