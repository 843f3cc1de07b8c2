"""Plan a call: from a request and settings to all that is known before anything is sent.

A plan is frozen, and asks each question once: which server, which profile, which protocol, how the request is
adapted and encoded, whether it streams, over which connection. Making one sends nothing and warns of nothing. It
reads the environment (``config``), and at which endpoint a model was found before (``endpoint_cache``).
"""

import re
from collections.abc import Mapping

import msgspec

from qwen_core.config.endpoints import host_of, rerank_url, unencrypted_key_warning
from qwen_core.config.self_hosted import Server
from qwen_core.config.settings import ClientSettings, Connection, ProtocolChoice, check_headers, connect
from qwen_core.execution.endpoint_cache import ENDPOINT_CACHE
from qwen_core.execution.stream_only import STREAM_ONLY_CACHE
from qwen_core.models.context_limit import check_length
from qwen_core.models.pricing import Pricing, price_list
from qwen_core.models.profile import Kind, ModelProfile, NativeEndpoint
from qwen_core.models.self_hosted import self_hosted_profile
from qwen_core.prepare.for_model import adapt
from qwen_core.prepare.for_self_hosted import adapt_to_server, with_instruction_in_queries
from qwen_core.prepare.kinds import refuse_unless, refuse_unless_chat
from qwen_core.prepare.thinking import requested_thinking, thinks
from qwen_core.prepare.tool_names import ToolNameRestorer, with_valid_tool_names
from qwen_core.protocols.base import EncodedRequest, Protocol, StreamDecoder
from qwen_core.protocols.citations import marker_pattern
from qwen_core.protocols.leaked_reasoning import Leaks
from qwen_core.protocols.output_parsers import FilteringDecoder, disables_thinking, output_filters
from qwen_core.protocols.registry import OPENAI_COMPATIBLE, AnyRequest, select_protocol
from qwen_core.types.applications import ApplicationRequest
from qwen_core.types.documents import DocumentRequest
from qwen_core.types.knowledge import KnowledgeRequest
from qwen_core.types.requests import AnyEmbeddingRequest, ChatRequest, EmbeddingRequest, RerankRequest

SELF_HOSTED_RERANK_PATH = "/rerank"
"""Where vLLM, SGLang and llama.cpp have it, below ``/v1``."""


ServiceRequest = ApplicationRequest | KnowledgeRequest | DocumentRequest
"""Requests to the services around the models, which ``service_plans`` plans."""


