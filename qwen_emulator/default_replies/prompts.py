"""Answer the prompts of frameworks from the text that they hold: a table of patterns and what answers them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import NamedTuple

from qwen_emulator.conversation import Conversation
from qwen_emulator.replies import Reply
from qwen_emulator.words import best_sentence, has_cjk, rank

_RULE = r"\n\s*[-=]{3,}\s*\n"
_END = r"\s*(?:\n\s*(?:helpful |final )?(?:answer|回答|答案|答)[^\n]*)?\Z"
_INSTRUCTION = re.compile(
    r"^(you are|use the following|answer (the|only)|if you (don't|do not)|given the|please|keep the|context:?$"
    r"|based on|你是|请|根据)",
    re.IGNORECASE,
)
_HOLDS_PASSAGES = re.compile(r"context|document|passage|source|knowledge|上下文|资料|已知|文档", re.IGNORECASE)
_METADATA = re.compile(r"^\s*[\w ]{1,30}:\s*\S+\s*$")


class Prompt(NamedTuple):
    """A kind of prompt, found by its pattern in the last user message, and what answers it."""

    pattern: str
    answer: Callable[[re.Match[str]], str | None]


def answer_prompt(conversation: Conversation) -> Reply | None:
    """Return the answer of the first row of the table that fits, if any."""
    for prompt in PROMPTS:
        found = re.search(prompt.pattern, conversation.question, re.DOTALL | re.IGNORECASE)
        if found and (text := prompt.answer(found)) is not None:
            return Reply(text)
    return None


def answer_from_system(conversation: Conversation) -> Reply | None:
    """Answer from the passages in a system message, which also holds instructions, or rewrite the question."""
    if re.search(r"standalone (question|query)", conversation.system, re.IGNORECASE):
        return Reply(conversation.question)
    if not _HOLDS_PASSAGES.search(conversation.system):
        return None
    lines = (line for line in conversation.system.splitlines() if not _INSTRUCTION.match(line.strip()))
    found = best_sentence(conversation.question, [_without_metadata("\n".join(lines))])
    return Reply(_plain(found)) if found else None


def answer_from(question: str, context: str) -> str:
    """Return the sentence of a context that fits a question best, or say that none does."""
    found = best_sentence(question, [_without_metadata(block) for block in re.split(r"\n\s*\n", context)])
    if found:
        return _plain(found)
    return "给定的资料里没有答案。" if has_cjk(question) else "The given context does not contain the answer."


def _over_context(found: re.Match[str]) -> str | None:
    question, context = found["question"].strip(), found["context"].strip()
    return answer_from(question, context) if question and context else None


def _refine(found: re.Match[str]) -> str:
    old, new = found["old"].strip(), best_sentence(found["question"], [_without_metadata(found["context"])])
    ranked = rank(found["question"], [old, new or ""])
    return _plain(new) if new and ranked[0][1] == 1 and ranked[0][0] > ranked[1][0] else old


def _choose(found: re.Match[str]) -> str:
    texts = re.split(r"^\s*\(?\d+[).]\s+", found["choices"], flags=re.MULTILINE)[1:]
    best = rank(found["question"], texts or [""])[0][1] + 1
    return json.dumps([{"choice": best, "reason": "It shares the most words with the question."}])


def _without_metadata(block: str) -> str:
    """Remove the lines of metadata that may stand before a passage."""
    lines = block.splitlines()
    while len(lines) > 1 and _METADATA.match(lines[0]):
        lines.pop(0)
    return "\n".join(lines)


def _plain(sentence: str) -> str:
    """Remove list marks and emphasis. Names such as DASHSCOPE_API_KEY keep their underscores."""
    plain = re.sub(r"^\s*(?:[-*•]|\d+[.)]|#+)\s+", "", sentence)
    return re.sub(r"(?<!\w)([*_`]{1,3})(\S.*?\S)\1(?!\w)", r"\2", plain).strip()


PROMPTS = (
    # LlamaIndex: refine; choices of a router; condensed questions; questions over a context.
    Prompt(
        r"original query is as follows:\s*(?P<question>.*?)\n.*?existing answer:\s*(?P<old>.*?)\nWe have the "
        rf"opportunity.*?{_RULE}(?P<context>.*?){_RULE}",
        _refine,
    ),
    # Anchored: an unanchored ".*" tries every start of a long prompt, in quadratic time.
    Prompt(r"\A(?P<choices>.*)most relevant to the question:?\s*['\"](?P<question>.+?)['\"]", _choose),
    Prompt(
        r"Follow[ -]?Up (?:Message|Input|Question)(?:>|\s*:)\s*(?P<question>.+?)\s*\n\s*<?Standalone",
        lambda found: found["question"],
    ),
    Prompt(
        rf"context information.*?below\.?{_RULE}(?P<context>.*?){_RULE}.*?"
        rf"(?:query|question)\s*:\s*(?P<question>.*?){_END}",
        _over_context,
    ),
    # LangChain and hand-written prompts: context in tags, or before the question; Chinese labels.
    Prompt(r"<(?P<tag>context|documents?)>\s*(?P<context>.*?)\s*</(?P=tag)>\s*(?P<question>.*)\Z", _over_context),
    Prompt(
        r"(?:\A|\n)[^\n:：]{0,80}(?:\b(?:context|passages?|documents?|sources?|text|article)\b|上下文|资料|文档|材料|信息)"
        rf"[^\n:：]{{0,40}}[:：]\s*(?P<context>.*?)\n\s*(?:question|query|q|问题|提问)\s*[:：]\s*(?P<question>.*?){_END}",
        _over_context,
    ),
)
