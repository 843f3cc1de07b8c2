"""Answers from given text: questions over passages, refining, summaries, rewriting a follow-up question."""

from __future__ import annotations

import re

from qwen_emulator.conversation import Conversation
from qwen_emulator.replies import Reply
from qwen_emulator.words import (
    best_sentence,
    content_words,
    has_cjk,
    rank,
    sentences,
)

_ANY = re.DOTALL | re.IGNORECASE
_RULE = r"\n\s*[-=]{3,}\s*\n"
_REFINE = (
    re.compile(
        r"original query is as follows:\s*(?P<question>.*?)\n.*?existing answer:\s*(?P<old>.*?)\nWe have the "
        rf"opportunity.*?{_RULE}(?P<context>.*?){_RULE}",
        _ANY,
    ),
    re.compile(
        r"New Context:\s*(?P<context>.*?)\nQuery:\s*(?P<question>.*?)\nOriginal Answer:\s*(?P<old>.*?)\n"
        r"New Answer:",
        _ANY,
    ),
)
_CONDENSE = re.compile(r"standalone (question|query|search query)|独立的?问题", re.IGNORECASE)
_FOLLOW_UP = re.compile(
    r"(?:<Follow[ -]?Up Message>|Follow[ -]?Up (?:Input|Question|Message)\s*:|后续问题\s*[::])\s*(.+?)\s*"
    r"(?:\n\s*<?Standalone[^\n]*|\Z)",
    _ANY,
)
_HISTORY = re.compile(
    r"(?:<Chat History>|Chat History\s*:|对话历史\s*[::])\s*(.*?)\s*(?:<Follow|Follow|后续问题)", _ANY
)
_MORE_QUERIES = re.compile(
    r"generate\s+(\d+|\w+)\s+(?:\w+\s+){0,3}(?:search\s+)?(?:queries|questions|versions).*?"
    r"(?:\n\s*|original )(?:query|question)\s*:[ \t]*(?P<question>[^\n]+)",
    _ANY,
)
_QUESTION_OVER = (
    re.compile(
        rf"context information.*?below\.?{_RULE}(?P<context>.*?){_RULE}.*?(?:query|question)\s*:\s*"
        r"(?P<question>.*?)\s*(?:\n\s*answer\s*:?\s*)?\Z",
        _ANY,
    ),
    re.compile(
        r"<(?P<tag>context|documents?|passages?)>\s*(?P<context>.*?)\s*</(?P=tag)>\s*(?P<question>.*)\Z", _ANY
    ),
    re.compile(
        r"(?:\A|\n)[^\n:]{0,80}\b(?:context|passages?|documents?|sources?|text|article|background|information)\b[^\n:]{0,40}:"
        r"\s*(?P<context>.*?)\n\s*(?:question|query|user question|q)\s*:\s*(?P<question>.*?)"
        r"\s*(?:\n\s*(?:helpful |final )?answer[^\n]*:?\s*)?\Z",
        _ANY,
    ),
    re.compile(
        r"(?:\A|\n)\s*(?:question|query)\s*:\s*(?P<question>[^\n]*)\n.*?(?:context|passages?|documents?)[^\n:]{0,40}:"
        r"\s*(?P<context>.*?)\s*(?:\n\s*(?:helpful |final )?answer[^\n]*:?\s*)?\Z",
        _ANY,
    ),
    re.compile(
        r"(?:上下文|已知信息|参考资料|背景|资料|文档|材料)[^\n::]{0,20}[::]\s*(?P<context>.*?)\n\s*"
        r"(?:问题|提问|查询)\s*[::]\s*(?P<question>.*?)\s*(?:\n\s*(?:回答|答案|答)\s*[::]?\s*)?\Z",
        _ANY,
    ),
)
_SUMMARY = re.compile(r"\bsummar(y|ies|i[sz]e)|\btl;?dr\b|总结|摘要|概括", re.IGNORECASE)
_INSTRUCTION = re.compile(
    r"^(you are|use the following|answer (the|only)|if you (don't|do not)|given the|please|keep the|context:?$"
    r"|based on"
    r"|你是|请|根据)",
    re.IGNORECASE,
)
_METADATA = re.compile(r"^\s*[\w ]{1,30}:\s*\S+\s*$")
_PRONOUN = re.compile(
    r"\b(it|its|they|them|their|this|that|these|those|he|she|his|her)\b|[它他她]们?|这个|那个", re.IGNORECASE
)
_SUMMARY_SENTENCES = 2


def from_passages(conversation: Conversation) -> Reply | None:
    """An answer out of the passages of the prompt, if it has any."""
    prompt = conversation.question
    for attempt in (_refine, _condense_prompt, _more_queries, _answer_over):
        if (text := attempt(prompt)) is not None:
            return Reply(text)
    for attempt_over in (_condense_history, _summarise, _answer_over_system):
        if (text := attempt_over(conversation)) is not None:
            return Reply(text)
    return None


def answer_from(question: str, context: str) -> str:
    """The sentence of a context that answers a question, or the admission that none does."""
    if _SUMMARY.search(question):
        return summary(context)
    passages = [without_metadata(block) for block in re.split(r"\n\s*\n", context)]
    found = best_sentence(question, passages)
    if found:
        return _readable(found)
    return "给定的资料里没有答案。" if has_cjk(question) else "The given context does not contain the answer."


