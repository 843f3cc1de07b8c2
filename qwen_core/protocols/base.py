"""What every wire must offer, and what they share."""

import typing
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from qwen_core.config.endpoints import ProtocolName
from qwen_core.models.profile import ModelProfile, NativeEndpoint
from qwen_core.types.errors import QwenError
from qwen_core.types.events import Event
from qwen_core.types.requests import (
    AnyEmbeddingRequest,
    ChatRequest,
    EmbeddingResponse,
    RerankRequest,
    RerankResponse,
)
from qwen_core.types.responses import ChatResponse

NATIVE_EXTRA = 'pip install "qwen-integrations[dashscope]"'
"""What installs the SDK that carries the native wire."""
MAX_CHOICES = 16
"""The service allows 4 (compatible, section 2); a number beyond this is no choice but an attack on memory."""


class EncodedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to send: a path below the base URL, a JSON body, headers, and what was changed on the way.

    ``cumulative`` where the body asks for a stream whose chunks repeat all that came before.
    """

    path: str
    body: bytes
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    cumulative: bool = False


class StreamDecoder(typing.Protocol):
    """Turns the payloads of one answer into events. One object for each answer."""

    def feed(self, payload: bytes, status: int | None = None) -> Sequence[Event]:
        """The events of one payload. Raises a QwenError where the payload is an error.

        ``status`` is the HTTP status that the frame itself gave, where it is one of an error.
        """

    def close(self) -> Sequence[Event]:
        """The end of the answer. Raises IncompleteStreamError where the model had not finished."""

    @property
    def done(self) -> bool:
        """Whether the wire said that nothing follows."""

    @property
    def finished(self) -> bool:
        """Whether the model said of every choice that it is finished; the usage may still follow."""


class Protocol(typing.Protocol):
    """One wire. All functions are pure."""

    name: ProtocolName

    def encode_chat(self, request: ChatRequest, profile: ModelProfile, stream: bool) -> EncodedRequest:
        """What to send for this request."""

    def decode_chat(
        self, payload: bytes, profile: ModelProfile, headers: Mapping[str, str] | None = None
    ) -> ChatResponse:
        """The answer in a whole body: a stream of one chunk."""

    def stream_decoder(self, profile: ModelProfile, headers: Mapping[str, str] | None = None) -> StreamDecoder:
        """A decoder for one streamed answer. ``headers`` are of the answer, with lower-case names."""

    def error(self, status: int, payload: bytes, headers: Mapping[str, str]) -> QwenError:
        """The error that an answer with this status means."""

    def other_endpoint(self, path: str, error: QwenError) -> NativeEndpoint | None:
        """The endpoint that has the model instead, where this error says that the one at this path has not."""

    def encode_embeddings(self, request: AnyEmbeddingRequest, profile: ModelProfile) -> EncodedRequest:
        """What to send for one batch."""

    def decode_embeddings(self, payload: bytes, headers: Mapping[str, str]) -> EmbeddingResponse:
        """The vectors of one batch."""

    def encode_rerank(self, request: RerankRequest, profile: ModelProfile) -> EncodedRequest:
        """What to send for one batch of documents."""

    def decode_rerank(self, payload: bytes, headers: Mapping[str, str]) -> RerankResponse:
        """The ranking of one batch, by its own positions."""


def merge_body(body: dict[str, Any], extra: Mapping[str, Any] | None) -> dict[str, Any]:
    """The body with the user's own fields over it; objects on both sides are merged."""
    for name, value in (extra or {}).items():
        current = body.get(name)
        if isinstance(current, dict) and isinstance(value, Mapping):
            body[name] = {**current, **value}
        else:
            body[name] = value
    return body
