"""What a model or a mode cannot do, put into what it can: decided here, once, for both wires and frameworks.

Each step takes a request and gives one back, with a warning for every change that the caller could notice.
Nothing is altered in place. Sources: protocol documents, compatible 2.1-2.3 and native 3.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from qwen_core.models.profile import ModelProfile
from qwen_core.prepare.feature_rules import (
    fit_cache_marks,
    fit_code_interpreter,
    fit_prefix,
    fit_translation,
    move_marks_of_tools,
    note_options_without_search,
)
from qwen_core.prepare.media import MEDIA_KINDS
from qwen_core.prepare.thinking import (
    choose_effort_or_budget,
    fit_budget,
    fit_effort,
    fit_switch,
    note_preserved_thinking,
    note_unknown_bound,
    thinks,
    without_thinking,
)
from qwen_core.prepare.tool_results import complete_tool_rounds
from qwen_core.types.json import encode_json
from qwen_core.types.messages import ImagePart, Message, TextPart, VideoPart, has_media
from qwen_core.types.requests import ChatRequest

Step = Callable[[ChatRequest, ModelProfile, list[str]], ChatRequest]

JSON_INSTRUCTION = "Answer with one JSON object and nothing else."
SCHEMA_INSTRUCTION = f"{JSON_INSTRUCTION} It must match this JSON schema:\n"
CONTINUE = "Continue."
CALL_INSTRUCTION = "Answer by calling one of these tools, and with nothing else: "


def adapt(request: ChatRequest, profile: ModelProfile) -> tuple[ChatRequest, tuple[str, ...]]:
    """The request as this model can take it, and the warnings for its caller."""
    warnings: list[str] = []
    for step in STEPS:
        request = step(request, profile, warnings)
    return request, tuple(warnings)


def note_unknown_media(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """A picture is sent to a model of which no page says that it sees, but not without a word (compatible 3)."""
    if profile.certainty != "documented" or not has_media(request.messages):
        return request
    reads = profile.documents or "pdf" in profile.input_modalities
    known = {*profile.input_modalities, *(["document"] if reads else [])}
    for number, message in enumerate(request.messages):
        for kind in {MEDIA_KINDS[type(part)]: None for part in message.parts if type(part) in MEDIA_KINDS}:
            if kind not in known:
                warnings.append(
                    f"{request.model} is documented to take {', '.join(profile.input_modalities)} alone: the "
                    f"service may refuse the {kind} in messages[{number}]. "
                    "`python -m qwen_core.models` lists what each model takes."
                )
    return request


def ask_at_the_end(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """The last word is a user's or a tool's: the service fails on any other (compatible 3, native 4.1).

    Frameworks end with an answer where one agent goes on after another, or where an answer is put into a schema.
    """
    last = request.messages[-1] if request.messages else None
    if last is None or last.role != "assistant" or last.partial or last.tool_calls:
        return ask_what_the_system_says(request)
    warnings.append(
        f'The conversation ends with an answer, and the service answers users: "{CONTINUE}" was added in the name '
        "of one. An answer that is to be completed needs partial=True."
    )
    return msgspec.structs.replace(request, messages=(*request.messages, Message("user", (TextPart(CONTINUE),))))


def ask_what_the_system_says(request: ChatRequest) -> ChatRequest:
    """An instruction at the very end as what is asked for, which it is."""
    *others, last = request.messages or (None,)
    if last is None or last.role != "system":
        return request
    return msgspec.structs.replace(request, messages=(*others, msgspec.structs.replace(last, role="user")))


def force_tool_choice(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """``required`` is refused everywhere, and a named function is refused while the model thinks."""
    choice = request.tool_choice
    if choice in (None, "auto", "none"):
        return request
    if not request.tools:
        if not request.server_tools:
            warnings.append(f"tool_choice {choice!r} is left out: there are no tools.")
        return request
    names = [tool.name for tool in request.tools]
    if choice == "required" and len(names) == 1:
        choice = names[0]
    thinking = thinks(request, profile)
    if (reason := why_not_forced(request, profile, thinking)) is not None:
        wanted = names if choice == "required" else [str(choice)]
        warnings.append(
            f"{request.model} {reason}, and a tool cannot be forced then: it is asked for in words instead. "
            "For a forced call set enable_thinking=False or choose a model that can."
        )
        return ask_for_tools(request, wanted)
    if thinking:
        warnings.append(
            f"Thinking is switched off for this call of {request.model}: a forced tool call excludes it."
        )
        request = without_thinking(request)
    if choice == "required":
        warnings.append(
            'There is no tool_choice "required" for several tools: one of them is asked for in words instead.'
        )
        return ask_for_tools(request, names)
    return msgspec.structs.replace(request, tool_choice=choice)


def why_not_forced(request: ChatRequest, profile: ModelProfile, thinking: bool) -> str | None:
    """What stands against a forced call; None where at most the model's own default has to yield."""
    if profile.thinking == "always":
        return "always thinks"
    if thinking and (request.enable_thinking or request.reasoning_effort is not None):
        return "was told to think"
    return None if profile.forced_tool_choice else "takes no forced tool_choice"


