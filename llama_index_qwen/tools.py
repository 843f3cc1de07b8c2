"""LlamaIndex's tools as definitions, and responses as the tool calls that agents execute."""

from collections.abc import Mapping, Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ToolCallBlock
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.tools.types import BaseTool
from pydantic_core import from_json

from llama_index_qwen.errors import UnusableAnswerError
from qwen_core.adapters.tool_definitions import to_core_tool_choice
from qwen_core.errors import UnsupportedFeatureError
from qwen_core.types.warnings import warn


def to_openai_tool(tool: BaseTool | Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a tool in OpenAI's form: its complete schema, with ``$defs``, and the name that agents know."""
    if isinstance(tool, Mapping):
        return tool
    if not isinstance(tool, BaseTool):
        raise UnsupportedFeatureError(
            f"Expected a tool, got {tool!r}.",
            hint="FunctionTool.from_defaults makes one of a function; structured_predict accepts a class.",
        )
    definition: dict[str, Any] = tool.metadata.to_openai_tool(skip_length_check=True)
    function = {**definition["function"], "name": tool.metadata.get_name()}
    fields = tool.metadata.fn_schema
    if fields is not None and "properties" not in function["parameters"]:
        # llama-index-core leaves out the root of a recursive class.
        function["parameters"] = fields.model_json_schema()
    return {**definition, "function": function}


def tool_options(
    tools: Sequence[BaseTool | Mapping[str, Any]],
    *,
    allow_parallel_tool_calls: bool,
    tool_required: bool,
    tool_choice: str | bool | Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return the arguments of ``chat``; none if there are no tools.

    ``parallel_tool_calls=False`` also makes the converters keep one call only, in streams too.
    """
    if not tools:
        return {}
    choice = to_core_tool_choice(tool_choice)
    if choice is None and tool_required:
        choice = "required"
    options: dict[str, Any] = {
        "tools": [to_openai_tool(tool) for tool in tools],
        "parallel_tool_calls": allow_parallel_tool_calls,
    }
    return options if choice is None else {**options, "tool_choice": choice}


def conversation(
    chat_history: Sequence[ChatMessage] | None, user_msg: str | ChatMessage | None
) -> list[ChatMessage]:
    """Return history and user message as a new list."""
    if isinstance(user_msg, str):
        user_msg = ChatMessage(role="user", content=user_msg)
    return [*(chat_history or ()), *([user_msg] if user_msg else [])]


def tool_selections(response: ChatResponse, *, error_on_no_tool_call: bool) -> list[ToolSelection]:
    """Return the tool calls of a response. Those still being written have the arguments so far.

    Raises UnusableAnswerError if all calls are invalid: an agent would take the empty response for the final one.
    Warns if some are left out.
    """
    selections = [
        ToolSelection(tool_id=call_id, tool_name=name, tool_kwargs=partial_arguments(arguments))
        for call_id, name, arguments in block_calls(response.message)
    ]
    if invalid := response.additional_kwargs.get("invalid_tool_calls"):
        reasons = "; ".join(f"{call['name']}: {call['error']}" for call in invalid)
        if not selections:
            raise UnusableAnswerError(f"The model's tool call is invalid. {reasons}")
        warn(f"Left out invalid tool call(s) of the model. {reasons}")
    if not selections and error_on_no_tool_call:
        raise ValueError(
            f"Expected at least one tool call, but got 0. The model responded: {response.message.content!r}"
        )
    return selections


def block_calls(message: ChatMessage) -> list[tuple[str, str, Any]]:
    """Return id, name and arguments of the calls in a response."""
    return [
        (block.tool_call_id or "", block.tool_name, block.tool_kwargs)
        for block in message.blocks
        if isinstance(block, ToolCallBlock)
    ]


def partial_arguments(arguments: Any) -> dict[str, Any]:
    """Return arguments, which may be incomplete, as a dict."""
    if isinstance(arguments, str):
        arguments = partial_json(arguments)
    return arguments if isinstance(arguments, dict) else {}


def partial_json(text: str) -> Any:
    """Return the value of JSON that may be incomplete, even within a string; None if there is none yet."""
    try:
        return from_json(text, allow_partial="trailing-strings")
    except ValueError:
        return None


def keep_one_call(response: ChatResponse) -> ChatResponse:
    """Return the response with its first tool call only. The original is not altered."""
    calls = [block for block in response.message.blocks if isinstance(block, ToolCallBlock)]
    further = {id(block) for block in calls[1:]}
    listed = response.message.additional_kwargs.get("tool_calls") or []
    if len(calls) <= 1 and len(listed) <= 1:
        return response
    message = response.message.model_copy(
        update={
            "blocks": [block for block in response.message.blocks if id(block) not in further],
            "additional_kwargs": {**response.message.additional_kwargs, "tool_calls": listed[:1]},
        }
    )
    return response.model_copy(update={"message": message})
