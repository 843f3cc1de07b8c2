"""Which wire carries a request."""

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

OPENAI_COMPATIBLE: Protocol = OpenAICompatible()
OPENAI_RESPONSES: Protocol = OpenAIResponses()
DASHSCOPE_NATIVE: Protocol = DashScopeNative()

# Keys of ``search_options`` that ask for what only native answers hold or do (compatible 2.4, native 3.1).
NATIVE_SEARCH_OPTIONS = (
    "enable_source",
    "enable_citation",
    "citation_format",
    "prepend_search_result",
    "freshness",
    "assigned_site_list",
    "intention_options",
)


AnyRequest = ChatRequest | AnyEmbeddingRequest | RerankRequest


class Selection(NamedTuple):
    """A wire, and what its choice costs the caller."""

    protocol: Protocol
    warnings: tuple[str, ...] = ()


def select_protocol(name: ProtocolChoice, profile: ModelProfile, request: AnyRequest | None = None) -> Selection:
    """The wire of that name.

    ``auto`` means the OpenAI-compatible one, unless the request asks for what only the native one has, or
    searches, and the dashscope SDK is installed, and the native one can carry the rest. What is lost on the
    OpenAI-compatible wire is said in warnings; what cannot be sent at all its encoder refuses.
    """
    if isinstance(request, ChatRequest) and request.server_tools:
        if name == "dashscope":
            raise UnsupportedFeatureError(
                "Tools that the service runs cannot be sent over the native DashScope protocol.",
                hint='Use protocol="auto" or "openai"; for a search alone, enable_search=True.',
            )
        return Selection(OPENAI_RESPONSES)
    if name == "dashscope":
        return Selection(DASHSCOPE_NATIVE)
    losses = list(losses_without_native(profile, request))
    wanted = bool(losses) or has_sources(request)
    install = f"Install the dashscope SDK: {NATIVE_EXTRA}"
    remedy = install if name == "auto" else 'Use protocol="dashscope" or "auto".'
    if name == "auto" and wanted and not profile.compatible_only and sdk_is_installed():
        obstacle = no_native_place(profile, request)
        if obstacle is None or profile.native_only:
            return Selection(DASHSCOPE_NATIVE)
        losses = losses or ["The answer comes without the sources that were searched."]
        remedy = f"The native protocol, which has that, has no place for {obstacle}."
    return Selection(OPENAI_COMPATIBLE, tuple([f"{loss} {remedy}" for loss in losses]))


def no_native_place(profile: ModelProfile, request: AnyRequest | None) -> str | None:
    """What of this request the native wire would refuse, so that the other one has to carry it."""
    if not isinstance(request, ChatRequest):
        return None
    if unknown := set_parameters(request, COMPATIBLE_ONLY):
        return unknown[0]
    documents = [part for message in request.messages for part in message.parts if isinstance(part, FilePart)]
    takes_urls = endpoint_of(request, profile) == "text-generation"
    refused = [part for part in documents if part.url and not (takes_urls and is_document_url(part.url))]
    return "documents in a message" if refused else None


def losses_without_native(profile: ModelProfile, request: AnyRequest | None) -> Iterator[str]:
    """What of this request only the native wire has."""
    if profile.native_only:
        yield f"{profile.name} is documented for the native protocol alone; the other one may refuse it."
    match request:
        case ChatRequest():
            yield from chat_losses(request)
        case EmbeddingRequest():
            yield from embedding_losses(request)
        case MultimodalEmbeddingRequest():
            yield "Multimodal embeddings cannot be had over the OpenAI-compatible protocol."
        case RerankRequest():
            yield from rerank_losses(request)


def chat_losses(request: ChatRequest) -> Iterator[str]:
    """What of a chat only the native wire has."""
    for name in set_parameters(request, NATIVE_ONLY):
        yield f"{name} cannot be sent over the OpenAI-compatible protocol."
    options = request.search_options or {}
    for option in NATIVE_SEARCH_OPTIONS if request.enable_search else ():
        if options.get(option):
            yield f"{option} in search_options has no effect over the OpenAI-compatible protocol."


def embedding_losses(request: EmbeddingRequest) -> Iterator[str]:
    """What of a text embedding only the native wire has (native 7.1)."""
    if request.text_type is not None:
        yield f"text_type={request.text_type!r} has no effect over the OpenAI-compatible protocol."
    if request.instruct is not None:
        yield "instruct has no effect on embeddings over the OpenAI-compatible protocol."
    if request.output_type not in (None, "dense"):
        yield "Sparse vectors cannot be had over the OpenAI-compatible protocol."


def rerank_losses(request: RerankRequest) -> Iterator[str]:
    """What of a reranking only the native wire has (compatible 1.2, native 7.3)."""
    if not all(isinstance(part, TextPart) for part in (request.query, *request.documents)):
        yield "Only texts can be reranked over the OpenAI-compatible protocol."


def has_sources(request: object) -> bool:
    """Whether the answer could come with sources, which only the native wire reports (compatible 2.4)."""
    if not isinstance(request, ChatRequest) or not request.enable_search:
        return False
    return (request.search_options or {}).get("enable_source") is not False


def sdk_is_installed() -> bool:
    """Whether the native wire has its SDK. Looks, and imports nothing."""
    try:
        return find_spec("dashscope") is not None
    except (ImportError, ValueError):
        return False
