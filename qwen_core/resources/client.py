"""The two clients: profile -> encode -> retry -> transport -> decode.

``QwenClient`` and ``AsyncQwenClient`` are twins: a test strips ``async`` and ``await`` and holds them equal. All
that is pure is in ``Call``. Modules that bring an SDK along are imported where that does not block: it takes
half a second.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from functools import partial
from importlib import import_module
from typing import NamedTuple

from qwen_core.config.settings import ClientSettings
from qwen_core.execution.batching import (
    AnswerT,
    OnBatch,
    RequestT,
    Work,
    counting,
    first_split,
    split_after_refusal,
    split_if_learned,
)
from qwen_core.execution.call import Call, chat_call, must_stream
from qwen_core.execution.ordered import DEFAULT_CONCURRENCY, async_map_in_order, map_in_order
from qwen_core.execution.retry import OnRetry, async_retry, retry
from qwen_core.execution.usage_meter import record_usage
from qwen_core.models.self_hosted import self_hosted_profile
from qwen_core.prepare.documents import Document, documents_to_upload, with_file_ids
from qwen_core.prepare.media import PreparedMedia, prepare_media
from qwen_core.protocols.stream_parser import StreamParser
from qwen_core.resources.embeddings import EMBEDDING
from qwen_core.resources.rerank import RERANKING
from qwen_core.transports.base import AsyncByteStream, ByteStream, HTTPStatusError
from qwen_core.transports.blocking import async_run, run
from qwen_core.transports.pool import ASYNC_POOL, POOL
from qwen_core.types.accumulator import Accumulator
from qwen_core.types.errors import BadRequestError, QwenError
from qwen_core.types.events import Event
from qwen_core.types.messages import has_media, is_long
from qwen_core.types.requests import (
    AnyEmbeddingRequest,
    ChatRequest,
    EmbeddingResponse,
    RerankRequest,
    RerankResponse,
)
from qwen_core.types.responses import ChatResponse


class OpenStream(NamedTuple):
    """A stream whose first events have arrived."""

    source: ByteStream
    segments: Iterator[bytes]
    reader: StreamParser
    events: Sequence[Event]


class AsyncOpenStream(NamedTuple):
    """A stream whose first events have arrived."""

    source: AsyncByteStream
    segments: AsyncIterator[bytes]
    reader: StreamParser
    events: Sequence[Event]


class QwenClient:
    """Calls the service. Safe to share between threads; connections are pooled by configuration."""

    def __init__(self, settings: ClientSettings, on_retry: OnRetry | None = None) -> None:
        self.settings = settings
        self.on_retry = on_retry

    def generate(self, request: ChatRequest) -> ChatResponse:
        """The whole answer. Raises a QwenError."""
        if must_stream(self.settings, request):
            accumulator = Accumulator()
            for event in self.stream(request):
                accumulator.add(event)
            return accumulator.response()
        request = self._with_media(request)
        call = self._call(request, stream=False)
        return retry(self.settings.max_retries, self.on_retry, self._generate, call)

    def stream(self, request: ChatRequest) -> Iterator[Event]:
        """The answer's events as they arrive. Raises a QwenError, with what had arrived as ``partial``."""
        request = self._with_media(request)
        call = self._call(request, stream=True)
        opened: OpenStream = retry(self.settings.max_retries, self.on_retry, self._open, call)
        source, segments, reader, events = opened
        seen: list[Event] = []
        try:
            while not reader.closed:
                for event in events:
                    seen.append(event)
                    yield event
                segment = None if reader.done else next(segments, None)
                events = call.last(reader.close(), seen) if segment is None else reader.feed(segment)
            # Closed and charged before the end is given out. Who takes it and goes would leave the closing to the
            # garbage collector, which may run where this thread holds the pool's lock.
            source.drain(segments)
            source.close()
            seen += events
            call.streamed(seen)
            for event in events:
                yield event
        except (QwenError, HTTPStatusError) as error:
            raise call.failure(error, seen) from error.__cause__
        finally:
            source.close()

    def embed(
        self,
        request: AnyEmbeddingRequest,
        on_batch: OnBatch | None = None,
        *,
        batch_size: int | None = None,
        workers: int = DEFAULT_CONCURRENCY,
    ) -> EmbeddingResponse:
        """A vector for each text or content, in order. Raises a QwenError; no batch is sent again that succeeded.

        Args:
            request: what to embed, any number of texts or contents.
            on_batch: told after each batch how many items it held.
            batch_size: the most items in one call; None: what the model is documented to take.
            workers: how many calls are on their way at once.
        """
        return self._in_batches(EMBEDDING, request, batch_size, workers, on_batch)

    def rerank(self, request: RerankRequest, *, workers: int = DEFAULT_CONCURRENCY) -> RerankResponse:
        """The documents, most relevant first; one ranking, however many calls it takes. Raises a QwenError.

        Args:
            request: the query and any number of documents.
            workers: how many calls are on their way at once.
        """
        return self._in_batches(RERANKING, request, None, workers, None)

    def _call(self, request: ChatRequest, *, stream: bool) -> Call:
        if is_long(request.messages):
            return run(chat_call, self.settings, request, stream=stream, asynchronous=False)
        return chat_call(self.settings, request, stream=stream, asynchronous=False)

    def _with_media(self, request: ChatRequest) -> ChatRequest:
        """The request with its media checked, and what is on this machine put into it or into a store."""
        if not has_media(request.messages):
            return request
        ready = run(prepare_media, request)
        if documents := documents_to_upload(
            ready, self_hosted_profile(request.model, self.settings.self_hosted_server())
        ):
            return self._with_documents(ready, documents)
        if not ready.uploads:
            return ready.request
        run(import_module, "qwen_core.resources.uploads")
        from qwen_core.resources.uploads import TemporaryStore

        store = TemporaryStore(self.settings)
        urls = store.put(ready.uploads, request.model, show_progress=request.show_progress)
        return ready.with_urls(urls)

    def _with_documents(self, ready: PreparedMedia, documents: dict[str, Document]) -> ChatRequest:
        run(import_module, "qwen_core.resources.files")
        from qwen_core.resources.files import KNOWN_FILES, QwenFiles

        known, show = KNOWN_FILES.of(self.settings), ready.request.show_progress
        files = QwenFiles(self.settings, known=known, show_progress=show)
        ids: dict[str, str] = {}
        for url, document in documents.items():
            uploaded = files.upload(document.content, document.name)
            ids[url] = uploaded.id
        return with_file_ids(ready.request, ids)

    def _generate(self, call: Call) -> ChatResponse:
        try:
            transport = POOL.get(call.connection)
            return call.answered(call.decode(transport.send(call.encoded, call.deadline.end)))
        except (QwenError, HTTPStatusError) as error:
            call.reroute_or_raise(error)
            return self._generate(call)

    def _open(self, call: Call) -> OpenStream:
        try:
            transport = POOL.get(call.connection)
            source = transport.open_stream(call.encoded, call.deadline.end)
            try:
                reader = call.reader(source.headers)
                source.enough = reader.is_finished
                segments = iter(source)
                for segment in segments:
                    events = reader.feed(segment)
                    if events or reader.done:
                        break
                else:
                    events = call.last(reader.close())
            except BaseException:
                source.close()
                raise
        except (QwenError, HTTPStatusError) as error:
            call.reroute_or_raise(error)
            return self._open(call)
        return OpenStream(source, segments, reader, events)

    def _in_batches(
        self,
        work: Work[RequestT, AnswerT],
        request: RequestT,
        batch_size: int | None,
        workers: int,
        on_batch: OnBatch | None,
    ) -> AnswerT:
        batches = run(first_split, work, self.settings, request, batch_size)
        answers = map_in_order(partial(self._batch, work), batches, workers, counting(work, on_batch))
        return work.join(request, batches, answers)

    def _batch(self, work: Work[RequestT, AnswerT], request: RequestT) -> AnswerT:
        call = work.make_call(self.settings, request, asynchronous=False)
        parts = split_if_learned(work, call, request)
        if parts is None:
            try:
                answer: AnswerT = retry(self.settings.max_retries, self.on_retry, self._send, work, call)
                return answer
            except BadRequestError as refusal:
                parts = split_after_refusal(work, call, request, refusal)
                if parts is None:
                    raise
        return work.join(request, parts, [self._batch(work, part) for part in parts])

    def _send(self, work: Work[RequestT, AnswerT], call: Call) -> AnswerT:
        try:
            transport = POOL.get(call.connection)
            answer = work.decode(call, transport.send(call.encoded, call.deadline.end))
        except (QwenError, HTTPStatusError) as error:
            raise call.failure(error) from error.__cause__
        call.spent(answer.total_tokens)
        record_usage(call.model, answer.total_tokens, call.cost_of_batch(answer.total_tokens))
        return answer


