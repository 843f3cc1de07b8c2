"""Select the protocol for a request."""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import NamedTuple

from qwen_core.config.settings import ProtocolChoice
from qwen_core.models.profile import ModelProfile
from qwen_core.protocols.base import NATIVE_EXTRA, Protocol
from qwen_core.protocols.dashscope import DashScopeNative
from qwen_core.protocols.dashscope.encode import COMPATIBLE_ONLY, endpoint_of, is_document_url
from qwen_core.protocols.messages import set_parameters
from qwen_core.protocols.openai_chat import OpenAICompatible
from qwen_core.protocols.openai_chat.encode import NATIVE_ONLY
from qwen_core.protocols.openai_responses import OpenAIResponses
from qwen_core.types.errors import UnsupportedFeatureError
from qwen_core.types.messages import FilePart, TextPart
from qwen_core.types.requests import (
    AnyEmbeddingRequest,
    ChatRequest,
    EmbeddingRequest,
    MultimodalEmbeddingRequest,
    RerankRequest,
)
from qwen_core.types.speech import SpeechRequest, TranscriptionRequest

OPENAI_COMPATIBLE: Protocol = OpenAICompatible()
OPENAI_RESPONSES: Protocol = OpenAIResponses()
DASHSCOPE_NATIVE: Protocol = DashScopeNative()

# Keys of ``search_options`` that only the native protocol supports (compatible 2.4, native 3.1).
NATIVE_SEARCH_OPTIONS = (
    "enable_source",
    "enable_citation",
    "citation_format",
    "prepend_search_result",
    "freshness",
    "assigned_site_list",
    "intention_options",
)


AnyRequest = ChatRequest | AnyEmbeddingRequest | RerankRequest | TranscriptionRequest | SpeechRequest


class Selection(NamedTuple):
    """A protocol, and warnings of what its choice costs the caller."""

    protocol: Protocol
    warnings: tuple[str, ...] = ()


def select_protocol(
    name: ProtocolChoice, profile: ModelProfile, request: AnyRequest | None = None, *, gateway: bool = False
) -> Selection:
    """Return the protocol of that name.

    ``auto`` means the OpenAI-compatible one, unless the request asks for what only the native one has, or
    searches, and the dashscope SDK is installed, and the native one supports the rest. Warnings say what is lost
    on the OpenAI-compatible protocol; its encoder refuses what cannot be sent at all. A ``gateway`` has a path of
    its own, and only the OpenAI-compatible protocol unless the caller says otherwise.
    """
    if isinstance(request, ChatRequest) and request.needs_responses_api:
        if name == "dashscope":
            subject = "Built-in tools are" if request.server_tools else "`previous_response_id` is"
            raise UnsupportedFeatureError(
                f"{subject} not available over the native DashScope protocol.",
                hint='Use protocol="auto" or "openai"; for a search alone, enable_search=True.',
            )
        return Selection(OPENAI_RESPONSES)
    if name == "dashscope":
        return Selection(DASHSCOPE_NATIVE)
    losses = list(losses_without_native(profile, request))
    if not losses and not has_sources(request):
        return Selection(OPENAI_COMPATIBLE)
    install = f"Install the dashscope SDK: {NATIVE_EXTRA}"
    remedy = install if name == "auto" else 'Use protocol="dashscope" or "auto".'
    if name == "auto" and gateway:
        losses = losses or ["The response will not contain the sources of the search."]
        remedy = (
            "base_url has a path of its own, so that only the OpenAI-compatible protocol is used. Set "
            'protocol="dashscope" if the native one is there too.'
        )
    elif name == "auto" and not profile.compatible_only and sdk_is_installed():
        obstacle = native_obstacle(profile, request)
        if obstacle is None or profile.native_only:
            return Selection(DASHSCOPE_NATIVE)
        losses = losses or ["The response will not contain the sources of the search."]
        remedy = f"The native protocol, which has that, does not support {obstacle}."
    return Selection(OPENAI_COMPATIBLE, tuple([f"{loss} {remedy}" for loss in losses]))


def native_obstacle(profile: ModelProfile, request: AnyRequest | None) -> str | None:
    """Return what the native protocol would refuse of this request, so that the other one has to be used."""
    if not isinstance(request, ChatRequest):
        return None
    if unknown := set_parameters(request, COMPATIBLE_ONLY):
        return unknown[0]
    documents = [part for message in request.messages for part in message.parts if isinstance(part, FilePart)]
    takes_urls = endpoint_of(request, profile) == "text-generation"
    refused = [part for part in documents if part.url and not (takes_urls and is_document_url(part.url))]
    return "documents in a message" if refused else None


def losses_without_native(profile: ModelProfile, request: AnyRequest | None) -> Iterator[str]:
    """Yield what only the native protocol has of this request."""
    if profile.native_only:
        yield f"{profile.name} is documented only for the native protocol; the other one may refuse it."
    match request:
        case ChatRequest():
            yield from chat_losses(request)
        case EmbeddingRequest():
            yield from embedding_losses(request)
        case MultimodalEmbeddingRequest():
            yield "Multimodal embeddings are not available over the OpenAI-compatible protocol."
        case RerankRequest():
            yield from rerank_losses(request)


def chat_losses(request: ChatRequest) -> Iterator[str]:
    """Yield what only the native protocol has of a chat request."""
    for name in set_parameters(request, NATIVE_ONLY):
        yield f"`{name}` is not available over the OpenAI-compatible protocol."
    options = request.search_options or {}
    for option in NATIVE_SEARCH_OPTIONS if request.enable_search else ():
        if options.get(option):
            yield f"{option} in search_options has no effect over the OpenAI-compatible protocol."


def embedding_losses(request: EmbeddingRequest) -> Iterator[str]:
    """Yield what only the native protocol has of a text embedding request (native 7.1)."""
    if request.text_type is not None:
        yield f"text_type={request.text_type!r} has no effect over the OpenAI-compatible protocol."
    if request.instruct is not None:
        yield "instruct has no effect on embeddings over the OpenAI-compatible protocol."
    if request.output_type not in (None, "dense"):
        yield "Sparse embeddings are not available over the OpenAI-compatible protocol."


def rerank_losses(request: RerankRequest) -> Iterator[str]:
    """Yield what only the native protocol has of a rerank request (compatible 1.2, native 7.3)."""
    if not all(isinstance(part, TextPart) for part in (request.query, *request.documents)):
        yield "The OpenAI-compatible protocol can rerank only texts."


def has_sources(request: object) -> bool:
    """Return whether the response could have sources, which only the native protocol reports (compatible 2.4)."""
    if not isinstance(request, ChatRequest) or not request.enable_search:
        return False
    return (request.search_options or {}).get("enable_source") is not False


def sdk_is_installed() -> bool:
    """Return whether the dashscope SDK is installed, without importing it."""
    try:
        return find_spec("dashscope") is not None
    except (ImportError, ValueError):
        return False
