"""Small talk: greetings, counting, repeating, sums, what was said before, and a polite sentence for the rest."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable

from qwen_emulator import media
from qwen_emulator.conversation import Conversation
from qwen_emulator.replies import Reply
from qwen_emulator.words import best_sentence, has_cjk

_COUNT = re.compile(
    r"count\s+(?:from\s+(-?\d+)\s+)?(?:up\s+)?to\s+(-?\d+)|从\s*(-?\d+)\s*数到\s*(-?\d+)", re.IGNORECASE
)
_SAY = re.compile(
    r"(?:^|[.,!]\s+|please\s+|just\s+)(?:say|repeat|reply with|respond with|echo|answer with|write)"
    r"(?:\s+(?:exactly|only|after me|the (?:word|words|text|phrase|sentence)|back))*\s*[:：]?\s*(.+)$"
    r"|^(?:请)?(?:说|重复)[:：]?\s*(.+)$",
    re.IGNORECASE | re.DOTALL,
)
_GREETING = re.compile(
    r"^\s*(hi|hello|hey|good (morning|evening|afternoon)|你好|您好|嗨)(?![a-z])[\s,!.。！]*", re.IGNORECASE
)
_SUM = re.compile(r"(?<![\w.])[-(]*\d[\d\s.+\-*/x×÷^()%]*[+\-*/x×÷^%][\d\s.+\-*/x×÷^()%]*\d\)*")
_DATE = re.compile(r"\d{4}-\d{1,2}(-\d{1,2})?")
_WHO = re.compile(r"^\W*(who|what) are you\b|^你是谁", re.IGNORECASE)
_WORDS = (
    (r"(\d)\s*(?:plus|and then add|加(?:上)?)\s*(?=\d)", r"\1 + "),
    (r"(\d)\s*(?:minus|减(?:去)?)\s*(?=\d)", r"\1 - "),
    (r"(\d)\s*(?:times|multiplied by|乘(?:以)?)\s*(?=\d)", r"\1 * "),
    (r"(\d)\s*(?:divided by|除以)\s*(?=\d)", r"\1 / "),
    (r"\b(?:sum|total) of\s+(-?[\d.]*\d) and (-?[\d.]*\d)", r"\1 + \2"),
    (r"\bproduct of\s+(-?[\d.]*\d) and (-?[\d.]*\d)", r"\1 * \2"),
    (r"\badd(?:ing)?\s+(-?[\d.]*\d) (?:and|to) (-?[\d.]*\d)", r"\1 + \2"),
    (r"\bmultiply(?:ing)?\s+(-?[\d.]*\d) (?:and|by|with) (-?[\d.]*\d)", r"\1 * \2"),
    (r"\bsubtract(?:ing)?\s+(-?[\d.]*\d) from (-?[\d.]*\d)", r"\2 - \1"),
    (r"\bdivide\s+(-?[\d.]*\d) by (-?[\d.]*\d)", r"\1 / \2"),
)
_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}


def talk(conversation: Conversation) -> Reply:
    """Always has an answer."""
    question = conversation.question or next((turn.text for turn in reversed(conversation.turns) if turn.text), "")
    if conversation.last_user is not None and conversation.last_user.media:
        seen = " ".join(media.describe(part) for part in conversation.last_user.media)
        return Reply(seen if not question else f"{seen} {_say_something(question)}")
    for attempt in (_count_up, _repeat, _calculate, _introduce):
        if (text := attempt(question)) is not None:
            return Reply(text)
    return Reply(_greet(question) or _remember(conversation, question) or _say_something(question))


def evaluate(expression: str) -> float | None:
    """The value of an arithmetic expression; None if it is none, or of absurd size."""
    try:
        return _value(parse(expression))
    except (ValueError, ZeroDivisionError, OverflowError, TypeError):
        return None


def parse(expression: str) -> ast.expr:
    """The tree of an arithmetic expression in anybody's signs; a ValueError if it is none."""
    plain = expression.replace("×", "*").replace("x", "*").replace("÷", "/").replace("^", "**")
    try:
        return ast.parse(plain.strip(), mode="eval").body
    except SyntaxError as problem:
        raise ValueError(f"not arithmetic: {expression}") from problem


