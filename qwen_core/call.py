"""One call, without its I/O: what is sent, how the answer is read, and what its failures mean."""

import warnings
from collections.abc import Mapping, Sequence

from qwen_core.accumulator import accumulate
from qwen_core.adaptation import adapt, thinks
from qwen_core.endpoints import warn_if_key_travels_openly
from qwen_core.errors import APIConnectionError, IncompleteStreamError, QwenError, QwenWarning
from qwen_core.events import Event
from qwen_core.models.catalogue import resolve
from qwen_core.models.profile import ModelProfile
from qwen_core.protocols.base import EncodedRequest, WireProtocol
from qwen_core.protocols.selection import select_protocol
from qwen_core.protocols.server_sent_events import BOM
from qwen_core.protocols.stream_reader import StreamReader, looks_like_event_stream, lower_case, read_whole
from qwen_core.request import ChatRequest, EmbeddingRequest, EmbeddingResponse
from qwen_core.response import ChatResponse
from qwen_core.settings import ClientSettings, Connection, resolve_connection
from qwen_core.transports.base import Answer, StatusFailure


class Call:
    """What both clients need to carry one request out."""

    __slots__ = ("connection", "encoded", "host", "model", "profile", "protocol")

    def __init__(
        self,
        settings: ClientSettings,
        model: str,
        profile: ModelProfile,
        protocol: WireProtocol,
        encoded: EncodedRequest,
        *,
        asynchronous: bool,
    ) -> None:
        self.model = model
        self.profile = profile
        self.protocol = protocol
        self.encoded = encoded
        self.connection: Connection = resolve_connection(settings, protocol.name, asynchronous=asynchronous)
        self.host = settings.endpoint(protocol.name).host
        warn_if_key_travels_openly(self.connection.base_url)

    def decode(self, answer: Answer) -> ChatResponse:
        """The answer in a whole body, which may be an event stream all the same."""
        headers = lower_case(answer.headers)
        if looks_like_event_stream(answer.body):
            return read_whole(answer.body, self.protocol.stream_decoder(self.profile, headers))
        return self.protocol.decode(answer.body.removeprefix(BOM), self.profile, headers)

    def decode_embedding(self, answer: Answer) -> EmbeddingResponse:
        """The vectors of one batch."""
        return self.protocol.decode_embedding(answer.body, lower_case(answer.headers))

    def reader(self, headers: Mapping[str, str]) -> StreamReader:
        """A reader for an answer that streams."""
        return StreamReader(self.protocol.stream_decoder(self.profile, lower_case(headers)))

    def failure(self, error: QwenError | StatusFailure, seen: Sequence[Event] = ()) -> QwenError:
        """The error to raise: typed, with where it happened and what had arrived."""
        if isinstance(error, StatusFailure):
            error = self.protocol.error(error.answer.status, error.answer.body, lower_case(error.answer.headers))
        if seen and isinstance(error, APIConnectionError):
            error = IncompleteStreamError(f"The answer was cut. {error.message}")
        if seen and error.partial is None:
            error.partial = accumulate(seen)
        if isinstance(error, IncompleteStreamError) and error.partial is None:
            error.is_retryable = True
        error.host = error.host or self.host
        error.model = error.model or self.model
        return error


def chat_call(settings: ClientSettings, request: ChatRequest, *, stream: bool, asynchronous: bool) -> Call:
    """The call for a chat request."""
    profile = resolve(request.model)
    protocol = select_protocol(settings.protocol)
    adapted, changes = adapt(request, profile)
    encoded = protocol.encode(adapted, profile, stream)
    for change in (*changes, *encoded.warnings):
        warnings.warn(change, QwenWarning, stacklevel=2)
    return Call(settings, request.model, profile, protocol, encoded, asynchronous=asynchronous)


def embedding_call(settings: ClientSettings, request: EmbeddingRequest, *, asynchronous: bool) -> Call:
    """The call for one batch of texts."""
    profile = resolve(request.model)
    protocol = select_protocol(settings.protocol)
    encoded = protocol.encode_embedding(request, profile)
    return Call(settings, request.model, profile, protocol, encoded, asynchronous=asynchronous)


def must_stream(request: ChatRequest) -> bool:
    """Whether the model answers this request only in a stream, so that a whole answer has to be collected."""
    profile = resolve(request.model)
    adapted, _ = adapt(request, profile)
    return profile.must_stream(thinks(adapted, profile))
