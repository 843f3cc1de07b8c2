"""Agents and workflows on the native protocol: ``/apps/{id}/completion`` (knowledge 3.1)."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from qwen_core.models.profile import ModelProfile
from qwen_core.protocols.applications import references
from qwen_core.protocols.applications.conversation import (
    check_messages,
    file_urls,
    image_urls,
    message_text,
    new_messages,
    plain_messages,
    refuse_fields,
    refuse_other_media,
)
from qwen_core.protocols.base import EncodedRequest, merge_body
from qwen_core.protocols.error_decoding import invalid_response
from qwen_core.protocols.knowledge import decode_service_error
from qwen_core.protocols.messages import with_values
from qwen_core.protocols.response_builder import ResponseBuilder
from qwen_core.types.applications import ApplicationRequest
from qwen_core.types.errors import BadRequestError
from qwen_core.types.events import Event, TextDelta
from qwen_core.types.json import encode_json
from qwen_core.types.responses import Citation
from qwen_core.types.usage import Usage

PARAMETERS = (
    "has_thoughts",
    "flow_stream_mode",
    "model_id",
    "enable_thinking",
    "rag_options",
    "enable_web_search",
    "enable_system_time",
    "dialog_round",
    "temperature",
    "top_p",
    "top_k",
    "seed",
)
STREAM_HEADERS = {"X-DashScope-SSE": "enable"}


def encode_completion(request: ApplicationRequest, app_id: str, stream: bool) -> EncodedRequest:
    """Encode a call. A session gets only what is new as ``prompt``; without one, all messages are sent."""
    check_messages(request)
    refuse_other_media(request.messages)
    refuse_fields(request, ("session_files",))
    warnings: list[str] = []
    messages = new_messages(request.messages) if request.session_id else request.messages
    users = [message for message in messages if message.role == "user"]
    body_input: dict[str, Any] = {}
    if request.session_id:
        if not users:
            raise BadRequestError("A session continues with a message of the user, and there is no new one.")
        if len(users) < len(messages):
            warnings.append("Left out the system message: a session takes only new messages of the user.")
        body_input["prompt"] = "\n".join(message_text(message) for message in users)
    elif len(messages) == 1:
        body_input["prompt"] = message_text(users[0])
    else:
        body_input["messages"] = list(plain_messages(messages))
    with_values(
        body_input,
        session_id=request.session_id,
        biz_params=request.biz_params,
        memory_id=request.memory_id,
        image_list=image_urls(messages) or None,
        file_list=[*file_urls(messages), *request.files] or None,
    )
    parameters = with_values({}, **{name: getattr(request, name) for name in PARAMETERS})
    if stream:
        parameters["incremental_output"] = True
    body = {"input": body_input, "parameters": parameters, "debug": {}}
    merge_body(body, request.extra_body)
    cumulative = stream and not (body["parameters"] or {}).get("incremental_output")
    return EncodedRequest(
        path=f"/apps/{app_id}/completion",
        body=encode_json(body),
        headers={**(STREAM_HEADERS if stream else {}), **(request.extra_headers or {})},
        warnings=tuple(warnings),
        cumulative=cumulative,
    )


class Chunk(msgspec.Struct):
    """A chunk, or a complete response, or an error."""

    output: dict[str, Any] | None = None
    usage: Any = None
    request_id: str | None = None
    code: Any = None
    message: Any = None
    error: Any = None


_decode_chunk = msgspec.json.Decoder(Chunk).decode


class CompletionDecoder:
    """Decodes the chunks of one response into events. A complete body is one chunk.

    References and thoughts repeat, growing, and are reported once, at the end.
    """

    __slots__ = ("_flow", "_flow_text", "_references", "_thoughts", "builder", "done")

    def __init__(self, profile: ModelProfile, headers: Mapping[str, str] | None = None) -> None:
        self.builder = ResponseBuilder(profile, headers)
        self.done = False
        self._references: list[dict[str, Any]] = []
        self._thoughts: list[dict[str, Any]] = []
        self._flow = references.WorkflowMessages()
        self._flow_text = ""

    def feed(self, payload: bytes, status: int | None = None) -> Sequence[Event]:
        """Return the events of one payload. Raises a QwenError for an error, or if it cannot be decoded."""
        if not payload:
            return ()
        try:
            chunk = _decode_chunk(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as reason:
            raise invalid_response(payload, reason) from reason
        builder = self.builder
        builder.id = builder.request_id = chunk.request_id or builder.request_id
        # The status is of the last payload of those that arrived together, which has no output if it is an error.
        if chunk.error or (chunk.output is None and (chunk.code or chunk.message or status)):
            raise decode_service_error(status or 200, payload, builder.headers)
        if isinstance(chunk.usage, dict) and chunk.usage:
            builder.usage = chunk.usage
        return () if chunk.output is None else self._take(chunk.output)

    def _take(self, output: dict[str, Any]) -> Sequence[Event]:
        events: list[Event] = []
        builder = self.builder
        builder.began = True
        if output.get("session_id"):
            builder.extras["session_id"] = output["session_id"]
        self._thoughts = references.merge_growing(
            self._thoughts, references.items_of(output.get("thoughts")), references.thought_identity
        )
        self._references = references.merge_growing(
            self._references, references.items_of(output.get("doc_references")), references.reference_identity
        )
        message = output.get("workflow_message")
        if isinstance(message, dict):
            delta = self._flow.add(message)
            if delta:
                self._flow_text += delta
                builder.choice(0).answered = True
                events.append(TextDelta(delta))
        text = output.get("text")
        if isinstance(text, str) and text and text != self._flow_text:
            builder.choice(0).add(text, None, events)
        finish_reason = output.get("finish_reason")
        builder.choice(0).end(finish_reason if isinstance(finish_reason, str) else None, None)
        return events

    @property
    def finished(self) -> bool:
        """Whether the response has a finish reason."""
        return self.builder.finished

    def close(self) -> Sequence[Event]:
        """End the response. Raises IncompleteStreamError if it has no finish reason."""
        return self.builder.close(*self._surroundings())

    def rest(self) -> Sequence[Event]:
        """Return what is known of a response that did not end."""
        return self.builder.rest(*self._surroundings())

    def _surroundings(self) -> tuple[Usage | None, tuple[Citation, ...]]:
        """Return usage and citations, and put what else is known into the extras."""
        builder = self.builder
        thoughts = references.decode_thoughts(self._thoughts)
        found = references.scored_references(self._references, thoughts)
        extras = {"thoughts": thoughts, "doc_references": found, "workflow_messages": self._flow.messages}
        builder.extras.update({name: value for name, value in extras.items() if value})
        builder.model = references.model_in(builder.usage)
        return references.decode_usage(builder.usage), references.decode_references(found)
