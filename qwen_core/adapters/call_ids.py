"""Which result belongs to which call, where a history was written by an integration that gives calls no ids.

Ollama's and Vertex AI's know a call by the name of its tool, so that two calls of one tool look like one. Cohere's
and the first one for Gemini invent an id after the answer, so that only the results have it.
"""

from collections.abc import Sequence
from itertools import chain

import msgspec

from qwen_core.types.messages import Message, Part, ToolCallPart


def with_own_ids(messages: Sequence[Message]) -> list[Message]:
    """The messages with an id of its own for each call of an answer, and with each result under that of its call.

    Results of calls that share an id, or results without one, belong to the calls in the order of both.
    """
    waiting: list[tuple[str, ToolCallPart]] = []
    told: list[Message] = []
    for message in messages:
        if message.role == "assistant":
            message, waiting = _told_apart(message)
        elif message.role == "tool" and (place := _place(message.tool_call_id, waiting)) is not None:
            _, call = waiting.pop(place)
            if call.id != message.tool_call_id:
                message = msgspec.structs.replace(message, tool_call_id=call.id)
        told.append(message)
    return told


def _told_apart(message: Message) -> tuple[Message, list[tuple[str, ToolCallPart]]]:
    """The message, and its calls with the ids that the history knows them by."""
    given = [(part.id, part) for part in message.parts if isinstance(part, ToolCallPart)]
    if len(dict(given)) == len(given):
        return message, given
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


def _place(result_of: str | None, waiting: Sequence[tuple[str, ToolCallPart]]) -> int | None:
    """Where the call is that a result answers: by its id, by its tool's name, else the first without an id."""
    if waiting and result_of in (None, waiting[0][0]):
        return 0
    by_id = (place for place, (known_as, _) in enumerate(waiting) if known_as == result_of)
    by_name = (place for place, (_, call) in enumerate(waiting) if call.name == result_of)
    nameless = (place for place, (known_as, call) in enumerate(waiting) if known_as == call.name)
    return next(chain(by_id, by_name, nameless), None)
