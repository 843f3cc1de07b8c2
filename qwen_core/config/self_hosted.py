"""Detect which server is behind a base URL: Alibaba's service or a self-hosted one; and what the latter support.

Facts are from the servers' sources and documents: vLLM ``openai/chat_completion/protocol.py`` (002032e) and
"Reasoning Outputs" (v0.26), SGLang ``srt/entrypoints/openai/protocol.py`` (004c82e) and "Rerank models", llama.cpp
``tools/server/README.md`` and ``server-common.cpp`` (b11434), Ollama ``openai/openai.go`` and
``openai-compatibility.mdx`` (fb30760), transformers ``cli/serving`` (5.24.0).
Their names for the parameters of a request are in ``types.parameters``.
"""

import os
from functools import lru_cache
from typing import Literal

import msgspec

from qwen_core.config.endpoints import (
    BASE_URL_VARIABLE,
    PATHS,
    RERANK_PATH,
    base_path,
    is_alibaba,
    region_of,
    split_base_url,
)

ServerName = Literal["dashscope", "vllm", "sglang", "llama.cpp", "ollama", "transformers", "other"]
ReasoningKey = Literal["reasoning_content", "reasoning"]
ToolChoices = Literal["any", "modes", "none"]


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of server that is not Alibaba's.

    reasoning_keys   the keys of the reasoning of earlier responses
    tool_choices     ``modes``: no function by name. ``none``: it leaves the choice to the model
    needs_strict     it holds the arguments of a forced call to the schema only for tools with ``strict``
    continues        it can continue the last message
    structured       it holds a response to a ``response_format``
    may_repeat_prefix  a complete response may begin with the assistant's message that it continues
    """

    name: ServerName
    reasoning_keys: tuple[ReasoningKey, ...] = ("reasoning_content",)
    tool_choices: ToolChoices = "any"
    needs_strict: bool = False
    continues: bool = True
    structured: bool = True
    may_repeat_prefix: bool = False


SERVERS: dict[ServerName, Server] = {
    server.name: server
    for server in (
        Server(name="vllm", reasoning_keys=("reasoning",), needs_strict=True),
        Server(name="sglang"),
        Server(
            name="llama.cpp",
            # It reads tool_choice as a string only: the object that names a function would mean "auto".
            tool_choices="modes",
            may_repeat_prefix=True,
        ),
        Server(
            name="ollama",
            reasoning_keys=("reasoning",),
            tool_choices="none",
        ),
        # `transformers serve` refuses keys that it does not know, and ignores half of those that it knows.
        Server(name="transformers", tool_choices="none", continues=False, structured=False),
        # One of these, or another.
        Server(name="other", reasoning_keys=("reasoning_content", "reasoning"), may_repeat_prefix=True),
    )
}


def self_hosted_server(
    name: ServerName | None, *, base_url: str | None, region: str | None, workspace: str | None, protocol: str
) -> Server | None:
    """Return the kind of a self-hosted server; None for Alibaba's service.

    Unless ``name`` is given, a server is self-hosted if neither host nor path of the base URL is Alibaba's, such
    as ``http://localhost:8000/v1``, and neither a region, a workspace nor the native protocol is set.
    """
    if name is not None:
        return SERVERS.get(name)
    url = base_url or os.environ.get(BASE_URL_VARIABLE)
    if not url or region or workspace or protocol == "dashscope" or not is_external_url(url):
        return None
    return SERVERS["other"]


@lru_cache(maxsize=256)
def is_external_url(url: str) -> bool:
    """Return whether neither host nor path of this base URL is Alibaba's."""
    parts = split_base_url(url)
    host = (parts.hostname or "").lower()
    if is_alibaba(host) or region_of(host):
        return False
    return bool(parts.path.rstrip("/")) and not base_path(parts).endswith((*PATHS.values(), RERANK_PATH))
