"""Rules about parameters: types, ranges, tools, thinking, response formats, search."""

from __future__ import annotations

import json
import re
from typing import Any

from qwen_emulator.failures import Failure, invalid_parameter
from qwen_emulator.validation.request_view import ChatRequestView, Rule

_TYPES: tuple[tuple[str, tuple[type, ...], str], ...] = (
    ("temperature", (int, float), "number"),
    ("top_p", (int, float), "number"),
    ("top_k", (int,), "integer"),
    ("presence_penalty", (int, float), "number"),
    ("repetition_penalty", (int, float), "number"),
    ("frequency_penalty", (int, float), "number"),
    ("max_tokens", (int,), "integer"),
    ("max_completion_tokens", (int,), "integer"),
    ("seed", (int,), "integer"),
    ("n", (int,), "integer"),
    ("top_logprobs", (int,), "integer"),
    ("thinking_budget", (int,), "integer"),
    ("stream", (bool,), "boolean"),
    ("logprobs", (bool,), "boolean"),
    ("enable_thinking", (bool,), "boolean"),
    ("enable_search", (bool,), "boolean"),
    ("enable_code_interpreter", (bool,), "boolean"),
    ("enable_text_image_mixed", (bool,), "boolean"),
    ("logit_bias", (dict,), "object"),
    ("parallel_tool_calls", (bool,), "boolean"),
    ("incremental_output", (bool,), "boolean"),
    ("stop", (str, list), "string or array"),
    ("tools", (list,), "array"),
    ("response_format", (dict,), "object"),
    ("stream_options", (dict,), "object"),
    ("search_options", (dict,), "object"),
    ("tool_choice", (str, dict), "string or object"),
    ("preserve_thinking", (bool,), "boolean"),
    ("reasoning_effort", (str,), "string"),
)
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def types_right(request: ChatRequestView) -> Failure | None:
    """Require the type of every known parameter; null counts as absent."""
    for name, types, called in _TYPES:
        value = request.parameters.get(name)
        if value is None:
            continue
        wrong = not isinstance(value, types) or (isinstance(value, bool) and bool not in types)
        if wrong:
            return invalid_parameter(f"{value!r} is not of type '{called}' - '{name}'")
    return None


def ranges_kept(request: ChatRequestView) -> Failure | str | None:
    """Require numbers within their documented ranges."""
    given = request.parameters
    limit = request.facts.max_output
    checks: tuple[tuple[str, bool, str], ...] = (
        (
            "temperature",
            _outside(given, "temperature", lambda v: 0 <= v < 2),
            "Temperature should be in [0.0, 2.0)",
        ),
        ("top_p", _outside(given, "top_p", lambda v: 0 < v <= 1), "Range of top_p should be (0.0, 1.0]"),
        ("top_k", _outside(given, "top_k", lambda v: v >= 0), "Parameter top_k be greater than or equal to 0"),
        (
            "presence_penalty",
            _outside(given, "presence_penalty", lambda v: -2 <= v <= 2),
            "Presence_penalty should be in [-2.0, 2.0]",
        ),
        (
            "repetition_penalty",
            _outside(given, "repetition_penalty", lambda v: v > 0),
            "Repetition_penalty should be greater than 0.0",
        ),
        ("n", _outside(given, "n", lambda v: 1 <= v <= 4), "Range of n should be [1, 4]"),
        (
            "max_tokens",
            _outside(given, "max_tokens", lambda v: 1 <= v <= limit),
            f"Range of max_tokens should be [1, {limit}]",
        ),
        (
            "max_completion_tokens",
            _outside(given, "max_completion_tokens", lambda v: v >= 1),
            f"Range of max_completion_tokens should be [1, {limit}]",
        ),
        (
            "top_logprobs",
            _outside(given, "top_logprobs", lambda v: 0 <= v <= 5),
            "Range of top_logprobs should be [0, 5]",
        ),
        (
            "thinking_budget",
            _outside(given, "thinking_budget", lambda v: 1 <= v <= request.facts.max_thinking),
            "The thinking_budget parameter must be a positive integer and not greater than "
            f"{request.facts.max_thinking}",
        ),
    )
    for _, broken, message in checks:
        if broken:
            return message
    seed = given.get("seed")
    if isinstance(seed, int) and seed < 0:
        return invalid_parameter(f"{seed} is lesser than the minimum of 0 - 'seed'")
    if isinstance(seed, int) and seed > 2**63 - 1:
        return invalid_parameter(f"{seed} is greater than the maximum of {2**63 - 1} - 'seed'")
    return None


