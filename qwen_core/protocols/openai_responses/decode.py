"""Decode payloads into events and responses, on the Responses API.

What the service ran itself, such as a web search, is reported at the end: in ``extras`` under ``server_tools``,
one item for each call (section 2.7).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from qwen_core.models.profile import ModelProfile
from qwen_core.protocols.error_decoding import undecodable
from qwen_core.protocols.leaked_reasoning import Leaks
from qwen_core.protocols.openai_responses import schema
from qwen_core.protocols.response_builder import ResponseBuilder, decode_response
from qwen_core.protocols.schema import Function, ToolCall
from qwen_core.types.events import Event, Finish
from qwen_core.types.responses import ChatResponse, Citation, CitationSpan
from qwen_core.types.usage import Usage, usage_from_counts

_decode_event = msgspec.json.Decoder(schema.Event).decode
_decode_response = msgspec.json.Decoder(schema.Response).decode

# Why a response is incomplete, in the words of the other protocols.
INCOMPLETE = {"max_output_tokens": "length", "content_filter": "content_filter"}

SERVER_TOOLS = "server_tools"


class ResponseStreamDecoder:
    """Decodes the events of one response into ours. A complete body is its last event."""

    __slots__ = ("_citations", "_length", "_parts", "_seen", "_spans", "builder", "done")

    def __init__(
        self, profile: ModelProfile, headers: Mapping[str, str] | None = None, leaks: Leaks = "none"
    ) -> None:
        # Reasoning is an item of its own on this API, and citations are positions in the text.
        self.builder = ResponseBuilder(profile, headers)
        self.builder.cumulative = self.builder.choices[0].cumulative = False
        self.done = False
        self._citations: dict[str, Citation] = {}
        self._spans: list[CitationSpan] = []
        self._length = 0
        self._parts: dict[tuple[int, int], int] = {}
        """The offset of each part of the text."""
        self._seen: set[int] = set()
        """The output items of which deltas have arrived."""

    @property
    def finished(self) -> bool:
        """Whether the response has a finish reason."""
        return self.builder.finished

    def feed(self, payload: bytes, status: int | None = None) -> Sequence[Event]:
        """Return the events of one payload. Raises a QwenError for an error, or if it cannot be decoded."""
        if not payload:
            return ()
        try:
            event = _decode_event(payload)
            if event.object == "response":
                event = schema.Event(type="response.completed", response=_decode_response(payload))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as reason:
            raise undecodable(payload, reason, status) from reason
        if event.type == "error" or (not event.type and (event.error or event.code)):
            self.builder.request_id = event.request_id
            raise self.builder.error(status, event.error, event.code, event.message)
        events: list[Event] = []
        handle = HANDLERS.get(event.type)
        if handle is not None:
            handle(self, event, events)
        return events

    def close(self) -> Sequence[Event]:
        """End the response. Raises IncompleteStreamError if it has no end."""
        citations = tuple(self._citations.values())
        events = self.builder.close(decode_usage(self.builder.usage), citations)
        last = events[-1]
        if isinstance(last, Finish) and self._spans:
            end = msgspec.structs.replace(last.choices[0], spans=tuple(self._spans))
            events[-1] = msgspec.structs.replace(last, choices=(end,))
        return events

    def rest(self) -> Sequence[Event]:
        """Return what is known of a response that did not end."""
        return self.builder.rest(decode_usage(self.builder.usage), tuple(self._citations.values()))

    def add_text(self, event: schema.Event, events: list[Event]) -> None:
        """Add a delta of the text."""
        self._add_text(event.delta or "", (event.output_index, event.content_index), events)

    def add_reasoning(self, event: schema.Event, events: list[Event]) -> None:
        """Add a delta of the reasoning."""
        self._seen.add(event.output_index)
        self.builder.choice(0).add(None, event.delta, events)

    def add_arguments(self, event: schema.Event, events: list[Event]) -> None:
        """Add a delta of the arguments of a function call."""
        self._seen.add(event.output_index)
        call = ToolCall(index=event.output_index, function=Function(arguments=event.delta))
        self.builder.choice(0).add_tool_calls([call], events)

    def start_item(self, event: schema.Event, events: list[Event]) -> None:
        """Start an output item: the name of a function call is known."""
        item = event.item or {}
        if item.get("type") == "function_call":
            function = Function(name=item.get("name"))
            call = ToolCall(index=event.output_index, id=item.get("call_id"), function=function)
            self.builder.choice(0).add_tool_calls([call], events)

    def complete_item(self, event: schema.Event, events: list[Event]) -> None:
        """Complete an output item with what has not come in deltas."""
        self._complete(event.output_index, event.item or {}, events)

    def end_response(self, event: schema.Event, events: list[Event]) -> None:
        """End the response, or decode all of it."""
        response = event.response or schema.Response()
        builder = self.builder
        builder.id = response.id or builder.id
        builder.model = response.model or builder.model
        builder.created = int(response.created_at) if response.created_at else builder.created
        builder.add_usage(response.usage)
        if response.status == "failed" or response.error:
            raise builder.error(None, response.error, None, "The response failed.")
        if not builder.began:
            for index, item in enumerate(response.output or ()):
                self._complete(index, item, events)
        builder.began = True
        if response.status == "completed":
            builder.choice(0).end("stop", None)
        elif response.status == "incomplete":
            reason = str((response.incomplete_details or {}).get("reason") or "incomplete")
            builder.choice(0).end(INCOMPLETE.get(reason, reason), None)
        self.done = True

    def record_id(self, event: schema.Event, events: list[Event]) -> None:
        """Record the id of the response."""
        if event.response is not None:
            self.builder.id = event.response.id or self.builder.id

    def _complete(self, index: int, item: dict[str, Any], events: list[Event]) -> None:
        self.builder.began = True
        kind = item.get("type")
        if kind == "message":
            for position, part in enumerate(item.get("content") or ()):
                if (index, position) not in self._parts:
                    text = str(part.get("text") or part.get("refusal") or "")
                    self._add_text(text, (index, position), events)
                self._cite(part.get("annotations") or (), self._parts[index, position])
        elif kind == "reasoning":
            if index not in self._seen:
                parts = item.get("summary") or item.get("content") or ()
                texts = (str(part.get("text") or "") for part in parts)
                self.builder.choice(0).add(None, "\n".join(texts), events)
        elif kind == "function_call":
            if index not in self._seen:
                function = Function(name=item.get("name"), arguments=item.get("arguments"))
                call = ToolCall(index=index, id=item.get("call_id"), function=function)
                self.builder.choice(0).add_tool_calls([call], events)
        else:
            self.builder.extras.setdefault(SERVER_TOOLS, []).append(item)

    def _add_text(self, text: str, part: tuple[int, int], events: list[Event]) -> None:
        self._parts.setdefault(part, self._length)
        self.builder.began = True
        self._length += len(text)
        self.builder.choice(0).add(text, None, events)

    def _cite(self, annotations: Sequence[Mapping[str, Any]], offset: int) -> None:
        for note in annotations:
            url = note.get("url")
            if note.get("type") != "url_citation" or not url:
                continue
            number = len(self._citations) + 1
            source = self._citations.setdefault(
                url, Citation(index=number, url=url, title=note.get("title") or "")
            )
            start, end = note.get("start_index"), note.get("end_index")
            if isinstance(start, int) and isinstance(end, int):
                self._spans.append(CitationSpan(start=offset + start, end=offset + end, index=source.index))


HANDLERS: dict[str, Callable[[ResponseStreamDecoder, schema.Event, list[Event]], None]] = {
    "response.created": ResponseStreamDecoder.record_id,
    "response.in_progress": ResponseStreamDecoder.record_id,
    "response.output_item.added": ResponseStreamDecoder.start_item,
    "response.output_item.done": ResponseStreamDecoder.complete_item,
    "response.output_text.delta": ResponseStreamDecoder.add_text,
    "response.refusal.delta": ResponseStreamDecoder.add_text,
    "response.reasoning_text.delta": ResponseStreamDecoder.add_reasoning,
    "response.reasoning_summary_text.delta": ResponseStreamDecoder.add_reasoning,
    "response.function_call_arguments.delta": ResponseStreamDecoder.add_arguments,
    "response.completed": ResponseStreamDecoder.end_response,
    "response.incomplete": ResponseStreamDecoder.end_response,
    "response.failed": ResponseStreamDecoder.end_response,
}


def decode_chat(
    payload: bytes, profile: ModelProfile, headers: Mapping[str, str] | None = None, leaks: Leaks = "none"
) -> ChatResponse:
    """Decode a response that is one body."""
    return decode_response(ResponseStreamDecoder(profile, headers), payload)


def decode_usage(raw: dict[str, Any] | None) -> Usage | None:
    """Return the usage in our names (section 2.7)."""
    if not raw:
        return None
    into: dict[str, Any] = raw.get("input_tokens_details") or {}
    out: dict[str, Any] = raw.get("output_tokens_details") or {}
    return usage_from_counts(
        input_tokens=raw.get("input_tokens"),
        output_tokens=raw.get("output_tokens"),
        total_tokens=raw.get("total_tokens"),
        cached_tokens=into.get("cached_tokens"),
        cache_creation_tokens=into.get("cache_creation_input_tokens"),
        cache_type=into.get("cache_type"),
        reasoning_tokens=out.get("reasoning_tokens"),
        plugins=raw.get("x_tools"),
        raw=raw,
    )
