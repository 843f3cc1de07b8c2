"""The native DashScope protocol: text and multimodal generation, embedding and reranking."""

from collections.abc import Mapping

from qwen_core.config.endpoints import ProtocolName
from qwen_core.models.profile import ModelProfile, NativeEndpoint
from qwen_core.protocols.base import EncodedRequest, StreamDecoder
from qwen_core.protocols.dashscope.decode import ChatStreamDecoder, decode_chat
from qwen_core.protocols.dashscope.embeddings import decode_embeddings, encode_embeddings
from qwen_core.protocols.dashscope.encode import encode_chat, other_endpoint
from qwen_core.protocols.dashscope.rerank import decode_rerank, encode_rerank
from qwen_core.protocols.error_decoding import decode_error
from qwen_core.types.errors import QwenError
from qwen_core.types.requests import (
    AnyEmbeddingRequest,
    ChatRequest,
    EmbeddingResponse,
    RerankRequest,
    RerankResponse,
)
from qwen_core.types.responses import ChatResponse


class DashScopeNative:
    """The native DashScope protocol: see ``Protocol``."""

    name: ProtocolName = "dashscope"

    def encode_chat(self, request: ChatRequest, profile: ModelProfile, stream: bool) -> EncodedRequest:
        return encode_chat(request, profile, stream)

    def decode_chat(
        self, payload: bytes, profile: ModelProfile, headers: Mapping[str, str] | None = None
    ) -> ChatResponse:
        return decode_chat(payload, profile, headers)

    def stream_decoder(self, profile: ModelProfile, headers: Mapping[str, str] | None = None) -> StreamDecoder:
        return ChatStreamDecoder(profile, headers)

    def error(self, status: int, payload: bytes, headers: Mapping[str, str]) -> QwenError:
        return decode_error(status, payload, headers)

    def other_endpoint(self, path: str, error: QwenError) -> NativeEndpoint | None:
        return other_endpoint(path, error)

    def encode_embeddings(self, request: AnyEmbeddingRequest, profile: ModelProfile) -> EncodedRequest:
        return encode_embeddings(request, profile)

    def decode_embeddings(self, payload: bytes, headers: Mapping[str, str]) -> EmbeddingResponse:
        return decode_embeddings(payload, headers)

    def encode_rerank(self, request: RerankRequest, profile: ModelProfile) -> EncodedRequest:
        return encode_rerank(request)

    def decode_rerank(self, payload: bytes, headers: Mapping[str, str]) -> RerankResponse:
        return decode_rerank(payload, headers)