def stop_of_one_kind(request: ChatRequestView) -> str | None:
    """Refuse a mix of stop strings and stop token ids."""
    stop = request.parameters.get("stop")
    if not isinstance(stop, list) or not stop:
        return None
    for wanted in (str, int, list):
        if all(isinstance(item, wanted) for item in stop):
            return None
    return "The parameter stop must be str, list[str], list[int] or list[list[int]], all elements of one type"


def one_candidate(request: ChatRequestView) -> str | None:
    """Refuse several choices with tools or thinking."""
    wanted = request.parameters.get("n")
    if not isinstance(wanted, int) or wanted == 1:
        return None
    if request.parameters.get("tools"):
        return "The parameter n must be 1 when tools is set"
    return "The parameter n must be 1 when enable_thinking is true" if request.thinking else None


def tools_well_formed(request: ChatRequestView) -> Failure | str | None:
    """Require functions with valid names, and a model that supports tools."""
    tools = request.parameters.get("tools")
    if tools is None:
        return None
    if not tools:
        return invalid_parameter("[] is too short - 'tools'")
    if not request.facts.tools:
        return "The tool call is not supported."
    for number, tool in enumerate(tools):
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict) or tool.get("type") != "function":
            return invalid_parameter(f"'function' is a required property - 'tools.{number}'")
        name = function.get("name")
        if not isinstance(name, str) or not _TOOL_NAME.fullmatch(name):
            return invalid_parameter(
                f"{name!r} does not match '^[a-zA-Z0-9_-]{{1,64}}$' - 'tools.{number}.function.name'"
            )
        if name == "search" and not request.recorded("search_tool_name"):
            return "Tool names are not allowed to be [search]"
        accepted = (dict, list) if request.recorded("list_parameters") else (dict,)
        if not isinstance(function.get("parameters") or {}, accepted):
            return invalid_parameter(
                f"{function['parameters']!r} is not of type 'object' - 'tools.{number}.function.parameters'"
            )
    return None


def tool_choice_allowed(request: ChatRequestView) -> str | None:
    """Refuse ``required`` unless a recording shows that it is accepted, and a named function while thinking."""
    choice = request.parameters.get("tool_choice")
    if choice is None or choice in ("auto", "none"):
        return None
    if request.thinking and (choice == "required" or isinstance(choice, dict)):
        return "The tool_choice parameter does not support being set to required or object in thinking mode"
    if choice == "required" and request.recorded("required_tool_choice"):
        return None
    if isinstance(choice, str):
        return 'tool_choice is one of the strings that should be ["none", "auto"]'
    name = (choice.get("function") or {}).get("name")
    offered = [tool["function"]["name"] for tool in request.parameters.get("tools") or []]
    if name not in offered:  # the wording of this one is ours
        return f"tool_choice names the function {name!r}, which is not in tools"
    return None


def thinking_allowed(request: ChatRequestView) -> Failure | str | None:
    """Refuse ``enable_thinking`` values that the model does not support."""
    wanted = request.parameters.get("enable_thinking")
    if wanted is False and request.facts.thinking == "only":
        return "The value of the enable_thinking parameter is restricted to True."
    if wanted is True and request.facts.thinking == "never":
        return Failure(
            400,
            "InvalidParameter.NotSupportEnableThinking",
            f"The model {request.model} does not support enable_thinking.",
            type="invalid_request_error",
        )
    return None


