"""Matching tool results to tool calls in a history, whichever framework wrote it."""

import pytest

from qwen_core.adapters.call_ids import with_own_ids
from qwen_core.types.messages import Message, TextPart, ToolCallPart

# tool calls of one message (id, tool name), ids of the results; both ids as they are sent
HISTORIES: dict[str, tuple[list[tuple[str, str]], list[str | None], list[str], list[str]]] = {
    "distinct ids": ([("a", "f"), ("b", "g")], ["b", "a"], ["a", "b"], ["b", "a"]),
    "tool names instead of ids": ([("x", "f"), ("y", "g")], ["g", "f"], ["x", "y"], ["y", "x"]),
    "one id for all calls": ([("f", "f")] * 3, ["f", "f", "f"], ["f", "f-2", "f-3"], ["f", "f-2", "f-3"]),
    "id already used": (
        [("f", "f"), ("f-2", "g"), ("f", "f")],
        ["f", "f-2", "f"],
        ["f", "f-2", "f-3"],
        ["f", "f-2", "f-3"],
    ),
    "results without ids": ([("a", "f"), ("b", "g")], [None, None], ["a", "b"], ["a", "b"]),
    "result with unknown id": ([("a", "f"), ("g", "g")], ["z"], ["a", "g"], ["g"]),
    "result without a call": ([("a", "f")], ["a", "z"], ["a"], ["a", "z"]),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_tool_result_is_sent_with_the_id_of_its_tool_call(name: str) -> None:
    calls, results, sent_calls, sent_results = HISTORIES[name]
    answer = Message("assistant", tuple(ToolCallPart(id, tool, "{}") for id, tool in calls))
    told = with_own_ids(
        [answer, *(Message("tool", (TextPart("ok"),), tool_call_id=result_of) for result_of in results)]
    )
    assert [call.id for call in told[0].tool_calls] == sent_calls
    assert [call.name for call in told[0].tool_calls] == [tool for _, tool in calls]
    assert [message.tool_call_id for message in told[1:]] == sent_results
