"""Rules about messages: roles, content, and tool results that belong to tool calls."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from qwen_emulator.failures import Failure, invalid_parameter
from qwen_emulator.validation.request_view import ChatRequestView, Rule

_ROLES = ("system", "user", "assistant", "tool", "function")
_PART_TYPES = ("text", "image_url", "video_url", "video", "input_audio", "file")
_NATIVE_ITEMS = ("text", "image", "video", "audio")
_AUDIO_SOURCE = re.compile(r"https?://|oss://|data:[^,]*;base64,")
"""Plain base64, which OpenAI accepts, is refused."""
_REPETITIONS = 6
"""Number of equal consecutive calls that are refused; the service's own number is not documented."""


def messages_present(request: ChatRequestView) -> Failure | None:
    """Require a list that is not empty."""
    if request.messages is None:
        return invalid_parameter("'messages' is a required property")
    if not isinstance(request.messages, list):
        return invalid_parameter(f"{_shown(request.messages)} is not of type 'array' - 'messages'")
    return None if request.messages else invalid_parameter("[] is too short - 'messages'")


def roles_known(request: ChatRequestView) -> Failure | None:
    """Require objects with a known role."""
    for number, message in enumerate(request.messages):
        if not isinstance(message, dict):
            return invalid_parameter(f"{_shown(message)} is not of type 'object' - 'messages.{number}'")
        role = message.get("role")
        if role in _ROLES:
            continue
        if request.native:
            return invalid_parameter("Role must be user or assistant and Content length must be greater than 0")
        return invalid_parameter(f"{role!r} is not one of {list(_ROLES)} - 'messages.{number}.role'")
    return None


def content_present(request: ChatRequestView) -> Failure | None:
    """Require content, except in messages with tool calls."""
    for message in request.messages:
        content = message.get("content")
        if content or message.get("tool_calls") or (content == "" and message["role"] != "user"):
            continue
        if content == [] and message["role"] != "user":
            continue
        if request.native:
            return invalid_parameter("Role must be user or assistant and Content length must be greater than 0")
        if content is None:
            return invalid_parameter(
                "<400> InternalError.Algo.InvalidParameter: The content field is a required field."
            )
    return None


def compatible_content(request: ChatRequestView) -> Failure | str | None:
    """Require a string, or a list of typed content parts that the model accepts."""
    for number, message in enumerate(request.messages):
        content = message.get("content")
        if content is not None and not isinstance(content, str | list):
            return invalid_parameter(
                f"{_shown(content)} is not valid under any of the given schemas - 'messages.{number}.content'"
            )
        for item in content if isinstance(content, list) else ():
            kind = item.get("type") if isinstance(item, dict) else item
            if kind not in _PART_TYPES:
                return invalid_parameter(
                    f"{kind!r} is not one of {list(_PART_TYPES)} - 'messages.{number}.content.type'"
                )
            if kind not in item and kind != "text":
                return invalid_parameter(f"'{kind}' is a required property - 'messages.{number}.content'")
            if kind == "text" and not isinstance(item.get("text"), str):
                return invalid_parameter(f"'text' is a required property - 'messages.{number}.content'")
            if kind == "input_audio" and not _AUDIO_SOURCE.match(str((item[kind] or {}).get("data"))):
                return "The provided URL does not appear to be valid. Ensure it is correctly formatted."
            if kind != "text" and request.facts.text_only:
                return "input content must be a string."
    return None


def native_text_content(request: ChatRequestView) -> str | None:
    """Require strings on the text endpoint; it takes lists of text only for cache breakpoints and documents."""
    if request.multimodal or request.model.startswith("qwen-doc"):
        return None
    for message in request.messages:
        content = message.get("content")
        if content is None or isinstance(content, str):
            continue
        blocks = content if isinstance(content, list) else [content]
        texts = all(isinstance(block, dict) and isinstance(block.get("text"), str) for block in blocks)
        marked = any(isinstance(block, dict) and "cache_control" in block for block in blocks)
        if not (texts and marked) and content != []:
            return "input content must be a string."
    return None


