"""The Responses API, ``POST /responses``, which runs the service's built-in tools.

Chosen for a request with ``server_tools``. Everything but chat is the OpenAI-compatible protocol's.
"""

from collections.abc import Mapping

from qwen_core.models.profile import ModelProfile
from qwen_core.protocols.base import StreamDecoder
from qwen_core.protocols.leaked_reasoning import Leaks
from qwen_core.protocols.openai_chat import OpenAICompatible
from qwen_core.protocols.openai_responses.decode import ResponseStreamDecoder, decode_chat
from qwen_core.protocols.openai_responses.encode import encode_chat


class OpenAIResponses(OpenAICompatible):
    """The Responses API: see ``Protocol``."""

    encode_chat = staticmethod(encode_chat)
    decode_chat = staticmethod(decode_chat)

    def stream_decoder(
        self, profile: ModelProfile, headers: Mapping[str, str] | None = None, leaks: Leaks = "none"
    ) -> StreamDecoder:
        return ResponseStreamDecoder(profile, headers, leaks)
