"""The protocols of applications: agents and workflows, in two forms, and knowledge chat services.

Each decodes into the events of a chat; how a request is encoded is chosen by its ``resolved_api``.
"""

from collections.abc import Mapping

from qwen_core.config.endpoints import quote_id
from qwen_core.models.profile import ModelProfile, NativeEndpoint
from qwen_core.protocols.applications.completion import CompletionDecoder, encode_completion
from qwen_core.protocols.applications.knowledge_chat import KnowledgeChatDecoder, encode_knowledge_chat
from qwen_core.protocols.applications.responses import encode_responses
from qwen_core.protocols.base import EncodedRequest, Protocol, StreamDecoder
from qwen_core.protocols.dashscope import DashScopeNative
from qwen_core.protocols.knowledge import MISSING_HINT, decode_service_error
from qwen_core.protocols.leaked_reasoning import Leaks
from qwen_core.protocols.openai_responses.decode import ResponseStreamDecoder
from qwen_core.protocols.openai_responses.decode import decode_chat as decode_responses
from qwen_core.protocols.response_builder import decode_response
from qwen_core.types.applications import ApplicationApi, ApplicationRequest
from qwen_core.types.errors import NotFoundError, QwenError
from qwen_core.types.responses import ChatResponse


class ApplicationCompletion(DashScopeNative):
    """Agents and workflows, ``/apps/{id}/completion``: see ``Protocol``."""

    def decode_chat(
        self,
        payload: bytes,
        profile: ModelProfile,
        headers: Mapping[str, str] | None = None,
        leaks: Leaks = "none",
    ) -> ChatResponse:
        return decode_response(CompletionDecoder(profile, headers), payload)

    def stream_decoder(
        self, profile: ModelProfile, headers: Mapping[str, str] | None = None, leaks: Leaks = "none"
    ) -> StreamDecoder:
        return CompletionDecoder(profile, headers)

    def error(self, status: int, payload: bytes, headers: Mapping[str, str]) -> QwenError:
        return decode_service_error(status, payload, headers)

    def other_endpoint(self, path: str, error: QwenError) -> NativeEndpoint | None:
        return None


class KnowledgeChat(ApplicationCompletion):
    """Knowledge chat services, which answer only in streams: see ``Protocol``."""

    def decode_chat(
        self,
        payload: bytes,
        profile: ModelProfile,
        headers: Mapping[str, str] | None = None,
        leaks: Leaks = "none",
    ) -> ChatResponse:
        return decode_response(KnowledgeChatDecoder(profile, headers), payload)

    def stream_decoder(
        self, profile: ModelProfile, headers: Mapping[str, str] | None = None, leaks: Leaks = "none"
    ) -> StreamDecoder:
        return KnowledgeChatDecoder(profile, headers)


class ApplicationResponses(ApplicationCompletion):
    """Agents and workflows over the Responses API: see ``Protocol``."""

    def decode_chat(
        self,
        payload: bytes,
        profile: ModelProfile,
        headers: Mapping[str, str] | None = None,
        leaks: Leaks = "none",
    ) -> ChatResponse:
        return decode_responses(payload, profile, headers)

    def stream_decoder(
        self, profile: ModelProfile, headers: Mapping[str, str] | None = None, leaks: Leaks = "none"
    ) -> StreamDecoder:
        return ResponseStreamDecoder(profile, headers)

    def error(self, status: int, payload: bytes, headers: Mapping[str, str]) -> QwenError:
        error = super().error(status, payload, headers)
        if isinstance(error, NotFoundError):
            error.hint = MISSING_HINT
        return error


PROTOCOLS: dict[ApplicationApi, Protocol] = {
    "completion": ApplicationCompletion(),
    "knowledge": KnowledgeChat(),
    "responses": ApplicationResponses(),
}

API_VERSIONS: dict[ApplicationApi, str] = {"completion": "/api/v1", "knowledge": "/api/v2", "responses": "/api/v2"}
"""The base path of each API (knowledge 1.3 and 3)."""


def encode_application(request: ApplicationRequest, stream: bool) -> EncodedRequest:
    """Encode a call of an application, by its API. Its path is relative to that of ``API_VERSIONS``."""
    app_id = quote_id(request.app_id)
    api = request.resolved_api
    if api == "knowledge":
        return encode_knowledge_chat(request)
    if api == "responses":
        return encode_responses(request, app_id, stream)
    return encode_completion(request, app_id, stream)
