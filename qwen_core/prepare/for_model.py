"""Rewrite a request into one that the model supports, once for both protocols and both frameworks.

Each step takes a request and returns one, with a warning for every change that the caller could notice. Requests
are immutable. Sources: protocol documents, compatible 2.1-2.3 and native 3.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from qwen_core.config.endpoints import ProtocolName
from qwen_core.models.profile import ModelProfile
from qwen_core.prepare.feature_rules import (
    keep_text_to_translate,
    limit_cache_breakpoints,
    move_tool_cache_breakpoints,
    resolve_code_interpreter,
    resolve_prefix_continuation,
    warn_search_options_without_search,
)
from qwen_core.prepare.history import (
    ensure_last_message_is_user,
    ensure_user_message,
    omit_unread_tool_media,
    send_only_new_messages,
)
from qwen_core.prepare.media_formats import MEDIA_KINDS, audio_format_of_url
from qwen_core.prepare.thinking import (
    allow_several_choices,
    disable_thinking,
    drop_budget_beside_effort,
    drop_budget_without_thinking,
    resolve_enable_thinking,
    resolve_reasoning_effort,
    thinks,
    translate_thinking_switch,
    warn_unread_preserved_thinking,
    warn_unsupported_max_completion_tokens,
    warn_what_max_tokens_bounds,
)
from qwen_core.prepare.tool_results import complete_tool_results
from qwen_core.types.json import encode_json
from qwen_core.types.messages import (
    CACHEABLE_PARTS,
    AudioPart,
    ImagePart,
    Message,
    Part,
    TextPart,
    ToolCallPart,
    VideoPart,
)
from qwen_core.types.requests import ChatRequest

Step = Callable[[ChatRequest, ModelProfile, list[str]], ChatRequest]

JSON_INSTRUCTION = "Answer with one JSON object and nothing else."
SCHEMA_INSTRUCTION = f"{JSON_INSTRUCTION} It must match this JSON schema:\n"
CALL_INSTRUCTION = "Answer by calling one of these tools, and with nothing else: "


def adapt(
    request: ChatRequest, profile: ModelProfile, protocol: ProtocolName | None = None
) -> tuple[ChatRequest, tuple[str, ...]]:
    """Return the request as this model supports it, and the warnings for the caller.

    ``protocol`` is the one that carries the request: what recordings show of another one does not count.
    """
    warnings: list[str] = []
    if profile.recorded and protocol is not None:
        recorded = tuple(recording for recording in profile.recorded if recording.protocol == protocol)
        profile = msgspec.structs.replace(profile, recorded=recorded)
    present = traits_of(request)
    for step, traits in STEPS:
        if not present.isdisjoint(traits):
            request = step(request, profile, warnings)
    return request, tuple(warnings)


def traits_of(request: ChatRequest) -> set[str]:
    """Return the parameters that are set and the traits of the messages, as far as a step depends on them.

    One pass over the messages answers for all steps whether there is anything to do.
    """
    traits: set[str] = set()
    for name in PARAMETER_TRAITS:
        if getattr(request, name) not in (None, ()):
            traits.add(name)
    messages = request.messages
    has_user = not messages
    for message in messages:
        has_user = has_user or message.role == "user"
        if message.role == "tool":
            traits.add("tool_messages")
        if message.partial:
            traits.add("partial")
        for part in message.parts:
            kind = type(part)
            if kind in PART_TRAITS:
                traits.add(PART_TRAITS[kind])
                if message.role == "tool" and kind in MEDIA_KINDS:
                    traits.add("tool_media")
                if kind is AudioPart:
                    traits.add("audio_parts")
            if isinstance(part, CACHEABLE_PARTS) and part.cache_control:
                traits.add("cache_breakpoints")
    if not has_user:
        traits.add("no_user")
    if messages:
        traits.add(f"ends_with_{messages[-1].role}")
    if len(messages) != 1 or messages[0].role != "user":
        traits.add("history")
    return traits


def warn_undocumented_media(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """Warn of media that the model is not documented to accept. They are sent all the same (compatible 3)."""
    if profile.certainty != "documented":
        return request
    reads = profile.documents or "pdf" in profile.input_modalities
    supported = {*profile.input_modalities, *(["document"] if reads else [])}
    for index, message in enumerate(request.messages):
        for kind in {MEDIA_KINDS[type(part)]: None for part in message.parts if type(part) in MEDIA_KINDS}:
            if kind not in supported:
                warnings.append(
                    f"{request.model} is documented to accept {', '.join(profile.input_modalities)} only. The "
                    f"{kind} in messages[{index}] was sent, and the service may refuse it. `python -m "
                    "qwen_core.models` lists what each model accepts."
                )
    return request


def name_audio_formats(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """Name the format of audio that is given by URL, from the URL's path (compatible 3).

    Signed URLs have a query after the file name. A format that the service does not document is left out.
    """

    def named(part: Part) -> Part:
        if not isinstance(part, AudioPart) or part.format or not (name := audio_format_of_url(part.url)):
            return part
        return msgspec.structs.replace(part, format=name)

    messages = tuple(
        msgspec.structs.replace(message, parts=tuple(map(named, message.parts)))
        if any(type(part) is AudioPart for part in message.parts)
        else message
        for message in request.messages
    )
    return msgspec.structs.replace(request, messages=messages)


def resolve_tool_choice(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """Force the tool by name if possible, else ask for it in the prompt.

    The documents say that ``required`` is refused for every model, and a named function while the model thinks;
    recordings show that some models accept ``required`` with one tool.
    """
    choice = request.tool_choice
    if choice in (None, "auto", "none"):
        return request
    if not request.tools:
        if not request.server_tools:
            warnings.append(f"tool_choice={choice!r} was not sent, because the request has no tools.")
        return request
    names = [tool.name for tool in request.tools]
    thinking = thinks(request, profile)
    if choice == "required" and len(names) == 1:
        if not thinking and profile.accepts("required_tool_choice"):
            return request
        choice = names[0]
    if (obstacle := obstacle_to_forced_call(request, profile, thinking)) is not None:
        allowed = names if choice == "required" else [str(choice)]
        warnings.append(
            f"A tool call cannot be forced, because {obstacle}. The prompt now asks for the call; the "
            "model may still answer in text. Set enable_thinking=False, or choose a model that supports a forced "
            "tool_choice, to force it."
        )
        return ask_for_tools_in_prompt(request, allowed)
    if thinking:
        warnings.append(
            f"A tool call can be forced only without thinking. Thinking was switched off for this call of "
            f'{request.model}. Set tool_choice="auto" to keep it.'
        )
        request = disable_thinking(request)
    if choice == "required":
        warnings.append(
            "The service cannot force a choice among several tools. The prompt now asks for a tool call; the "
            "model may still answer in text. Pass one tool, or its name as tool_choice, to force the call; or "
            'extra_body={"tool_choice": "required"} to send it all the same.'
        )
        return ask_for_tools_in_prompt(request, names)
    return msgspec.structs.replace(request, tool_choice=choice)


def obstacle_to_forced_call(request: ChatRequest, profile: ModelProfile, thinking: bool) -> str | None:
    """Return why a call cannot be forced, or None if at most the model's own thinking default has to yield."""
    if profile.thinking == "always":
        return f"{request.model} always thinks"
    if thinking and (request.enable_thinking or request.reasoning_effort is not None):
        return "thinking is enabled"
    return None if profile.forced_tool_choice else f"{request.model} does not support a forced tool_choice"


