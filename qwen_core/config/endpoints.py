"""Resolve regions, workspaces and base URLs to endpoints.

Hosts are those of the "Base URL" page (protocol documents: compatible 1.1, native 1.1); the finance host is
third-party knowledge.
"""

import ipaddress
import os
import re
from functools import lru_cache
from typing import Literal, NamedTuple
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

from qwen_core.types.errors import BadRequestError, UnsupportedFeatureError

ProtocolName = Literal["openai", "dashscope"]

API_KEY_VARIABLE = "DASHSCOPE_API_KEY"
BASE_URL_VARIABLE = "DASHSCOPE_API_BASE"
MODEL_VARIABLE = "QWEN_MODEL"
DEFAULT_MODEL = "qwen-plus"
DEFAULT_EMBEDDING_MODEL = "text-embedding-v4"
DEFAULT_MULTIMODAL_EMBEDDING_MODEL = "qwen3-vl-embedding"
DEFAULT_RERANK_MODEL = "qwen3-rerank"
DEFAULT_IMAGE_MODEL = "qwen-image-2.0"
DEFAULT_TRANSCRIPTION_MODEL = "qwen3-asr-flash"
DEFAULT_FILE_TRANSCRIPTION_MODEL = "qwen3-asr-flash-filetrans"
"""For audio of more than five minutes."""
DEFAULT_SPEECH_MODEL = "qwen3-tts-flash"
DEFAULT_REGION = "cn-beijing"

PATHS: dict[ProtocolName, str] = {"openai": "/compatible-mode/v1", "dashscope": "/api/v1"}
RERANK_PATH = "/compatible-api/v1"
SELF_HOSTED_PATH = "/v1"
"""The path of the OpenAI-compatible API on vLLM, SGLang, llama.cpp and Ollama."""


ENDPOINT_PATHS = (
    "/chat/completions",
    "/completions",
    "/embeddings",
    "/responses",
    "/reranks",
    "/rerank",
    "/services/aigc/text-generation/generation",
    "/services/aigc/multimodal-generation/generation",
    "/services/embeddings/text-embedding/text-embedding",
    "/services/embeddings/multimodal-embedding/multimodal-embedding",
    "/services/rerank/text-rerank/text-rerank",
)
"""Paths below a base URL. Applications that keep a whole endpoint in their settings end it in one of these."""
UNVERSIONED_PATHS = {"/compatible-mode": "/compatible-mode/v1", "/compatible-api": RERANK_PATH, "/api": "/api/v1"}
"""Base paths of the service that lack their version, and the complete ones."""


class Region(NamedTuple):
    """A region's shared host, and whether each workspace has its own host there."""

    shared_host: str | None
    workspace_hosts: bool = True


REGIONS: dict[str, Region] = {
    "cn-beijing": Region("dashscope.aliyuncs.com"),
    "ap-southeast-1": Region("dashscope-intl.aliyuncs.com"),
    "us-east-1": Region("dashscope-us.aliyuncs.com"),
    "cn-hongkong": Region("cn-hongkong.dashscope.aliyuncs.com"),
    "eu-central-1": Region(None),
    "ap-northeast-1": Region(None),
    "finance": Region("dashscope-finance.aliyuncs.com", workspace_hosts=False),
}

SHORT_FORMS = {
    "cn": "cn-beijing",
    "intl": "ap-southeast-1",
    "us": "us-east-1",
    "hk": "cn-hongkong",
    "de": "eu-central-1",
    "jp": "ap-northeast-1",
}


ALIBABA_DOMAIN = "aliyuncs.com"
BATCH_HOST = "batch.dashscope.aliyuncs.com"
"""Batch Chat: responds like any other host, later and at half the price (compatible 1.1)."""

REGION_OF_HOST = {region.shared_host: name for name, region in REGIONS.items() if region.shared_host}
REGION_OF_HOST[BATCH_HOST] = "cn-beijing"
WORKSPACE_HOST = (
    rf"[a-z0-9-]+\.(?P<region>{'|'.join(name for name, region in REGIONS.items() if region.workspace_hosts)})"
    r"\.maas\.aliyuncs\.com"
)


class Endpoint(NamedTuple):
    """A base URL that ends in the protocol's path, and the headers that belong to it."""

    base_url: str
    headers: dict[str, str]

    @property
    def host(self) -> str:
        """The host, with the port if there is one."""
        return host_of(self.base_url)


def resolve_region(region: str | None) -> str:
    """Return the region's full name; raise UnsupportedFeatureError for an unknown one."""
    name = SHORT_FORMS.get(region or DEFAULT_REGION, region or DEFAULT_REGION)
    if name not in REGIONS:
        known = ", ".join([*REGIONS, *SHORT_FORMS])
        raise UnsupportedFeatureError(f"Unknown region {region!r}. Known regions: {known}; or set base_url.")
    return name


