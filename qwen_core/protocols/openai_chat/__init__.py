"""The OpenAI-compatible protocol: ``POST /chat/completions``, ``/embeddings`` and ``/reranks``."""

from collections.abc import Mapping

from qwen_core.config.endpoints import ProtocolName
from qwen_core.models.profile import ModelProfile, NativeEndpoint
from qwen_core.protocols.base import EncodedRequest, StreamDecoder
from qwen_core.protocols.error_decoding import decode_error
from qwen_core.protocols.leaked_reasoning import Leaks
from qwen_core.protocols.openai_chat.decode import ChatStreamDecoder, decode_chat
from qwen_core.protocols.openai_chat.embeddings import decode_embeddings, encode_embeddings
from qwen_core.protocols.openai_chat.encode import encode_chat
from qwen_core.protocols.openai_chat.rerank import decode_rerank, encode_rerank
from qwen_core.types.errors import QwenError
from qwen_core.types.requests import RerankRequest


class OpenAICompatible:
    """The OpenAI-compatible protocol: see ``Protocol``."""

    name: ProtocolName = "openai"

    encode_chat = staticmethod(encode_chat)
    decode_chat = staticmethod(decode_chat)
    encode_embeddings = staticmethod(encode_embeddings)
    decode_embeddings = staticmethod(decode_embeddings)
    decode_rerank = staticmethod(decode_rerank)
    error = staticmethod(decode_error)

    def other_endpoint(self, path: str, error: QwenError) -> NativeEndpoint | None:
        return None

    def encode_rerank(self, request: RerankRequest, profile: ModelProfile) -> EncodedRequest:
        return encode_rerank(request)

    def stream_decoder(
        self, profile: ModelProfile, headers: Mapping[str, str] | None = None, leaks: Leaks = "none"
    ) -> StreamDecoder:
        return ChatStreamDecoder(profile, headers, leaks)
