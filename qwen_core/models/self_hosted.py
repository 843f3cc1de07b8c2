"""What is known of a model where a server of the user's own serves it, without facts of Alibaba's."""

from functools import lru_cache
from typing import Any

import msgspec

from qwen_core.config.self_hosted import SERVERS, Server, ServerName
from qwen_core.models.catalogue import resolve
from qwen_core.models.profile import ModelProfile


def profile_on(model: str, server: Server | None) -> ModelProfile:
    """What is known of a model where this server serves it."""
    return resolve(model) if server is None else _profile_on(model, server.name)


@lru_cache(maxsize=1024)
def _profile_on(model: str, server: ServerName) -> ModelProfile:
    return msgspec.structs.replace(resolve(model), reasoning_keys=SERVERS[server].reasoning_keys, **ON_OWN_SERVERS)


ON_OWN_SERVERS: dict[str, Any] = {
    # Limits and habits of Alibaba's deployment, its features, prices and announcements.
    "max_input_tokens": None,
    "max_input_tokens_thinking": None,
    "max_output_tokens": None,
    "max_output_tokens_thinking": None,
    "max_thinking_tokens": None,
    "documents": None,
    "stream_only": False,
    "stream_only_thinking": False,
    "cumulative_stream": False,
    "refused_parameters": (),
    "tool_calling": None,
    "search": False,
    "explicit_cache": False,
    "implicit_cache": None,
    "listed_only_in": (),
    "native_only": False,
    "compatible_only": True,
    "embedding_batch": None,
    "regions": (),
    "prices": (),
    "retired_on": None,
    "successor": None,
    # What these servers do for every model: tokens that break a grammar are never drawn.
    "forced_tool_choice": True,
    "json_object": True,
    "json_object_thinking": True,
    "json_schema": True,
    "max_tokens_counts_thinking": True,
    "done_ends_answer": True,
}
"""Facts of a model's profile that are others wherever the user serves it."""
