"""A request as a server of the user's own can take it: what Alibaba's service does beside the model is refused,
parameters get that server's names, and a change that the caller could notice is told in a warning.

Nothing is altered in place. Sources: see ``servers``; compatible 7.
"""

from typing import Any

import msgspec

from qwen_core.config.self_hosted import Server
from qwen_core.models.profile import ModelProfile
from qwen_core.prepare.feature_rules import fit_cache_marks, move_marks_of_tools
from qwen_core.prepare.for_model import ask_for_tools, ask_what_the_system_says
from qwen_core.prepare.thinking import fit_budget, fit_switch
from qwen_core.protocols.base import merge_body
from qwen_core.types.errors import UnsupportedFeatureError
from qwen_core.types.messages import AudioPart, Message, Part
from qwen_core.types.requests import ChatRequest, EmbeddingRequest

SERVICE_FEATURES = (
    "enable_search",
    "enable_text_image_mixed",
    "enable_code_interpreter",
    "server_tools",
    "vl_high_resolution_images",
    "ocr_options",
    "translation_options",
)
"""What Alibaba's service does, and no server of open models."""

ONLY_WITH_SERVICE = (*SERVICE_FEATURES, "search_options")


def adapt_to_server(
    request: ChatRequest, profile: ModelProfile, server: Server, *, named: bool
) -> tuple[ChatRequest, tuple[str, ...]]:
    """The request for this server, and the warnings for its caller. ``named``: the user said which it is."""
    warnings: list[str] = []
    refuse_service_features(request)
    request = ask_what_the_system_says(request)
    for step in (fit_switch, fit_budget, move_marks_of_tools, fit_cache_marks):
        request = step(request, profile, warnings)
    extra: dict[str, Any] = {}
    request = put_thinking(request, server, extra, warnings)
    request = put_tool_choice(request, server, warnings)
    request = put_length(request)
    request = put_parameters(request, server, extra, warnings)
    request = continue_prefix(request, extra)
    request = with_bare_audio(request)
    if "chat_template_kwargs" in extra and not named:
        warnings.append(
            "base_url is taken for a server of your own, and thinking is asked for in chat_template_kwargs. Say "
            'which server it is: server="vllm", "sglang", "llama.cpp" or "ollama"; or "dashscope", if base_url '
            "leads to Alibaba's service after all."
        )
    return with_extra_body(request, extra), tuple(warnings)


def refuse_service_features(request: ChatRequest) -> None:
    """Raise for what no server of open models does."""
    for name in SERVICE_FEATURES:
        if getattr(request, name):
            raise UnsupportedFeatureError(
                f"{name} is a feature of Alibaba's service, and base_url is taken for a server of your own.",
                hint='If base_url leads to Alibaba\'s service after all, say server="dashscope".',
            )


def put_thinking(request: ChatRequest, server: Server, extra: dict[str, Any], warnings: list[str]) -> ChatRequest:
    """The switch to where Qwen's templates look for it, the budget under the server's name."""
    switch, effort, budget = request.enable_thinking, request.reasoning_effort, request.thinking_budget
    if effort == "none":
        switch, effort = False, None
    if server.template_arguments:
        arguments = {"enable_thinking": switch, "preserve_thinking": request.preserve_thinking}
        if known := {name: value for name, value in arguments.items() if value is not None}:
            extra["chat_template_kwargs"] = known
    elif switch is False:
        # Ollama: models that can think do so unless told "none".
        effort = "none"
    if budget is not None and server.thinking_budget is not None:
        extra[server.thinking_budget] = budget
    elif budget is not None:
        warnings.append(
            f"There is no thinking_budget for a server of kind {server.name!r}: it is left out. max_tokens limits "
            "thinking and answer together."
        )
    return msgspec.structs.replace(
        request, enable_thinking=None, preserve_thinking=None, thinking_budget=None, reasoning_effort=effort
    )


def put_tool_choice(request: ChatRequest, server: Server, warnings: list[str]) -> ChatRequest:
    """A forced call as far as the server can force one."""
    choice = request.tool_choice
    if not request.tools or choice in (None, "auto", "none") or server.tool_choices == "any":
        return request
    if server.tool_choices == "modes":
        named = tuple(tool for tool in request.tools if tool.name == choice)
        return msgspec.structs.replace(request, tools=named, tool_choice="required") if named else request
    wanted = [tool.name for tool in request.tools] if choice == "required" else [str(choice)]
    warnings.append(f"A server of kind {server.name!r} cannot force a tool: it is asked for in words instead.")
    return ask_for_tools(request, wanted)


def put_length(request: ChatRequest) -> ChatRequest:
    """``max_tokens`` bounds thinking and answer together there (compatible 7)."""
    both = [bound for bound in (request.max_tokens, request.max_completion_tokens) if bound is not None]
    return msgspec.structs.replace(request, max_tokens=min(both, default=None), max_completion_tokens=None)


def put_parameters(
    request: ChatRequest, server: Server, extra: dict[str, Any], warnings: list[str]
) -> ChatRequest:
    """Parameters under the server's names; those that it would drop are left out."""
    left_out: dict[str, Any] = dict.fromkeys(ONLY_WITH_SERVICE)
    left_out["server_tools"] = ()
    for name, theirs in server.renamed.items():
        if getattr(request, name) is not None:
            extra[theirs] = getattr(request, name)
            left_out[name] = None
    for name in server.unknown:
        if getattr(request, name) is not None:
            warnings.append(f"A server of kind {server.name!r} knows no {name}: it is left out.")
            left_out[name] = None
    return msgspec.structs.replace(request, **left_out)


def continue_prefix(request: ChatRequest, extra: dict[str, Any]) -> ChatRequest:
    """A prefix to continue is the last message, open-ended."""
    if not any(message.partial for message in request.messages):
        return request
    if request.messages[-1].partial:
        extra.update(continue_final_message=True, add_generation_prompt=False)
    messages = tuple(msgspec.structs.replace(message, partial=False) for message in request.messages)
    return msgspec.structs.replace(request, messages=messages)


def with_bare_audio(request: ChatRequest) -> ChatRequest:
    """Sound as bare base64, as OpenAI's API has it, and not as the data URI that Alibaba's wants."""

    def bare(part: Part) -> Part:
        if not isinstance(part, AudioPart) or not part.url.startswith("data:"):
            return part
        return msgspec.structs.replace(part, url=part.url.partition(",")[2])

    def changed(message: Message) -> Message:
        if not any(isinstance(part, AudioPart) for part in message.parts):
            return message
        return msgspec.structs.replace(message, parts=tuple(bare(part) for part in message.parts))

    return msgspec.structs.replace(request, messages=tuple(changed(message) for message in request.messages))


def with_extra_body(request: ChatRequest, extra: dict[str, Any]) -> ChatRequest:
    """The request with these fields in its body; the user's own ``extra_body`` is over them."""
    if not extra:
        return request
    return msgspec.structs.replace(request, extra_body=merge_body(extra, request.extra_body))


def with_instruction_in_queries(request: EmbeddingRequest) -> EmbeddingRequest:
    """The instruction before each question, as Qwen3-Embedding was trained (its model card)."""
    if request.instruct is None:
        return request
    texts = request.texts
    if (request.text_type or request.role) == "query":
        texts = tuple(f"Instruct: {request.instruct}\nQuery:{text}" for text in texts)
    return msgspec.structs.replace(request, texts=texts, instruct=None, text_type=None)
