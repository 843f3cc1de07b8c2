"""Profiles of models on self-hosted servers, without the facts about Alibaba's deployment."""

from functools import lru_cache
from typing import Any

import msgspec

from qwen_core.config.self_hosted import SERVERS, Server, ServerName
from qwen_core.models.catalogue import resolve
from qwen_core.models.profile import ModelProfile


def self_hosted_profile(model: str, server: Server | None, base_model: str | None = None) -> ModelProfile:
    """Return the profile of a model on this server, or on Alibaba's service if it is None.

    ``base_model`` is the model's name in the catalog if ``model`` is a gateway's alias.
    """
    known = base_model or model
    profile = resolve(known) if server is None else _self_hosted_profile(known, server.name)
    return profile if known == model else msgspec.structs.replace(profile, name=model)


@lru_cache(maxsize=1024)
def _self_hosted_profile(model: str, server: ServerName) -> ModelProfile:
    kind = SERVERS[server]
    overrides = {**SELF_HOSTED_OVERRIDES, "reasoning_keys": kind.reasoning_keys}
    if not kind.structured:
        overrides |= {"json_object": False, "json_object_thinking": False, "json_schema": False}
    return msgspec.structs.replace(resolve(model), **overrides)


SELF_HOSTED_OVERRIDES: dict[str, Any] = {
    # Limits and behaviour of Alibaba's deployment, its features, prices and announcements.
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
    # These servers do so for every model: tokens that violate a grammar are never sampled.
    "forced_tool_choice": True,
    "json_object": True,
    "json_object_thinking": True,
    "json_schema": True,
    "max_tokens_counts_thinking": True,
    "done_ends_answer": True,
    # The chat template decides which reasoning of earlier turns the model sees. Open Qwen3.8's shows all.
    "preserve_thinking_default": True,
}
"""Profile fields that differ on every self-hosted server."""
