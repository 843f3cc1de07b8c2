"""An example text for a regular expression: the shortest that is easily found."""

from __future__ import annotations

import re
from collections.abc import Iterable
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

_CATEGORIES = {
    codes.CATEGORY_DIGIT: "1",
    codes.CATEGORY_WORD: "a",
    codes.CATEGORY_SPACE: " ",
    codes.CATEGORY_NOT_DIGIT: "a",
    codes.CATEGORY_NOT_SPACE: "a",
    codes.CATEGORY_NOT_WORD: "-",
}
_PRINTABLE = "a1A-_ .:/@"


def example(pattern: str) -> str:
    """A text that matches; an empty one if the pattern is beyond this small generator."""
    try:
        made = _join(_parser.parse(pattern), {})
        return made if re.search(pattern, made) else ""
    except (re.error, KeyError, NotImplementedError):
        return ""


def _join(parts: Iterable[Any], groups: dict[int, str]) -> str:
    return "".join(_one(code, value, groups) for code, value in parts)


def _one(code: Any, value: Any, groups: dict[int, str]) -> str:
    if code is codes.LITERAL:
        return chr(value)
    if code is codes.NOT_LITERAL:
        return "a" if value != ord("a") else "b"
    if code is codes.ANY:
        return "a"
    if code is codes.IN:
        return _member(value)
    if code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
        least, most, inner = value
        return _join(inner, groups) * (least or (1 if most == 1 else 0))
    if code is codes.BRANCH:
        return _join(value[1][0], groups)
    if code is codes.SUBPATTERN:
        made = _join(value[3], groups)
        groups[value[0]] = made
        return made
    if code is codes.GROUPREF:
        return groups[value]
    if code in (codes.AT, codes.ASSERT, codes.ASSERT_NOT):
        return ""
    raise NotImplementedError(str(code))


def _member(options: list[Any]) -> str:
    if options[0][0] is codes.NEGATE:
        refused = re.compile("".join(["[", *(_spelled(option) for option in options[1:]), "]"]))
        return next((character for character in _PRINTABLE if not refused.match(character)), "a")
    code, value = options[0]
    if code is codes.RANGE:
        return chr(value[0])
    return _CATEGORIES[value] if code is codes.CATEGORY else chr(value)


def _spelled(option: Any) -> str:
    code, value = option
    if code is codes.RANGE:
        return f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}"
    if code is codes.CATEGORY:
        return {codes.CATEGORY_DIGIT: r"\d", codes.CATEGORY_WORD: r"\w", codes.CATEGORY_SPACE: r"\s"}.get(
            value, ""
        )
    return re.escape(chr(value))
