"""Find values in a text: the number, name or phrase that a field of a schema most likely asks for."""

from __future__ import annotations

import re

from qwen_emulator.words import STOPWORDS, content_words, stem

_NUMBER = re.compile(
    r"(?<![A-Za-z0-9_.])-?\d{1,3}(?:,\d{3})+(?:\.\d+)?|(?<![A-Za-z0-9_.-])-?\d+(?:\.\d+)?(?!\w*\d)"
)
_CAPITALISED = r"[A-Z][\w'’.-]*(?:[^\S\n]+(?:of|the|de|van)?[^\S\n]*[A-Z][\w'’.-]*)*"
_LOCATION_TEXT = "city location country destination origin town region state address area"
_NAME_TEXT = "name person author title product company character artist movie book user customer actor who"
_WHOLE_TEXT = "query question text prompt message search request input content statement task sentence body"
_LOCATIONS, _NAMES, WHOLE_TEXTS = (frozenset(words.split()) for words in (_LOCATION_TEXT, _NAME_TEXT, _WHOLE_TEXT))
FORMATS = {
    "date-time": r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:Z|[+-]\d{2}:\d{2})",
    "date": r"\d{4}-\d{2}-\d{2}",
    "email": r"[\w.+-]+@[\w-]+\.[\w.-]*\w",
    "uri": r"https?://[^\s\"'<>)]+",
    "uuid": r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
}
_FIELDS: tuple[tuple[frozenset[str], str], ...] = (
    # A field with one of these words in its name, and the pattern of its value: the first group, if it has one.
    (frozenset({"email", "mail", "recipient", "to", "sender"}), FORMATS["email"]),
    (frozenset({"url", "link", "website", "uri"}), FORMATS["uri"]),
    (frozenset({"date", "day", "birthday"}), FORMATS["date"]),
    (frozenset({"expression", "formula", "equation", "calculation"}), r"[-(]*\d[\d\s.+\-*/^()%]*\d\)*"),
    (frozenset({"origin", "departure", "from", "source"}), rf"\bfrom\s+({_CAPITALISED})"),
    (frozenset({"destination", "arrival", "to", "target"}), rf"\bto\s+({_CAPITALISED})"),
    (_LOCATIONS, rf"\b(?:in|at|for|from|to|near|of)\s+(?!The\b)({_CAPITALISED}(?:,\s*[A-Z]{{2}}\b)?)"),
    (_LOCATIONS, r"(?:住在|位于|来自|在|去|到)([\u4e00-\u9fff]{2,3}?)(?=[,。\s、市]|的|$)"),
    (_LOCATIONS, r"(?:帮我|查一下|查询)*([\u4e00-\u9fff]{2,3}?)(?:[市省、和]|的天气|今天|明天|天气|现在)"),
    (_NAMES, rf"\b(?:named|called|titled|name is)\s+[\"'“‘]?((?<=[\"'“‘])[^\"'”’\n]{{1,80}}|{_CAPITALISED})"),
    (_NAMES, r"(?:^|[,。\s]|叫|名字是)([\u4e00-\u9fff]{2,3}?)(?:今年|现年|住在|来自|,|。|$)"),
)
_NOT_NAMES = STOPWORDS | {
    "create",
    "make",
    "write",
    "call",
    "return",
    "json",
    "hello",
    "hi",
    "add",
    "book",
    "describe",
}


def name_words(name: str) -> list[str]:
    """Split the name of a field or a tool at capitals, underscores and hyphens, in lower case."""
    return [word.lower() for word in re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_\-.]", " ", name).split()]


def label_words(name: str, description: str = "") -> tuple[str, ...]:
    """Return the stemmed words of a field's name and of its description."""
    return tuple(dict.fromkeys([*map(stem, name_words(name)), *content_words(description)]))


def has_word(name: str, words: frozenset[str]) -> bool:
    """Return whether one of the words, or its plural, is in the name of a field."""
    return any(word in words or word.removesuffix("s") in words for word in name_words(name))


def is_name_field(name: str) -> bool:
    """Return whether a field with this name holds proper names."""
    return has_word(name, _LOCATIONS | _NAMES)


def numbers(text: str) -> list[float]:
    """Return all numbers of a text."""
    return [float(match.group().replace(",", "")) for match in _NUMBER.finditer(text)]


def find_text(text: str, name: str) -> str | None:
    """Return the text that a field with this name most likely asks for."""
    spoken = re.escape(" ".join(name_words(name)))
    value = r"\s*(?:is|are|was|=|:|：|是|为)\s*[\"'“]?([^\n\"”,;.，。；{\[]{1,80})"
    labelled = re.search(rf"\b{spoken}\b[\"'*]*{value}", text, re.IGNORECASE)
    if labelled and (given := re.split(r"\s+(?:and|who|which|but|with)\s+", labelled.group(1))[0].strip(" '\"")):
        return given
    for words, pattern in _FIELDS:
        if has_word(name, words) and (found := re.search(pattern, text)):
            return (found.group(1) if found.re.groups else found.group()).strip(" .'")
    if is_name_field(name):
        return next(iter(names(text)), None)
    return " ".join(text.split()) or None if has_word(name, WHOLE_TEXTS) else None


def names(text: str) -> list[str]:
    """Return all runs of capitalised words that do not merely begin a sentence."""
    found: dict[str, None] = {}
    for match in re.finditer(rf"(?<!\d)(?<!\d ){_CAPITALISED}", text):
        words = match.group().split()
        while words and words[0].rstrip(".'").lower() in _NOT_NAMES:
            words.pop(0)
        found[" ".join(words).rstrip(".'").removesuffix("'s").removesuffix("’s")] = None
    return [name for name in found if len(name) > 1]


def listed(text: str) -> list[str]:
    """Return the items of the longest enumeration in the text, such as ``a, b and c``."""
    parts = re.split(r"[\n.!?。:：]", text)
    found = [re.split(r"\s*(?:,\s*and\s|,|\sand\s|、|，|和)\s*", part.strip()) for part in parts]
    best = max(found, key=len)
    if len(best) < 2 or any(not item or len(item) > 60 for item in best[1:]):
        return []
    # The words before the first item belong to the sentence, not to the item.
    width = max(len(item.split()) for item in best[1:])
    return [" ".join(best[0].split()[-width:]), *best[1:]]