def native_multimodal_content(request: ChatRequestView) -> str | None:
    """Require lists of items, each of one modality, on the multimodal endpoint."""
    if not request.multimodal:
        return None
    for message in request.messages:
        content = message.get("content")
        if content is None and message.get("tool_calls"):
            continue
        if not isinstance(content, list):
            return "The item of content should be a message of a certain modal"
        for item in content:
            if not isinstance(item, dict) or not any(key in item for key in _NATIVE_ITEMS):
                return "The item of content should be a message of a certain modal"
            if "text" in item and not isinstance(item["text"], str):
                return "The item of content should be a message of a certain modal"
    return None


def user_present(request: ChatRequestView) -> str | None:
    """Require a user message."""
    if any(message["role"] == "user" for message in request.messages):
        return None
    return "The input messages do not contain elements with the role of user"


def tool_results_have_calls(request: ChatRequestView) -> str | None:
    """Require tool messages to follow their tool call."""
    open_ids: set[str] = set()
    for message in request.messages:
        if message["role"] == "assistant":
            open_ids = {str(call.get("id")) for call in _calls(message)}
        elif message["role"] == "tool":
            if not open_ids or (message.get("tool_call_id") and message["tool_call_id"] not in open_ids):
                return 'messages with role "tool" must be a response to a preceeding message with "tool_calls".'
        else:
            open_ids = set()
    return None


def calls_have_results(request: ChatRequestView) -> str | None:
    """Require the results of all tool calls before any other message."""
    for number, message in enumerate(request.messages):
        ids = {str(call.get("id")) for call in _calls(message)}
        for follower in request.messages[number + 1 :]:
            if follower["role"] != "tool":
                break
            ids.discard(str(follower.get("tool_call_id")))
        if ids:
            return (
                'An assistant message with "tool_calls" must be followed by tool messages responding to each '
                f'"tool_call_id". The following tool_call_ids did not have response messages: '
                f"{', '.join(sorted(ids))}"
            )
    return None


def call_arguments_are_json(request: ChatRequestView) -> Failure | None:
    """Require tool call arguments to be JSON; the service fails with a server error otherwise."""
    for message in request.messages:
        for call in _calls(message):
            arguments = (call.get("function") or {}).get("arguments")
            if arguments is not None and not isinstance(arguments, str):
                return invalid_parameter(
                    f"{_shown(arguments)} is not of type 'string' - 'messages.tool_calls.function.arguments'"
                )
            try:
                json.loads(arguments or "{}")
            except ValueError as problem:
                return Failure(
                    500, "internal_error", f"<500> InternalError.Algo: {problem}", native_code="InternalError.Algo"
                )
    return None


def not_repetitive(request: ChatRequestView) -> str | None:
    """Refuse the same tool call many times in a row."""
    written = [json.dumps(call.get("function"), sort_keys=True) for call in _all_calls(request.messages)]
    for start in range(len(written) - _REPETITIONS + 1):
        if len(set(written[start : start + _REPETITIONS])) == 1:
            return "Repetitive tool calls detected in the messages."
    return None


def last_message_asks(request: ChatRequestView) -> Failure | str | None:
    """Require a user, tool or partial assistant message at the end."""
    last = request.messages[-1]
    if last["role"] in ("user", "tool", "function"):
        return None
    if last["role"] == "assistant" and request.recorded("assistant_last"):
        return None
    if last["role"] == "assistant" and last.get("partial") is True:
        # That prefix mode excludes thinking is documented; the wording of the refusal is ours.
        return "Partial mode is not supported when enable_thinking is true" if request.thinking else None
    return Failure(
        500,
        "internal_error",
        "<500> InternalError.Algo: list index out of range",
        native_code="InternalError.Algo",
    )


def translation_shape(request: ChatRequestView) -> Failure | None:
    """Require exactly one user message for translation models."""
    if not request.model.startswith("qwen-mt"):
        return None
    if [message["role"] for message in request.messages] == ["user"]:
        return None
    return Failure(
        500,
        "internal_error",
        "<500> InternalError.Algo: Role must be in [user, assistant]",
        native_code="InternalError.Algo",
    )


RULES: tuple[Rule, ...] = (
    messages_present,
    roles_known,
    content_present,
    call_arguments_are_json,
    user_present,
    tool_results_have_calls,
    calls_have_results,
    not_repetitive,
    last_message_asks,
    translation_shape,
)


def _calls(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    given = message.get("tool_calls")
    return [call for call in given if isinstance(call, dict)] if isinstance(given, list) else []


def _all_calls(messages: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for message in messages:
        yield from _calls(message)


def _shown(value: Any) -> str:
    return repr(value)[:80]
