"""Decide which delta belongs to which tool call. Done here, once, for all protocols.

The order: a non-empty id that is known, or is new and not a continuation; else a known index; else the latest tool
call. Servers send ids that are empty, repeated or invented anew, indices that are missing, drift, are equal for
two calls or are huge, and names that are null, empty or repeated (known failures 1-16).
"""

from typing import Any

import msgspec

from qwen_core.types.events import ToolCallDelta

MAX_TOOL_CALLS = 1024


class PartialToolCall:
    """What is known of a tool call while its deltas arrive."""

    __slots__ = ("id", "name", "position")

    def __init__(self, position: int) -> None:
        self.position = position
        self.id = ""
        self.name = ""


class ToolCallAssembler:
    """Assigns each delta of one choice to its tool call.

    Ids and names are emitted once, arguments as they come.
    """

    __slots__ = ("_by_id", "_by_index", "_calls", "_choice")

    def __init__(self, choice: int = 0) -> None:
        self._choice = choice
        self._calls: list[PartialToolCall] = []
        self._by_id: dict[str, PartialToolCall] = {}
        self._by_index: dict[int, PartialToolCall] = {}

    def add(self, id: str | None, index: int | None, name: str | None, arguments: Any) -> ToolCallDelta:
        """Return the event for one delta."""
        call = self._find(id or "", index, name or "")
        new_id = id if id and not call.id else None
        new_name = name if name and not call.name else None
        if new_id:
            call.id = new_id
        if id:
            self._by_id[id] = call
        if new_name:
            call.name = new_name
        if index is not None:
            self._by_index[index] = call
        return ToolCallDelta(call.position, json_arguments(arguments), new_id, new_name, self._choice)

    def missing_ids(self, answer_id: str | None) -> list[ToolCallDelta]:
        """Return ids for the tool calls that came without one, so that results can name them.

        The ids are deterministic.
        """
        return [
            ToolCallDelta(call.position, id=f"call_{answer_id or 'qwen'}_{call.position}", choice=self._choice)
            for call in self._calls
            if not call.id
        ]

    def _find(self, id: str, index: int | None, name: str) -> PartialToolCall:
        if id in self._by_id:
            return self._by_id[id]
        known = self._by_index.get(index) if index is not None else None
        if id:
            continues = known is not None and (not known.id or not name)
            return known if known is not None and continues else self._begin()
        candidate = known or (self._calls[-1] if self._calls else None)
        if candidate is None:
            return self._begin()
        another_name = name not in ("", candidate.name) and bool(candidate.name)
        another_index = bool(name) and bool(candidate.name) and index is not None and known is None
        return self._begin() if another_name or another_index else candidate

    def _begin(self) -> PartialToolCall:
        if len(self._calls) >= MAX_TOOL_CALLS:
            raise ValueError(f"more than {MAX_TOOL_CALLS} tool calls")
        call = PartialToolCall(len(self._calls))
        self._calls.append(call)
        return call


def json_arguments(arguments: Any) -> str:
    """Return arguments as JSON text; some servers send an object where the protocol promises text."""
    if arguments is None:
        return ""
    return arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode()