def resolve_endpoint(
    protocol: ProtocolName,
    *,
    region: str | None = None,
    workspace: str | None = None,
    base_url: str | None = None,
    self_hosted: bool = False,
) -> Endpoint:
    """Return the endpoint for requests of this protocol.

    ``base_url``, else the environment's ``DASHSCOPE_API_BASE``, overrides the region. A bare host gets the
    protocol's path; a URL with a path is used unchanged, except that the other protocol's own path is replaced by
    this protocol's, so that one base URL serves both, and that an endpoint at its end is cut off. On a self-hosted
    server a bare host gets ``/v1``.
    """
    explicit = base_url or os.environ.get(BASE_URL_VARIABLE)
    if self_hosted:
        if not explicit:
            raise UnsupportedFeatureError(
                "A self-hosted server needs a base_url, such as http://localhost:8000/v1."
            )
        return Endpoint(_with_path(explicit, protocol, SELF_HOSTED_PATH), {})
    workspace_header = {"X-DashScope-WorkSpace": workspace} if workspace else {}
    if explicit:
        return Endpoint(_with_path(explicit, protocol), workspace_header)
    name = resolve_region(region)
    shared_host, workspace_hosts = REGIONS[name]
    if workspace and workspace_hosts:
        _check_workspace(workspace)
        return Endpoint(f"https://{workspace}.{name}.maas.aliyuncs.com{PATHS[protocol]}", {})
    if shared_host is None:
        raise UnsupportedFeatureError(
            f"Region {name} has no shared host.",
            hint="Set workspace=... (its id is in the console) or base_url=...",
        )
    return Endpoint(f"https://{shared_host}{PATHS[protocol]}", workspace_header)


def is_alibaba(host: str) -> bool:
    """Return whether a host is in Alibaba's domain."""
    return host == ALIBABA_DOMAIN or host.endswith(f".{ALIBABA_DOMAIN}")


@lru_cache(maxsize=256)
def region_of(host: str) -> str | None:
    """Return the region of a host of the service; None for any other host."""
    found = re.fullmatch(WORKSPACE_HOST, host, re.IGNORECASE)
    return found["region"] if found else REGION_OF_HOST.get(host)


def split_base_url(url: str) -> SplitResult:
    """Split a base URL or a host.

    Raises UnsupportedFeatureError if it is invalid, without showing a password in it.
    """
    check_base_url(url)
    url = url if "://" in url else f"https://{url}"
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return parts
    except ValueError:
        pass
    raise UnsupportedFeatureError(f"base_url {url.rpartition('@')[2]!r} is not an http or https URL.")


def check_base_url(url: str | None) -> None:
    """Raise UnsupportedFeatureError if a base URL has what may be a secret: a user, password, query or fragment.

    Base URLs are shown in representations, logs and traces, so that the error does not quote it either.
    """
    if url and any(mark in url for mark in "@?#"):
        raise UnsupportedFeatureError(
            "The URL in base_url must not contain a user name, password, query or fragment (it has one of @ ? #).",
            hint="Pass credentials as api_key=..., or as default_headers={'Authorization': ...}.",
        )


@lru_cache(maxsize=256)
def host_of(url: str) -> str:
    """Return the host and port of a URL, without the user and password that may precede them."""
    return urlsplit(url).netloc.rpartition("@")[2]


def quote_id(id: str) -> str:
    """Quote an id for use in a URL path. Raises BadRequestError for one that would lead to another path."""
    if not id.strip(".") or not id.isascii() or not id.isprintable():
        raise BadRequestError(f"{id!r} is not a valid id.")
    return quote(id, safe="")


def rerank_url(base_url: str) -> str:
    """Return the base URL of the flat rerank route on the same host as a compatible base URL."""
    parts = urlsplit(base_url)
    path = parts.path.rstrip("/")
    if path.endswith(PATHS["openai"]):
        path = path.removesuffix(PATHS["openai"]) + RERANK_PATH
    return urlunsplit(parts._replace(path=path))


@lru_cache(maxsize=256)
def unencrypted_key_warning(base_url: str) -> str | None:
    """Return a warning if a key would cross a network without encryption."""
    parts = urlsplit(base_url)
    if parts.scheme != "http" or _is_local(parts.hostname or ""):
        return None
    return f"The API key is sent unencrypted, because base_url uses plain http for {parts.hostname}. Use https."


def base_path(parts: SplitResult) -> str:
    """Return the path of a base URL without an endpoint at its end, and with the version of a service's path."""
    path = re.sub("/{2,}", "/", parts.path).rstrip("/")
    endpoint = next((endpoint for endpoint in ENDPOINT_PATHS if path.endswith(endpoint)), "")
    path = path.removesuffix(endpoint)
    unversioned = next((known for known in UNVERSIONED_PATHS if path.endswith(known)), None)
    if unversioned is None or (unversioned == "/api" and not is_alibaba((parts.hostname or "").lower())):
        return path
    return path.removesuffix(unversioned) + UNVERSIONED_PATHS[unversioned]


@lru_cache(maxsize=256)
def _with_path(url: str, protocol: ProtocolName, default: str | None = None) -> str:
    parts = split_base_url(url)
    path = base_path(parts)
    if not parts.path.rstrip("/") or (not path and default is None):
        path = default or PATHS[protocol]
    for other, other_path in PATHS.items() if default is None else ():
        if other != protocol and path.endswith(other_path):
            path = path.removesuffix(other_path) + PATHS[protocol]
    return urlunsplit(parts._replace(path=path))


def _check_workspace(workspace: str) -> None:
    if not all(character.isalnum() or character == "-" for character in workspace) or not workspace.isascii():
        raise UnsupportedFeatureError(
            f"workspace {workspace!r} is not a workspace id: letters, digits and '-' only."
        )


def _is_local(hostname: str) -> bool:
    if hostname == "localhost" or hostname.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(hostname).is_loopback
    except ValueError:
        return False
