"""Send a planned call and decode its answer item by item: what transcription and synthesis share."""

from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Generic, Protocol, TypeVar

from qwen_core.config.settings import ClientSettings
from qwen_core.execution.exchange import Exchange
from qwen_core.execution.observers import OF_CHATS
from qwen_core.execution.plan import CallPlan
from qwen_core.execution.retry import async_retry
from qwen_core.protocols.error_decoding import invalid_response
from qwen_core.protocols.speech.payloads import Payload, PayloadParser
from qwen_core.protocols.stream_parser import DECODE_ERRORS
from qwen_core.transports.base import AsyncByteStream, HTTPStatusError, normalize_headers
from qwen_core.transports.pool import ASYNC_POOL
from qwen_core.types.errors import APIConnectionError, IncompleteStreamError, QwenError

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")
ItemOut = TypeVar("ItemOut", covariant=True)


class ItemDecoder(Protocol[ItemOut]):
    """Decodes the payloads of one response into items."""

    done: bool

    def feed(self, payload: Payload) -> Sequence[ItemOut]: ...


DecoderT = TypeVar("DecoderT", bound=ItemDecoder[object])


def decode(decoder: ItemDecoder[ItemT], payloads: Sequence[Payload]) -> list[ItemT]:
    """Return the items in payloads. Raise a QwenError for one that cannot be decoded."""
    items: list[ItemT] = []
    for payload in payloads:
        try:
            items += decoder.feed(payload)
        except DECODE_ERRORS as reason:
            raise invalid_response(payload.data, f"{type(reason).__name__}: {reason}") from reason
    return items


def decode_body(decoder: ItemDecoder[ItemT], body: bytes) -> list[ItemT]:
    """Return the items of a response in one body."""
    parser = PayloadParser()
    return decode(decoder, [*parser.feed(body), *parser.close()])


def finalize(plan: CallPlan, close: Callable[[], ResultT]) -> ResultT:
    """Return what a decoder holds at its end. Its errors say where they happened."""
    try:
        return close()
    except QwenError as error:
        error.host, error.model = error.host or plan.host, error.model or plan.model
        raise


def map_interruption(exchange: Exchange, error: QwenError | HTTPStatusError, began: bool) -> QwenError:
    """Return the error to raise. A connection that breaks within a response leaves it incomplete."""
    if began and isinstance(error, APIConnectionError):
        incomplete = IncompleteStreamError(f"The stream is incomplete. {error.message}")
        incomplete.__cause__ = error.__cause__
        error = incomplete
    return exchange.map_error(error)


class AsyncDecodedStream(Generic[DecoderT, ItemT]):
    """A response whose first items have arrived. Must be closed.

    Attributes:
        decoder: holds what the items do not tell, once they were all read.
        exchange: the attempts.
        headers: of the response, by lower-case names.
    """

    def __init__(self, exchange: Exchange, decoder: DecoderT, source: AsyncByteStream) -> None:
        self.exchange = exchange
        self.decoder = decoder
        self.headers = normalize_headers(source.headers)
        self.items: list[ItemT] = []
        self._source = source
        self._segments = aiter(source)
        self._parser = PayloadParser()
        self._ended = False

    async def read(self) -> None:
        """Read up to the next items, or the end. Raise a QwenError."""
        decoder: ItemDecoder[ItemT] = self.decoder  # type: ignore[assignment]  # its items are of this type
        while not self.items and not self._ended:
            segment = None if decoder.done else await anext(self._segments, None)
            if segment is None:
                self._ended = True
                self.items += decode(decoder, self._parser.close())
                await self._source.drain(self._segments)
            else:
                self.items += decode(decoder, self._parser.feed(segment))

    async def __aiter__(self) -> AsyncIterator[ItemT]:
        began = False
        try:
            while True:
                items, self.items = self.items, []
                for item in items:
                    began = True
                    yield item
                if self._ended:
                    return
                await self.read()
        except (QwenError, HTTPStatusError) as error:
            raise map_interruption(self.exchange, error, began) from error.__cause__
        finally:
            await self.close()

    async def close(self) -> None:
        """Close the response."""
        await self._source.close()


async def async_send_decoded(
    plan: CallPlan, settings: ClientSettings, make_decoder: Callable[[], DecoderT]
) -> DecoderT:
    """Send a request and return the decoder of its complete response, without blocking. Retry as a chat does."""
    exchange = Exchange(plan, OF_CHATS)
    attempt = partial(async_send_once, exchange, make_decoder)
    return await async_retry(attempt, exchange, settings.max_retries)


async def async_send_once(exchange: Exchange, make_decoder: Callable[[], DecoderT]) -> DecoderT:
    """Send a request in one attempt, without blocking."""
    decoder = make_decoder()
    try:
        transport = await ASYNC_POOL.get(exchange.plan.connection)
        response = await transport.send(exchange.plan.encoded, exchange.deadline.end)
        exchange.request_id = normalize_headers(response.headers).get("x-request-id")
        decode_body(decoder, response.body)
    except (QwenError, HTTPStatusError) as error:
        raise exchange.map_error(error) from error.__cause__
    return decoder


async def async_open_decoded(
    plan: CallPlan, settings: ClientSettings, make_decoder: Callable[[], DecoderT]
) -> AsyncDecodedStream[DecoderT, ItemT]:
    """Open a stream and read up to its first items, without blocking. Retry until then."""
    exchange = Exchange(plan, OF_CHATS)
    attempt = partial(async_open_once, exchange, make_decoder)
    return await async_retry(attempt, exchange, settings.max_retries)


async def async_open_once(
    exchange: Exchange, make_decoder: Callable[[], DecoderT]
) -> AsyncDecodedStream[DecoderT, ItemT]:
    """Open a stream in one attempt, without blocking."""
    try:
        transport = await ASYNC_POOL.get(exchange.plan.connection)
        source = await transport.open_stream(exchange.plan.encoded, exchange.deadline.end)
        exchange.request_id = normalize_headers(source.headers).get("x-request-id")
        stream: AsyncDecodedStream[DecoderT, ItemT] = AsyncDecodedStream(exchange, make_decoder(), source)
        try:
            await stream.read()
        except BaseException:
            await stream.close()
            raise
    except (QwenError, HTTPStatusError) as error:
        raise exchange.map_error(error) from error.__cause__
    return stream
