"""The native DashScope protocol: text and multimodal generation, embedding and reranking."""

from collections.abc import Mapping

from qwen_core.config.endpoints import ProtocolName
from qwen_core.models.profile import ModelProfile
from qwen_core.protocols.base import EncodedRequest, StreamDecoder
from qwen_core.protocols.dashscope.decode import ChatStreamDecoder, decode_chat
from qwen_core.protocols.dashscope.embeddings import decode_embeddings, encode_embeddings
from qwen_core.protocols.dashscope.encode import encode_chat, other_endpoint
from qwen_core.protocols.dashscope.rerank import decode_rerank, encode_rerank
from qwen_core.protocols.error_decoding import decode_error
from qwen_core.protocols.leaked_reasoning import Leaks
from qwen_core.types.requests import RerankRequest


class DashScopeNative:
    """The native DashScope protocol: see ``Protocol``."""

    name: ProtocolName = "dashscope"

    encode_chat = staticmethod(encode_chat)
    decode_chat = staticmethod(decode_chat)
    encode_embeddings = staticmethod(encode_embeddings)
    decode_embeddings = staticmethod(decode_embeddings)
    decode_rerank = staticmethod(decode_rerank)
    error = staticmethod(decode_error)
    other_endpoint = staticmethod(other_endpoint)

    def encode_rerank(self, request: RerankRequest, profile: ModelProfile) -> EncodedRequest:
        return encode_rerank(request)

    def stream_decoder(
        self, profile: ModelProfile, headers: Mapping[str, str] | None = None, leaks: Leaks = "none"
    ) -> StreamDecoder:
        return ChatStreamDecoder(profile, headers, leaks)
