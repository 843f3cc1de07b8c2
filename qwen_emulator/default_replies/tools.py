"""Deciding on tool calls: which tools a message asks for, with which arguments, and what is left to call."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from qwen_emulator.conversation import Conversation, Tool
from qwen_emulator.default_replies import chat, extract, schema, structured
from qwen_emulator.default_replies.passages import answer_from
from qwen_emulator.replies import Reply, ToolCall
from qwen_emulator.words import content_words, has_cjk, rank, stem

_ARITHMETIC: dict[type[ast.operator], frozenset[str]] = {
    ast.Add: frozenset({"add", "plus", "sum", "addition", "adder"}),
    ast.Sub: frozenset({"subtract", "minus", "difference", "sub", "subtraction"}),
    ast.Mult: frozenset({"multiply", "times", "product", "mul", "multiplication"}),
    ast.Div: frozenset({"divide", "division", "quotient", "div"}),
}
_GENERIC_TEXT = """
get set search find lookup fetch query tool function call run do make create list show return returns
compute calculate current user given input value result useful string number integer text list data
information info name a new two use
"""
_GENERIC = frozenset(stem(word) for word in _GENERIC_TEXT.split())
_SPLIT = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_\-.\s]+")
_LEAST_SCORE = 2.0
_QUESTION = re.compile(
    r"[?？]|^\s*(?:who|what|when|where|which|why|how|is|are|does|do|can|tell me|explain|describe)\b"
    r"|什么|怎么|如何|多少|哪|为何|谁|吗",
    re.IGNORECASE,
)
_LOOKS_UP = re.compile(
    r"question|quer(?:y|ies)|retriev|search|knowledge|document|handbook|passage|look.?up|information (?:about|on)"
    r"|检索|查询|知识|文档|资料|问题",
    re.IGNORECASE,
)
_ONE_OF_EACH = re.compile(r",\s*(?:and\s+)?|\s+and\s+|\s+or\s+|、|和|与")
_TOLD_TO_CALL = re.compile(
    r"\bcall(?:ing)?\s+(?:exactly\s+)?one\s+of\s+(?:these|the\s+following)\s+(?:tools|functions)\b[^:\n]*:\s*([^\n]+)",
    re.IGNORECASE,
)


def from_tools(conversation: Conversation) -> Reply | None:
    """Calls that the conversation wants and that have not been made, or a text about their results."""
    if not conversation.tools or conversation.tool_choice == "none":
        return _from_results(conversation)
    if conversation.tool_choice.startswith("=") or conversation.tool_choice == "required":
        if results := _from_results(conversation):
            return results
        return Reply(tool_calls=[_forced(conversation)])
    if told := _told_to_call(conversation):
        return _obeyed(conversation, told)
    wanted = list(plan(conversation.question, conversation.tools))
    made = [(call.name, _loaded(call.arguments)) for turn in conversation.current_turns for call in turn.calls]
    left = [call for call in wanted if (call.name, call.arguments) not in made]
    if made and len(made) >= len(wanted):  # an agent must come to an end even if it changed the arguments
        left = []
    if left:
        return Reply(
            tool_calls=left if conversation.parallel and not _depends(conversation.question, wanted) else left[:1]
        )
    return _from_results(conversation)


def plan(message: str, tools: tuple[Tool, ...]) -> Iterator[ToolCall]:
    """The calls that a message asks for, in order."""
    if (steps := _arithmetic(message, tools)) is not None:
        yield from steps
        return
    named = sorted((position, tool) for tool in tools if (position := _position(tool.name, message)) is not None)
    chosen = [tool for _, tool in sorted(named, key=lambda pair: pair[0])] or _fitting(message, tools)
    for number, tool in enumerate(chosen):
        yield from _calls(tool, _share(message, chosen, number))


def arguments(tool: Tool, message: str) -> dict[str, Any]:
    """Arguments for one call out of a message: required ones always, optional ones if they are there."""
    if not tool.parameters.get("properties"):
        return {}
    written = re.search(rf"{re.escape(tool.name)}\s*\(([^()]*)\)", message)
    if written and (given := _written(written.group(1), tool)) is not None:
        return given
    filled = schema.fill(tool.parameters, _without_name(tool.name, message), optional=_is_structure(tool))
    return filled if isinstance(filled, dict) else {}


def text_with_results(question: str, results: list[str]) -> str:
    """A sentence that contains what the tools found."""
    sums = chat.find_sums(question)
    if sums and len(sums) < len(results):  # the steps on the way to a sum are no answer
        results = results[-len(sums) :]
    short = [" ".join(result.split()) for result in results]
    if len(short) == 1 and len(short[0]) > 200:
        return answer_from(question, results[0])
    joined = "; ".join(short)
    return f"工具的结果是: {joined}" if has_cjk(question) else f"The result is: {joined}"


def _forced(conversation: Conversation) -> ToolCall:
    name = conversation.tool_choice.removeprefix("=")
    tool = next((tool for tool in conversation.tools if tool.name == name), None)
    if tool is None:
        ranked = rank(
            conversation.question,
            [f"{' '.join(_words(tool.name))} {tool.description}" for tool in conversation.tools],
        )
        tool = conversation.tools[ranked[0][1]]
    return ToolCall(tool.name, arguments(tool, _source(conversation)))


def _told_to_call(conversation: Conversation) -> tuple[Tool, ...]:
    """The tools of which the system message says in words that one has to be called."""
    named = _TOLD_TO_CALL.search(conversation.system)
    words = set(re.findall(r"[\w-]+", named.group(1))) if named else set()
    return tuple(tool for tool in conversation.tools if tool.name in words)


def _obeyed(conversation: Conversation, told: tuple[Tool, ...]) -> Reply | None:
    """One of the tools each turn: what the question wants, then the structure its answer goes into."""
    made = {call.name for turn in conversation.current_turns for call in turn.calls}
    actions = tuple(tool for tool in told if not _is_structure(tool))
    wanted = [call for call in plan(conversation.question, actions) if call.name not in made]
    if wanted:
        return Reply(tool_calls=wanted if conversation.parallel else wanted[:1])
    structure = next((tool for tool in told if _is_structure(tool)), None)
    results = "\n".join(turn.text for turn in conversation.current_turns if turn.role == "tool")
    if structure is not None and structure.name not in made:
        source = f"{_source(conversation)}\n{results}".strip()
        return Reply(tool_calls=[ToolCall(structure.name, arguments(structure, source))])
    return _from_results(conversation) or Reply(tool_calls=[_forced(replace(conversation, tools=told))])


def _source(conversation: Conversation) -> str:
    if len(conversation.question) >= 15 or not conversation.turns:
        return conversation.question
    return "\n".join(turn.text for turn in conversation.turns if turn.role == "user")


def _from_results(conversation: Conversation) -> Reply | None:
    results = [turn.text for turn in conversation.current_turns if turn.role == "tool"]
    if not results:
        return None
    return structured.from_format(conversation) or Reply(text_with_results(conversation.question, results))


def _arithmetic(message: str, tools: tuple[Tool, ...]) -> list[ToolCall] | None:
    """Sums as calls: of a calculator, or step by step, innermost first, if each operation has a tool."""
    sums = chat.find_sums(message)
    by_operation = {
        operation: tool
        for operation, names in _ARITHMETIC.items()
        for tool in tools
        if names & set(_words(tool.name)) and len(tool.parameters.get("properties") or {}) == 2
    }
    steps: list[ToolCall] = []
    for expression, _ in sums:
        if _step(chat.parse(expression), by_operation, steps) is None:
            steps = []
            break
    if steps:
        return steps
    for tool in tools:
        fields = list(tool.parameters.get("properties") or {})
        if len(fields) == 1 and extract.kind_of(fields[0]) == "formula" and sums:
            return [ToolCall(tool.name, {fields[0]: " ".join(expression.split())}) for expression, _ in sums]
    return None


def _step(node: ast.expr, tools: Mapping[type[ast.operator], Tool], steps: list[ToolCall]) -> float | None:
    if not isinstance(node, ast.BinOp):
        return chat.evaluate(ast.unparse(node))
    left, right = _step(node.left, tools, steps), _step(node.right, tools, steps)
    tool = tools.get(type(node.op))
    if left is None or right is None or tool is None:
        return None
    names = list(tool.parameters["properties"])
    values = [int(value) if float(value).is_integer() else value for value in (left, right)]
    steps.append(ToolCall(tool.name, dict(zip(names, values, strict=True))))
    return chat.evaluate(ast.unparse(ast.BinOp(ast.Constant(left), node.op, ast.Constant(right))))


def _depends(message: str, wanted: list[ToolCall]) -> bool:
    """Whether one call needs the result of another: then they cannot be made at once."""
    sums = chat.find_sums(message)
    if sums and len(wanted) > len(sums):
        return True
    return len({call.name for call in wanted}) > 1 and bool(
        re.search(r"\bthen\b|\bafterwards\b|\bresult\b|然后|之后|再", message)
    )


def _position(name: str, message: str) -> int | None:
    for spelled in (name, name.replace("_", " "), name.replace("_", "-")):
        found = re.search(rf"(?<![\w]){re.escape(spelled)}(?![a-zA-Z])", message, re.IGNORECASE)
        if found and (
            len(_words(name)) > 1 or "_" in name or re.search(r"\btool\b|\bcall\b|\buse\b|工具|\(", message)
        ):
            return found.start()
    return None


def _fitting(message: str, tools: tuple[Tool, ...]) -> list[Tool]:
    words = set(content_words(message)) | {stem(word.lower()) for word in re.findall(r"[A-Za-z]+", message)}
    scores = [(_score(tool, words), -number) for number, tool in enumerate(tools)]
    best = max(scores, default=(0.0, 0))
    if best[0] >= _LEAST_SCORE:
        return [tools[-best[1]]]
    if len(tools) == 1 and _is_structure(tools[0]):
        return [tools[0]]
    if _QUESTION.search(message) and not chat.is_greeting(message):
        sources = [-place for score, place in sorted(scores, reverse=True) if _answers_questions(tools[-place])]
        return [tools[place] for place in sources[:1]]
    return []


def _answers_questions(tool: Tool) -> bool:
    """Whether a tool looks things up for a question put in words, as retrievers and query engines do."""
    fields = tool.parameters.get("required") or list(tool.parameters.get("properties") or {})
    asks = len(fields) == 1 and extract.kind_of(fields[0]) == "whole"
    return asks and bool(_LOOKS_UP.search(f"{tool.name} {tool.description}"))


def _score(tool: Tool, words: set[str]) -> float:
    named = {stem(word) for word in _words(tool.name)} - _GENERIC
    described = set(content_words(tool.description)) - _GENERIC - named
    fields = {stem(word) for name in tool.parameters.get("properties") or {} for word in _words(name)} - _GENERIC
    synonyms = {stem(word) for names in _ARITHMETIC.values() if names & set(_words(tool.name)) for word in names}
    return (
        2.0 * len((named | synonyms) & words)
        + sum(2.0 if has_cjk(word) else 1.0 for word in described & words)
        + 0.5 * len((fields - named - described) & words)
    )


def _is_structure(tool: Tool) -> bool:
    """A class passed as a tool, to get structured output: its name is written as classes are."""
    return bool(re.fullmatch(r"(?:[A-Z][a-z0-9]*)+", tool.name))


def _calls(tool: Tool, message: str) -> Iterator[ToolCall]:
    spelled = re.findall(rf"{re.escape(tool.name)}\s*\([^()]*\)", message)
    if len(spelled) > 1:
        for piece in dict.fromkeys(spelled):
            yield ToolCall(tool.name, arguments(tool, piece))
        return
    made = arguments(tool, message)
    text_fields = [name for name, value in made.items() if isinstance(value, str)]
    if len(text_fields) == 1 and not _is_structure(tool):
        for value in _several(made[text_fields[0]], message):
            yield ToolCall(tool.name, {**made, text_fields[0]: value})
        return
    yield ToolCall(tool.name, made)


def _several(value: str, message: str) -> list[str]:
    """``Paris``, and its sisters if the message says ``Paris, London and Rome``."""
    if value == " ".join(message.split()) or len(value) > 60:
        return [value]
    after = message[message.find(value) :] if value in message else value
    enumeration = re.match(
        rf"{re.escape(value)}(?:(?:,\s*(?:and\s+)?|\s+and\s+)[A-Z][\w'-]+(?:\s+[A-Z][\w'-]+)*|[、和与][\u4e00-\u9fff]{{2,3}})+",
        after,
    )
    if not enumeration or re.fullmatch(r".+,\s*(?:[A-Z]{2,3})", enumeration.group()):
        return [value]
    return [item.removesuffix("的") for item in _ONE_OF_EACH.split(enumeration.group()) if item]


def _share(message: str, chosen: list[Tool], number: int) -> str:
    """The part of a message that speaks of the n-th of several tools."""
    if len(chosen) == 1:
        return message
    starts = [_position(tool.name, message) or 0 for tool in chosen] + [len(message)]
    return message[starts[number] : starts[number + 1]] or message


def _without_name(name: str, message: str) -> str:
    return re.sub(rf"(?:the\s+)?(?<!\w){re.escape(name)}(?!\w)(?:\s+tool)?", " ", message).strip() or message


def _written(inside: str, tool: Tool) -> dict[str, Any] | None:
    """Arguments given as in code: ``f(3)`` or ``f(x=3, y="a")``."""
    names = list(tool.parameters.get("properties") or {})
    try:
        call = ast.parse(f"f({inside})", mode="eval").body
        assert isinstance(call, ast.Call)
        given = {name: ast.literal_eval(value) for name, value in zip(names, call.args, strict=False)}
        given.update({str(word.arg): ast.literal_eval(word.value) for word in call.keywords})
    except (SyntaxError, ValueError, AssertionError):
        return None
    required = set(tool.parameters.get("required") or [])
    return given if required <= given.keys() <= set(names) else None


def _loaded(text: str) -> Any:
    try:
        return json.loads(text or "{}")
    except ValueError:
        return text


def _words(name: str) -> list[str]:
    return [word.lower() for word in _SPLIT.split(name) if word]