def summary(text: str) -> str:
    """The sentences that say most of what a text is about, in their order."""
    found = [item for item in sentences(without_metadata(text)) if len(content_words(item)) >= 3] or sentences(
        text
    )
    if len(found) <= _SUMMARY_SENTENCES:
        return " ".join(found)
    central = [position for _, position in rank(" ".join(found), found) if position != 0]
    kept = sorted([0, *central[: _SUMMARY_SENTENCES - 1]])
    return ("" if has_cjk(text) else " ").join(_readable(found[position]) for position in kept)


def _refine(prompt: str) -> str | None:
    for pattern in _REFINE:
        found = pattern.search(prompt)
        if found:
            old = found["old"].strip()
            new = best_sentence(found["question"], [without_metadata(found["context"])])
            if new is None:
                return old
            ranked = rank(found["question"], [old, new])
            return _readable(new) if ranked[0][1] == 1 and ranked[0][0] > ranked[1][0] else old
    return None


def _condense_prompt(prompt: str) -> str | None:
    if not _CONDENSE.search(prompt):
        return None
    follow_up = _FOLLOW_UP.search(prompt)
    if not follow_up:
        return None
    history = _HISTORY.search(prompt)
    return standalone(follow_up.group(1).strip(), history.group(1) if history else "")


def _condense_history(conversation: Conversation) -> str | None:
    if not _CONDENSE.search(conversation.system) or "?" in conversation.system:
        return None
    earlier = [
        turn.text
        for turn in conversation.turns
        if turn.role in ("user", "assistant") and turn is not conversation.last_user
    ]
    return standalone(conversation.question, "\n".join(earlier))


def standalone(question: str, history: str) -> str:
    """The question with its pronoun replaced by what the history was about."""
    pronoun = _PRONOUN.search(question)
    subject = _subject(history)
    if not pronoun or subject is None:
        return question
    return question[: pronoun.start()] + subject + question[pronoun.end() :]


def _subject(history: str) -> str | None:
    lines = [
        re.sub(r"^\s*(user|human|assistant|ai)\s*:\s*", "", line, flags=re.IGNORECASE)
        for line in history.splitlines()
        if line.strip()
    ]
    for line in lines:
        names = re.findall(r"(?<!^)(?<![.!?] )\b[A-Z][\w.-]*(?: [A-Z0-9][\w.-]*)*", line)
        names = [name.rstrip(".") for name in names if name.lower() not in ("i", "i'm")]
        if names:
            return str(max(names, key=len))
    return None


def _more_queries(prompt: str) -> str | None:
    found = _MORE_QUERIES.search(prompt)
    if not found:
        return None
    wanted = int(found.group(1)) if found.group(1).isdigit() else 3
    question = found["question"].strip()
    words = " ".join(dict.fromkeys(re.findall(r"[\w-]+", question)))
    forms = (question, f"explain {words}", f"{words} overview", f"{words} examples", f"{words} details")
    return "\n".join(forms[number % len(forms)] for number in range(min(wanted, 10)))


def _answer_over(prompt: str) -> str | None:
    for pattern in _QUESTION_OVER:
        found = pattern.search(prompt)
        if found and found["context"].strip() and found["question"].strip():
            return answer_from(found["question"].strip(), found["context"])
    return None


def _answer_over_system(conversation: Conversation) -> str | None:
    """Prompts that put the passages into the system message and the question into the user's."""
    system = conversation.system
    if not re.search(
        r"context|documents?|passages?|sources|knowledge|excerpts?|上下文|资料|已知|文档", system, re.IGNORECASE
    ):
        return None
    lines = [line for line in system.splitlines() if line.strip() and not _INSTRUCTION.match(line.strip())]
    context = "\n".join(lines)
    if len(context) < 20 or not conversation.question.strip():
        return None
    found = best_sentence(conversation.question, [without_metadata(context)])
    return _readable(found) if found else None


def _summarise(conversation: Conversation) -> str | None:
    prompt = conversation.question
    if not _SUMMARY.search(prompt):
        return None
    blocks = [block for block in re.split(r"\n\s*\n|(?<=[:：])\s*\n?", prompt) if block.strip()]
    told = (block for block in blocks if not block.rstrip().endswith((":", "：")))
    body = "\n".join(block for block in told if not (_SUMMARY.search(block) and len(block) < 200))
    return summary(body) if len(content_words(body)) >= 8 else None


def without_metadata(block: str) -> str:
    """A passage without the lines of metadata that may stand before it."""
    lines = block.splitlines()
    while len(lines) > 1 and _METADATA.match(lines[0]):
        lines.pop(0)
    return "\n".join(lines)


def _readable(sentence: str) -> str:
    plain = re.sub(r"^\s*(?:[-*•]|\d+[.)]|#+)\s+", "", sentence)
    # Marks around words only: names such as DASHSCOPE_API_KEY keep their underscores.
    return re.sub(r"(?<!\w)([*_`]{1,3})(\S.*?\S)\1(?!\w)", r"\2", plain).strip()
