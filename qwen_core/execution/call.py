"""One call, without its I/O: what is sent, how the answer is read, and what its failures mean."""

import re
from collections.abc import Callable, Mapping, Sequence
from time import monotonic

import msgspec

from qwen_core.config.endpoints import rerank_url, warn_if_key_travels_openly
from qwen_core.config.settings import ClientSettings, Connection, check_headers, resolve_connection
from qwen_core.config.timeouts import Deadline
from qwen_core.execution.endpoint_cache import LEARNED_ENDPOINTS
from qwen_core.execution.log import log_answer, log_failure
from qwen_core.execution.region_hints import region_hint
from qwen_core.execution.retirement_warnings import warn_if_retired
from qwen_core.models.catalogue import resolve
from qwen_core.models.context_limit import check_length
from qwen_core.models.pricing import Pricing, price_list
from qwen_core.models.profile import ModelProfile
from qwen_core.models.self_hosted import self_hosted_profile
from qwen_core.prepare.for_model import adapt
from qwen_core.prepare.for_self_hosted import adapt_to_server, with_instruction_in_queries
from qwen_core.prepare.thinking import requested_thinking, thinks
from qwen_core.prepare.tool_names import ToolNameRestorer, with_valid_tool_names
from qwen_core.protocols.base import EncodedRequest, Protocol, StreamDecoder
from qwen_core.protocols.citations import cite_events, cite_response, marker_pattern
from qwen_core.protocols.error_decoding import invalid_response
from qwen_core.protocols.output_parsers import EventFilter, FilteringDecoder, output_filters
from qwen_core.protocols.registry import OPENAI_COMPATIBLE, select_protocol
from qwen_core.protocols.stream_parser import (
    BOM,
    DECODE_ERRORS,
    StreamParser,
    looks_like_event_stream,
    lower_case,
    parse_body,
)
from qwen_core.transports.base import HTTPResponse, HTTPStatusError
from qwen_core.types.accumulator import accumulate
from qwen_core.types.errors import (
    APIConnectionError,
    AuthenticationError,
    IncompleteStreamError,
    QwenError,
    UnsupportedFeatureError,
)
from qwen_core.types.events import Event, Finish
from qwen_core.types.requests import (
    AnyEmbeddingRequest,
    ChatRequest,
    EmbeddingRequest,
    EmbeddingResponse,
    RerankRequest,
    RerankResponse,
)
from qwen_core.types.responses import ChatResponse
from qwen_core.types.usage import Cost, Usage
from qwen_core.types.warnings import warn

OWN_RERANK_PATH = "/rerank"
"""Where vLLM, SGLang and llama.cpp have it, below ``/v1``."""

Encode = Callable[[ModelProfile], EncodedRequest]
"""Makes what is sent. Called again where the service says that the model is at its other endpoint."""