def ask_for_tools_in_prompt(request: ChatRequest, names: list[str]) -> ChatRequest:
    """Return the request with tool_choice "auto" and an instruction to call one of these tools."""
    request = add_instruction(request, CALL_INSTRUCTION + ", ".join(names) + ".")
    return msgspec.structs.replace(request, tool_choice="auto")


def resolve_response_format(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """Replace a JSON schema by JSON mode and the schema in the prompt if the model supports no schemas."""
    response_format = request.response_format
    if not response_format or response_format.get("type") != "json_schema":
        return request
    if (circumstance := schema_unsupported(request, profile)) is None:
        return request
    warnings.append(
        f"{request.model} does not support JSON schemas{circumstance}. JSON mode is used, and the prompt now "
        'holds the schema; the output is not guaranteed to match it. Use method="function_calling" or a model '
        "with json_schema for a guarantee."
    )
    request = add_schema_instruction(request, response_format)
    return msgspec.structs.replace(request, response_format={"type": "json_object"})


def add_schema_instruction(request: ChatRequest, response_format: dict[str, Any]) -> ChatRequest:
    """Return the request with an instruction that holds the schema of a ``response_format``."""
    inner: dict[str, Any] = response_format.get("json_schema") or {}
    return add_instruction(request, SCHEMA_INSTRUCTION + encode_json(inner.get("schema") or {}).decode())


def ask_for_json_beside_built_in_tools(
    request: ChatRequest, profile: ModelProfile, warnings: list[str]
) -> ChatRequest:
    """Ask for JSON in the prompt beside built-in tools: their API has no ``response_format`` (compatible 2.7)."""
    response_format = request.response_format
    if (
        not request.server_tools
        or not response_format
        or response_format.get("type") not in ("json_schema", "json_object")
    ):
        return request
    warnings.append(
        "response_format is not available beside built-in tools. The prompt now asks for JSON; the output is not "
        "guaranteed to match. Use a tool that takes the output for more certainty: LangChain's ToolStrategy, or "
        'method="function_calling".'
    )
    if response_format["type"] == "json_schema":
        request = add_schema_instruction(request, response_format)
    else:
        request = add_json_instruction(request)
    return msgspec.structs.replace(request, response_format=None)


def schema_unsupported(request: ChatRequest, profile: ModelProfile) -> str | None:
    """Return when the model does not support schemas ("": never does), or None if it does or if that is unknown.

    Beside images and videos the service silently degrades a schema to JSON mode (compatible, section 2.3).
    """
    if profile.json_schema is False:
        return ""
    visual = any(isinstance(part, ImagePart | VideoPart) for message in request.messages for part in message.parts)
    return " beside images and videos" if profile.json_schema and visual else None


def resolve_json_mode(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """Meet the conditions of JSON mode, or ask for JSON in the prompt if the model lacks it.

    The service requires the word JSON in the messages and, for older models, that thinking is off.
    """
    response_format = request.response_format
    if not response_format or response_format.get("type") != "json_object":
        return request
    excluded_by_thinking = thinks(request, profile) and profile.json_object_thinking is False
    if profile.json_object is False or (excluded_by_thinking and profile.thinking == "always"):
        warnings.append(
            f"{request.model} has no JSON mode. The prompt now asks for JSON; the output is not guaranteed to be "
            "JSON. Choose a model with JSON mode for a guarantee."
        )
        return msgspec.structs.replace(add_json_instruction(request), response_format=None)
    if not mentions_json(request):
        warnings.append(
            "JSON mode requires the word JSON in the messages. An instruction to answer in JSON was added. Write "
            "one in a message of yours to choose its wording."
        )
        request = add_json_instruction(request)
    if excluded_by_thinking:
        warnings.append(
            f"JSON mode of {request.model} works only without thinking. Thinking was switched off for this call. "
            "Set enable_thinking=False to say so yourself."
        )
        request = disable_thinking(request)
    return request


def mentions_json(request: ChatRequest) -> bool:
    """Return whether the word occurs anywhere in the messages, which is all that the service checks."""
    return any("json" in message.text.lower() for message in request.messages)


def add_json_instruction(request: ChatRequest) -> ChatRequest:
    """Return the request with an instruction to answer in JSON, unless it has one."""
    present = any(JSON_INSTRUCTION.removesuffix(".") in message.text for message in request.messages)
    return request if present else add_instruction(request, JSON_INSTRUCTION)


def add_instruction(request: ChatRequest, text: str) -> ChatRequest:
    """Return the request with an instruction at the end of its first system message, or in a new one.

    It is always there, so that a cached prefix of the conversation stays the same from turn to turn.
    """
    messages = list(request.messages)
    if messages and messages[0].role == "system":
        messages[0] = msgspec.structs.replace(messages[0], parts=(*messages[0].parts, TextPart(text)))
    else:
        messages.insert(0, Message("system", (TextPart(text),)))
    return msgspec.structs.replace(request, messages=tuple(messages))


THINKING_TRAITS = ("enable_thinking", "thinking_budget", "reasoning_effort", "preserve_thinking")

STEPS: tuple[tuple[Step, frozenset[str]], ...] = tuple(
    (step, frozenset(traits))
    for step, *traits in (
        (omit_unread_tool_media, "tool_media"),
        (warn_undocumented_media, "media"),
        (warn_search_options_without_search, "search_options"),
        (complete_tool_results, "tool_messages"),
        (ensure_last_message_is_user, "ends_with_assistant", "ends_with_system"),
        (ensure_user_message, "no_user"),
        (send_only_new_messages, "previous_response_id"),
        (name_audio_formats, "audio_parts"),
        (resolve_enable_thinking, "enable_thinking", "thinking_budget", "reasoning_effort"),
        (resolve_reasoning_effort, "reasoning_effort"),
        (drop_budget_beside_effort, "thinking_budget", "reasoning_effort"),
        (drop_budget_without_thinking, "thinking_budget", "reasoning_effort"),
        (warn_unread_preserved_thinking, "preserve_thinking"),
        (warn_unsupported_max_completion_tokens, "max_completion_tokens"),
        (warn_what_max_tokens_bounds, "max_tokens", "max_completion_tokens"),
        (resolve_code_interpreter, "enable_code_interpreter"),
        (allow_several_choices, "n"),
        (resolve_tool_choice, "tool_choice"),
        (ask_for_json_beside_built_in_tools, "response_format"),
        (resolve_response_format, "response_format"),
        (resolve_json_mode, "response_format"),
        (keep_text_to_translate, "history", "tool_choice", "response_format"),
        (resolve_prefix_continuation, "partial"),
        (move_tool_cache_breakpoints, "tools"),
        (limit_cache_breakpoints, "cache_breakpoints", "tools"),
        (translate_thinking_switch, *THINKING_TRAITS, "tool_choice", "response_format", "partial", "n"),
    )
)
"""The steps in their order, and the traits of a request of which it must have one for a step to change or warn of
anything. A step that reads what an earlier one may set lists that one's traits too."""

MESSAGE_TRAITS = {
    "cache_breakpoints",
    "ends_with_assistant",
    "ends_with_system",
    "history",
    "media",
    "no_user",
    "partial",
    "tool_media",
    "tool_messages",
    "audio_parts",
}
"""The traits beside parameters. ``history`` is anything but a single user message."""
PARAMETER_TRAITS = sorted({trait for _, traits in STEPS for trait in traits} - MESSAGE_TRAITS)
PART_TRAITS: dict[type[Part], str] = {**dict.fromkeys(MEDIA_KINDS, "media"), ToolCallPart: "tool_messages"}
