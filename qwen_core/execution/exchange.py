"""Carry out a plan, without its I/O: count attempts, decode responses, map errors."""

from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from urllib.parse import urlsplit

import msgspec

from qwen_core.execution.endpoint_cache import ENDPOINT_CACHE
from qwen_core.execution.plan import CallPlan
from qwen_core.execution.region_hints import region_hint
from qwen_core.execution.retirement_warnings import warn_if_retired
from qwen_core.execution.retry import SILENCE, Attempts
from qwen_core.execution.self_hosted_hints import self_hosted_hint
from qwen_core.execution.stream_only import STREAM_ONLY_CACHE, stream_requirement
from qwen_core.protocols.citations import cite_events, cite_response
from qwen_core.protocols.error_decoding import invalid_response
from qwen_core.protocols.stream_parser import BOM, DECODE_ERRORS, StreamParser, looks_like_event_stream, parse_body
from qwen_core.transports.base import HTTPResponse, HTTPStatusError, normalize_headers
from qwen_core.transports.delivery import was_sent
from qwen_core.types.accumulator import accumulate, accumulate_partial
from qwen_core.types.errors import (
    APIConnectionError,
    APITimeoutError,
    IncompleteStreamError,
    NotFoundError,
    QwenError,
    UnsupportedFeatureError,
)
from qwen_core.types.events import Event, Finish
from qwen_core.types.requests import ChatRequest, EmbeddingResponse, RerankResponse
from qwen_core.types.responses import ChatResponse
from qwen_core.types.usage import Usage
from qwen_core.types.warnings import warn

SILENT_HINT = (
    "Stream the response (ChatQwen: streaming=True; Qwen: stream_chat): a call that is silent for about a "
    "minute may be dropped on its way. Or raise timeout=..."
)


class Observer:
    """Is told what happens to an exchange. Does nothing by itself."""

    def on_response(
        self, exchange: "Exchange", usage: Usage | None, request_id: str | None, text: Callable[[], str]
    ) -> None:
        """Take note of a complete response. ``text`` returns its text."""

    def on_error(self, exchange: "Exchange", error: QwenError) -> None:
        """Take note of an attempt that failed."""

    def on_retry(self, exchange: "Exchange", error: QwenError, wait: float) -> None:
        """Take note that another attempt follows after ``wait`` seconds."""