class AsyncQwenClient:
    """Calls the service without blocking. Safe to share between event loops; each has its own connections."""

    def __init__(self, settings: ClientSettings, on_retry: OnRetry | None = None) -> None:
        self.settings = settings
        self.on_retry = on_retry

    async def generate(self, request: ChatRequest) -> ChatResponse:
        """The whole answer. Raises a QwenError."""
        if must_stream(self.settings, request):
            accumulator = Accumulator()
            async for event in self.stream(request):
                accumulator.add(event)
            return accumulator.response()
        request = await self._with_media(request)
        call = await self._call(request, stream=False)
        return await async_retry(self.settings.max_retries, self.on_retry, self._generate, call)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        """The answer's events as they arrive. Raises a QwenError, with what had arrived as ``partial``."""
        request = await self._with_media(request)
        call = await self._call(request, stream=True)
        opened: AsyncOpenStream = await async_retry(self.settings.max_retries, self.on_retry, self._open, call)
        source, segments, reader, events = opened
        seen: list[Event] = []
        try:
            while not reader.closed:
                for event in events:
                    seen.append(event)
                    yield event
                segment = None if reader.done else await anext(segments, None)
                events = call.last(reader.close(), seen) if segment is None else reader.feed(segment)
            # Closed and charged before the end is given out. Who takes it and goes would leave the closing to the
            # garbage collector, which may run where this thread holds the pool's lock.
            await source.drain(segments)
            await source.close()
            seen += events
            call.streamed(seen)
            for event in events:
                yield event
        except (QwenError, HTTPStatusError) as error:
            raise call.failure(error, seen) from error.__cause__
        finally:
            await source.close()

    async def embed(
        self,
        request: AnyEmbeddingRequest,
        on_batch: OnBatch | None = None,
        *,
        batch_size: int | None = None,
        workers: int = DEFAULT_CONCURRENCY,
    ) -> EmbeddingResponse:
        """A vector for each text or content, in order. Raises a QwenError; no batch is sent again that succeeded.

        Args:
            request: what to embed, any number of texts or contents.
            on_batch: told after each batch how many items it held.
            batch_size: the most items in one call; None: what the model is documented to take.
            workers: how many calls are on their way at once.
        """
        return await self._in_batches(EMBEDDING, request, batch_size, workers, on_batch)

    async def rerank(self, request: RerankRequest, *, workers: int = DEFAULT_CONCURRENCY) -> RerankResponse:
        """The documents, most relevant first; one ranking, however many calls it takes. Raises a QwenError.

        Args:
            request: the query and any number of documents.
            workers: how many calls are on their way at once.
        """
        return await self._in_batches(RERANKING, request, None, workers, None)

    async def _call(self, request: ChatRequest, *, stream: bool) -> Call:
        if is_long(request.messages):
            return await async_run(chat_call, self.settings, request, stream=stream, asynchronous=True)
        return chat_call(self.settings, request, stream=stream, asynchronous=True)

    async def _with_media(self, request: ChatRequest) -> ChatRequest:
        """The request with its media checked, and what is on this machine put into it or into a store."""
        if not has_media(request.messages):
            return request
        ready = await async_run(prepare_media, request)
        if documents := documents_to_upload(
            ready, self_hosted_profile(request.model, self.settings.self_hosted_server())
        ):
            return await self._with_documents(ready, documents)
        if not ready.uploads:
            return ready.request
        await async_run(import_module, "qwen_core.resources.uploads")
        from qwen_core.resources.uploads import AsyncTemporaryStore

        store = AsyncTemporaryStore(self.settings)
        urls = await store.put(ready.uploads, request.model, show_progress=request.show_progress)
        return ready.with_urls(urls)

    async def _with_documents(self, ready: PreparedMedia, documents: dict[str, Document]) -> ChatRequest:
        await async_run(import_module, "qwen_core.resources.files")
        from qwen_core.resources.files import KNOWN_FILES, AsyncQwenFiles

        known, show = KNOWN_FILES.of(self.settings), ready.request.show_progress
        files = AsyncQwenFiles(self.settings, known=known, show_progress=show)
        ids: dict[str, str] = {}
        for url, document in documents.items():
            uploaded = await files.upload(document.content, document.name)
            ids[url] = uploaded.id
        return with_file_ids(ready.request, ids)

    async def _generate(self, call: Call) -> ChatResponse:
        try:
            transport = await ASYNC_POOL.get(call.connection)
            return call.answered(call.decode(await transport.send(call.encoded, call.deadline.end)))
        except (QwenError, HTTPStatusError) as error:
            call.reroute_or_raise(error)
            return await self._generate(call)

    async def _open(self, call: Call) -> AsyncOpenStream:
        try:
            transport = await ASYNC_POOL.get(call.connection)
            source = await transport.open_stream(call.encoded, call.deadline.end)
            try:
                reader = call.reader(source.headers)
                source.enough = reader.is_finished
                segments = aiter(source)
                async for segment in segments:
                    events = reader.feed(segment)
                    if events or reader.done:
                        break
                else:
                    events = call.last(reader.close())
            except BaseException:
                await source.close()
                raise
        except (QwenError, HTTPStatusError) as error:
            call.reroute_or_raise(error)
            return await self._open(call)
        return AsyncOpenStream(source, segments, reader, events)

    async def _in_batches(
        self,
        work: Work[RequestT, AnswerT],
        request: RequestT,
        batch_size: int | None,
        workers: int,
        on_batch: OnBatch | None,
    ) -> AnswerT:
        batches = await async_run(first_split, work, self.settings, request, batch_size)
        answers = await async_map_in_order(partial(self._batch, work), batches, workers, counting(work, on_batch))
        return work.join(request, batches, answers)

    async def _batch(self, work: Work[RequestT, AnswerT], request: RequestT) -> AnswerT:
        call = work.make_call(self.settings, request, asynchronous=True)
        parts = split_if_learned(work, call, request)
        if parts is None:
            try:
                answer: AnswerT = await async_retry(
                    self.settings.max_retries, self.on_retry, self._send, work, call
                )
                return answer
            except BadRequestError as refusal:
                parts = split_after_refusal(work, call, request, refusal)
                if parts is None:
                    raise
        return work.join(request, parts, [await self._batch(work, part) for part in parts])

    async def _send(self, work: Work[RequestT, AnswerT], call: Call) -> AnswerT:
        try:
            transport = await ASYNC_POOL.get(call.connection)
            answer = work.decode(call, await transport.send(call.encoded, call.deadline.end))
        except (QwenError, HTTPStatusError) as error:
            raise call.failure(error) from error.__cause__
        call.spent(answer.total_tokens)
        record_usage(call.model, answer.total_tokens, call.cost_of_batch(answer.total_tokens))
        return answer
