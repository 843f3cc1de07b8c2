"""The OpenAI-compatible wire: ``POST /chat/completions``, ``/embeddings`` and ``/reranks``."""

from collections.abc import Mapping

from qwen_core.config.endpoints import Wire
from qwen_core.models.profile import ModelProfile, NativeEndpoint
from qwen_core.protocols.base import EncodedRequest, StreamDecoder
from qwen_core.protocols.error_decoding import decode_error
from qwen_core.protocols.openai_chat import decode as decoding
from qwen_core.protocols.openai_chat import embeddings, rerank
from qwen_core.protocols.openai_chat import encode as encoding
from qwen_core.types.errors import QwenError
from qwen_core.types.requests import (
    AnyEmbeddingRequest,
    ChatRequest,
    EmbeddingResponse,
    RerankRequest,
    RerankResponse,
)
from qwen_core.types.responses import ChatResponse


class OpenAICompatible:
    """See ``WireProtocol``."""

    name: Wire = "openai"

    def encode(self, request: ChatRequest, profile: ModelProfile, stream: bool) -> EncodedRequest:
        return encoding.encode(request, profile, stream)

    def decode(
        self, payload: bytes, profile: ModelProfile, headers: Mapping[str, str] | None = None
    ) -> ChatResponse:
        return decoding.decode(payload, profile, headers)

    def stream_decoder(self, profile: ModelProfile, headers: Mapping[str, str] | None = None) -> StreamDecoder:
        return decoding.ChatStreamDecoder(profile, headers)

    def error(self, status: int, payload: bytes, headers: Mapping[str, str]) -> QwenError:
        return decode_error(status, payload, headers)

    def other_endpoint(self, path: str, error: QwenError) -> NativeEndpoint | None:
        return None

    def encode_embedding(self, request: AnyEmbeddingRequest, profile: ModelProfile) -> EncodedRequest:
        return embeddings.encode(request, profile)

    def decode_embedding(self, payload: bytes, headers: Mapping[str, str]) -> EmbeddingResponse:
        return embeddings.decode(payload, headers)

    def encode_rerank(self, request: RerankRequest, profile: ModelProfile) -> EncodedRequest:
        return rerank.encode(request)

    def decode_rerank(self, payload: bytes, headers: Mapping[str, str]) -> RerankResponse:
        return rerank.decode(payload, headers)
