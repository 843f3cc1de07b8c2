"""Tools and tool choices as LangChain gives them, in the core's vocabulary."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from qwen_core.errors import UnsupportedFeatureError
from qwen_core.messages import Tool

MODES = ("auto", "none", "required")

ToolLike = Mapping[str, Any] | type | Callable[..., Any] | BaseTool


def tool_definitions(tools: Sequence[ToolLike], strict: bool | None) -> list[dict[str, Any]]:
    """The tools as JSON-able definitions, the form in which they are bound and traced."""
    return [with_cache_mark(convert_to_openai_tool(tool, strict=strict), tool) for tool in tools]


def with_cache_mark(definition: dict[str, Any], tool: ToolLike) -> dict[str, Any]:
    """The definition with the cache mark that ``BaseTool.extras`` may hold."""
    mark = (tool.extras or {}).get("cache_control") if isinstance(tool, BaseTool) else None
    return {**definition, "cache_control": mark} if mark else definition


def to_core_tools(definitions: Sequence[Mapping[str, Any]]) -> tuple[Tool, ...]:
    """Definitions as the core's tools."""
    return tuple(_tool(definition) for definition in definitions)


def to_core_tool_choice(choice: str | bool | Mapping[str, Any] | None) -> str | None:
    """Every form of choice as one word: a mode, or the name of the one tool."""
    if choice is None:
        return None
    if isinstance(choice, bool):
        return "required" if choice else "none"
    if isinstance(choice, str):
        return "required" if choice == "any" else choice
    function = choice.get("function")
    name = function.get("name") if isinstance(function, Mapping) else choice.get("name")
    if isinstance(name, str):
        return name
    if isinstance(kind := choice.get("type"), str):
        return to_core_tool_choice(kind)
    raise UnsupportedFeatureError(f"tool_choice {choice!r} names no tool.")


def bound_choice(
    choice: str | bool | Mapping[str, Any] | None, definitions: Sequence[Mapping[str, Any]]
) -> str | None:
    """The choice among these tools. Raises where it names none of them: the service would only say "400"."""
    wanted = to_core_tool_choice(choice)
    names = [tool_name(definition) for definition in definitions]
    if not names or wanted is None:
        return None
    if wanted not in MODES and wanted not in names:
        raise ValueError(f"tool_choice {wanted!r} is none of the bound tools: {', '.join(map(str, names))}.")
    return wanted


def tool_name(definition: Mapping[str, Any]) -> Any:
    """The name in a definition."""
    function = definition.get("function")
    return function.get("name") if isinstance(function, Mapping) else definition.get("name")


def _tool(definition: Mapping[str, Any]) -> Tool:
    function = definition.get("function")
    if definition.get("type") != "function" or not isinstance(function, Mapping):
        raise UnsupportedFeatureError(
            f"Only function tools can be sent; this is of type {definition.get('type')!r}.",
            hint="Tools that the service runs are switched on by enable_search=True or extra_body={...}.",
        )
    return Tool(
        name=function["name"],
        description=function.get("description") or "",
        parameters=dict(function.get("parameters") or {"type": "object", "properties": {}}),
        strict=function.get("strict"),
        cache_control=definition.get("cache_control"),
    )
