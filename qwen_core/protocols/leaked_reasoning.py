"""Move reasoning that the service left in ``content`` to where it belongs.

Some models return their thinking in the text, followed by ``</think>`` and the answer, with an empty
``reasoning_content``; others begin the text with a closed ``<think>`` block, also behind ``reasoning_content``
(reported of qwen3.5-plus and others, 2026-02 to 2026-09). A tag further inside an answer is text: a model may
write about tags.
"""

import re
from typing import Literal

OPEN_TAG, CLOSE_TAG = "<think>", "</think>"
FENCE = "```"
JSON_STARTS = ("{", "[")

LONE_TAG = re.compile(
    # Alone on its line or at the end of one, or between two words; not in quotes, and not as a word of a sentence.
    r"""(?:\A|\n)[ \t]*</think>[ \t]*(?=\n|\Z)|(?<=[^\s`'"“‘(])</think>(?=[ \t]*(?:\n|\Z)|[^\s`'".,;:!?)”’])"""
)

Leaks = Literal["none", "block", "stream", "whole"]
"""What is looked for: nothing; only a ``<think>`` block at the beginning; a lone ``</think>`` too, in a stream
while no reasoning has come, in a complete response in any case."""

Split = tuple[str, str]
"""Reasoning and text."""
NOTHING: Split = ("", "")


class LeakedReasoning:
    """Splits the text of one choice while it arrives, and holds back what is undecided.

    While reasoning is expected and has not come, all text is held back until a lone ``</think>``, or until the
    end, which shows that it was the answer. A stream of text that begins as JSON is the answer from the beginning.
    """

    __slots__ = ("_begun", "_held", "_leaks", "_skips_blank", "_tail", "_waits", "done")

    def __init__(self, leaks: Leaks) -> None:
        self._leaks = leaks
        self._waits = leaks in ("stream", "whole")
        self.done = leaks == "none"
        self._begun = False
        self._skips_blank = False
        self._held: list[str] = []
        self._tail = ""

    def add(self, text: str) -> Split:
        """Return the reasoning and the text that are certain now."""
        if self._skips_blank:
            text = text.lstrip()
            self.done = bool(text)
            return "", text
        self._held.append(text)
        if not self._begun:
            start = "".join(self._held).lstrip()
            if any(len(start) < len(tag) and tag.startswith(start) for tag in (OPEN_TAG, CLOSE_TAG)):
                return NOTHING
            if not start.startswith((OPEN_TAG, CLOSE_TAG)) and not self._waits:
                return "", self._release()
            if self._leaks == "stream" and start.startswith(JSON_STARTS):
                return "", self._release()
            self._begun = True
            self._tail = start[:-1]
        # Decide only when something new may be a tag, and with the character behind it.
        seen = self._tail + text
        self._tail = seen[-len(CLOSE_TAG) - 1 :]
        return self._decide(is_end=False) if CLOSE_TAG in seen else NOTHING

    def end(self) -> Split:
        """Return what was held back until the end."""
        return self._decide(is_end=True) if self._held else NOTHING

    def take_reasoning(self) -> str:
        """Take note that reasoning came in its field, and return the text that was held back before it."""
        if self._leaks == "whole":
            return ""
        self._waits = False
        return self._release() if self._begun else ""

    def _release(self) -> str:
        text = "".join(self._held)
        self._held.clear()
        self.done = True
        return text

    def _decide(self, *, is_end: bool) -> Split:
        whole = "".join(self._held)
        start = whole.lstrip()
        if start.startswith(OPEN_TAG):
            inside, closed, text = start.removeprefix(OPEN_TAG).partition(CLOSE_TAG)
            split = (inside.strip(), text.lstrip()) if closed else None
        elif self._waits:
            split = split_at_lone_tag(whole, is_end=is_end)
        else:
            # A tag before anything else, behind reasoning: the rest of a block.
            behind = start.removeprefix(CLOSE_TAG)
            if not behind.strip(" \t") and not is_end:
                return NOTHING
            if LONE_TAG.match(start) is None:
                return "", self._release()
            split = "", behind.lstrip()
        if split is None:
            return ("", self._release()) if is_end else NOTHING
        self._held.clear()
        self.done = bool(split[1])
        self._skips_blank = not self.done
        return split


def split_at_lone_tag(text: str, *, is_end: bool = True) -> Split | None:
    """Return the reasoning before a ``</think>`` that nothing opened and the text behind it, or None."""
    for tag in LONE_TAG.finditer(text):
        if not is_end and tag.end() == len(text):
            return None
        before = text[: tag.start()]
        if OPEN_TAG in before or before.count(FENCE) % 2:
            continue
        return before.strip(), text[tag.end() :].lstrip()
    return None