class CallPlan(msgspec.Struct, frozen=True, kw_only=True):
    """All that one call needs, except what changes while it is made (``Exchange``).

    Attributes:
        request: as it is encoded: adapted to the model and the server.
        host: of the server, with the port if there is one.
        profile: of the model on this server, with the native endpoint that it was found at.
        protocol: encodes the request and decodes the response.
        connection: base URL, key, headers, timeouts.
        pricing: what the response's usage is priced with.
        encoded: what is sent.
        stream: whether the response is a stream.
        must_stream: whether the model answers this request only in a stream.
        tool_names: the caller's name for each tool name that was replaced.
        citation_marker: what a citation in the text looks like, if citations were asked for.
        parses_output: whether the decoded events pass through filters (``output_parsers``).
        server: the kind of a self-hosted server; None for Alibaba's service.
        prefix: the text that the response continues, if the server may repeat it.
        warnings: for the caller, in order (``show_warnings``).
    """

    request: AnyRequest | ServiceRequest
    host: str
    profile: ModelProfile
    protocol: Protocol
    connection: Connection
    pricing: Pricing
    encoded: EncodedRequest
    stream: bool = False
    must_stream: bool = False
    tool_names: Mapping[str, str] = msgspec.field(default_factory=dict)
    citation_marker: re.Pattern[str] | None = None
    parses_output: bool = False
    server: Server | None = None
    prefix: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def model(self) -> str:
        """The model's name."""
        return self.profile.name

    @property
    def leaks(self) -> Leaks:
        """What reasoning is looked for in the text: of Alibaba's service, whose models leave it there."""
        if self.server is not None or not isinstance(self.request, ChatRequest):
            return "none"
        if not thinks(self.request, self.profile):
            return "block"
        return "stream" if self.stream else "whole"

    def decoder(self, headers: Mapping[str, str]) -> StreamDecoder:
        """Return a new decoder for one response. ``headers`` are the response's, with lower-case names."""
        profile = self.profile
        if self.stream and self.encoded.cumulative is not profile.cumulative_stream:
            profile = msgspec.structs.replace(profile, cumulative_stream=self.encoded.cumulative)
        decoder = self.protocol.stream_decoder(profile, headers, self.leaks)
        if not self.parses_output:
            return decoder
        chat = self.request if isinstance(self.request, ChatRequest) else None
        filters = output_filters(chat, self_hosted=self.server is not None, prefix=self.prefix)
        return FilteringDecoder(
            decoder, [*filters, ToolNameRestorer(self.tool_names)] if self.tool_names else filters
        )

    def at_endpoint(self, endpoint: NativeEndpoint) -> "CallPlan":
        """Return the plan of the same chat for another native endpoint.

        Raises UnsupportedFeatureError if that endpoint cannot take the request.
        """
        assert isinstance(self.request, ChatRequest)
        profile = msgspec.structs.replace(self.profile, native_endpoint=endpoint)
        encoded = self.protocol.encode_chat(self.request, profile, self.stream)
        return msgspec.structs.replace(self, profile=profile, encoded=encoded)

    def as_stream(self) -> "CallPlan":
        """Return the plan of the same chat as a stream."""
        assert isinstance(self.request, ChatRequest)
        encoded = self.protocol.encode_chat(self.request, self.profile, True)
        return msgspec.structs.replace(self, encoded=encoded, stream=True)


def plan_chat(
    request: ChatRequest, settings: ClientSettings, *, asynchronous: bool, stream: bool | None = None
) -> CallPlan:
    """Plan a chat. ``stream`` None means: only if the model answers this request in no other way."""
    server = settings.self_hosted_server()
    profile = self_hosted_profile(request.model, server, settings.base_model)
    if server is None:
        refuse_unless_chat(profile, settings.protocol)
        protocol, losses = select_protocol(settings.protocol, profile, request, gateway=settings.behind_gateway())
        accepts_search = profile.accepts("search_tool_name", protocol.name)
        request, tool_names = with_valid_tool_names(request, accepts_search=accepts_search)
        adapted, changes = adapt(request, profile, protocol.name)
    else:
        protocol, losses = OPENAI_COMPATIBLE, ()
        request, tool_names = with_valid_tool_names(request, self_hosted=True)
        adapted, changes = adapt_to_server(request, profile, server, named=settings.server is not None)
    connection = connect(settings, protocol.name, server, asynchronous=asynchronous)
    host = host_of(connection.base_url)
    pricing = Pricing(profile, price_list(host, settings.region), requested_thinking(adapted, profile))
    if pricing.prices is not None:
        check_length(request.messages, profile)
    if protocol.name == "dashscope":
        profile = ENDPOINT_CACHE.apply(host, profile)
    profile = STREAM_ONLY_CACHE.apply(host, profile)
    must_stream = server is None and needs_stream(adapted, profile)
    stream = must_stream if stream is None else stream
    encoded = protocol.encode_chat(adapted, profile, stream)
    prefix = "" if stream or server is None else repeated_prefix(request, server)
    if request.extra_headers:
        check_headers(request.extra_headers.items())
    return CallPlan(
        request=adapted,
        host=host,
        profile=profile,
        protocol=protocol,
        connection=connection,
        pricing=pricing,
        encoded=encoded,
        stream=stream,
        must_stream=must_stream,
        tool_names=tool_names,
        citation_marker=marker_pattern(request) if request.enable_search else None,
        parses_output=bool(
            tool_names
            or request.reasoning_parser is not None
            or (request.tool_call_parser is not None and request.tools)
            or prefix
            or (server is not None and disables_thinking(adapted))
        ),
        server=server,
        prefix=prefix,
        warnings=(*connection_warnings(connection), *losses, *changes, *encoded.warnings),
    )


