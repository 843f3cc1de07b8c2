"""Divide a long text into parts that one call can speak, at the ends of sentences."""

import re

PARAGRAPH = re.compile(r"\n\s*\n")
SENTENCE_END = re.compile(r"(?<=[。！？!?…；;])[”’」』\"')\]]*|(?<=[.])[”’\"')\]]*(?=\s)|\n")
CLAUSE_END = re.compile(r"(?<=[,，、:：])|(?<=\s)[-–—]\s")
SPACE = re.compile(r"\s+")


def divide_text(text: str, limit: int) -> list[str]:
    """Return parts of at most ``limit`` characters, in order, none of them blank.

    Parts end with a sentence; a sentence that is too long is divided at clauses, then at spaces, then anywhere.
    Nothing but white space at the edges of a part is left out.
    """
    parts: list[str] = []
    current = ""
    for span in spans(text, limit, (SENTENCE_END, CLAUSE_END, SPACE)):
        if current and len((current + span).strip()) > limit:
            parts.append(current.strip())
            current = ""
        current += span
    parts.append(current.strip())
    return [part for part in parts if speakable(part)]


def spans(text: str, limit: int, boundaries: tuple[re.Pattern[str], ...]) -> list[str]:
    """Return the smallest spans that are needed to keep to the limit, which together are the text."""
    if not boundaries:
        return [text[start : start + limit] for start in range(0, len(text), limit)]
    found: list[str] = []
    start = 0
    for match in boundaries[0].finditer(text):
        if match.end() > start:
            found.append(text[start : match.end()])
            start = match.end()
    found.append(text[start:])
    return [
        span
        for part in found
        for span in ([part] if len(part.strip()) <= limit else spans(part, limit, boundaries[1:]))
        if span
    ]


def speakable(text: str) -> bool:
    """Return whether a text has anything to speak."""
    return any(character.isalnum() for character in text)
