"""Answer small talk: media, counting, repeating, sums, greetings, what was said before, and the rest politely."""

from __future__ import annotations

import operator
import re

from qwen_emulator import media
from qwen_emulator.conversation import Conversation
from qwen_emulator.replies import Reply
from qwen_emulator.words import best_sentence, has_cjk

_COUNT = re.compile(
    r"count\s+(?:from\s+(-?\d+)\s+)?(?:up\s+)?to\s+(-?\d+)|从\s*(-?\d+)\s*数到\s*(-?\d+)", re.IGNORECASE
)
_SAY = re.compile(
    r"(?:^|[.,!]\s+|please\s+|just\s+)(?:say|repeat|reply with|respond with|echo|answer with|write)"
    r"(?:\s+(?:exactly|only|after me|the (?:word|words|text|phrase|sentence)))*\s*[:：]?\s*"
    r"(?!(?:a|an|me|about|some|the|in)\s)(.{1,400})$|^(?:请)?(?:说|重复)[:：]?\s*(.+)$",
    re.IGNORECASE | re.DOTALL,
)
_GREETING = re.compile(r"\s*(hi|hello|hey|你好|您好|嗨)(?![a-z])[^\n]{0,40}$", re.IGNORECASE)
_SUM = re.compile(
    r"(?<![-+*/x×÷(]\s)(?<![\w.(-])(-?\d[\d.]*)\s*"
    r"([-+*/x×÷]|plus|minus|times|divided by|加|减|乘以?|除以)\s*(-?\d[\d.]*)(?!\s*[-+*/×÷)]|\d)"
)
_OPERATORS = {"+": "+ plus 加", "-": "- minus 减", "*": "* x × times 乘 乘以", "/": "/ ÷ divided by 除以"}


def answer_chat(conversation: Conversation) -> Reply:
    """Return a reply to any message."""
    question = conversation.question or next((turn.text for turn in reversed(conversation.turns) if turn.text), "")
    options = conversation.parameters.get("translation_options")
    if isinstance(options, dict):  # a translation without a model: the text, marked with its language
        return Reply(f"[{options.get('target_lang', 'English')}] {question}")
    if conversation.last_user is not None and conversation.last_user.media:
        seen = " ".join(map(media.describe, conversation.last_user.media))
        return Reply(f"{seen} {_refer_to(question)}" if question else seen)
    attempts = (attempt(question) for attempt in (_count, _repeat, _calculate, _greet))
    text = next((text for text in attempts if text is not None), None)
    return Reply(text or _remember(conversation) or _refer_to(question))


def _count(question: str) -> str | None:
    if not (found := _COUNT.search(question)):
        return None
    start, end = [1, *(int(group) for group in found.groups() if group is not None)][-2:]
    return ", ".join(map(str, range(start, end + 1))) if end - start <= 2_000 else None


def _repeat(question: str) -> str | None:
    if not (found := _SAY.search(question)):
        return None
    text = str(found.group(1) or found.group(2)).strip()
    quoted = re.match(r"[\"'“‘「](.+?)[\"'”’」]", text, re.DOTALL)
    return quoted.group(1) if quoted else text


def _calculate(question: str) -> str | None:
    if not (found := _SUM.search(question)):
        return None
    left, spelled, right = found.groups()
    sign = next(sign for sign, names in _OPERATORS.items() if spelled.lower() in names)
    try:
        values = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
        return f"{left} {sign} {right} = {values[sign](float(left), float(right)):.10g}"
    except (ValueError, ZeroDivisionError):
        return None


def _greet(question: str) -> str | None:
    if not _GREETING.match(question):
        return None
    return "你好！有什么可以帮您?" if has_cjk(question) else "Hello! How can I help you today?"


def _remember(conversation: Conversation) -> str | None:
    question = conversation.question
    turns = [turn for turn in conversation.turns if turn is not conversation.last_user]
    earlier = [turn.text for turn in turns if turn.role in ("user", "system")]
    told = best_sentence(question, (text for text in earlier if not text.rstrip().endswith(("?", "？"))))
    return told and (f"您提到过: {told}" if has_cjk(question) else f"You told me: {told}")


def _refer_to(question: str) -> str:
    topic = " ".join(question.split())
    topic = topic if len(topic) <= 160 else topic[:157] + "…"
    if has_cjk(topic):
        return f"您的问题是“{topic}”。这里是本地的 Qwen 模拟器,背后没有模型,所以只能这样回答。"
    return f'You asked: "{topic}" This is the local Qwen emulator; without a model this is all it can say.'