class Exchange(Attempts):
    """The attempts to carry out one plan.

    Attributes:
        plan: what is sent; another one once the model turns out to be at its other endpoint.
        events: what a stream has yielded.
        request_id: from the headers of the stream that is open.
    """

    __slots__ = ("_observers", "_parser", "_rerouted", "events", "plan", "request_id")

    def __init__(self, plan: CallPlan, observers: Sequence[Observer] = ()) -> None:
        super().__init__(plan.connection.timeout)
        self.plan = plan
        self.events: list[Event] = []
        self.request_id: str | None = None
        self._observers = observers
        self._rerouted = False
        self._parser: StreamParser | None = None

    def decode(self, response: HTTPResponse) -> ChatResponse:
        """Decode a response in one body, which may be an event stream all the same."""
        plan, body, headers = self.plan, response.body, normalize_headers(response.headers)
        try:
            if not body.startswith(b"{") and looks_like_event_stream(body):
                decoded = parse_body(body, plan.decoder(headers))
            elif plan.parses_output:
                decoded = msgspec.structs.replace(parse_body(body, plan.decoder(headers)), payload=body)
            else:
                decoded = plan.protocol.decode_chat(body.removeprefix(BOM), plan.profile, headers, plan.leaks)
            if plan.citation_marker is not None:
                decoded = cite_response(decoded, plan.citation_marker)
        except DECODE_ERRORS as reason:
            raise invalid_response(body, f"{type(reason).__name__}: {reason}") from reason
        cost = plan.pricing.cost(decoded.usage)
        return decoded if cost is None else msgspec.structs.replace(decoded, cost=cost)

    def decode_embedding(self, response: HTTPResponse) -> EmbeddingResponse:
        """Decode the vectors of one batch.

        The native protocol names no model in the response: it is the one that was asked for.
        """
        decoded = self.plan.protocol.decode_embeddings(response.body, normalize_headers(response.headers))
        return decoded if decoded.model else msgspec.structs.replace(decoded, model=self.plan.model)

    def decode_rerank(self, response: HTTPResponse) -> RerankResponse:
        """Decode the ranking of one batch."""
        return self.plan.protocol.decode_rerank(response.body, normalize_headers(response.headers))

    def parser(self, headers: Mapping[str, str]) -> StreamParser:
        """Return a parser for a response that streams."""
        names = normalize_headers(headers)
        self.request_id = names.get("x-request-id")
        self._parser = StreamParser(self.plan.decoder(names))
        return self._parser

    def finalize(self, events: Sequence[Event]) -> Sequence[Event]:
        """Return the last events of a stream with what only the complete response tells: citations and cost."""
        events = cite_events(events, self.events, self.plan.citation_marker)
        cost = self.plan.pricing.cost
        return [
            msgspec.structs.replace(event, cost=cost(event.usage)) if isinstance(event, Finish) else event
            for event in events
        ]

    def on_response(self, response: ChatResponse) -> ChatResponse:
        """Tell the observers of a complete response, and return it."""
        for observer in self._observers:
            observer.on_response(self, response.usage, response.request_id, lambda: response.text)
        return response

    def on_stream_end(self) -> None:
        """Tell the observers of a stream that is complete."""
        last = self.events[-1]
        if isinstance(last, Finish):
            for observer in self._observers:
                observer.on_response(self, last.usage, last.request_id, lambda: accumulate(self.events).text)

    def on_batch(self, total_tokens: int | None, request_id: str | None) -> None:
        """Tell the observers of one batch of embeddings or documents, all of whose tokens are input."""
        usage = None if total_tokens is None else Usage(total_tokens=total_tokens)
        for observer in self._observers:
            observer.on_response(self, usage, request_id, str)

    def on_retry(self, error: QwenError, wait: float) -> None:
        """Tell the observers that another attempt follows."""
        for observer in self._observers:
            observer.on_retry(self, error, wait)

    def map_error(self, error: QwenError | HTTPStatusError) -> QwenError:
        """Return the error to raise: typed, with where it happened and what had arrived. Tells the observers."""
        plan = self.plan
        if isinstance(error, HTTPStatusError):
            response = error.response
            error = plan.protocol.error(response.status, response.body, normalize_headers(response.headers))
        partial = error.partial or self._partial()
        if isinstance(error, APIConnectionError):
            error = self._interruption(error, partial)
        error.partial = self._priced(partial)
        if partial is not None:
            # It was generated, and billed: the same call would be billed again.
            error.is_retryable = False
        elif isinstance(error, IncompleteStreamError):
            vars(error).setdefault("is_retryable", self._silence() < SILENCE)
        error.host = error.host or plan.host
        error.model = error.model or plan.model
        error.hint = error.hint or self._hint(error) or self._streaming_hint(error)
        if isinstance(error, NotFoundError):
            error.hint = self._with_path(error.hint or error.advice)
        error.request_id = error.request_id or self.request_id or (partial.request_id if partial else None)
        for observer in self._observers:
            observer.on_error(self, error)
        return error

    def _with_path(self, hint: str) -> str:
        """Return a hint with the path of the request: it tells a wrong base_url from a wrong model."""
        path = urlsplit(self.plan.connection.base_url).path + self.plan.encoded.path
        return hint if path in hint else f"{hint} The path of the request was {path}."

    def _partial(self) -> ChatResponse | None:
        """Return what had arrived of a stream, with its usage; None if nothing had."""
        parser, self._parser = self._parser, None
        rest = () if parser is None else parser.rest()
        return accumulate_partial([*self.events, *(rest if not finished(self.events) else ())])

    def _silence(self) -> float:
        """Return the seconds since the current attempt began."""
        return monotonic() - self.attempt_began

    def _interruption(self, error: APIConnectionError, partial: ChatResponse | None) -> QwenError:
        """Return what a failed connection means: for a request that the service may have processed, no retry."""
        if partial is not None:
            return IncompleteStreamError(f"The response is incomplete. {error.message}")
        silence = self._silence()
        if silence < SILENCE or not was_sent(error):
            return error
        return APITimeoutError(
            f"The service closed the connection after {silence:.1f} s without a response. {error.message}"
        )

    def _priced(self, partial: ChatResponse | None) -> ChatResponse | None:
        cost = None if partial is None else self.plan.pricing.cost(partial.usage)
        return partial if partial is None or cost is None else msgspec.structs.replace(partial, cost=cost)

    def _hint(self, error: QwenError) -> str | None:
        plan = self.plan
        if plan.server is None:
            return region_hint(error, plan.host, plan.profile)
        sent_key = bool(plan.connection.api_key)
        return self_hosted_hint(error, plan.server, plan.connection.base_url, plan.model, sent_key=sent_key)

    def _streaming_hint(self, error: QwenError) -> str | None:
        plan = self.plan
        is_whole_chat = isinstance(plan.request, ChatRequest) and not plan.stream
        return SILENT_HINT if is_whole_chat and isinstance(error, APITimeoutError) else None

    def reroute_or_raise(self, error: QwenError | HTTPStatusError) -> None:
        """Plan the same call for the other endpoint or as a stream, if the error asks for it; else raise."""
        mapped = self.map_error(error)
        try:
            plan = self._plan_elsewhere(mapped)
            if plan is None:
                raise mapped from error.__cause__
            self.plan = plan
        finally:
            # Its traceback holds this frame, which would hold it.
            del error, mapped

    def _plan_elsewhere(self, error: QwenError) -> CallPlan | None:
        """Return the plan as a stream or for the other endpoint, or None (compatible 6, native 2).

        Nothing was generated if the service says that the model is not at this endpoint. The other one is tried
        once, and remembered unless it says the same.
        """
        plan = self.plan
        requirement = stream_requirement(error)
        if requirement is not None and isinstance(plan.request, ChatRequest) and not plan.stream:
            STREAM_ONLY_CACHE.put(plan.host, plan.model, requirement)
            return plan.as_stream()
        endpoint = plan.protocol.other_endpoint(plan.encoded.path, error)
        if endpoint is None:
            return None
        if self._rerouted:
            ENDPOINT_CACHE.discard(plan.host, plan.model)
            return None
        try:
            elsewhere = plan.at_endpoint(endpoint)
        except UnsupportedFeatureError:
            return None
        if elsewhere.encoded.path == plan.encoded.path:
            return None
        ENDPOINT_CACHE.put(plan.host, plan.model, endpoint)
        self._rerouted = True
        return elsewhere


def finished(events: Sequence[Event]) -> bool:
    """Return whether the last event of a response is among these."""
    return bool(events) and isinstance(events[-1], Finish)


def show_warnings(plan: CallPlan) -> None:
    """Show the warnings of a plan to its caller, and once per process the retirement of its model."""
    for message in plan.warnings:
        warn(message)
    if plan.profile.retired_on is not None:
        warn_if_retired(plan.profile)
