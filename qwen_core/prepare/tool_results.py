"""Calls and results that lack each other, which the service refuses (compatible 2.2, native 4.1).

Agents leave them behind where a run was stopped, cancelled or handed on between a call and its result.
"""

from collections.abc import Sequence

import msgspec

from qwen_core.models.profile import ModelProfile
from qwen_core.types.messages import Message, TextPart, ToolCallPart, part_types
from qwen_core.types.requests import ChatRequest

NO_RESULT = "There is no result of this call."
RESULT_WITHOUT_CALL = "The result of a tool:\n"


def complete_tool_rounds(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """Each call is followed by a result, and a result that follows no calls is said by the user.

    A result under the id of no call, where there are calls, stays as it is: the service says what is wrong.
    """
    if not has_tool_rounds(request.messages):
        return request
    told: list[Message] = []
    unanswered: list[str] = []
    homeless = 0
    open_calls: dict[str, str] | None = None
    for message in request.messages:
        if message.role == "tool" and open_calls is not None:
            open_calls.pop(message.tool_call_id or "", None)
        else:
            unanswered += add_missing_results(told, open_calls)
            open_calls = calls_of(message)
            if message.role == "tool":
                homeless += 1
                message = said_by_user(message)
        told.append(message)
    unanswered += add_missing_results(told, open_calls)
    if unanswered:
        warnings.append(
            f"Calls of {', '.join(unanswered)} in the conversation have no results, which the service refuses: "
            f'"{NO_RESULT}" was added for each.'
        )
    if homeless:
        warnings.append(
            f"Tool results that follow no tool call ({homeless}) are refused by the service: they are sent in the "
            "user's name."
        )
    return msgspec.structs.replace(request, messages=tuple(told)) if unanswered or homeless else request


def has_tool_rounds(messages: Sequence[Message]) -> bool:
    """Whether anybody asks for calls or brings a result."""
    return ToolCallPart in part_types(messages) or "tool" in {message.role for message in messages}


def calls_of(message: Message) -> dict[str, str] | None:
    """The ids and tools of the calls that an answer asks for, if it does."""
    if message.role != "assistant":
        return None
    return {part.id: part.name for part in message.parts if type(part) is ToolCallPart} or None


def add_missing_results(told: list[Message], open_calls: dict[str, str] | None) -> Sequence[str]:
    """Add a result for each call that has none; the names of their tools."""
    if not open_calls:
        return ()
    told += [Message("tool", (TextPart(NO_RESULT),), tool_call_id=call_id) for call_id in open_calls]
    return tuple(open_calls.values())


def said_by_user(result: Message) -> Message:
    """The result as something that the user says."""
    return Message("user", (TextPart(RESULT_WITHOUT_CALL), *result.parts))