def is_greeting(text: str) -> bool:
    """Whether a text is little more than a greeting."""
    return _greet(text) is not None


def find_sum(text: str) -> tuple[str, float] | None:
    """The first arithmetic expression of a text and its value."""
    return next(iter(find_sums(text)), None)


def find_sums(text: str) -> list[tuple[str, float]]:
    """All arithmetic expressions of a text, spelled with signs or in words, and their values."""
    for pattern, signs in _WORDS:
        text = re.sub(pattern, signs, text, flags=re.IGNORECASE)
    written = (found.group().strip() for found in _SUM.finditer(text))
    valued = ((expression, evaluate(expression)) for expression in written if not _DATE.fullmatch(expression))
    return [(expression, value) for expression, value in valued if value is not None]


def number_text(value: float) -> str:
    """A number without a needless fraction."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else f"{value:.10g}"


def _value(node: ast.expr) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = _value(node.left), _value(node.right)
        if isinstance(node.op, ast.Pow) and (abs(right) > 64 or abs(left) > 1e6):
            raise ValueError("too large")
        return _OPERATORS[type(node.op)](left, right)
    raise ValueError("not arithmetic")


def _count_up(question: str) -> str | None:
    found = _COUNT.search(question)
    if not found:
        return None
    numbers = [int(group) for group in found.groups() if group is not None]
    start, end = (1, numbers[0]) if len(numbers) == 1 else (numbers[0], numbers[1])
    if abs(end - start) > 2_000:
        return None
    return ", ".join(str(number) for number in range(start, end + 1))


def _repeat(question: str) -> str | None:
    found = _SAY.search(question)
    if not found:
        return None
    text = (found.group(1) or found.group(2)).strip()
    explicit = re.search(r"[:：]\s*$", question[: found.start(found.lastindex or 1)])
    quoted = re.match(r"[\"'“‘「](.+?)[\"'”’」]", text, re.DOTALL)
    if quoted:
        return quoted.group(1)
    if explicit:
        return text
    return (
        text if len(text) <= 400 and not re.match(r"(a|an|me|about|some|the|in)\s", text, re.IGNORECASE) else None
    )


def _calculate(question: str) -> str | None:
    found = find_sum(question)
    if not found:
        return None
    expression, value = found
    return f"{' '.join(expression.split())} = {number_text(value)}"


def _introduce(question: str) -> str | None:
    if not _WHO.search(question):
        return None
    return "我是本地的 Qwen 模拟器。" if has_cjk(question) else "I am the local Qwen emulator."


def _greet(question: str) -> str | None:
    found = _GREETING.match(question)
    if not found or len(question) - found.end() > 40:
        return None
    return "你好！有什么可以帮您?" if has_cjk(question) else "Hello! How can I help you today?"


def _remember(conversation: Conversation, question: str) -> str | None:
    earlier = [
        turn.text
        for turn in conversation.turns
        if turn is not conversation.last_user and turn.role in ("user", "system") and turn.text
    ]
    told = best_sentence(question, (text for text in earlier if not text.rstrip().endswith(("?", "？"))))
    if told is None:
        return None
    return f"您提到过: {told}" if has_cjk(question) else f"You told me: {told}"


def _say_something(question: str) -> str:
    topic = " ".join(question.split())
    topic = topic if len(topic) <= 160 else topic[:157] + "…"
    if has_cjk(topic):
        return f"您的问题是“{topic}”。这里是本地的 Qwen 模拟器,背后没有模型,所以只能这样回答。"
    return f'You asked: "{topic}" This is the local Qwen emulator; without a model this is all it can say.'