class Call:
    """What both clients need to carry one request out."""

    __slots__ = (
        "_encode",
        "_own_names",
        "_request",
        "_rerouted",
        "_spend",
        "attempt",
        "began",
        "connection",
        "deadline",
        "encoded",
        "host",
        "model",
        "pricing",
        "profile",
        "protocol",
        "request_id",
    )

    def __init__(
        self,
        settings: ClientSettings,
        profile: ModelProfile,
        protocol: Protocol,
        encode: Encode,
        *,
        asynchronous: bool,
        request: ChatRequest | None = None,
        thinking: bool | None = None,
        own_names: Mapping[str, str] | None = None,
    ) -> None:
        self.model = profile.name
        self.protocol = protocol
        self.host = settings.endpoint(protocol.name).host
        self.pricing = Pricing(profile, price_list(self.host, settings.region), thinking)
        if request is not None and self.pricing.prices is not None:
            check_length(request.messages, profile)
        self.profile = LEARNED_ENDPOINTS.apply(self.host, profile)
        self.encoded = encode(self.profile)
        if request is not None and request.extra_headers:
            check_headers(request.extra_headers.items())
        self.connection: Connection = resolve_connection(settings, protocol.name, asynchronous=asynchronous)
        self._encode = encode
        self._request = request
        self._own_names = own_names
        self._rerouted = False
        self._spend = settings.spend
        self.attempt = 1
        self.request_id: str | None = None
        self.began = monotonic()
        self.deadline = Deadline.of(self.connection.timeout, self.began)
        if self.connection.api_key:
            warn_if_key_travels_openly(self.connection.base_url)
        warn_if_retired(profile)

    def elapsed(self) -> float:
        """Seconds since the call began."""
        return monotonic() - self.began

    def answered(self, response: ChatResponse) -> ChatResponse:
        """The answer, written into the log."""
        self.spent(response.usage.total_tokens if response.usage else None)
        log_answer(self, response.usage, response.request_id, lambda: response.text)
        return response

    def spent(self, tokens: int | None) -> None:
        """Charge what an answer cost to the limit that is kept, if one is."""
        if self._spend is not None and tokens:
            self._spend(tokens)

    def streamed(self, seen: Sequence[Event]) -> None:
        """The same for an answer that came in events."""
        last = seen[-1]
        if isinstance(last, Finish):
            self.spent(last.usage.total_tokens if last.usage else None)
            log_answer(self, last.usage, last.request_id, lambda: accumulate(seen).text)

    def decode(self, answer: HTTPResponse) -> ChatResponse:
        """The answer in a whole body, which may be an event stream all the same."""
        try:
            response = cite_response(self._decode(answer), self._markers())
        except DECODE_ERRORS as reason:
            raise invalid_response(answer.body, f"{type(reason).__name__}: {reason}") from reason
        cost = self.pricing.cost(response.usage)
        return response if cost is None else msgspec.structs.replace(response, cost=cost)

    def _decode(self, answer: HTTPResponse) -> ChatResponse:
        headers = lower_case(answer.headers)
        if looks_like_event_stream(answer.body):
            return parse_body(answer.body, self._decoder(self.profile, headers))
        if self._filters():
            response = parse_body(answer.body, self._decoder(self.profile, headers))
            return msgspec.structs.replace(response, payload=answer.body)
        return self.protocol.decode_chat(answer.body.removeprefix(BOM), self.profile, headers)

    def decode_embedding(self, answer: HTTPResponse) -> EmbeddingResponse:
        """The vectors of one batch. The native wire names no model: it is the one that was asked for."""
        response = self.protocol.decode_embeddings(answer.body, lower_case(answer.headers))
        return response if response.model else msgspec.structs.replace(response, model=self.model)

    def decode_rerank(self, answer: HTTPResponse) -> RerankResponse:
        """The ranking of one batch."""
        return self.protocol.decode_rerank(answer.body, lower_case(answer.headers))

    def reader(self, headers: Mapping[str, str]) -> StreamParser:
        """A reader for an answer that streams."""
        profile = self.profile
        if self.encoded.cumulative is not profile.cumulative_stream:
            profile = msgspec.structs.replace(profile, cumulative_stream=self.encoded.cumulative)
        names = lower_case(headers)
        self.request_id = names.get("x-request-id")
        return StreamParser(self._decoder(profile, names))

    def last(self, events: Sequence[Event], seen: Sequence[Event] = ()) -> Sequence[Event]:
        """The last events of a stream, with what only the whole answer tells."""
        return [self._priced(event) for event in cite_events(events, seen, self._markers())]

    def cost_of_batch(self, total_tokens: int | None) -> Cost | None:
        """What a batch cost of which only the sum of its tokens is known, and that is all input."""
        return self.pricing.cost(Usage(total_tokens=total_tokens))

    def _priced(self, event: Event) -> Event:
        if not isinstance(event, Finish):
            return event
        cost = self.pricing.cost(event.usage)
        return event if cost is None else msgspec.structs.replace(event, cost=cost)

    def _markers(self) -> re.Pattern[str] | None:
        return marker_pattern(self._request) if self._request is not None else None

    def _decoder(self, profile: ModelProfile, headers: Mapping[str, str]) -> StreamDecoder:
        decoder = self.protocol.stream_decoder(profile, headers)
        filters = self._filters()
        return FilteringDecoder(decoder, filters) if filters else decoder

    def _filters(self) -> list[EventFilter]:
        filters = output_filters(self._request)
        return [*filters, ToolNameRestorer(self._own_names)] if self._own_names else filters

    def failure(self, error: QwenError | HTTPStatusError, seen: Sequence[Event] = ()) -> QwenError:
        """The error to raise: typed, with where it happened and what had arrived."""
        if isinstance(error, HTTPStatusError):
            error = self.protocol.error(
                error.response.status, error.response.body, lower_case(error.response.headers)
            )
        if seen and isinstance(error, APIConnectionError):
            error = IncompleteStreamError(f"The answer was cut. {error.message}")
        if seen and error.partial is None:
            error.partial = accumulate(seen)
        if isinstance(error, IncompleteStreamError) and error.partial is None:
            vars(error).setdefault("is_retryable", True)
        error.host = error.host or self.host
        error.model = error.model or self.model
        error.hint = error.hint or region_hint(error, self.host, self.profile) or self._key_hint(error)
        error.request_id = error.request_id or self.request_id
        log_failure(self, error)
        return error

    def _key_hint(self, error: QwenError) -> str | None:
        if self.connection.api_key or not isinstance(error, AuthenticationError):
            return None
        return (
            "No key was sent: the environment's is for Alibaba's service. Pass api_key=...; or "
            'server="dashscope", if base_url leads to Alibaba after all.'
        )

    def reroute_or_raise(self, error: QwenError | HTTPStatusError) -> None:
        """Change the call so that it can be sent once more, or raise what the error means."""
        failure = self.failure(error)
        try:
            if not self._reroute(failure):
                raise failure from error.__cause__
        finally:
            # Its traceback holds this frame, which would hold it.
            del error, failure

    def _reroute(self, failure: QwenError) -> bool:
        """Whether to send the call once more, now to the endpoint that it was changed to (native 2).

        Nothing was generated when the service says that the model is not at this endpoint. The other one is tried
        once, and remembered unless it says the same.
        """
        endpoint = self.protocol.other_endpoint(self.encoded.path, failure)
        if endpoint is None:
            return False
        if self._rerouted:
            LEARNED_ENDPOINTS.forget(self.host, self.model)
            return False
        profile = msgspec.structs.replace(self.profile, native_endpoint=endpoint)
        try:
            encoded = self._encode(profile)
        except UnsupportedFeatureError:
            return False
        if encoded.path == self.encoded.path:
            return False
        LEARNED_ENDPOINTS.learn(self.host, self.model, endpoint)
        self.profile, self.encoded, self._rerouted = profile, encoded, True
        return True


