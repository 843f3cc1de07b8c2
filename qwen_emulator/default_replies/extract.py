"""Finding values in text: the number, name, place or phrase that a field of a schema most likely means."""

from __future__ import annotations

import re
from collections.abc import Sequence

from qwen_emulator.words import content_words, stem

_NUMBER = re.compile(
    r"(?<![A-Za-z0-9_.])-?\d{1,3}(?:,\d{3})+(?:\.\d+)?|(?<![A-Za-z0-9_.-])-?\d+(?:\.\d+)?(?!\w*\d)"
)
_NUMBER_TEXT = "zero one two three four five six seven eight nine ten eleven twelve"
_NUMBER_WORDS = {word: number for number, word in enumerate(_NUMBER_TEXT.split())}
_CHINESE_NUMBERS = {character: number for number, character in enumerate("零一二三四五六七八九十")}
_CAPITALISED = r"[A-Z][\w'’.-]*(?:[^\S\n]+(?:of|the|de|van)?[^\S\n]*[A-Z][\w'’.-]*)*"
_VALUE = r"[\"'“]?([^\n\"”,;.，。；]{1,80})"
_FORMS = {
    "email": r"[\w.+-]+@[\w-]+\.[\w.-]+\w",
    "url": r"https?://[^\s\"'<>)]+",
    "date": r"\b\d{4}-\d{2}-\d{2}\b",
    "phone": r"\+?\d[\d ()-]{6,}\d",
    "time": r"\b\d{1,2}:\d{2}(?::\d{2})?\b",
}
_KINDS: tuple[tuple[str, frozenset[str]], ...] = (
    ("email", frozenset({"email", "mail"})),
    ("url", frozenset({"url", "link", "website", "uri"})),
    ("phone", frozenset({"phone", "telephone", "mobile"})),
    ("date", frozenset({"date", "day", "birthday"})),
    ("time", frozenset({"time"})),
    (
        "place",
        frozenset(
            {
                "city",
                "location",
                "place",
                "country",
                "destination",
                "origin",
                "town",
                "region",
                "state",
                "address",
                "area",
            }
        ),
    ),
    (
        "whole",
        frozenset(
            {
                "query",
                "question",
                "text",
                "prompt",
                "message",
                "search",
                "request",
                "input",
                "content",
                "statement",
                "instruction",
                "task",
                "sentence",
                "body",
            }
        ),
    ),
    ("formula", frozenset({"expression", "formula", "equation", "calculation"})),
    (
        "name",
        frozenset(
            {
                "name",
                "person",
                "author",
                "title",
                "product",
                "company",
                "character",
                "artist",
                "album",
                "song",
                "movie",
                "film",
                "book",
                "user",
                "customer",
                "organization",
                "brand",
                "actor",
                "director",
                "people",
                "member",
                "speaker",
                "who",
            }
        ),
    ),
)
_PLACE = re.compile(rf"\b(?:in|at|for|from|to|near|of|visit|visiting)\s+({_CAPITALISED}(?:,\s*{_CAPITALISED})?)")
_CHINESE_PLACE = re.compile(
    r"(?:住在|位于|来自|在|去|到)([\u4e00-\u9fff]{2,3}?)(?=[,。\s、市]|的|$)|([\u4e00-\u9fff]{2,3}?)(?:市|省|的天气|今天|明天|天气|现在)"
)
_CHINESE_NAME = re.compile(
    r"(?:^|[,。\s])([\u4e00-\u9fff]{2,3}?)(?:今年|现年|住在|来自)|(?:叫|名字是|姓名[是:为]?)\s*([\u4e00-\u9fff]{2,4}?)(?=[,。\s、]|$|今年|是|住)"
)
_QUOTED_NAME = re.compile(
    r"(?:\b(?:named|called|titled|name is)|名为|名叫|叫做?|名称[是为:：])\s*"
    r"(?:'([^'\n]{1,80})'(?!\w)|[\"“‘「『《]([^\"”’」』》\n]{1,80})[\"”’」』》])",
    re.IGNORECASE,
)
_PHRASES: tuple[tuple[frozenset[str], str], ...] = (
    # A field with one of these (stemmed) words in its name, and where its text stands.
    (frozenset({"origin", "departure", "from", "source"}), rf"\bfrom\s+({_CAPITALISED})"),
    (frozenset({"destination", "arrival", "to", "target"}), rf"\bto\s+({_CAPITALISED})"),
    (frozenset({"company", "employer", "organization"}), rf"\b(?:at|for|with)\s+({_CAPITALISED})"),
    (
        frozenset({"occupation", "job", "profession", "rol", "role"}),
        r"\b(?:as|is|am|was)\s+an?\s+([a-z][a-z -]*?)(?=\s+(?:at|in|for|from|and|who|with)\b|[.,;]|$)",
    ),
    (frozenset({"body", "messag", "content"}), r"\b(?:saying|that says)\s+(?:that\s+)?(.+)$"),
)
_NOT_NAMES_TEXT = """
What Who Where When Why How Which Is Are Was Were Do Does Did Can Could Please Use The A An My I It This
That Tell Give Find Extract Create Make Write Call Get Show Return Let Say In On At If JSON Answer
Question Query Hi Hello And But He She They We You Here There Hey Output Generate Search Calculate
Compute Add Multiply Book Extracted Only Given From For Now Then Also
"""
_NOT_NAMES = frozenset(_NOT_NAMES_TEXT.split())


