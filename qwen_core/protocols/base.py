"""Define what every protocol offers, and what they share."""

import typing
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from qwen_core.config.endpoints import ProtocolName
from qwen_core.models.profile import ModelProfile, NativeEndpoint
from qwen_core.protocols.leaked_reasoning import Leaks
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

NATIVE_EXTRA = 'pip install ".[dashscope]" in the clone, or pip install "dashscope>=2.0.1,<3"'
"""The command that installs the SDK of the native protocol."""
MAX_CHOICES = 16
"""The service allows 4 (compatible, section 2); an index beyond this is an attack on memory."""


class EncodedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it is sent: a path below the base URL, a JSON body, headers, and warnings of what was changed.

    ``cumulative`` if the body asks for a stream whose chunks repeat all that came before.
    """

    path: str
    body: bytes
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    cumulative: bool = False


class StreamDecoder(typing.Protocol):
    """Decodes the payloads of one response into events. One object for each response."""

    def feed(self, payload: bytes, status: int | None = None) -> Sequence[Event]:
        """Return the events of one payload. Raises a QwenError if the payload is an error.

        ``status`` is the HTTP status that the SSE event itself gave, if it is an error.
        """

    def close(self) -> Sequence[Event]:
        """End the response. Raises IncompleteStreamError if the model had not finished."""

    def rest(self) -> Sequence[Event]:
        """Return what is known of a response that did not end, beside the events that were returned."""

    @property
    def done(self) -> bool:
        """Whether the protocol said that nothing follows."""

    @property
    def finished(self) -> bool:
        """Whether every choice has a finish reason; the usage may still follow."""


class Protocol(typing.Protocol):
    """A protocol. All methods are pure."""

    name: ProtocolName

    def encode_chat(self, request: ChatRequest, profile: ModelProfile, stream: bool) -> EncodedRequest:
        """Encode a chat request."""

    def decode_chat(
        self,
        payload: bytes,
        profile: ModelProfile,
        headers: Mapping[str, str] | None = None,
        leaks: Leaks = "none",
    ) -> ChatResponse:
        """Decode a response that is one body: a stream of one chunk."""

    def stream_decoder(
        self, profile: ModelProfile, headers: Mapping[str, str] | None = None, leaks: Leaks = "none"
    ) -> StreamDecoder:
        """Return a decoder for one streamed response. ``headers`` are the response's, with lower-case names.

        ``leaks`` says what reasoning is looked for in the text.
        """

    def error(self, status: int, payload: bytes, headers: Mapping[str, str]) -> QwenError:
        """Return the error of an HTTP response with this status."""

    def other_endpoint(self, path: str, error: QwenError) -> NativeEndpoint | None:
        """Return the endpoint that has the model, if this error says that the one at this path has not."""

    def encode_embeddings(self, request: AnyEmbeddingRequest, profile: ModelProfile) -> EncodedRequest:
        """Encode one batch of an embedding request."""

    def decode_embeddings(self, payload: bytes, headers: Mapping[str, str]) -> EmbeddingResponse:
        """Decode the vectors of one batch."""

    def encode_rerank(self, request: RerankRequest, profile: ModelProfile) -> EncodedRequest:
        """Encode one batch of documents to rank."""

    def decode_rerank(self, payload: bytes, headers: Mapping[str, str]) -> RerankResponse:
        """Decode the ranking of one batch, by its own indices."""


def merge_body(body: dict[str, Any], extra: Mapping[str, Any] | None) -> dict[str, Any]:
    """Merge the user's own fields into the body; objects on both sides are merged."""
    for name, value in (extra or {}).items():
        current = body.get(name)
        if isinstance(current, dict) and isinstance(value, Mapping):
            body[name] = {**current, **value}
        else:
            body[name] = value
    return body
