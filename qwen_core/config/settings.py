"""The settings of a client: how the service is reached."""

import os
import re
from collections.abc import Callable, Iterable
from typing import Any, Literal

import msgspec

from qwen_core.config.endpoints import (
    API_KEY_VARIABLE,
    BASE_URL_VARIABLE,
    Endpoint,
    ProtocolName,
    check_base_url,
    resolve_endpoint,
)
from qwen_core.config.self_hosted import Server, ServerName, is_external_url, self_hosted_server
from qwen_core.config.timeouts import Timeout, as_timeout
from qwen_core.types.errors import AuthenticationError, UnsupportedFeatureError

ProtocolChoice = Literal["auto", "openai", "dashscope"]

DEFAULT_MAX_RETRIES = 2

HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
"""A token of RFC 9110, section 5.1."""


class ClientSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a client. Immutable, and equal to others if both may share connections.

    ``timeout`` is in seconds, see ``Timeout``; None is what the service itself allows. ``http_client`` and
    ``http_async_client`` are clients of the SDK's HTTP library, used unchanged.
    """

    api_key: str | None = None
    region: str | None = None
    workspace: str | None = None
    base_url: str | None = None
    protocol: ProtocolChoice = "auto"
    server: ServerName | None = None
    """The kind of server; None: Alibaba's service, unless the base URL is not Alibaba's."""
    base_model: str | None = None
    """The name in the model catalog behind a gateway's alias."""
    api_key_from_env: bool = False
    """Whether ``api_key`` is from the environment, which is meant for Alibaba's service."""
    timeout: float | Timeout | None = None
    max_retries: int = DEFAULT_MAX_RETRIES
    default_headers: tuple[tuple[str, str], ...] = ()
    http_client: Any = None
    http_async_client: Any = None
    spend: Callable[[int], object] | None = None
    """Called with the tokens of each response: ``RateLimiter.spend``."""

    def __post_init__(self) -> None:
        check_base_url(self.base_url)

    def __repr__(self) -> str:
        return f"ClientSettings(region={self.region!r}, base_url={self.base_url!r}, protocol={self.protocol!r})"

    def self_hosted_server(self) -> Server | None:
        """Return the kind of a self-hosted server; None for Alibaba's service."""
        return self_hosted_server(
            self.server,
            base_url=self.base_url,
            region=self.region,
            workspace=self.workspace,
            protocol=self.protocol,
        )

    def behind_gateway(self) -> bool:
        """Return whether Alibaba's service is behind a base URL that has a path of its own, such as ``/v1``."""
        url = self.base_url or os.environ.get(BASE_URL_VARIABLE)
        return bool(url) and self.self_hosted_server() is None and is_external_url(url or "")

    def omits_api_key(self) -> bool:
        """Return whether no API key is sent, because the server is self-hosted.

        Such a server gets the environment's key only if its base URL is in the environment too: Alibaba's key must
        not be sent to others.
        """
        keyless = self.api_key_from_env or not self.api_key
        return bool(self.base_url) and keyless and self.self_hosted_server() is not None

    def resolve_key(self) -> str:
        """Return the key, else the environment's; raise if there is none. A self-hosted server needs none."""
        return self.key_for(self.self_hosted_server())

    def key_for(self, server: Server | None) -> str:
        """Return the key for a server, None being Alibaba's service; raise if it needs one and there is none."""
        if server is not None and self.base_url and (self.api_key_from_env or not self.api_key):
            return ""
        key = (self.api_key or os.environ.get(API_KEY_VARIABLE) or "").strip()
        if not key and server is not None:
            return ""
        if not key:
            raise AuthenticationError(
                f"No API key: set {API_KEY_VARIABLE} or pass api_key=...",
                hint="Keys are made in the Model Studio console.",
            )
        if not is_header_text(key):
            # The HTTP library would refuse it too, and quote it.
            raise AuthenticationError(
                "The API key contains line breaks or non-ASCII characters, which no key has. Check how it is read."
            )
        return key

    def endpoint(self, protocol: ProtocolName) -> Endpoint:
        """Return the endpoint for requests of this protocol."""
        own = self.self_hosted_server() is not None
        return resolve_endpoint(
            protocol, region=self.region, workspace=self.workspace, base_url=self.base_url, self_hosted=own
        )


def is_header_text(text: Any) -> bool:
    """Return whether HTTP accepts this as the value of a header."""
    return isinstance(text, str) and text.isascii() and text.isprintable()


def check_headers(headers: Iterable[tuple[str, str]]) -> None:
    """Raise UnsupportedFeatureError for an invalid header: the HTTP library's own error would quote the value."""
    for name, value in headers:
        if not (isinstance(name, str) and HEADER_NAME.fullmatch(name)):
            raise UnsupportedFeatureError(f"{name!r} is not a valid HTTP header name.")
        if not is_header_text(value):
            raise UnsupportedFeatureError(f"The value of the HTTP header {name!r} must be printable ASCII.")


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one transport, all resolved. Hashable, so that equal ones share."""

    protocol: ProtocolName
    base_url: str
    api_key: str
    headers: tuple[tuple[str, str], ...] = ()
    timeout: Timeout = Timeout()
    http_client: Any = None

    def __repr__(self) -> str:
        return f"Connection(protocol={self.protocol!r}, base_url={self.base_url!r})"


def resolve_connection(settings: ClientSettings, protocol: ProtocolName, *, asynchronous: bool) -> Connection:
    """Return the connection that these settings mean at this moment, environment included."""
    return connect(settings, protocol, settings.self_hosted_server(), asynchronous=asynchronous)


def connect(
    settings: ClientSettings, protocol: ProtocolName, server: Server | None, *, asynchronous: bool
) -> Connection:
    """Return the connection to this server, None being Alibaba's service."""
    if protocol == "dashscope" and server is not None:
        raise UnsupportedFeatureError(
            "Only Alibaba's service supports the native DashScope protocol and temporary storage of large files.",
            hint='Use smaller files or URLs; or set server="dashscope" if base_url is Alibaba\'s service.',
        )
    endpoint = resolve_endpoint(
        protocol,
        region=settings.region,
        workspace=settings.workspace,
        base_url=settings.base_url,
        self_hosted=server is not None,
    )
    headers = (*endpoint.headers.items(), *settings.default_headers)
    if headers:
        check_headers(headers)
    return Connection(
        protocol=protocol,
        base_url=endpoint.base_url,
        api_key=settings.key_for(server),
        headers=headers,
        timeout=as_timeout(settings.timeout),
        http_client=settings.http_async_client if asynchronous else settings.http_client,
    )