def label_words(name: str, description: str = "") -> tuple[str, ...]:
    """The words of a field's name, split at capitals and underscores, then those of its description."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_\-.]", " ", name)
    return tuple(dict.fromkeys([*(stem(word.lower()) for word in spaced.split()), *content_words(description)]))


def kind_of(name: str) -> str | None:
    """What kind of text a field with this name holds, if the name tells."""
    words = {word.lower() for word in re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_\-.]", " ", name).split()}
    singular = words | {word.removesuffix("s") for word in words}
    return next((kind for kind, names in _KINDS if singular & names), None)


def numbers(text: str) -> list[tuple[int, float]]:
    """(position, value) of each number, in digits or in words."""
    found = [(match.start(), float(match.group().replace(",", ""))) for match in _NUMBER.finditer(text)]
    for match in re.finditer(r"[a-z]+|[零一二三四五六七八九十](?=[个只人岁本张天年])", text.lower()):
        value = _NUMBER_WORDS.get(match.group(), _CHINESE_NUMBERS.get(match.group()))
        if value is not None and match.group() != "one":
            found.append((match.start(), float(value)))
    return sorted(found)


def find_number(text: str, labels: Sequence[str], order: int = 0) -> float | None:
    """The number closest to a label; else the n-th number of the text."""
    found = numbers(text)
    if not found:
        return None
    marks = [
        (match.start(), match.end())
        for match in re.finditer(r"[A-Za-z]+|[\u3400-\u9fff]{1,2}", text)
        if stem(match.group().lower()) in labels
    ]
    if marks:

        def distance(pair: tuple[int, float]) -> tuple[float, int]:
            # A number after its label is likelier meant than one before it, and not past the sentence's end.
            position = pair[0]
            return min((_gap(text, start, end, position), start) for start, end in marks)

        closest = min(found, key=distance)
        if distance(closest)[0] < 60:
            return closest[1]
    if any(label in ("age", "old", "year") for label in labels):
        aged = re.search(r"(\d+)[\s-]*(?:years?[\s-]old|岁|y/?o\b)|\bage[d:]?\s*(\d+)|,\s*(\d{1,3})\s*,", text)
        if aged:
            return float(next(group for group in aged.groups() if group))
    return found[min(order, len(found) - 1)][1]


def find_text(text: str, name: str, description: str = "") -> str | None:
    """The text that a field with this name and description most likely means."""
    if (given := _labelled(text, name)) is not None:
        return given
    if (quoted := _quoted_near(text, name)) is not None:
        return quoted
    kind = kind_of(name) or kind_of(" ".join(description.split()[:6]))
    if kind in _FORMS:
        found = re.search(_FORMS[kind], text)
        return found.group() if found else None
    if re.fullmatch(r"to|cc|recipient|from|sender", name.lower()) and (found := re.search(_FORMS["email"], text)):
        return found.group()
    words = set(label_words(name))
    for labels, pattern in _PHRASES:
        if words & labels and (found := re.search(pattern, text)):
            return found.group(1).strip(" .'")
    if kind == "place":
        return find_place(text)
    if kind == "name":
        return find_name(text)
    if kind == "formula":
        found = re.search(r"[-(]*\d[\d\s.+\-*/^()%]*\d\)*", text)
        return found.group().strip() if found else None
    if kind == "whole":
        return " ".join(text.split()) or None
    return None


def find_place(text: str) -> str | None:
    """A place name."""
    for found in _PLACE.finditer(text):
        place = found.group(1).rstrip(".'")
        if place.split()[0] not in _NOT_NAMES:
            return place
    conversation = re.sub(r"请问|请|帮我|查询|查一下|告诉我|今天|明天|现在|的", "", text)
    several = re.match(r"\s*([\u4e00-\u9fff]{2,3}?)(?=[、和与,])", conversation)
    if several:
        return several.group(1)
    chinese = _CHINESE_PLACE.search(conversation)
    if chinese:
        return chinese.group(1) or chinese.group(2)
    return find_name(text)


def find_name(text: str) -> str | None:
    """A proper name: after ``named`` or the like, in quotes, or the first run of capitalised words."""
    if quoted := _QUOTED_NAME.search(text):
        return quoted.group(1) or quoted.group(2)
    named = re.search(rf"\b(?i:named|called|name is|i am|i'm|by|titled)\s+({_CAPITALISED})", text)
    if named:
        return named.group(1).rstrip(".'")
    chinese = _CHINESE_NAME.search(text)
    if chinese:
        return chinese.group(1) or chinese.group(2)
    first = next(iter(names(text)), None)
    if first is not None:
        return first
    thing = re.match(
        r"\s*(?:the|an?|this|my|our)\s+([a-z-]+(?: [a-z-]+)?)\s+(?:costs?|has|is|was|are|for)\b",
        text,
        re.IGNORECASE,
    )
    return thing.group(1) if thing else None


def names(text: str) -> list[str]:
    """All runs of capitalised words that are not merely the beginning of a sentence."""
    found = []
    for match in re.finditer(rf"(?<!\d)(?<!\d ){_CAPITALISED}", text):
        words = match.group().split()
        while words and words[0].rstrip(".'") in _NOT_NAMES:
            words.pop(0)
        while words and words[-1] in ("of", "the", "de", "van"):
            words.pop()
        if words:
            found.append(" ".join(words).rstrip(".'").removesuffix("'s").removesuffix("’s"))
    return list(dict.fromkeys(name for name in found if len(name) > 1))


def listed(text: str) -> list[str]:
    """The items of an enumeration such as ``a, b and c``, the longest in the text."""
    best: list[str] = []
    for part in re.split(r"[\n.!?。:：]", text):
        items = [item.strip(" \"'“”-*") for item in re.split(r",\s*(?:and\s+|or\s+)?|\s+and\s+|、|，|和", part)]
        items = [item for number, item in enumerate(items) if item and (number == 0 or len(item) <= 60)]
        if len(items) > max(1, len(best)):
            best = items
    if best:  # the words before the first item belong to the sentence, not to the item
        width = max(len(item.split()) for item in best[1:])
        best[0] = " ".join(best[0].split()[-width:])
    return best


def _gap(text: str, start: int, end: int, position: int) -> float:
    between = text[end:position] if position >= end else text[position:start]
    gap = len(between) + (12 if position < start else 0)
    return gap + (40 if re.search(r"[.;\n。；](?:\s|$)", between) else 0)


def _labelled(text: str, name: str) -> str | None:
    spoken = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_\-.]", " ", name).strip()
    pattern = rf"\b{re.escape(spoken)}\b[\"'*]*\s*(?:is|are|was|=|:|：|是|为)\s*{_VALUE}"
    found = re.search(pattern, text, re.IGNORECASE)
    if not found:
        return None
    value = re.split(r"\s+(?:and|who|which|but|with)\s+", found.group(1))[0].strip(" '\"")
    return value if value and not value.startswith(("{", "[")) else None


def _quoted_near(text: str, name: str) -> str | None:
    spoken = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_\-.]", " ", name).strip()
    found = re.search(rf"\b{re.escape(spoken)}\b[^\"“\n]{{0,20}}[\"“]([^\"”\n]+)[\"”]", text, re.IGNORECASE)
    return found.group(1) if found else None
