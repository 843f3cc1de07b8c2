"""Rewrite a request into one that a self-hosted server supports.

Features of Alibaba's service are refused, parameters get that server's names, and a warning reports every change
that the caller could notice. Requests are immutable. Sources: ``qwen_core.config.self_hosted``; compatible 7.
"""

from typing import Any

import msgspec

from qwen_core.config.self_hosted import SERVERS, Server
from qwen_core.models.profile import ModelProfile
from qwen_core.prepare.feature_rules import (
    limit_cache_breakpoints,
    move_tool_cache_breakpoints,
    resolve_prefix_continuation,
)
from qwen_core.prepare.for_model import ask_for_tools_in_prompt, resolve_json_mode, resolve_response_format
from qwen_core.prepare.history import (
    CONTINUE,
    ensure_last_message_is_user,
    send_trailing_system_message_as_user,
)
from qwen_core.prepare.thinking import drop_budget_without_thinking, resolve_enable_thinking
from qwen_core.protocols.base import merge_body
from qwen_core.protocols.messages import set_parameters
from qwen_core.types.errors import UnsupportedFeatureError
from qwen_core.types.messages import AudioPart, Message, Part, ReasoningPart, TextPart
from qwen_core.types.parameters import ignored_on_server, refused_on_servers, renamed_on_server
from qwen_core.types.requests import ChatRequest, EmbeddingRequest

SERVICE_FEATURES = refused_on_servers()
"""Features of Alibaba's service that no server of open models has."""

RENAMED = {name: renamed_on_server(name) for name in SERVERS}
IGNORED = {name: ignored_on_server(name) for name in SERVERS}

DROPPED_SILENTLY = ("preserve_thinking", "search_options")
"""Parameters that are dropped without a warning: what they refine is refused, or is up to the server."""

ALTERNATIVES = {"thinking_budget": "Use max_tokens to limit reasoning and response together."}
"""What to do instead of setting a parameter that is dropped."""


def adapt_to_server(
    request: ChatRequest, profile: ModelProfile, server: Server, *, named: bool
) -> tuple[ChatRequest, tuple[str, ...]]:
    """Return the request for this server, and the warnings for the caller.

    ``named`` says that the user gave the kind of server, instead of having it detected from ``base_url``.
    """
    warnings: list[str] = []
    refuse_service_features(request)
    request = send_trailing_system_message_as_user(request)
    request = send_one_system_message(request, warnings)
    request = ensure_user_message(request, profile, warnings)
    for step in (
        resolve_enable_thinking,
        drop_budget_without_thinking,
        resolve_prefix_continuation,
        move_tool_cache_breakpoints,
        limit_cache_breakpoints,
    ):
        request = step(request, profile, warnings)
    extra: dict[str, Any] = {}
    request = resolve_thinking(request, server)
    request = with_known_effort(request, profile, server)
    request = without_earlier_reasoning(request)
    request = resolve_tool_choice(request, server, warnings)
    request = with_strict_tools(request, server)
    if not server.structured:
        request = resolve_json_mode(resolve_response_format(request, profile, warnings), profile, warnings)
    request = merge_token_limits(request)
    request = rename_parameters(request, server, extra, warnings)
    request = continue_last_message(request, server, extra, warnings)
    request = with_bare_base64_audio(request)
    if "chat_template_kwargs" in extra and not named:
        warnings.append(
            "base_url looks like a self-hosted server, so the thinking parameters were sent in "
            'chat_template_kwargs. Set server="vllm", "sglang", "llama.cpp" or "ollama" to confirm, or '
            'server="dashscope" if base_url is Alibaba\'s service.'
        )
    return with_extra_body(request, extra), tuple(warnings)


def refuse_service_features(request: ChatRequest) -> None:
    """Raise UnsupportedFeatureError for features that no server of open models has."""
    for name in SERVICE_FEATURES:
        if getattr(request, name):
            raise UnsupportedFeatureError(
                f"{name} is a feature of Alibaba's service, and base_url looks like a self-hosted server.",
                hint='If base_url is Alibaba\'s service, set server="dashscope".',
            )