def repeated_prefix(request: ChatRequest, server: Server) -> str:
    """Return the text of a last message that is continued, if the server may repeat it. Streams never do."""
    last = request.messages[-1] if request.messages else None
    return last.text if last is not None and last.partial and server.may_repeat_prefix else ""


def plan_embedding(request: AnyEmbeddingRequest, settings: ClientSettings, *, asynchronous: bool) -> CallPlan:
    """Plan one batch of texts or other contents."""
    server = settings.self_hosted_server()
    profile = self_hosted_profile(request.model, server, settings.base_model)
    if server is None:
        kind: Kind = "embedding" if isinstance(request, EmbeddingRequest) else "multimodal_embedding"
        refuse_unless(profile, kind)
    choice: ProtocolChoice = "auto" if server else settings.protocol
    protocol, losses = select_protocol(choice, profile, request, gateway=settings.behind_gateway())
    if server is not None and isinstance(request, EmbeddingRequest):
        protocol, losses = OPENAI_COMPATIBLE, ()
        request = with_instruction_in_queries(request)
    connection = connect(settings, protocol.name, server, asynchronous=asynchronous)
    host = host_of(connection.base_url)
    return CallPlan(
        request=request,
        host=host,
        profile=profile,
        protocol=protocol,
        connection=connection,
        pricing=Pricing(profile, price_list(host, settings.region)),
        encoded=protocol.encode_embeddings(request, profile),
        warnings=(*connection_warnings(connection), *losses),
    )


def plan_rerank(request: RerankRequest, settings: ClientSettings, *, asynchronous: bool) -> CallPlan:
    """Plan one batch of documents. The OpenAI-compatible API has its rerankers at another base path."""
    server = settings.self_hosted_server()
    profile = self_hosted_profile(request.model, server, settings.base_model)
    if server is None:
        refuse_unless(profile, "rerank")
    gateway = settings.behind_gateway()
    protocol, losses = select_protocol(settings.protocol, profile, request, gateway=gateway)
    connection = connect(settings, protocol.name, server, asynchronous=asynchronous)
    host = host_of(connection.base_url)
    encoded = protocol.encode_rerank(request, profile)
    if server is not None or (gateway and protocol.name == "openai"):
        encoded = msgspec.structs.replace(encoded, path=SELF_HOSTED_RERANK_PATH)
    elif protocol.name == "openai":
        connection = msgspec.structs.replace(connection, base_url=rerank_url(connection.base_url))
    return CallPlan(
        request=request,
        host=host,
        profile=profile,
        protocol=protocol,
        connection=connection,
        pricing=Pricing(profile, price_list(host, settings.region)),
        encoded=encoded,
        warnings=(*connection_warnings(connection), *losses),
    )


def needs_stream(request: ChatRequest, profile: ModelProfile) -> bool:
    """Return whether Alibaba's service answers this adapted request only in a stream."""
    return (
        profile.stream_only
        # Audio, and what the code interpreter did, come only in a stream (compatible 6, native 3).
        or "audio" in (request.modalities or ())
        or bool(request.enable_code_interpreter)
        # Some models search in a stream only while they think, and the documents do not say which (native 3.2).
        or (bool(profile.stream_only_thinking or request.enable_search) and thinks(request, profile))
    )


def connection_warnings(connection: Connection) -> tuple[str, ...]:
    """Return what the caller should know of the connection."""
    warning = unencrypted_key_warning(connection.base_url) if connection.api_key else None
    return () if warning is None else (warning,)
