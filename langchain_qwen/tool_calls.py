"""Tool calls as the model wrote them, sorted into those that can be carried out and those that cannot."""

from collections.abc import Iterable

from langchain_core.messages import InvalidToolCall, ToolCall

from qwen_core.adapters.tool_arguments import parse_arguments
from qwen_core.types.messages import ToolCallPart


def tool_calls(
    parts: Iterable[ToolCallPart], finish_reason: str | None
) -> tuple[list[ToolCall], list[InvalidToolCall]]:
    """The calls that can be carried out, and those whose arguments are not a whole JSON object."""
    calls: list[ToolCall] = []
    invalid: list[InvalidToolCall] = []
    for part in parts:
        arguments, error = parse_arguments(part.arguments, truncated=finish_reason == "length")
        if arguments is None:
            invalid.append(
                InvalidToolCall(
                    type="invalid_tool_call", id=part.id, name=part.name, args=part.arguments, error=error
                )
            )
        else:
            calls.append(ToolCall(name=part.name, args=arguments, id=part.id, type="tool_call"))
    return calls, invalid
