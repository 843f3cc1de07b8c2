"""Words and sentences of English and Chinese text, and which sentence fits a question best."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

_WORD = re.compile(r"[a-z0-9]+(?:[._'-][a-z0-9]+)*|[\u3400-\u9fff]+", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[^a-z])|(?<=[。！？；])|\n+")
_CJK = re.compile(r"[\u3400-\u9fff]")

_STOP_TEXT = """
a an and any are as at be been being but by can could did do does doing for from had has have having he
her him his how i if in into is it its itself just let me may might mine my no nor not of off on one only
or other our ours out over own please s same she should so some such t tell than that the their theirs
them then there these they this those through to too under until up us use used using very was we were
what when where which while who whom why will with would you your yours about give given say show find
get know want need like also answer question context according following described mentioned explain
describe
的 了 是 在 和 与 有 吗 呢 啊 什么 怎么 怎样 哪 哪个 哪里 哪些 谁 多少 几 为什么 请 请问 请你 一下 我 你 他 她
它 我们 你们 他们 这 那 这个 那个 一个 就 都 也 很 到 说 要 去 会 着 没有 看 好 自己 根据 以上 上下文 问题 回答
告诉
"""
STOPWORDS = frozenset(_STOP_TEXT.split())
_CJK_STOP = frozenset("的了是在和与有吗呢啊什么怎么样哪个里些谁多少几为请问你我他她它们这那就都也很到说要会着没")


def has_cjk(text: str) -> bool:
    """Return whether a text contains Chinese characters."""
    return bool(_CJK.search(text))


@lru_cache(maxsize=4096)
def content_words(text: str) -> tuple[str, ...]:
    """Return the words that carry meaning: latin ones stemmed, Chinese ones as character pairs."""
    found: list[str] = []
    for match in _WORD.finditer(text):
        word = match.group().lower()
        if _CJK.match(word):
            found.extend(_pairs(word))
        elif word not in STOPWORDS:
            found.append(stem(word))
    return tuple(found)


def stem(word: str) -> str:
    """Return a rough English stem, so that ``models`` matches ``model`` and ``running`` matches ``run``."""
    word = word.removesuffix("'s").removesuffix("'")
    if len(word) < 4 or not word.isalpha():
        return word
    for ending, instead in (
        ("ies", "y"),
        ("sses", "ss"),
        ("ing", ""),
        ("edly", ""),
        ("ed", ""),
        ("ly", ""),
        ("es", ""),
        ("s", ""),
        ("e", ""),
    ):
        if word.endswith(ending) and not word.endswith("ss") and len(word) - len(ending) >= 3:
            word = word[: len(word) - len(ending)] + instead
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz":
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 4 else word


def sentences(text: str) -> list[str]:
    """Return the sentences of a text, without rules and blank lines."""
    parts = (part.strip() for part in _SENTENCE_END.split(text) if part)
    return [part for part in parts if part.strip("-=*#_ \t")]


def rank(question: str, candidates: Sequence[str]) -> list[tuple[float, int]]:
    """Return (score, index) of each candidate, best first; rare words of the question count most."""
    bags = [Counter(content_words(candidate)) for candidate in candidates]
    wanted = Counter(content_words(question))
    spread = Counter(word for bag in bags for word in bag)
    total = len(candidates)
    scored = []
    for position, bag in enumerate(bags):
        shared = sum(
            weight_of(spread[word], total) * (1 + math.log(bag[word])) * (1 if len(word) > 1 else 0.5)
            for word in wanted
            if word in bag
        )
        length = sum(bag.values())
        score = shared / (0.75 + 0.25 * length / 12) + _fits_kind(question, candidates[position], shared)
        scored.append((score, position))
    return sorted(scored, key=lambda pair: (-pair[0], pair[1]))


def weight_of(found_in: int, total: int) -> float:
    """Return the inverse document frequency."""
    return math.log(1 + (total - found_in + 0.5) / (found_in + 0.5)) + 0.2


def best_sentence(question: str, passages: Iterable[str]) -> str | None:
    """Return the sentence that fits a question best, or None if no word of the question occurs."""
    found = [sentence for passage in passages for sentence in sentences(passage)]
    ranked = rank(question, found)
    if not ranked or ranked[0][0] <= 0:
        return None
    position = ranked[0][1]
    best = found[position]
    if best.endswith(("?", "？")) and position + 1 < len(found):
        return found[position + 1]
    if best.endswith(":") and position + 1 < len(found):
        return f"{best} {found[position + 1]}"
    return best


_KINDS = (
    (
        re.compile(
            r"\b(how (many|much|old|long|far|tall|high|fast|deep)|when|what (year|date|time))\b|多少|几|何时|哪年",
            re.IGNORECASE,
        ),
        re.compile(r"\d|\b(one|two|three|four|five|six|seven|eight|nine|ten)\b|[一二三四五六七八九十百]"),
    ),
    (
        re.compile(r"\b(who|whose|whom|where)\b|谁|哪里", re.IGNORECASE),
        re.compile(r"(?<!^)\b[A-Z][a-z]+|[\u3400-\u9fff]"),
    ),
    (
        re.compile(r"\bwhy\b|为什么|为何", re.IGNORECASE),
        re.compile(r"\b(because|since|due to|so that|reason)\b|因为|由于"),
    ),
)


def _fits_kind(question: str, candidate: str, shared: float) -> float:
    if not shared:
        return 0.0
    return sum(0.4 for asks, gives in _KINDS if asks.search(question) and gives.search(candidate))


def _pairs(run: str) -> list[str]:
    if len(run) == 1:
        return [] if run in _CJK_STOP else [run]
    pairs = [run[start : start + 2] for start in range(len(run) - 1)]
    return [pair for pair in pairs if pair not in STOPWORDS and not set(pair) <= _CJK_STOP]
