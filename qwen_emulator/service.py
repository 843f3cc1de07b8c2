"""The service behind the socket: routes, keys, and which answer a request gets. Knows no sockets and no threads."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from qwen_emulator import answers, tokens
from qwen_emulator.compose import compose, request_id
from qwen_emulator.conversation import Conversation, read_conversation
from qwen_emulator.embeddings import embed
from qwen_emulator.failures import CATALOGUE, invalid_parameter
from qwen_emulator.models import LISTED, embedding_facts
from qwen_emulator.replies import Altered, Failure, RawReply, Reply, Scripted
from qwen_emulator.requests import RecordedRequest
from qwen_emulator.script import Script
from qwen_emulator.tokens import Usage
from qwen_emulator.validation import compatible as compatible_rules
from qwen_emulator.wires import compatible
from qwen_emulator.wires.base import Wire, json_reply

Handler = Callable[["Service", RecordedRequest], RawReply]


@dataclass
class Settings:
    """What the user of the emulator chooses."""

    chunk_size: int = 4
    delay: float = 0.0
    api_key: str | None = None
    validate: bool = True


@dataclass
class Service:
    """Answers requests one by one."""

    settings: Settings
    script: Script = field(default_factory=Script)
    _counter: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reset(self) -> None:
        """Back to the beginning: the next request is the first again."""
        with self._lock:
            self._counter = 0
            self.script.clear()

    def respond(self, request: RecordedRequest) -> RawReply:
        """The bytes for one request."""
        with self._lock:
            self._counter += 1
            request.request_id = request_id(self._counter)
        reply = self._routed(request)
        named = {name.lower() for name in reply.headers}
        if "x-request-id" in named:
            return reply
        return replace(reply, headers={**reply.headers, "x-request-id": request.request_id})

    def _routed(self, request: RecordedRequest) -> RawReply:
        wire = wire_of(request)
        if not self._key_accepted(request):
            return wire.failure(CATALOGUE["invalid_api_key"], request.request_id)
        allowed = [route for route in ROUTES if route.path.fullmatch(request.path)]
        for route in allowed:
            if route.method == request.method:
                return route.handler(self, request)
        status = 405 if allowed else 404
        message = f"There is no {request.method} {request.path} here."
        return wire.failure(Failure(status, "not_found", message, native_code="NotFound"), request.request_id)

    def _key_accepted(self, request: RecordedRequest) -> bool:
        kind, _, key = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not key.strip():
            return False
        return self.settings.api_key is None or key.strip() == self.settings.api_key

    def chat(
        self, request: RecordedRequest, wire: Wire, refused: Failure | None, read: Callable[[], Conversation]
    ) -> RawReply:
        """Any chat request: refused, scripted, or answered by default."""
        if refused is not None:
            return wire.refusal(refused, request.request_id, stream=request.stream)
        asked = read()
        try:
            scripted = self.script.take(request)
            return self._rendered(scripted, asked, wire, request.request_id)
        except Exception as problem:
            message = f"The emulator failed: {type(problem).__name__}: {problem}"
            return wire.failure(Failure(500, "emulator_error", message), request.request_id)

    def other(self, request: RecordedRequest, wire: Wire, produce: Callable[[], RawReply]) -> RawReply:
        """Any request that is not a chat: of the script only failures and raw replies concern it."""
        scripted = self.script.take(request, chat=False)
        if isinstance(scripted, Failure):
            return wire.failure(scripted, request.request_id)
        if isinstance(scripted, RawReply):
            return scripted
        return scripted.alter(produce()) if isinstance(scripted, Altered) else produce()

    def _rendered(
        self, scripted: Scripted | None, asked: Conversation, wire: Wire, identity: str
    ) -> RawReply:
        if isinstance(scripted, RawReply):
            return scripted
        if isinstance(scripted, Altered):
            return scripted.alter(self._rendered(scripted.reply, asked, wire, identity))
        if isinstance(scripted, Failure):
            return self._failed(scripted, asked, wire, identity)
        reply = Reply(scripted) if isinstance(scripted, str) else scripted or answers.answer(asked)
        composed = compose(reply, asked, identity, self.settings.chunk_size, Usage())
        written = wire.stream(composed, asked) if asked.stream else wire.whole(composed, asked)
        return replace(
            written,
            headers={**written.headers, **reply.headers},
            pause=self.settings.delay if asked.stream else 0.0,
        )

    def _failed(self, failure: Failure, asked: Conversation, wire: Wire, identity: str) -> RawReply:
        if failure.after_chunks is None or not asked.stream:
            return wire.failure(failure, identity, stream=asked.stream)
        begun = self._rendered(failure.reply, asked, wire, identity)
        kept = tuple(begun.segments[: failure.after_chunks])
        return replace(begun, segments=(*kept, wire.failure_event(failure, identity, len(kept) + 1)))


def wire_of(request: RecordedRequest) -> Wire:
    """The encoder of the wire a request came on."""
    return compatible  # type: ignore[return-value]


@dataclass(frozen=True)
class Route:
    """One path of the service."""

    method: str
    path: re.Pattern[str]
    handler: Handler


def _compatible_chat(service: Service, request: RecordedRequest) -> RawReply:
    body = request.body
    refused = compatible_rules.chat(body) if service.settings.validate else None
    return service.chat(
        request, wire_of(request), refused,
        lambda: read_conversation("openai", body["model"], body["messages"], body, stream=request.stream),
    )


def _compatible_embeddings(service: Service, request: RecordedRequest) -> RawReply:
    body, wire = request.body, wire_of(request)
    if service.settings.validate and (refused := compatible_rules.embeddings(body)):
        return wire.failure(refused, request.request_id)

    def produce() -> RawReply:
        rows = [body["input"]] if isinstance(body["input"], str) else body["input"]
        size = body.get("dimensions") or embedding_facts(body["model"]).default
        payload = compatible.embeddings_object(
            [embed(row, size) for row in rows], body["model"], tokens.count_all(rows), request.request_id,
            as_base64=body.get("encoding_format") == "base64",
        )
        return json_reply(payload, request.request_id)

    return service.other(request, wire, produce)


def _compatible_models(service: Service, request: RecordedRequest) -> RawReply:
    created = 1_780_000_000
    listed: list[dict[str, Any]] = [
        {"id": name, "object": "model", "created": created, "owned_by": "system"} for name in LISTED
    ]
    return json_reply({"object": "list", "data": listed}, request.request_id)


ROUTES: tuple[Route, ...] = (
    Route("POST", re.compile("/compatible-mode/v1/chat/completions"), _compatible_chat),
    Route("POST", re.compile("/compatible-mode/v1/embeddings"), _compatible_embeddings),
    Route("GET", re.compile("/compatible-mode/v1/models"), _compatible_models),
)
