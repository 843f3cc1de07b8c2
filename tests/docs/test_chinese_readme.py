"""README.zh-CN.md mirrors README.md: the same sections, code, tables, names, numbers and links."""

import io
import re
import tokenize
from itertools import chain, zip_longest
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
ENGLISH, CHINESE = "README.md", "README.zh-CN.md"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`[^`]+`")
NUMBER = re.compile(r"(?<![\w.])\d+(?:,\d{3})*(?:\.\d+)*")
LINK = re.compile(r"\]\((?!#|README)([^)]+)\)")


class Section(NamedTuple):
    """A section: heading and text."""

    level: int
    title: str
    text: str

    @property
    def blocks(self) -> list[tuple[str, str]]:
        """Return the code blocks: language and code."""
        return FENCE.findall(self.text)

    @property
    def prose(self) -> str:
        """Return the text without code blocks and tables."""
        return re.sub(r"^\|.*$", "", FENCE.sub("", self.text), flags=re.MULTILINE)

    @property
    def tables(self) -> list[list[list[str]]]:
        """Return the tables as rows of cells."""
        found = re.findall(r"(?:^\|.*\|\n)+", self.text, re.MULTILINE)
        return [[re.split(r"(?<!\\)\|", line)[1:-1] for line in table.splitlines()] for table in found]


def sections(name: str) -> list[Section]:
    """Split a file at its headings, ignoring those in code blocks."""
    text = (ROOT / name).read_text("utf-8")
    hidden = FENCE.sub(lambda found: re.sub(r"^#", "\0", found[0], flags=re.MULTILINE), text)
    parts = re.split(r"^(#+) (.*)\n", hidden, flags=re.MULTILINE)
    return [Section(len(parts[i]), parts[i + 1], parts[i + 2].replace("\0", "#")) for i in range(1, len(parts), 3)]


PAIRS = list(zip_longest(sections(ENGLISH), sections(CHINESE)))
EACH = pytest.mark.parametrize(
    ("english", "chinese"), PAIRS, ids=[pair[0].title if pair[0] else "more" for pair in PAIRS]
)


def code(language: str, text: str) -> list[str]:
    """Return the code without what may be translated: comments and strings."""
    if language == "python":
        told = (tokenize.COMMENT, tokenize.STRING, tokenize.NL)
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        return [token.string for token in tokens if token.type not in told]
    if language == "bash":
        return [line.partition("#")[0].strip() for line in text.splitlines()]
    return re.findall(r"^ *\S+", text, re.MULTILINE)


def test_chinese_readme_has_the_same_sections() -> None:
    assert [pair[0] and pair[0].level for pair in PAIRS] == [pair[1] and pair[1].level for pair in PAIRS]


@EACH
def test_chinese_readme_has_the_same_code(english: Section, chinese: Section) -> None:
    assert [language for language, _ in english.blocks] == [language for language, _ in chinese.blocks]
    for (language, before), (_, after) in zip(english.blocks, chinese.blocks, strict=True):
        assert code(language, before) == code(language, after)


@EACH
def test_chinese_readme_has_the_same_tables(english: Section, chinese: Section) -> None:
    yes_and_no = {"是": "yes", "否": "no"}
    assert len(english.tables) == len(chinese.tables)
    for before, after in zip(english.tables, chinese.tables, strict=True):
        assert [len(row) for row in before] == [len(row) for row in after]
        for ours, theirs in zip(chain(*before), chain(*after), strict=True):
            assert SPAN.findall(ours) == SPAN.findall(theirs)
            assert NUMBER.findall(SPAN.sub("", ours)) == NUMBER.findall(SPAN.sub("", theirs))
            if ours.strip() in yes_and_no.values() and theirs != ours:
                assert yes_and_no[theirs.strip()] == ours.strip()


@EACH
def test_chinese_readme_has_the_same_names_numbers_and_links(english: Section, chinese: Section) -> None:
    for kind in (SPAN, LINK):
        ours, theirs = (set(kind.findall(section.prose)) for section in (english, chinese))
        assert ours == theirs, f"{CHINESE} is to be changed with {ENGLISH}: {sorted(ours ^ theirs)}"
    ours, theirs = (set(NUMBER.findall(SPAN.sub("", section.prose))) for section in (english, chinese))
    assert ours == theirs, f"{CHINESE} is to be changed with {ENGLISH}: {sorted(ours ^ theirs)}"


def test_readmes_link_to_each_other() -> None:
    assert f"]({CHINESE})" in PAIRS[0][0].text and f"]({ENGLISH})" in PAIRS[0][1].text


def test_readme_links_are_valid() -> None:
    for name in (ENGLISH, CHINESE):
        text = (ROOT / name).read_text("utf-8")
        anchors = {section.title.lower().replace(" ", "-") for section in sections(name)}
        assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors
        for target in LINK.findall(text):
            assert (ROOT / target.partition("#")[0]).exists() or target.startswith("https://"), target
