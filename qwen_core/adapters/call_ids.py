"""Match tool results to tool calls in histories of integrations that give calls no ids.

Ollama's and Vertex AI's integrations identify a call by its tool name, so that two calls of one tool look like
one. Cohere's and the first one for Gemini invent an id after the response, so that only the results have it.
"""

from collections.abc import Sequence
from itertools import chain

import msgspec

from qwen_core.types.messages import Message, Part, ToolCallPart


def with_own_ids(messages: Sequence[Message]) -> list[Message]:
    """Return the messages with a unique id for each call of a response, and with each result under its call's id.

    Results of calls that share an id, or results without one, belong to the calls in the order of both.
    """
    waiting: list[tuple[str, ToolCallPart]] = []
    matched: list[Message] = []
    for message in messages:
        if message.role == "assistant":
            message, waiting = _with_unique_ids(message)
        elif message.role == "tool" and (index := _call_index(message.tool_call_id, waiting)) is not None:
            _, call = waiting.pop(index)
            if call.id != message.tool_call_id:
                message = msgspec.structs.replace(message, tool_call_id=call.id)
        matched.append(message)
    return matched


def _with_unique_ids(message: Message) -> tuple[Message, list[tuple[str, ToolCallPart]]]:
    """Return the message, and its calls with the ids that the history knows them by."""
    original = [(part.id, part) for part in message.parts if isinstance(part, ToolCallPart)]
    if len(dict(original)) == len(original):
        return message, original
    parts: list[Part] = []
    calls: dict[str, tuple[str, ToolCallPart]] = {}
    for part in message.parts:
        if isinstance(part, ToolCallPart):
            known_as, number = part.id, 1
            while part.id in calls:
                number += 1
                part = msgspec.structs.replace(part, id=f"{known_as}-{number}")
            calls[part.id] = known_as, part
        parts.append(part)
    return msgspec.structs.replace(message, parts=tuple(parts)), list(calls.values())


def _call_index(result_of: str | None, waiting: Sequence[tuple[str, ToolCallPart]]) -> int | None:
    """Return the index of the call that a result belongs to: by id, by tool name, else the first without an id."""
    if waiting and result_of in (None, waiting[0][0]):
        return 0
    by_id = (index for index, (known_as, _) in enumerate(waiting) if known_as == result_of)
    by_name = (index for index, (_, call) in enumerate(waiting) if call.name == result_of)
    without_id = (index for index, (known_as, call) in enumerate(waiting) if known_as == call.name)
    return next(chain(by_id, by_name, without_id), None)
