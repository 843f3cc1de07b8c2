"""Which server answers: Alibaba's service, or one of the user's own; and what each of those takes, as data.

Facts are from the servers' sources and documents: vLLM ``openai/chat_completion/protocol.py`` (002032e) and
"Reasoning Outputs" (v0.26), SGLang ``srt/entrypoints/openai/protocol.py`` (004c82e) and "Rerank models",
llama.cpp ``tools/server/README.md`` and ``server-common.cpp`` (b11434), Ollama ``openai/openai.go`` and
``openai-compatibility.mdx`` (fb30760).
"""

import os
from functools import lru_cache
from typing import Literal

import msgspec

from qwen_core.config.endpoints import BASE_URL_VARIABLE, PATHS, RERANK_PATH, is_alibaba, region_of, split_base_url

ServerName = Literal["dashscope", "vllm", "sglang", "llama.cpp", "ollama", "other"]
ReasoningKey = Literal["reasoning_content", "reasoning"]
ToolChoices = Literal["any", "modes", "none"]


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of server that is not Alibaba's.

    reasoning_keys         where it looks for the reasoning of earlier answers
    tool_choices           ``modes``: no function by name. ``none``: it leaves the choice to the model

    What it calls the parameters of a request is in ``types.parameters``.
    """

    name: ServerName
    reasoning_keys: tuple[ReasoningKey, ...] = ("reasoning_content",)
    tool_choices: ToolChoices = "any"


SERVERS: dict[ServerName, Server] = {
    server.name: server
    for server in (
        Server(name="vllm", reasoning_keys=("reasoning",)),
        Server(name="sglang"),
        Server(
            name="llama.cpp",
            # A function by name is an object there, which its reader of strings takes for "auto".
            tool_choices="modes",
        ),
        Server(
            name="ollama",
            reasoning_keys=("reasoning",),
            tool_choices="none",
        ),
        # One of these four, or another: keys that one of them does not know, it ignores.
        Server(name="other", reasoning_keys=("reasoning_content", "reasoning")),
    )
}


def self_hosted_server(
    name: ServerName | None, *, base_url: str | None, region: str | None, workspace: str | None, protocol: str
) -> Server | None:
    """The server where it is not Alibaba's service; None where it is.

    Unless it is named, it is one of the user's own where neither host nor path of the base URL is Alibaba's, such
    as ``http://localhost:8000/v1``; and neither a region, a workspace nor the native protocol is asked for.
    """
    if name is not None:
        return SERVERS.get(name)
    url = base_url or os.environ.get(BASE_URL_VARIABLE)
    if not url or region or workspace or protocol == "dashscope" or not is_external_url(url):
        return None
    return SERVERS["other"]


@lru_cache(maxsize=256)
def is_external_url(url: str) -> bool:
    """Whether neither host nor path of this base URL is Alibaba's."""
    parts = split_base_url(url)
    host, path = (parts.hostname or "").lower(), parts.path.rstrip("/")
    if is_alibaba(host) or region_of(host):
        return False
    return bool(path) and not path.endswith((*PATHS.values(), RERANK_PATH))
