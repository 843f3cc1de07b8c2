"""Complete tool calls and tool results that lack each other, which the service refuses.

Agents leave them behind if a run was stopped, cancelled or handed over between a call and its result.
Sources: compatible 2.2, native 4.1.
"""

from collections.abc import Sequence

import msgspec

from qwen_core.models.profile import ModelProfile
from qwen_core.types.messages import Message, TextPart, ToolCallPart
from qwen_core.types.requests import ChatRequest

NO_RESULT = "There is no result of this call."
RESULT_WITHOUT_CALL = "The result of a tool:\n"


def complete_tool_results(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """Add a result after each call that has none, and send a result that follows no call as a user message.

    A result with an unknown id that does follow calls stays as it is: the service's error says what is wrong.
    """
    messages: list[Message] = []
    unanswered: list[str] = []
    orphans = 0
    open_calls: dict[str, str] | None = None
    for message in request.messages:
        if message.role == "tool" and open_calls is not None:
            open_calls.pop(message.tool_call_id or "", None)
        else:
            unanswered += add_missing_results(messages, open_calls)
            open_calls = tool_names_by_call_id(message)
            if message.role == "tool":
                orphans += 1
                message = as_user_message(message)
        messages.append(message)
    unanswered += add_missing_results(messages, open_calls)
    if unanswered:
        warnings.append(
            f"Tool calls without a tool message ({', '.join(unanswered)}) are refused by the service. A result "
            f'"{NO_RESULT}" was added for each. Add the results, or remove the calls, to send your own history.'
        )
    if orphans:
        warnings.append(
            f"Tool results that follow no tool call ({orphans}) are refused by the service. They were sent as "
            "user messages. Add the assistant message with the tool calls before them to send them as results."
        )
    return msgspec.structs.replace(request, messages=tuple(messages)) if unanswered or orphans else request


def tool_names_by_call_id(message: Message) -> dict[str, str] | None:
    """Return the tool name for each call id of an assistant message, or None if it calls no tool."""
    if message.role != "assistant":
        return None
    return {part.id: part.name for part in message.parts if type(part) is ToolCallPart} or None


def add_missing_results(messages: list[Message], open_calls: dict[str, str] | None) -> Sequence[str]:
    """Append a result for each call that has none, and return the names of the tools."""
    if not open_calls:
        return ()
    messages += [Message("tool", (TextPart(NO_RESULT),), tool_call_id=call_id) for call_id in open_calls]
    return tuple(open_calls.values())


def as_user_message(result: Message) -> Message:
    """Return a tool result as a user message."""
    return Message("user", (TextPart(RESULT_WITHOUT_CALL), *result.parts))
