# Generated from qwen_core/resources/chat.py by scripts/generate_sync.py: do not edit.
"""Generate a chat response, whole or as a stream: plan, retry, transport, decode."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import NamedTuple

from qwen_core.config.settings import ClientSettings
from qwen_core.execution.exchange import Exchange, show_warnings
from qwen_core.execution.observers import OF_CHATS, with_token_charge
from qwen_core.execution.plan import CallPlan, plan_chat
from qwen_core.execution.retry import OnRetry
from qwen_core.execution.sync.retry import retry
from qwen_core.models.self_hosted import self_hosted_profile
from qwen_core.prepare.documents import Document, documents_to_upload, with_file_ids
from qwen_core.prepare.media import PreparedMedia, prepare_media
from qwen_core.protocols.stream_parser import StreamParser
from qwen_core.transports.base import HTTPStatusError
from qwen_core.transports.blocking import run
from qwen_core.transports.pool import POOL
from qwen_core.transports.sync.base import ByteStream
from qwen_core.types.accumulator import Accumulator
from qwen_core.types.errors import QwenError
from qwen_core.types.events import Event
from qwen_core.types.messages import has_media, is_long
from qwen_core.types.requests import ChatRequest
from qwen_core.types.responses import ChatResponse
from qwen_core.types.warnings import warn


class OpenStream(NamedTuple):
    """A stream whose first events have arrived."""

    source: ByteStream
    segments: Iterator[bytes]
    parser: StreamParser
    events: Sequence[Event]


def generate(request: ChatRequest, settings: ClientSettings, on_retry: OnRetry | None = None) -> ChatResponse:
    """Return a complete response. Raises a QwenError."""
    plan = make_plan(request, settings, stream=None)
    if plan.must_stream:
        accumulator = Accumulator()
        for event in stream(request, settings, on_retry, plan):
            accumulator.add(event)
        return accumulator.response()
    exchange = Exchange(plan, with_token_charge(OF_CHATS, settings))
    return retry(partial(send_chat, exchange), exchange, settings.max_retries, on_retry)


def stream(
    request: ChatRequest, settings: ClientSettings, on_retry: OnRetry | None = None, plan: CallPlan | None = None
) -> Iterator[Event]:
    """Yield the events of a response as they arrive. ``plan`` is the request's, if it is made.

    Raises a QwenError, with what had arrived as ``partial``.
    """
    plan = plan or make_plan(request, settings, stream=True)
    exchange = Exchange(plan, with_token_charge(OF_CHATS, settings))
    opened = retry(partial(open_stream, exchange), exchange, settings.max_retries, on_retry)
    source, segments, parser, events = opened
    seen = exchange.events
    try:
        while not parser.closed:
            for event in events:
                seen.append(event)
                yield event
            segment = None if parser.done else next(segments, None)
            events = exchange.finalize(parser.close()) if segment is None else parser.feed(segment)
        # Closed and charged before the end is yielded. A consumer that takes it and goes would leave the closing
        # to the garbage collector, which may run while this thread holds the pool's lock.
        source.drain(segments)
        source.close()
        seen += events
        exchange.on_stream_end()
        for event in events:
            yield event
    except (QwenError, HTTPStatusError) as error:
        raise exchange.map_error(error) from error.__cause__
    finally:
        source.close()


def make_plan(request: ChatRequest, settings: ClientSettings, *, stream: bool | None) -> CallPlan:
    """Plan a chat with its media ready to be sent, and show its warnings."""
    if has_media(request.messages):
        request = with_media(request, settings)
    if is_long(request.messages):
        plan = run(plan_chat, request, settings, stream=stream, asynchronous=False)
    else:
        plan = plan_chat(request, settings, stream=stream, asynchronous=False)
    show_warnings(plan)
    return plan


def send_chat(exchange: Exchange) -> ChatResponse:
    """Send the request once, or twice if the model is at its other endpoint."""
    try:
        transport = POOL.get(exchange.plan.connection)
        response = transport.send(exchange.plan.encoded, exchange.deadline.end)
        return exchange.on_response(exchange.decode(response))
    except (QwenError, HTTPStatusError) as error:
        exchange.reroute_or_raise(error)
        return send_chat(exchange)


def open_stream(exchange: Exchange) -> OpenStream:
    """Open the stream once, or twice if the model is at its other endpoint, and read up to the first events."""
    try:
        transport = POOL.get(exchange.plan.connection)
        source = transport.open_stream(exchange.plan.encoded, exchange.deadline.end)
        try:
            parser = exchange.parser(source.headers)
            source.is_complete = parser.is_finished
            segments = iter(source)
            for segment in segments:
                events = parser.feed(segment)
                if events or parser.done:
                    break
            else:
                events = exchange.finalize(parser.close())
        except BaseException:
            source.close()
            raise
    except (QwenError, HTTPStatusError) as error:
        exchange.reroute_or_raise(error)
        return open_stream(exchange)
    return OpenStream(source, segments, parser, events)


def with_media(request: ChatRequest, settings: ClientSettings) -> ChatRequest:
    """Check the media, and put local files into the request or upload them."""
    server = settings.self_hosted_server()
    ready = run(prepare_media, request, self_hosted=server is not None)
    for message in ready.warnings:
        warn(message)
    if documents := documents_to_upload(ready, self_hosted_profile(request.model, server, settings.base_model)):
        return upload_documents(ready, documents, settings)
    if not ready.uploads:
        return ready.request
    run(import_module, "qwen_core.resources.sync.uploads")
    from qwen_core.resources.sync.uploads import TemporaryStore

    store = TemporaryStore(settings)
    urls = store.put(ready.uploads, request.model, show_progress=request.show_progress)
    return ready.with_urls(urls)


def upload_documents(
    ready: PreparedMedia, documents: Mapping[str, Document], settings: ClientSettings
) -> ChatRequest:
    """Upload documents that the model reads by file id, and put the ids into the request."""
    run(import_module, "qwen_core.resources.sync.files")
    from qwen_core.resources.files import KNOWN_FILES
    from qwen_core.resources.sync.files import QwenFiles

    known, show = KNOWN_FILES.of(settings), ready.request.show_progress
    files = QwenFiles(settings, known=known, show_progress=show)
    ids: dict[str, str] = {}
    for url, document in documents.items():
        uploaded = files.upload(document.content, document.name)
        ids[url] = uploaded.id
    return with_file_ids(ready.request, ids)
