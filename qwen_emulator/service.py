"""The service behind the server: API keys, routing, and the reply to each request. Knows no sockets."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from qwen_emulator import default_replies
from qwen_emulator.batches import BatchStore
from qwen_emulator.compose import compose, request_id
from qwen_emulator.conversation import Conversation
from qwen_emulator.failures import CATALOGUE, Failure
from qwen_emulator.files import FileStore
from qwen_emulator.knowledge import KnowledgeStore
from qwen_emulator.prompt_cache import PromptCache
from qwen_emulator.protocols import COMPATIBLE, NATIVE
from qwen_emulator.protocols.base import Encoder
from qwen_emulator.replies import RawReply, Reply
from qwen_emulator.requests import RecordedRequest
from qwen_emulator.results import ResultStore
from qwen_emulator.script import Mutated, Script, Scripted
from qwen_emulator.tasks import TaskStore
from qwen_emulator.tokens import Usage

OSS_HEADER = "X-DashScope-OssResourceResolve"
"""Required for ``oss://`` URLs."""

_BASE_URLS = (
    "Base URLs of this emulator: /compatible-mode/v1 for OpenAI clients, /api/v1 for the dashscope SDK, and "
    "/vllm/v1, /sglang/v1, /llama.cpp/v1 and /ollama/v1 for clients of self-hosted servers."
)

Handler: TypeAlias = Callable[["Service", RecordedRequest], RawReply]


@dataclass(frozen=True)
class Route:
    """One path of the service."""

    method: str
    path: re.Pattern[str]
    handler: Handler
    open_to_all: bool = False
    """Whether it needs no API key."""


def route(method: str, path: str, handler: Handler, *, open_to_all: bool = False) -> Route:
    """Create a route with a regular expression for its path."""
    return Route(method, re.compile(path), handler, open_to_all)


@dataclass
class Settings:
    """Settings of an emulator."""

    chunk_size: int = 4
    delay: float = 0.0
    api_key: str | None = None
    validate: bool = True


