"""Small jobs of indexing and evaluation: keywords, yes or no, a title, a list of questions, a grade."""

from __future__ import annotations

import re
from collections import Counter

from qwen_emulator.conversation import Conversation
from qwen_emulator.default_replies.passages import without_metadata
from qwen_emulator.replies import Reply
from qwen_emulator.words import STOPWORDS, content_words, sentences, stem

_KEYWORDS = re.compile(r"(?:extract up to|give)\s+(\d+)\s+(?:unique\s+)?keywords", re.IGNORECASE)
_YES_NO = re.compile(r"\b(?:either\s+)?YES\s*(?:or|/)\s*NO\b")
_CLAIM = re.compile(
    r"(?:Information|Query and Response)\s*:\s*(.*?)\nContext\s*:\s*(.*?)\n\s*Answer\s*:?\s*\Z", re.DOTALL
)
_TITLE = re.compile(r"\bgive a title\b|comprehensive title|\bTitle:\s*\Z", re.IGNORECASE)
_QUESTIONS = re.compile(r"generate\s+(\d+)\s+questions", re.IGNORECASE)
_GRADE = re.compile(
    r"(?:Reference Answer)\s*:?\s*(.*?)\n\s*#*\s*(?:Generated Answer)\s*:?\s*(.*)\Z", re.DOTALL | re.IGNORECASE
)
_BLOCK = re.compile(r"-{3,}\s*\n(.*?)\n\s*-{3,}\s*\n", re.DOTALL)
_AFTER_CONTEXT = re.compile(r"\bContext:\s*(.*?)\n\s*(?:Give|Given|Generate|Title|Based)", re.DOTALL)


def from_rag_tasks(conversation: Conversation) -> Reply | None:
    """What the prompt asks for, if it is one of these jobs."""
    prompt = conversation.question
    for job in (_keywords, _yes_or_no, _questions, _title):
        if (text := job(prompt)) is not None:
            return Reply(text)
    return _grade(conversation)


def keywords(text: str, wanted: int) -> list[str]:
    """The words a text uses most, as they are written, in the order of their first use."""
    written = [word for word in re.findall(r"[A-Za-z][\w.-]*\w|[\u3400-\u9fff]{2,4}", text)]
    counted = Counter(stem(word.lower()) for word in written if word.lower() not in STOPWORDS)
    top = {word for word, _ in counted.most_common(wanted)}
    first = {stem(word.lower()): word for word in reversed(written)}
    return [first[word] for word in dict.fromkeys(stem(word.lower()) for word in written) if word in top]


def _subject(prompt: str) -> str:
    found = _BLOCK.search(prompt) or _AFTER_CONTEXT.search(prompt)
    return without_metadata(found.group(1) if found else prompt)


def _keywords(prompt: str) -> str | None:
    found = _KEYWORDS.search(prompt)
    if not found:
        return None
    rest = prompt[: found.start()] if "Format as comma separated" in prompt else _subject(prompt)
    listed = ", ".join(keywords(rest or prompt, int(found.group(1))))
    return f"KEYWORDS: {listed}" if "KEYWORDS:" in prompt else listed


def _yes_or_no(prompt: str) -> str | None:
    if not _YES_NO.search(prompt):
        return None
    found = _CLAIM.search(prompt[max(prompt.rfind("\nInformation:"), prompt.rfind("Query and Response"), 0) :])
    if not found:
        return None
    claimed, known = set(content_words(found.group(1))), set(content_words(found.group(2)))
    return "YES" if claimed and len(claimed & known) / len(claimed) >= 0.5 else "NO"


def _questions(prompt: str) -> str | None:
    found = _QUESTIONS.search(prompt)
    if not found:
        return None
    told = [
        line for line in sentences(_subject(prompt)) if len(content_words(line)) >= 2 and not line.endswith(":")
    ]
    conversation = [f"What does the text say about {', '.join(keywords(line, 3))}?" for line in told]
    return "\n".join(f"{number}. {line}" for number, line in enumerate(conversation[: int(found.group(1))], 1))


def _title(prompt: str) -> str | None:
    if not _TITLE.search(prompt):
        return None
    return " ".join(word[0].upper() + word[1:] for word in keywords(_subject(prompt), 5))


def _grade(conversation: Conversation) -> Reply | None:
    if "score" not in conversation.system.lower():
        return None
    found = _GRADE.search(conversation.question)
    if not found:
        return None
    expected, given = set(content_words(found.group(1))), set(content_words(found.group(2)))
    share = len(expected & given) / max(len(expected), 1)
    return Reply(f"{1 + round(4 * share)}.0\nThe generated answer has {share:.0%} of the words of the reference.")
