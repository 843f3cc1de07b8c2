"""Plan calls of the services around the models: knowledge bases, applications, document parsing.

As ``plan``: pure, frozen, and all that is known before anything is sent. All three go over the openai SDK, whose
transport carries any path, so that none of them needs the dashscope SDK.
"""

import os

import msgspec

from qwen_core.config.endpoints import (
    BASE_URL_VARIABLE,
    PATHS,
    REGIONS,
    host_of,
    quote_id,
    resolve_region,
)
from qwen_core.config.settings import ClientSettings, Connection, check_headers, connect
from qwen_core.execution.plan import CallPlan, connection_warnings
from qwen_core.models.catalogue import resolve
from qwen_core.models.pricing import Pricing, price_list
from qwen_core.protocols.applications import API_VERSIONS, PROTOCOLS, encode_application
from qwen_core.protocols.applications.references import CITATION_MARK
from qwen_core.protocols.documents import encode_document
from qwen_core.protocols.knowledge import encode_knowledge
from qwen_core.protocols.registry import OPENAI_RESPONSES
from qwen_core.types.applications import ApplicationRequest
from qwen_core.types.documents import DocumentRequest
from qwen_core.types.errors import UnsupportedFeatureError
from qwen_core.types.knowledge import KnowledgeRequest


def native_connection(settings: ClientSettings, version: str, *, asynchronous: bool) -> Connection:
    """Return a connection whose base URL ends in ``/api/v1`` or ``/api/v2``."""
    native = connect(settings, "dashscope", settings.self_hosted_server(), asynchronous=asynchronous)
    base_url = native.base_url.removesuffix(PATHS["dashscope"]) + version
    return msgspec.structs.replace(native, protocol="openai", base_url=base_url)


def has_base_url(settings: ClientSettings) -> bool:
    """Return whether a base URL is set, here or in the environment."""
    return bool(settings.base_url or os.environ.get(BASE_URL_VARIABLE))


def require_workspace_host(settings: ClientSettings) -> None:
    """Raise UnsupportedFeatureError if these settings lead to a shared host: knowledge bases have none there."""
    if not has_base_url(settings) and not settings.workspace:
        raise UnsupportedFeatureError(
            "Knowledge bases are on the host of their workspace, and no workspace is set.",
            hint="Set workspace=... (its id is in the console of Model Studio) or base_url=...",
        )


def on_shared_host(settings: ClientSettings) -> ClientSettings:
    """Return the settings for applications, which are on the shared host, with the workspace in a header."""
    shared_host = REGIONS[resolve_region(settings.region)].shared_host
    if has_base_url(settings) or not settings.workspace or not shared_host:
        return settings
    return msgspec.structs.replace(settings, base_url=f"https://{shared_host}")


def plan_knowledge(request: KnowledgeRequest, settings: ClientSettings, *, asynchronous: bool) -> CallPlan:
    """Plan a search in a knowledge base or by a search service."""
    require_workspace_host(settings)
    encoded = encode_knowledge(request)
    connection = native_connection(settings, PATHS["dashscope"], asynchronous=asynchronous)
    host = host_of(connection.base_url)
    profile = msgspec.structs.replace(resolve(""), name=quote_id(request.index_id or request.agent_id or "-"))
    return CallPlan(
        request=request,
        host=host,
        profile=profile,
        protocol=PROTOCOLS["completion"],
        connection=connection,
        pricing=Pricing(profile, price_list(host, settings.region)),
        encoded=encoded,
        warnings=connection_warnings(connection),
    )


def plan_application(
    request: ApplicationRequest, settings: ClientSettings, *, asynchronous: bool, stream: bool
) -> CallPlan:
    """Plan a call of an application."""
    api = request.resolved_api
    if api == "knowledge":
        require_workspace_host(settings)
    else:
        settings = on_shared_host(settings)
    must_stream = api == "knowledge"
    stream = stream or must_stream
    encoded = encode_application(request, stream)
    connection = native_connection(settings, API_VERSIONS[api], asynchronous=asynchronous)
    host = host_of(connection.base_url)
    if request.extra_headers:
        check_headers(request.extra_headers.items())
    profile = msgspec.structs.replace(resolve(""), name=request.app_id)
    return CallPlan(
        request=request,
        host=host,
        profile=profile,
        protocol=PROTOCOLS[api],
        connection=connection,
        pricing=Pricing(profile, price_list(host, settings.region)),
        encoded=encoded,
        stream=stream,
        must_stream=must_stream,
        citation_marker=CITATION_MARK,
        warnings=(*connection_warnings(connection), *encoded.warnings),
    )


def plan_document(request: DocumentRequest, settings: ClientSettings, *, asynchronous: bool) -> CallPlan:
    """Plan the parsing of one document or page range."""
    server = settings.self_hosted_server()
    if server is not None:
        raise UnsupportedFeatureError(
            "Document parsing is available from Alibaba's service only.",
            hint='Set server="dashscope" if base_url is Alibaba\'s service.',
        )
    profile = resolve(request.model)
    connection = connect(settings, "openai", server, asynchronous=asynchronous)
    host = host_of(connection.base_url)
    return CallPlan(
        request=request,
        host=host,
        profile=profile,
        protocol=OPENAI_RESPONSES,
        connection=connection,
        pricing=Pricing(profile, price_list(host, settings.region)),
        encoded=encode_document(request),
        warnings=connection_warnings(connection),
    )
