"""Decide on tool calls: the forced tool, the tool that a message names, or the one whose description fits it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from qwen_emulator.conversation import Conversation, Tool
from qwen_emulator.default_replies import schema, structured, values
from qwen_emulator.default_replies.prompts import answer_from
from qwen_emulator.replies import Reply, ToolCall
from qwen_emulator.words import content_words, has_cjk, stem

_GENERIC_TEXT = """
get set search find query tool function call run do make create list show return compute calculate current user
input value result number string integer text data information name new two use
"""
_GENERIC = frozenset(map(stem, _GENERIC_TEXT.split()))
_SYNONYMS = {"plus": "add", "+": "add", "times": "multiply", "*": "multiply"}
_QUESTION = re.compile(r"[?？]|^\s*(?:who|what|when|where|which|why|how|tell me|explain)\b", re.IGNORECASE)
_LOOKS_UP = re.compile(
    r"question|quer|retriev|search|knowledge|document|handbook|检索|查询|知识|文档", re.IGNORECASE
)
_CALL_ONE_OF = re.compile(r"\bcalling one of these tools\b[^:\n]*:\s*([^\n]+)", re.IGNORECASE)


def answer_with_tools(conversation: Conversation) -> Reply | None:
    """Call the tool that the conversation asks for, once; then say what it returned."""
    results = [turn.text for turn in conversation.current_turns if turn.role == "tool"]
    tools = conversation.tools if conversation.tool_choice != "none" else ()
    told = _CALL_ONE_OF.search(conversation.system)
    if tools and told:
        return _call_next_of(told.group(1), conversation, results)
    if results:
        return structured.answer_as_json(conversation) or Reply(text_with_results(conversation.question, results))
    if not tools:
        return None
    if conversation.tool_choice != "auto":
        name = conversation.tool_choice.removeprefix("=")
        named = tuple(tool for tool in tools if tool.name == name) or tools
        return Reply(tool_calls=[_call(_closest(conversation.question, named), conversation)])
    calls = plan_calls(conversation.question, tools)
    return Reply(tool_calls=calls if conversation.parallel else calls[:1]) if calls else None


def plan_calls(message: str, tools: tuple[Tool, ...]) -> list[ToolCall]:
    """Return the calls that a message asks for: of each tool that it names, else of the one that fits best."""
    named = [tool for tool in tools if _is_named(tool.name, message)]
    return [call for tool in named or _fitting(message, tools) for call in _calls(tool, message)]


def _calls(tool: Tool, message: str) -> Iterator[ToolCall]:
    """Yield one call, or one for each item if the message lists several: "the weather in Rome and Paris"."""
    given = arguments(tool, message)
    texts = [name for name, value in given.items() if isinstance(value, str)]
    items = values.listed(message) if len(texts) == 1 else []
    if items and given[texts[0]] in items:
        yield from (ToolCall(tool.name, {**given, texts[0]: item}) for item in items)
    else:
        yield ToolCall(tool.name, given)


def arguments(tool: Tool, message: str) -> dict[str, Any]:
    """Return an instance of the tool's schema, made from a message without the name of the tool."""
    spelled = rf"(?:the\s+)?(?<!\w){re.escape(tool.name)}(?!\w)(?:\s+tool)?"
    message = re.sub(spelled, " ", message).strip() or message
    filled = schema.fill(tool.parameters, message, optional=_is_class(tool))
    return filled if isinstance(filled, dict) else {}


def text_with_results(question: str, results: list[str]) -> str:
    """Return a sentence that contains what the tools returned."""
    if len(results) == 1 and len(results[0]) > 200:
        return answer_from(question, results[0])
    joined = "; ".join(" ".join(result.split()) for result in results)
    return f"工具的结果是: {joined}" if has_cjk(question) else f"The result is: {joined}"


def _call_next_of(listed: str, conversation: Conversation, results: list[str]) -> Reply:
    """Call the tools that a system message wants called, one each turn, and last the class for the answer."""
    called = {call.name for turn in conversation.current_turns for call in turn.calls}
    allowed = tuple(tool for tool in conversation.tools if tool.name in re.findall(r"[\w-]+", listed))
    pending = tuple(tool for tool in allowed if tool.name not in called)
    calls = plan_calls(conversation.question, tuple(tool for tool in pending if not _is_class(tool)))
    calls = calls or [_call(tool, conversation) for tool in pending if _is_class(tool)][:1]
    if not calls and results:
        return Reply(text_with_results(conversation.question, results))
    calls = calls or [_call(_closest(conversation.question, allowed or conversation.tools), conversation)]
    return Reply(tool_calls=calls if conversation.parallel else calls[:1])


def _call(tool: Tool, conversation: Conversation) -> ToolCall:
    return ToolCall(tool.name, arguments(tool, structured.source_text(conversation)))


def _is_named(name: str, message: str) -> bool:
    """Return whether a message names a tool. A single word counts only if the message speaks of tools."""
    spelled = "|".join(re.escape(name.replace("_", mark)) for mark in "_ -")
    speaks_of_tools = len(values.name_words(name)) > 1 or re.search(r"\b(?:tool|call|use)\b|工具|\(", message)
    return bool(speaks_of_tools and re.search(rf"(?<!\w)(?:{spelled})(?![a-zA-Z])", message, re.IGNORECASE))


def _fitting(message: str, tools: tuple[Tool, ...]) -> list[Tool]:
    """Return the tool that shares most words with a message, else one that looks things up for questions."""
    plain = re.findall(r"[a-z]+|[+*]", message.lower())
    words = {*content_words(message), *plain, *map(stem, plain), *(_SYNONYMS.get(word, "") for word in plain)}
    scores = [(_score(tool, words, message), -number) for number, tool in enumerate(tools)]
    best, position = max(scores, default=(0.0, 0))
    if best >= 2 or (len(tools) == 1 and _is_class(tools[0])):
        return [tools[-position]]
    return [tool for tool in tools if _QUESTION.search(message) and _answers_questions(tool)][:1]


def _closest(message: str, tools: tuple[Tool, ...]) -> Tool:
    return (_fitting(message, tools) or list(tools))[0]


def _score(tool: Tool, words: set[str], message: str) -> float:
    named = {*map(stem, values.name_words(tool.name)), *values.name_words(tool.name)} - _GENERIC
    described = set(content_words(tool.description)) - _GENERIC - named
    found = [values.find_text(message, name) for name in tool.parameters.get("properties") or {}]
    arithmetic = any(re.fullmatch(r"[\d\s.+\-*/^()%]+", text or "") for text in found)
    shared = sum(2 if has_cjk(word) else 1 for word in described & words)
    return 2 * len(named & words) + shared + 2 * arithmetic


def _answers_questions(tool: Tool) -> bool:
    fields = tool.parameters.get("required") or list(tool.parameters.get("properties") or {})
    asks = len(fields) == 1 and values.has_word(fields[0], values.WHOLE_TEXTS)
    return asks and bool(_LOOKS_UP.search(f"{tool.name} {tool.description}"))


def _is_class(tool: Tool) -> bool:
    """Return whether a tool is a class for structured output, whose name is written as classes are."""
    return bool(re.fullmatch(r"(?:[A-Z][a-z0-9]*)+", tool.name))
