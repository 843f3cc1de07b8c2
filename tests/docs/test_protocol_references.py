"""References in comments ("compatible 2.5", "native 5.3") name existing sections of docs/protocol."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("compatible", "knowledge", "native", "speech")
FOLDERS = ("qwen_core", "langchain_qwen", "llama_index_qwen", "qwen_emulator", "tests")
FILES = [
    path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.*")) if path.suffix in (".py", ".md")
]
NUMBER = r"\d+(?:\.\d+)?"
NAMES = "|".join(PAGES)
NAMED = re.compile(
    rf"\b({NAMES})\"?,? (?:sections? )?({NUMBER}(?:(?:-|, | and ){NUMBER})*)",
    re.IGNORECASE,
)
HEADING = re.compile(r"^##+ ", re.MULTILINE)
SURE = re.compile(r"\((?:[^()]*\W)?[DOST?](?:\W[^()]*)?\)|catalogue")
"""A certainty mark in brackets, alone or beside words; or a reference to the catalog, which has them."""


def sections(page: str) -> dict[str, str]:
    """Return the text under each numbered heading of a page."""
    text = (ROOT / "docs" / "protocol" / f"{page}.md").read_text("utf-8")
    return {part.partition(" ")[0]: part for part in HEADING.split(text)[1:]}


def test_every_referenced_protocol_section_exists() -> None:
    known = {page: sections(page) for page in PAGES}
    named = [
        (path.relative_to(ROOT), found[1].lower(), number)
        for path in FILES
        for found in NAMED.finditer(path.read_text("utf-8"))
        for number in re.findall(NUMBER, found[2])
    ]
    assert len(named) > 80
    assert [place for place in named if place[2] not in known[place[1]]] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_protocol_section_states_its_certainty(page: str) -> None:
    told = [text for text in sections(page).values() if len(text.splitlines()) > 2]
    assert told and [text for text in told if not SURE.search(text)] == []
