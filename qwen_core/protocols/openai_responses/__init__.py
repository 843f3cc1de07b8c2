"""The Responses API, ``POST /responses``, which runs the service's built-in tools.

Chosen for a request with ``server_tools``. Everything but chat is the OpenAI-compatible protocol's.
"""

from collections.abc import Mapping

from qwen_core.models.profile import ModelProfile
from qwen_core.protocols.base import EncodedRequest, StreamDecoder
from qwen_core.protocols.openai_chat import OpenAICompatible
from qwen_core.protocols.openai_responses.decode import ResponseStreamDecoder, decode_chat
from qwen_core.protocols.openai_responses.encode import encode_chat
from qwen_core.types.requests import ChatRequest
from qwen_core.types.responses import ChatResponse


class OpenAIResponses(OpenAICompatible):
    """The Responses API: see ``Protocol``."""

    def encode_chat(self, request: ChatRequest, profile: ModelProfile, stream: bool) -> EncodedRequest:
        return encode_chat(request, profile, stream)

    def decode_chat(
        self, payload: bytes, profile: ModelProfile, headers: Mapping[str, str] | None = None
    ) -> ChatResponse:
        return decode_chat(payload, profile, headers)

    def stream_decoder(self, profile: ModelProfile, headers: Mapping[str, str] | None = None) -> StreamDecoder:
        return ResponseStreamDecoder(profile, headers)
