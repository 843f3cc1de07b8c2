"""What the Responses API refuses, and its request as a chat request, whose rules apply too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qwen_emulator.failures import Failure, invalid_parameter
from qwen_emulator.validation import compatible

SERVER_TOOLS = (
    "web_search",
    "web_extractor",
    "code_interpreter",
    "web_search_image",
    "image_search",
    "file_search",
    "mcp",
)
_SHARED = ("model", "temperature", "top_p", "stream", "enable_thinking", "parallel_tool_calls")
_PARTS = {"input_text": "text", "input_image": "image_url", "input_audio": "input_audio", "output_text": "text"}


def validate(body: Any) -> Failure | None:
    """Return the first refusal, or None. The wordings of the rules about tools are ours."""
    if not isinstance(body, dict):
        return invalid_parameter("The request body is not a JSON object.")
    if not isinstance(body.get("input"), str | list) or not body["input"]:
        return invalid_parameter("'input' is a required property")
    limit = body.get("max_output_tokens")
    if limit is not None and (not isinstance(limit, int) or limit < 16):
        return invalid_parameter(f"{limit!r} is less than the minimum of 16 - 'max_output_tokens'")
    if body.get("previous_response_id") and body.get("conversation"):
        return invalid_parameter("previous_response_id and conversation cannot be used together")
    return _tools(body.get("tools") or []) or compatible.chat(as_chat(body))


def _tools(tools: Any) -> Failure | None:
    kinds = [tool.get("type") if isinstance(tool, dict) else None for tool in tools]
    for number, (kind, tool) in enumerate(zip(kinds, tools, strict=True)):
        if kind not in (*SERVER_TOOLS, "function"):
            return invalid_parameter(
                f"{kind!r} is not one of {[*SERVER_TOOLS, 'function']} - 'tools.{number}.type'"
            )
        if kind == "function" and not tool.get("name"):
            return invalid_parameter(f"'name' is a required property - 'tools.{number}'")
        if kind == "file_search" and len(tool.get("vector_store_ids") or ()) != 1:
            return invalid_parameter("file_search takes exactly one of vector_store_ids")
        if kind == "mcp" and not (tool.get("server_url") and tool.get("server_label")):
            return invalid_parameter("'server_url' and 'server_label' are required properties of mcp")
    if "web_extractor" in kinds and "web_search" not in kinds:
        return invalid_parameter("web_extractor can only be used together with web_search")
    return None


def as_chat(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of the equivalent chat request."""
    tools = body.get("tools") or []
    kinds = {tool.get("type") for tool in tools}
    functions = [_function(tool) for tool in tools if tool.get("type") == "function"]
    chat = {name: body[name] for name in _SHARED if name in body}
    chat["messages"] = _messages(body["input"])
    chat["server_tools"] = [tool for tool in tools if tool.get("type") in SERVER_TOOLS]
    if functions:
        chat["tools"] = functions
    if "max_output_tokens" in body:
        chat["max_completion_tokens"] = body["max_output_tokens"]
    if (body.get("reasoning") or {}).get("effort"):
        chat["reasoning_effort"] = body["reasoning"]["effort"]
    if isinstance(body.get("tool_choice"), dict) and body["tool_choice"].get("name"):
        chat["tool_choice"] = {"type": "function", "function": {"name": body["tool_choice"]["name"]}}
    if "web_search" in kinds:
        chat["enable_search"] = True
        chat["search_options"] = {"enable_citation": True}
    return chat


def _function(tool: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": {key: value for key, value in tool.items() if key != "type"}}


def _messages(given: Any) -> list[dict[str, Any]]:
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    messages: list[dict[str, Any]] = []
    reasoning = ""
    for item in given:
        kind = item.get("type") or "message"
        if kind == "reasoning":
            reasoning = "".join(part.get("text") or "" for part in item.get("summary") or ())
        elif kind == "function_call":
            call = {
                "id": item.get("call_id"),
                "type": "function",
                "function": {"name": item.get("name"), "arguments": item.get("arguments")},
            }
            if not messages or messages[-1]["role"] != "assistant":
                messages.append({"role": "assistant", "content": "", "reasoning_content": reasoning})
            messages[-1].setdefault("tool_calls", []).append(call)
        elif kind == "function_call_output":
            messages.append({"role": "tool", "tool_call_id": item.get("call_id"), "content": item.get("output")})
        elif kind == "message":
            role = "system" if item.get("role") == "developer" else item.get("role")
            messages.append({"role": role, "content": _content(item.get("content"))})
            if role == "assistant" and reasoning:
                messages[-1]["reasoning_content"] = reasoning
        if kind != "reasoning":
            reasoning = ""
    return messages


def _content(content: Any) -> Any:
    if not isinstance(content, list):
        return content
    if all(_PARTS.get(part.get("type")) == "text" for part in content):
        return "\n".join(str(part.get("text")) for part in content)
    return [_part(part) for part in content]


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    kind = _PARTS.get(str(part.get("type")), str(part.get("type")))
    if kind == "image_url":
        return {"type": kind, "image_url": {"url": part.get("image_url")}}
    if kind == "input_audio":
        return {"type": kind, "input_audio": {"data": part.get("audio_url") or part.get("data")}}
    return {"type": kind, "text": part.get("text")}