def send_one_system_message(request: ChatRequest, warnings: list[str]) -> ChatRequest:
    """Join the system messages at the beginning, and send those behind as user messages.

    The chat templates of Qwen3.5 and later raise "System message must be at the beginning" for any other.
    """
    messages = request.messages
    leading = next((i for i, message in enumerate(messages) if message.role != "system"), len(messages))
    later = [i for i, message in enumerate(messages) if message.role == "system" and i >= leading]
    if leading < 2 and not later:
        return request
    if later:
        warnings.append(
            f"messages[{later[0]}] is a system message behind other messages, which the chat templates of Qwen3.5 "
            "and later refuse. It was sent as a user message. Put system messages at the beginning to have them "
            "joined into one."
        )
    joined = messages[:leading]
    if leading > 1:
        parts = tuple(part for message in joined for part in message.parts)
        joined = (msgspec.structs.replace(joined[0], parts=parts),)
    others = (
        msgspec.structs.replace(message, role="user") if message.role == "system" else message
        for message in messages[leading:]
    )
    return msgspec.structs.replace(request, messages=(*joined, *others))


def ensure_user_message(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """Add a user message if there is none: the templates of Qwen3.5 and later raise "No user query found"."""
    if not request.messages or any(message.role == "user" for message in request.messages):
        return request
    answered = ensure_last_message_is_user(request, profile, warnings)
    if answered.messages[-1].role == "user":
        return answered
    warnings.append(
        "The messages have none from a user, which the chat templates of Qwen3.5 and later refuse. Added a user "
        f'message "{CONTINUE}" before the others. Begin the conversation with a user message.'
    )
    messages = list(request.messages)
    messages.insert(messages[0].role == "system", Message("user", (TextPart(CONTINUE),)))
    return msgspec.structs.replace(request, messages=tuple(messages))


EFFORTS = ("minimal", "low", "medium", "high", "xhigh", "max")
"""The names of efforts, from the least. Each model knows some of them."""


def with_known_effort(request: ChatRequest, profile: ModelProfile, server: Server) -> ChatRequest:
    """Replace an effort by the nearest one that the chat template knows, as Alibaba's service does.

    The template of Qwen3.8 raises an error for any other name than its own three.
    """
    effort, known = request.reasoning_effort, [name for name in EFFORTS if name in profile.reasoning_efforts]
    if effort not in EFFORTS or not known or effort in known or "enable_thinking" not in RENAMED[server.name]:
        return request
    position = EFFORTS.index(effort)
    # The higher of two that are equally near: high becomes xhigh (compatible 2).
    nearest = min(reversed(known), key=lambda name: abs(EFFORTS.index(name) - position))
    return msgspec.structs.replace(request, reasoning_effort=nearest)


def without_earlier_reasoning(request: ChatRequest) -> ChatRequest:
    """Drop the reasoning before the last user message if ``preserve_thinking`` is False.

    Otherwise all of it is sent, and the chat template decides what the model sees of it.
    """
    if request.preserve_thinking is not False:
        return request
    last = max((i for i, message in enumerate(request.messages) if message.role == "user"), default=0)
    earlier = (
        msgspec.structs.replace(
            message, parts=tuple(part for part in message.parts if not isinstance(part, ReasoningPart))
        )
        for message in request.messages[:last]
    )
    return msgspec.structs.replace(request, messages=(*earlier, *request.messages[last:]))


def with_strict_tools(request: ChatRequest, server: Server) -> ChatRequest:
    """Set ``strict`` for tools that must be called, if the caller left it open and the server needs it.

    vLLM lets a forced call have any JSON as arguments otherwise, even a text.
    """
    choice = request.tool_choice
    if not server.needs_strict or choice in (None, "auto", "none"):
        return request
    tools = tuple(
        msgspec.structs.replace(tool, strict=True)
        if tool.strict is None and choice in ("required", tool.name)
        else tool
        for tool in request.tools
    )
    return msgspec.structs.replace(request, tools=tools)


def resolve_thinking(request: ChatRequest, server: Server) -> ChatRequest:
    """Switch thinking off by ``enable_thinking`` if the server's chat templates read it, else by the effort."""
    switch, effort = request.enable_thinking, request.reasoning_effort
    if effort == "none":
        switch, effort = False, None
    if "enable_thinking" not in RENAMED[server.name]:
        # Ollama: models that can think do so unless the effort is "none".
        switch, effort = None, "none" if switch is False else effort
    return msgspec.structs.replace(request, enable_thinking=switch, reasoning_effort=effort)


def resolve_tool_choice(request: ChatRequest, server: Server, warnings: list[str]) -> ChatRequest:
    """Force a tool call as far as the server can, else ask for it in the prompt."""
    choice = request.tool_choice
    if not request.tools or choice in (None, "auto", "none") or server.tool_choices == "any":
        return request
    if server.tool_choices == "modes":
        named = tuple(tool for tool in request.tools if tool.name == choice)
        return msgspec.structs.replace(request, tools=named, tool_choice="required") if named else request
    names = [tool.name for tool in request.tools] if choice == "required" else [str(choice)]
    warnings.append(
        f"server={server.name!r} cannot force a tool call. The prompt now asks for it; the model may still "
        'answer in text. Set tool_choice="auto" to leave the choice to the model.'
    )
    return ask_for_tools_in_prompt(request, names)


def merge_token_limits(request: ChatRequest) -> ChatRequest:
    """Send the smaller of the two limits as ``max_tokens``.

    On these servers ``max_tokens`` limits reasoning and response together (compatible 7).
    """
    limits = [limit for limit in (request.max_tokens, request.max_completion_tokens) if limit is not None]
    return msgspec.structs.replace(request, max_tokens=min(limits, default=None), max_completion_tokens=None)


def rename_parameters(
    request: ChatRequest, server: Server, extra: dict[str, Any], warnings: list[str]
) -> ChatRequest:
    """Give parameters the server's names, and drop those that it does not know."""
    renamed, ignored = RENAMED[server.name], IGNORED[server.name]
    for name in set_parameters(request, renamed):
        group, _, key = renamed[name].rpartition(".")
        (extra.setdefault(group, {}) if group else extra)[key] = getattr(request, name)
    warnings += [
        f"server={server.name!r} does not support {name}, which was not sent. "
        f"{ALTERNATIVES.get(name, 'Leave it unset.')}"
        for name in set_parameters(request, ignored)
        if name not in DROPPED_SILENTLY
    ]
    cleared: dict[str, Any] = {**dict.fromkeys((*renamed, *ignored, *SERVICE_FEATURES)), "server_tools": ()}
    return msgspec.structs.replace(request, **cleared)


def continue_last_message(
    request: ChatRequest, server: Server, extra: dict[str, Any], warnings: list[str]
) -> ChatRequest:
    """Ask the server to continue the last message instead of adding an assistant message after it."""
    if not any(message.partial for message in request.messages):
        return request
    if request.messages[-1].partial and not server.continues:
        warnings.append(
            f"server={server.name!r} cannot continue a message with partial=True. It was sent as a complete one, "
            "and another follows it. Use another server for a prefix."
        )
    elif request.messages[-1].partial:
        extra.update(continue_final_message=True, add_generation_prompt=False)
    messages = tuple(msgspec.structs.replace(message, partial=False) for message in request.messages)
    return msgspec.structs.replace(request, messages=messages)


def with_bare_base64_audio(request: ChatRequest) -> ChatRequest:
    """Return the request with audio as bare base64, as in OpenAI's API; Alibaba's takes a data URI."""

    def bare(part: Part) -> Part:
        if not isinstance(part, AudioPart) or not part.url.startswith("data:"):
            return part
        return msgspec.structs.replace(part, url=part.url.partition(",")[2])

    def convert(message: Message) -> Message:
        if not any(isinstance(part, AudioPart) for part in message.parts):
            return message
        return msgspec.structs.replace(message, parts=tuple(bare(part) for part in message.parts))

    return msgspec.structs.replace(request, messages=tuple(convert(message) for message in request.messages))


def with_extra_body(request: ChatRequest, extra: dict[str, Any]) -> ChatRequest:
    """Return the request with these fields in its body; the user's ``extra_body`` overrides them."""
    if not extra:
        return request
    return msgspec.structs.replace(request, extra_body=merge_body(extra, request.extra_body))


def with_instruction_in_queries(request: EmbeddingRequest) -> EmbeddingRequest:
    """Put the instruction before each query, as Qwen3-Embedding was trained (its model card)."""
    if request.instruct is None:
        return request
    texts = request.texts
    if (request.text_type or request.role) == "query":
        texts = tuple(f"Instruct: {request.instruct}\nQuery:{text}" for text in texts)
    return msgspec.structs.replace(request, texts=texts, instruct=None, text_type=None)