def streamed_if_needed(request: ChatRequestView) -> Failure | None:
    """Require a stream from models that only stream, always or while thinking."""
    if request.stream:
        return None
    if request.facts.stream_only:
        return invalid_parameter(
            "This model only support stream mode, please enable the stream parameter to access the model. "
        )
    if request.facts.stream_to_think and request.thinking:
        return invalid_parameter("parameter.enable_thinking must be set to false for non-streaming calls")
    if "audio" in (request.parameters.get("modalities") or []):
        return invalid_parameter("'audio' output only support with stream=true")
    return None


def effort_or_budget(request: ChatRequestView) -> str | None:
    """Refuse ``reasoning_effort`` together with ``thinking_budget``."""
    effort = request.parameters.get("reasoning_effort")
    if not request.facts.effort or effort is None:
        return None
    if effort not in _EFFORTS:
        return f"The value of reasoning_effort should be one of {list(_EFFORTS)}"
    if request.parameters.get("thinking_budget") is not None:
        return "The parameters reasoning_effort and thinking_budget cannot be set at the same time"
    return None


def response_format_allowed(request: ChatRequestView) -> Failure | str | None:
    """Refuse JSON on models without it, and json_object without the word "json" in the messages."""
    kind = request.response_format
    if kind == "text":
        return None
    if kind not in ("json_object", "json_schema"):
        return invalid_parameter(
            f"{kind!r} is not one of ['text', 'json_object', 'json_schema'] - 'response_format.type'"
        )
    if request.thinking and not request.facts.json_while_thinking:
        return "Json mode response is not supported when enable_thinking is true"
    if kind == "json_object":
        if not request.facts.json_object:  # the wording of this one is ours
            return f"The model {request.model} does not support response_format json_object"
        if "json" not in json.dumps(request.messages, ensure_ascii=False).lower():
            return (
                "'messages' must contain the word 'json' in some form, to use 'response_format' of type "
                "'json_object'."
            )
        return None
    held = request.parameters["response_format"].get("json_schema")
    if not isinstance(held, dict) or not isinstance(held.get("schema"), dict):
        return invalid_parameter("'schema' is a required property - 'response_format.json_schema'")
    if request.facts.json_schema or (request.native and request.facts.native_schema):
        return None
    return f"The model {request.model} does not support response_format json_schema"  # our wording


def search_allowed(request: ChatRequestView) -> str | None:
    """Refuse search on models without it, and thinking with search on the text endpoint unless streaming."""
    if request.parameters.get("enable_search") is not True:
        return None
    if not request.facts.search:
        return "This model does not support enable_search."
    if request.native and not request.multimodal and request.thinking and not request.stream:
        return "Non-streaming mode does not support Web Search in thinking mode"
    return None


def code_interpreter_allowed(request: ChatRequestView) -> str | None:
    """Require thinking and a stream for the code interpreter, and refuse tools. The wordings are ours."""
    if request.parameters.get("enable_code_interpreter") is not True:
        return None
    if request.parameters.get("tools"):
        return "enable_code_interpreter is not supported together with tools"
    if not request.thinking:
        return "enable_code_interpreter is only supported in thinking mode"
    return None if request.stream else "enable_code_interpreter only supports streaming calls"


RULES: tuple[Rule, ...] = (
    types_right,
    streamed_if_needed,
    thinking_allowed,
    ranges_kept,
    stop_of_one_kind,
    one_candidate,
    tools_well_formed,
    tool_choice_allowed,
    effort_or_budget,
    response_format_allowed,
    search_allowed,
    code_interpreter_allowed,
)


def _outside(given: Any, name: str, inside: Any) -> bool:
    return given.get(name) is not None and not inside(given[name])