def ask_for_tools(request: ChatRequest, names: list[str]) -> ChatRequest:
    """The request with the choice left to the model, and the wish put into words."""
    asked = with_instruction(request, CALL_INSTRUCTION + ", ".join(names) + ".")
    return msgspec.structs.replace(asked, tool_choice="auto")


def fit_response_format(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """A schema for a model that takes none becomes JSON mode with the schema in words."""
    wanted = request.response_format
    if not wanted or wanted.get("type") != "json_schema":
        return request
    if (reason := why_no_schema(request, profile)) is None:
        return request
    warnings.append(
        f"{request.model} takes no JSON schema{reason}: it gets JSON mode and the schema in words. The answer is "
        'not guaranteed to match; use method="function_calling" or a model with json_schema for that.'
    )
    asked = with_schema_instruction(request, wanted)
    return msgspec.structs.replace(asked, response_format={"type": "json_object"})


def with_schema_instruction(request: ChatRequest, wanted: dict[str, Any]) -> ChatRequest:
    """The request with the schema of a ``response_format`` in words."""
    inner: dict[str, Any] = wanted.get("json_schema") or {}
    return with_instruction(request, SCHEMA_INSTRUCTION + encode_json(inner.get("schema") or {}).decode())


def ask_for_json_beside_server_tools(
    request: ChatRequest, profile: ModelProfile, warnings: list[str]
) -> ChatRequest:
    """The API that runs tools has no ``response_format`` (compatible 2.7): it is asked for in words."""
    wanted = request.response_format
    if not request.server_tools or not wanted or wanted.get("type") not in ("json_schema", "json_object"):
        return request
    warnings.append(
        "Beside tools that the service runs there is no response_format: JSON is asked for in words instead, and "
        "the answer is not guaranteed to match. A tool that takes the answer is more certain: LangChain's "
        'ToolStrategy, or method="function_calling".'
    )
    schema = wanted["type"] == "json_schema"
    asked = with_schema_instruction(request, wanted) if schema else with_json_instruction(request)
    return msgspec.structs.replace(asked, response_format=None)


def why_no_schema(request: ChatRequest, profile: ModelProfile) -> str | None:
    """When the model takes no schema; None where it does, or nothing is known.

    Beside images and videos the service makes JSON mode of it in silence (compatible, section 2.3).
    """
    if profile.json_schema is False:
        return ""
    seen = any(isinstance(part, ImagePart | VideoPart) for message in request.messages for part in message.parts)
    return " beside images and videos" if profile.json_schema and seen else None


def fit_json_mode(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """JSON mode wants the word JSON in the messages, and on older models no thinking; some models lack it."""
    wanted = request.response_format
    if not wanted or wanted.get("type") != "json_object":
        return request
    excluded_by_thinking = thinks(request, profile) and profile.json_object_thinking is False
    if profile.json_object is False or (excluded_by_thinking and profile.thinking == "always"):
        warnings.append(
            f"{request.model} has no JSON mode: JSON is asked for in words instead, and the answer is not "
            "guaranteed to be JSON."
        )
        return msgspec.structs.replace(with_json_instruction(request), response_format=None)
    if not mentions_json(request):
        warnings.append(
            "JSON mode needs the word JSON in the messages: an instruction to answer in JSON was added."
        )
        request = with_json_instruction(request)
    if excluded_by_thinking:
        warnings.append(f"Thinking is switched off for this call of {request.model}: its JSON mode excludes it.")
        request = without_thinking(request)
    return request


def mentions_json(request: ChatRequest) -> bool:
    """Whether the word is anywhere in the messages, which is all that the service looks for."""
    return any("json" in message.text.lower() for message in request.messages)


def with_json_instruction(request: ChatRequest) -> ChatRequest:
    """The request with an instruction to answer in JSON, unless it stands there already."""
    stated = any(JSON_INSTRUCTION.removesuffix(".") in message.text for message in request.messages)
    return request if stated else with_instruction(request, JSON_INSTRUCTION)


def with_instruction(request: ChatRequest, text: str) -> ChatRequest:
    """The request with an instruction at the end of its first system message, or in a new one.

    It always stands there, so that a cached prefix of the conversation stays the same from turn to turn.
    """
    messages = list(request.messages)
    if messages and messages[0].role == "system":
        messages[0] = msgspec.structs.replace(messages[0], parts=(*messages[0].parts, TextPart(text)))
    else:
        messages.insert(0, Message("system", (TextPart(text),)))
    return msgspec.structs.replace(request, messages=tuple(messages))


STEPS: tuple[Step, ...] = (
    note_unknown_media,
    note_options_without_search,
    complete_tool_rounds,
    ask_at_the_end,
    fit_switch,
    fit_effort,
    choose_effort_or_budget,
    fit_budget,
    note_preserved_thinking,
    note_unknown_bound,
    fit_code_interpreter,
    force_tool_choice,
    ask_for_json_beside_server_tools,
    fit_response_format,
    fit_json_mode,
    fit_translation,
    fit_prefix,
    move_marks_of_tools,
    fit_cache_marks,
)