@dataclass
class Service:
    """Produces the response to each request."""

    settings: Settings
    routes: Sequence[Route]
    script: Script = field(default_factory=Script)
    files: FileStore = field(default_factory=FileStore)
    cache: PromptCache = field(default_factory=PromptCache)
    tasks: TaskStore = field(default_factory=TaskStore)
    results: ResultStore = field(default_factory=ResultStore)
    knowledge: KnowledgeStore = field(default_factory=KnowledgeStore)
    batches: BatchStore = field(init=False)
    _counter: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.batches = BatchStore(self.files)

    def reset(self) -> None:
        """Clear all state: the next request is the first again."""
        with self._lock:
            self._counter = 0
        self.script.clear()
        self.files.clear()
        self.cache.clear()
        self.batches.clear()
        self.tasks.clear()
        self.knowledge.clear()
        self.results.clear()

    def respond(self, request: RecordedRequest) -> RawReply:
        """Return the HTTP response to a request."""
        with self._lock:
            self._counter += 1
            request.request_id = request_id(self._counter)
        reply = self._routed(request)
        named = {name.lower() for name in reply.headers}
        if "x-request-id" in named:
            return reply
        return replace(reply, headers={**reply.headers, "x-request-id": request.request_id})

    def _routed(self, request: RecordedRequest) -> RawReply:
        encoder = encoder_for(request)
        allowed = [known for known in self.routes if known.path.fullmatch(request.path)]
        if not allowed:
            message = f"Unknown path {request.path}. {_BASE_URLS}"
            unknown = Failure(404, "not_found", message, native_code="NotFound")
            return encoder.encode_failure(unknown, request.request_id)
        if not any(known.open_to_all for known in allowed) and not self._key_accepted(request):
            return encoder.encode_failure(CATALOGUE["invalid_api_key"], request.request_id)
        for known in allowed:
            if known.method == request.method:
                return self._handled(known, request, encoder)
        message = f"{request.path} does not accept {request.method}."
        refused = Failure(405, "not_found", message, native_code="NotFound")
        return encoder.encode_failure(refused, request.request_id)

    def _handled(self, known: Route, request: RecordedRequest, encoder: Encoder) -> RawReply:
        try:
            return known.handler(self, request)
        except Exception as problem:  # a scripted function may fail in any way, and the test should see it
            message = f"The emulator failed: {type(problem).__name__}: {problem}"
            return encoder.encode_failure(Failure(500, "emulator_error", message), request.request_id)

    def _key_accepted(self, request: RecordedRequest) -> bool:
        kind, _, key = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not key.strip():
            return False
        return self.settings.api_key is None or key.strip() == self.settings.api_key

    def chat(
        self,
        request: RecordedRequest,
        encoder: Encoder,
        validate: Callable[[], Failure | None],
        read: Callable[[], Conversation],
    ) -> RawReply:
        """Respond to a chat request: refuse it, or send the scripted or the default reply."""
        if self.settings.validate and (refused := validate()):
            return encoder.encode_refusal(refused, request.request_id, stream=request.stream)
        said = read()
        if self.settings.validate and uses_oss_urls(said) and request.headers.get(OSS_HEADER) != "enable":
            return encoder.encode_refusal(CATALOGUE["media_download"], request.request_id, stream=request.stream)
        conversation = self.files.resolved(said)
        cached = self.cache.look_up(conversation)
        return self._render(self.script.take(request), conversation, cached, encoder, request.request_id)

    def other(
        self,
        request: RecordedRequest,
        encoder: Encoder,
        validate: Callable[[], Failure | None],
        produce: Callable[[], RawReply],
    ) -> RawReply:
        """Respond to a request that is not a chat: only scripted failures and raw replies apply to it."""
        if self.settings.validate and (refused := validate()):
            return encoder.encode_failure(refused, request.request_id)
        scripted = self.script.take(request, chat=False)
        if isinstance(scripted, Failure):
            return encoder.encode_failure(scripted, request.request_id)
        if isinstance(scripted, RawReply):
            return scripted
        return scripted.mutate(produce()) if isinstance(scripted, Mutated) else produce()

    def compose_text(
        self, request: RecordedRequest, encoder: Encoder, produce: Callable[[str | None], RawReply]
    ) -> RawReply:
        """Respond to a chat of a form of its own: ``produce`` gets a scripted text, or None."""
        return self._composed(self.script.take(request), request, encoder, produce)

    def _composed(
        self,
        scripted: Scripted | None,
        request: RecordedRequest,
        encoder: Encoder,
        produce: Callable[[str | None], RawReply],
    ) -> RawReply:
        if isinstance(scripted, RawReply):
            return scripted
        if isinstance(scripted, Mutated):
            return scripted.mutate(self._composed(scripted.reply, request, encoder, produce))
        if isinstance(scripted, Failure):
            if scripted.after_chunks is None or not request.stream:
                return encoder.encode_failure(scripted, request.request_id, stream=request.stream)
            begun = produce(None)
            kept = tuple(begun.segments[: scripted.after_chunks])
            event = encoder.encode_failure_event(scripted, request.request_id, len(kept) + 1)
            return replace(begun, segments=(*kept, event))
        if isinstance(scripted, Reply):
            text = scripted.text if isinstance(scripted.text, str) else "".join(scripted.text)
            composed = produce(text)
            return replace(composed, headers={**composed.headers, **scripted.headers})
        return replace(produce(scripted), pause=self.settings.delay if request.stream else 0.0)

    def _render(
        self, scripted: Scripted | None, conversation: Conversation, cached: Usage, encoder: Encoder, identity: str
    ) -> RawReply:
        if isinstance(scripted, RawReply):
            return scripted
        if isinstance(scripted, Mutated):
            form = conversation if scripted.stream is None else replace(conversation, stream=scripted.stream)
            return scripted.mutate(self._render(scripted.reply, form, cached, encoder, identity))
        if isinstance(scripted, Failure):
            return self._failed(scripted, conversation, cached, encoder, identity)
        reply = Reply(scripted) if isinstance(scripted, str) else scripted or default_replies.answer(conversation)
        composed = compose(reply, conversation, identity, self.settings.chunk_size, cached)
        written = (
            encoder.encode_stream(composed, conversation)
            if conversation.stream
            else encoder.encode_response(composed, conversation)
        )
        return replace(
            written,
            headers={**written.headers, **reply.headers},
            pause=self.settings.delay if conversation.stream else 0.0,
        )

    def _failed(
        self, failure: Failure, conversation: Conversation, cached: Usage, encoder: Encoder, identity: str
    ) -> RawReply:
        if failure.after_chunks is None or not conversation.stream:
            return encoder.encode_failure(failure, identity, stream=conversation.stream)
        begun = self._render(failure.reply, conversation, cached, encoder, identity)
        kept = tuple(begun.segments[: failure.after_chunks])
        return replace(begun, segments=(*kept, encoder.encode_failure_event(failure, identity, len(kept) + 1)))


def uses_oss_urls(conversation: Conversation) -> bool:
    """Return whether a part is in the temporary store."""
    sources = [part.source for turn in conversation.turns for part in turn.media]
    urls = [url for source in sources for url in ((source,) if isinstance(source, str) else source)]
    return any(url.startswith("oss://") for url in urls)


def encoder_for(request: RecordedRequest) -> Encoder:
    """Return the encoder of a request's protocol."""
    native = request.protocol == "dashscope" or request.path.startswith("/compatible-api/")
    return NATIVE if native else COMPATIBLE