def chat_call(settings: ClientSettings, request: ChatRequest, *, stream: bool, asynchronous: bool) -> Call:
    """The call for a chat request."""
    server = settings.self_hosted_server()
    profile = self_hosted_profile(request.model, server)
    request, own_names = with_valid_tool_names(request, self_hosted=server is not None)
    if server is None:
        protocol, losses = select_protocol(settings.protocol, profile, request)
        adapted, changes = adapt(request, profile)
    else:
        protocol, losses = OPENAI_COMPATIBLE, ()
        adapted, changes = adapt_to_server(request, profile, server, named=settings.server is not None)

    def encode(profile: ModelProfile) -> EncodedRequest:
        return protocol.encode_chat(adapted, profile, stream)

    call = Call(
        settings,
        profile,
        protocol,
        encode,
        asynchronous=asynchronous,
        request=request,
        thinking=requested_thinking(adapted, profile),
        own_names=own_names,
    )
    for message in (*losses, *changes, *call.encoded.warnings):
        warn(message)
    return call


def embedding_call(settings: ClientSettings, request: AnyEmbeddingRequest, *, asynchronous: bool) -> Call:
    """The call for one batch of texts or other contents."""
    server = settings.self_hosted_server()
    profile = self_hosted_profile(request.model, server)
    protocol, losses = select_protocol("auto" if server else settings.protocol, profile, request)
    if server is not None and isinstance(request, EmbeddingRequest):
        protocol, losses = OPENAI_COMPATIBLE, ()
        request = with_instruction_in_queries(request)

    def encode(profile: ModelProfile) -> EncodedRequest:
        return protocol.encode_embeddings(request, profile)

    call = Call(settings, profile, protocol, encode, asynchronous=asynchronous)
    for message in losses:
        warn(message)
    return call


def rerank_call(settings: ClientSettings, request: RerankRequest, *, asynchronous: bool) -> Call:
    """The call for one batch of documents. The OpenAI-compatible wire has its rerankers at another path."""
    server = settings.self_hosted_server()
    profile = self_hosted_profile(request.model, server)
    protocol, losses = select_protocol(settings.protocol, profile, request)

    def encode(profile: ModelProfile) -> EncodedRequest:
        encoded = protocol.encode_rerank(request, profile)
        return encoded if server is None else msgspec.structs.replace(encoded, path=OWN_RERANK_PATH)

    call = Call(settings, profile, protocol, encode, asynchronous=asynchronous)
    if protocol.name == "openai" and server is None:
        base_url = rerank_url(call.connection.base_url)
        call.connection = msgspec.structs.replace(call.connection, base_url=base_url)
    for message in losses:
        warn(message)
    return call


def must_stream(settings: ClientSettings, request: ChatRequest) -> bool:
    """Whether the model answers this request only in a stream, so that a whole answer has to be collected."""
    if settings.self_hosted_server() is not None:
        return False
    profile = resolve(request.model)
    streams = profile.stream_only or profile.stream_only_thinking or request.modalities
    if not (streams or request.enable_code_interpreter or request.enable_search):
        return False
    adapted, _ = adapt(request, profile)
    thinking = thinks(adapted, profile)
    return any(
        (
            profile.must_stream(thinking),
            # Sound, and what the code interpreter did, come only in a stream (compatible 6, native 3).
            "audio" in (adapted.modalities or ()),
            adapted.enable_code_interpreter,
            # Some models search in one only while they think, and the documents do not say which (native 3.2).
            thinking and adapted.enable_search,
        )
    )
