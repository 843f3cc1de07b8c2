"""Tools as LangChain gives them, as definitions; and the choice among those that are bound."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.tools import BaseTool

from langchain_qwen.recursive_schemas import openai_tool
from qwen_core.adapters.tool_definitions import is_server_tool, to_core_tool_choice
from qwen_core.types.requests import TOOL_CHOICE_MODES

ToolLike = Mapping[str, Any] | type | Callable[..., Any] | BaseTool


def tool_definitions(tools: Sequence[ToolLike], strict: bool | None) -> list[dict[str, Any]]:
    """The tools as JSON-able definitions, the form in which they are bound and traced."""
    return [tool_definition(tool, strict) for tool in tools]


def tool_definition(tool: ToolLike, strict: bool | None) -> dict[str, Any]:
    """One definition; a tool that the service runs is one already."""
    if isinstance(tool, Mapping) and is_server_tool(tool):
        return dict(tool)
    return with_cache_mark(openai_tool(tool, strict), tool)


def with_cache_mark(definition: dict[str, Any], tool: ToolLike) -> dict[str, Any]:
    """The definition with the cache mark that ``BaseTool.extras`` may hold."""
    mark = (tool.extras or {}).get("cache_control") if isinstance(tool, BaseTool) else None
    return {**definition, "cache_control": mark} if mark else definition


def bound_choice(
    choice: str | bool | Mapping[str, Any] | None, definitions: Sequence[Mapping[str, Any]]
) -> str | None:
    """The choice among these tools. Raises where it names none of them: the service would only say "400"."""
    wanted = to_core_tool_choice(choice)
    names = [tool_name(definition) for definition in definitions]
    if not names or wanted is None:
        return None
    if wanted not in TOOL_CHOICE_MODES and wanted not in names:
        raise ValueError(f"tool_choice {wanted!r} is none of the bound tools: {', '.join(map(str, names))}.")
    return wanted


def tool_name(definition: Mapping[str, Any]) -> Any:
    """The name in a definition."""
    function = definition.get("function")
    return function.get("name") if isinstance(function, Mapping) else definition.get("name")
