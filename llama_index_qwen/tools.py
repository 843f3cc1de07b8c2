"""LlamaIndex's tools to definitions, and its model's answers to the calls that agents carry out."""

from collections.abc import Mapping, Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ToolCallBlock
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.tools.types import BaseTool
from pydantic_core import from_json

from llama_index_qwen.exceptions import UnusableAnswerError
from qwen_core.adapters.tool_definitions import to_core_tool_choice
from qwen_core.errors import UnsupportedFeatureError
from qwen_core.types.warnings import warn


def tool_definition(tool: BaseTool | Mapping[str, Any]) -> Mapping[str, Any]:
    """A tool in OpenAI's form: its whole schema, with ``$defs``, and its own name, by which it is called."""
    if isinstance(tool, Mapping):
        return tool
    if not isinstance(tool, BaseTool):
        raise UnsupportedFeatureError(
            f"{tool!r} is no tool.",
            hint="FunctionTool.from_defaults makes one of a function; structured_predict takes a class.",
        )
    definition: dict[str, Any] = tool.metadata.to_openai_tool(skip_length_check=True)
    function = {**definition["function"], "name": tool.metadata.get_name()}
    fields = tool.metadata.fn_schema
    if fields is not None and "properties" not in function["parameters"]:
        # Core leaves the root of a recursive class out.
        function["parameters"] = fields.model_json_schema()
    return {**definition, "function": function}


def tool_options(
    tools: Sequence[BaseTool | Mapping[str, Any]],
    *,
    allow_parallel_tool_calls: bool,
    tool_required: bool,
    tool_choice: str | bool | Mapping[str, Any] | None,
) -> dict[str, Any]:
    """What ``chat`` is to be called with. Nothing, where there are no tools.

    ``parallel_tool_calls=False`` also tells the converters to keep one call only, in streams too.
    """
    if not tools:
        return {}
    choice = to_core_tool_choice(tool_choice)
    if choice is None and tool_required:
        choice = "required"
    options: dict[str, Any] = {
        "tools": [tool_definition(tool) for tool in tools],
        "parallel_tool_calls": allow_parallel_tool_calls,
    }
    return options if choice is None else {**options, "tool_choice": choice}


def conversation(
    chat_history: Sequence[ChatMessage] | None, user_msg: str | ChatMessage | None
) -> list[ChatMessage]:
    """History and question as a new list."""
    if isinstance(user_msg, str):
        user_msg = ChatMessage(role="user", content=user_msg)
    return [*(chat_history or ()), *([user_msg] if user_msg else [])]


def tool_selections(response: ChatResponse, *, error_on_no_tool_call: bool) -> list[ToolSelection]:
    """The calls in a response. Those that are still being written have the arguments that are known so far.

    Raises where the model's calls were all unusable: an agent would take the empty answer for the final one. Warns
    of those that are left out beside others.
    """
    selections = [
        ToolSelection(tool_id=call_id, tool_name=name, tool_kwargs=known_arguments(arguments))
        for call_id, name, arguments in written_calls(response.message)
    ]
    if invalid := response.additional_kwargs.get("invalid_tool_calls"):
        reasons = "; ".join(f"{call['name']}: {call['error']}" for call in invalid)
        if not selections:
            raise UnusableAnswerError(f"The model's tool call cannot be carried out. {reasons}")
        warn(f"One of the model's tool calls cannot be carried out and is left out. {reasons}")
    if not selections and error_on_no_tool_call:
        raise ValueError(
            f"Expected at least one tool call, but got 0. The model said: {response.message.content!r}"
        )
    return selections


def written_calls(message: ChatMessage) -> list[tuple[str, str, Any]]:
    """Id, name and arguments of the calls in an answer."""
    return [
        (block.tool_call_id or "", block.tool_name, block.tool_kwargs)
        for block in message.blocks
        if isinstance(block, ToolCallBlock)
    ]


def known_arguments(arguments: Any) -> dict[str, Any]:
    """Arguments as a dict, however much of them has been written."""
    if isinstance(arguments, str):
        arguments = partial_json(arguments)
    return arguments if isinstance(arguments, dict) else {}


def partial_json(text: str) -> Any:
    """The value of JSON that may be unfinished, strings included; None where there is nothing to read yet."""
    try:
        return from_json(text, allow_partial="trailing-strings")
    except ValueError:
        return None


def keep_one_call(response: ChatResponse) -> ChatResponse:
    """The response with its first call alone. The one that was given is left as it is."""
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
