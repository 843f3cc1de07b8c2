"""Knowledge chat services: an agent over several knowledge bases, which only streams (knowledge 1.3)."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from qwen_core.models.profile import ModelProfile
from qwen_core.protocols.applications import references
from qwen_core.protocols.applications.completion import PARAMETERS
from qwen_core.protocols.applications.conversation import check_messages, message_text, refuse_fields
from qwen_core.protocols.base import EncodedRequest, merge_body
from qwen_core.protocols.error_decoding import invalid_response
from qwen_core.protocols.knowledge import OK_CODES, decode_service_error
from qwen_core.protocols.messages import refuse_part
from qwen_core.protocols.response_builder import ResponseBuilder
from qwen_core.types.applications import ApplicationRequest
from qwen_core.types.errors import UnsupportedFeatureError
from qwen_core.types.events import Event
from qwen_core.types.json import encode_json
from qwen_core.types.messages import ImagePart, Message, ReasoningPart, TextPart
from qwen_core.types.responses import Citation
from qwen_core.types.usage import Usage

PATH = "/apps/knowledge/chat"
REFUSED = (*PARAMETERS, "session_id", "biz_params", "memory_id", "files")


def encode_knowledge_chat(request: ApplicationRequest) -> EncodedRequest:
    """Encode a call. The service answers only in streams."""
    check_messages(request)
    refuse_fields(request, REFUSED)
    options: dict[str, Any] = {"agent_id": request.app_id}
    if request.session_files:
        options["session_files"] = list(request.session_files)
    body = {
        "input": {"messages": [encode_message(message) for message in request.messages]},
        "parameters": {"agent_options": options},
        "stream": True,
    }
    headers = {"Accept": "text/event-stream", **(request.extra_headers or {})}
    return EncodedRequest(path=PATH, body=encode_json(merge_body(body, request.extra_body)), headers=headers)


def encode_message(message: Message) -> dict[str, Any]:
    """Encode a message of the user or the assistant: text as a string, else a list of text and images."""
    if message.role not in ("user", "assistant"):
        raise UnsupportedFeatureError(
            "A knowledge chat service accepts messages of the user and the assistant only.",
            hint="Its instructions are set in the Model Studio console.",
        )
    visible = [part for part in message.parts if not isinstance(part, ReasoningPart)]
    if all(isinstance(part, TextPart) for part in visible):
        return {"role": message.role, "content": message_text(message)}
    content: list[dict[str, Any]] = []
    for part in visible:
        if isinstance(part, TextPart):
            content.append({"type": "text", "text": part.text})
        elif isinstance(part, ImagePart):
            content.append({"type": "image_url", "image_url": {"url": part.url}})
        else:
            raise refuse_part(part, "knowledge chat")
    return {"role": message.role, "content": content}


class Output(msgspec.Struct):
    """The content of a chunk."""

    choices: list[dict[str, Any]] | None = None


class Chunk(msgspec.Struct):
    """A chunk, or an error instead."""

    code: Any = None
    message: Any = None
    error: Any = None
    request_id: str | None = None
    output: Output | None = None
    usage: Any = None


_decode_chunk = msgspec.json.Decoder(Chunk).decode


class KnowledgeChatDecoder:
    """Decodes the chunks of one response: what it generates is text, what it plans is reasoning.

    Tool calls and results are reported at the end, as ``thoughts``; the documents in results are its references.
    """

    __slots__ = ("_documents", "_steps", "builder", "done")

    def __init__(self, profile: ModelProfile, headers: Mapping[str, str] | None = None) -> None:
        self.builder = ResponseBuilder(profile, headers)
        self.builder.cumulative = self.builder.choices[0].cumulative = False
        self.done = False
        self._steps: list[dict[str, Any]] = []
        self._documents: dict[str, dict[str, Any]] = {}

    def feed(self, payload: bytes, status: int | None = None) -> Sequence[Event]:
        """Return the events of one payload. Raises a QwenError for an error, or if it cannot be decoded."""
        if not payload or payload == b"[DONE]":
            return ()
        try:
            chunk = _decode_chunk(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as reason:
            raise invalid_response(payload, reason) from reason
        builder = self.builder
        builder.id = builder.request_id = chunk.request_id or builder.request_id
        failed = chunk.code is not None and str(chunk.code).lower() not in OK_CODES
        # The status is of the last payload of those that arrived together, which has no output if it is an error.
        if chunk.error or failed or (status and chunk.output is None):
            raise decode_service_error(status or 200, payload, builder.headers)
        if isinstance(chunk.usage, dict) and chunk.usage:
            builder.usage = chunk.usage
        events: list[Event] = []
        for choice in (chunk.output.choices if chunk.output else None) or ():
            builder.began = True
            message = choice.get("message")
            if isinstance(message, dict):
                self._take(message, events)
            finish_reason = choice.get("finish_reason")
            builder.choice(0).end(finish_reason if isinstance(finish_reason, str) else None, None)
        return events

    def _take(self, message: dict[str, Any], events: list[Event]) -> None:
        content = message.get("content")
        text = content if isinstance(content, str) else ""
        if message.get("type") == "tool" or message.get("role") == "tool":
            self._add_result(message, text)
            return
        for call in references.items_of(message.get("tool_calls")):
            self._steps.append({"type": "tool_call", **call})
        extra = message.get("extra")
        planning = isinstance(extra, dict) and extra.get("group") == "planning"
        self.builder.choice(0).add(None if planning else text, text if planning else None, events)

    def _add_result(self, message: dict[str, Any], text: str) -> None:
        more = message.get("additional_kwargs")
        held = references.json_or_text(more.get("extra_json")) if isinstance(more, dict) else None
        documents = references.items_of(held.get("docs")) if isinstance(held, dict) else []
        step = {"type": "tool_result", "content": references.json_or_text(text), "docs": documents}
        for name in ("name", "tool_call_id"):
            if message.get(name):
                step[name] = message[name]
        self._steps.append(step)
        for document in documents:
            key = str(document.get("_id") or document.get("nid") or document)
            self._documents.setdefault(key, {"index_id": str(len(self._documents) + 1), **document})

    @property
    def finished(self) -> bool:
        """Whether the response has a finish reason. The usage may still follow."""
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
        found = list(self._documents.values())
        if self._steps:
            builder.extras["thoughts"] = self._steps
        if found:
            builder.extras["doc_references"] = found
        return references.decode_usage(builder.usage), references.decode_references(found)
