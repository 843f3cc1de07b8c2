"""Advise on errors of self-hosted servers: there are no regions, and the key is the server's own."""

from qwen_core.config.self_hosted import Server
from qwen_core.types.errors import (
    AuthenticationError,
    NotFoundError,
    PermissionDeniedError,
    QwenError,
    ServerError,
)


def self_hosted_hint(error: QwenError, server: Server, base_url: str, model: str, *, sent_key: bool) -> str | None:
    """Return advice for an error of a self-hosted server, or None if the error's own advice is as good."""
    match error:
        case AuthenticationError() if not sent_key:
            return (
                "No key was sent: the environment's is for Alibaba's service. Pass api_key=..., or "
                'server="dashscope" if base_url is Alibaba\'s after all.'
            )
        case AuthenticationError() | PermissionDeniedError():
            return "Pass the key that this server was started with as api_key=..."
        case NotFoundError():
            return (
                f"Check base_url ({base_url}), whose path is /v1 on most servers, and that {model!r} is a model "
                f"that {base_url.rstrip('/')}/models lists."
            )
        case ServerError():
            return "The server failed; its log says why. Retry the call."
        case _ if error.status_code == 422 and server.name == "other":
            return (
                "This server refuses fields that it does not know. Leave them unset, or name the kind of server: "
                'server="transformers" for `transformers serve`.'
            )
    return None
