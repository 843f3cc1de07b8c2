# Generated from qwen_core/resources/decoded_streams.py by scripts/generate_sync.py: do not edit.
"""Send a planned call and decode its answer item by item: what transcription and synthesis share."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Generic

from qwen_core.config.settings import ClientSettings
from qwen_core.execution.exchange import Exchange
from qwen_core.execution.observers import OF_CHATS
from qwen_core.execution.plan import CallPlan
from qwen_core.execution.sync.retry import retry
from qwen_core.protocols.speech.payloads import PayloadParser
from qwen_core.resources.decoded_streams import DecoderT, ItemDecoder, ItemT, decode, decode_body, map_interruption
from qwen_core.transports.base import HTTPStatusError, normalize_headers
from qwen_core.transports.pool import POOL
from qwen_core.transports.sync.base import ByteStream
from qwen_core.types.errors import QwenError


class DecodedStream(Generic[DecoderT, ItemT]):
    """A response whose first items have arrived. Must be closed.

    Attributes:
        decoder: holds what the items do not tell, once they were all read.
        exchange: the attempts.
        headers: of the response, by lower-case names.
    """

    def __init__(self, exchange: Exchange, decoder: DecoderT, source: ByteStream) -> None:
        self.exchange = exchange
        self.decoder = decoder
        self.headers = normalize_headers(source.headers)
        self.items: list[ItemT] = []
        self._source = source
        self._segments = iter(source)
        self._parser = PayloadParser()
        self._ended = False

    def read(self) -> None:
        """Read up to the next items, or the end. Raise a QwenError."""
        decoder: ItemDecoder[ItemT] = self.decoder  # type: ignore[assignment]  # its items are of this type
        while not self.items and not self._ended:
            segment = None if decoder.done else next(self._segments, None)
            if segment is None:
                self._ended = True
                self.items += decode(decoder, self._parser.close())
                self._source.drain(self._segments)
            else:
                self.items += decode(decoder, self._parser.feed(segment))

    def __iter__(self) -> Iterator[ItemT]:
        began = False
        try:
            while True:
                items, self.items = self.items, []
                for item in items:
                    began = True
                    yield item
                if self._ended:
                    return
                self.read()
        except (QwenError, HTTPStatusError) as error:
            raise map_interruption(self.exchange, error, began) from error.__cause__
        finally:
            self.close()

    def close(self) -> None:
        """Close the response."""
        self._source.close()


def send_decoded(plan: CallPlan, settings: ClientSettings, make_decoder: Callable[[], DecoderT]) -> DecoderT:
    """Send a request and return the decoder of its complete response. Retry as a chat does."""
    exchange = Exchange(plan, OF_CHATS)
    attempt = partial(send_once, exchange, make_decoder)
    return retry(attempt, exchange, settings.max_retries)


def send_once(exchange: Exchange, make_decoder: Callable[[], DecoderT]) -> DecoderT:
    """Send a request in one attempt."""
    decoder = make_decoder()
    try:
        transport = POOL.get(exchange.plan.connection)
        response = transport.send(exchange.plan.encoded, exchange.deadline.end)
        exchange.request_id = normalize_headers(response.headers).get("x-request-id")
        decode_body(decoder, response.body)
    except (QwenError, HTTPStatusError) as error:
        raise exchange.map_error(error) from error.__cause__
    return decoder


def open_decoded(
    plan: CallPlan, settings: ClientSettings, make_decoder: Callable[[], DecoderT]
) -> DecodedStream[DecoderT, ItemT]:
    """Open a stream and read up to its first items. Retry until then."""
    exchange = Exchange(plan, OF_CHATS)
    attempt = partial(open_once, exchange, make_decoder)
    return retry(attempt, exchange, settings.max_retries)


def open_once(exchange: Exchange, make_decoder: Callable[[], DecoderT]) -> DecodedStream[DecoderT, ItemT]:
    """Open a stream in one attempt."""
    try:
        transport = POOL.get(exchange.plan.connection)
        source = transport.open_stream(exchange.plan.encoded, exchange.deadline.end)
        exchange.request_id = normalize_headers(source.headers).get("x-request-id")
        stream: DecodedStream[DecoderT, ItemT] = DecodedStream(exchange, make_decoder(), source)
        try:
            stream.read()
        except BaseException:
            stream.close()
            raise
    except (QwenError, HTTPStatusError) as error:
        raise exchange.map_error(error) from error.__cause__
    return stream
