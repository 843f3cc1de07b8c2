"""Hold the words that the project's glossary retired out of code, documents and test names.

A word is tested if that causes no false alarms. Names are read like prose: ``own_server`` and ``OwnServer`` are
both "own server". Words that the field uses in another sense are not tested: "answer" (of a model or an agent),
"segment" (of TCP), "bound" (a bound method), "origin" (of a URL), and "word", "end", "take". In tests, only the
names of files and functions are read; in notebooks, the sources of the cells.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

OPEN: tuple[str, ...] = (
    "cookbook",
    "tests/emulator",
)
"""Areas that are not clean yet."""

RETIRED = {
    r"wires?": "protocol",
    r"pieces?": "content part, chunk",
    r"(?<!\bin )(?<!\bin its )(?<!\btakes )(?<!\btake )(?<!\btook )(?<!\btaking )places?": "index, position",
    r"own servers?|servers? of (?:one|your|their|the user)(?:'s)? own": "self-hosted server",
    r"pictures?": "image",
    r"films?": "video",
    r"sounds?(?! like)": "audio",
    r"likel(?:y|iest) words?": "nucleus sampling",
    r"cache marks?|marks? (?:of|for) (?:the|a) cache": "prompt cache breakpoint",
    r"(?<!case-)fold(?:s|ed|ing)?": "merge",
    r"half of a character|halves of characters": "lone surrogate",
    r"(?:asked|tried) again": "retry",
    r"whole answers?": "response, complete response",
    r"(?:is|are|was|were|been) cut(?! off)|cut (?:answer|response|stream)s?": "truncated, incomplete",
    r"judg(?:e|es|ed|ing)": "validate",
    r"wins? over|put otherwise": "override",
    r"cannot be had|cannot be kept to": "is not available",
    r"(?<!there )(?:is|are) none": "is not a ..., is None",
    r"(?:is|are) no (?!longer|more|less)": "is not a ...",
    r"what it is called|what they are called": "tool name, function name",
    r"whoever": "if",
    r"the same, awaited": "a docstring that stands alone",
    r"unasked|as asked": "by default",
}
"""Patterns of whole words -> the words to use."""

ALLOWED = re.compile(r"there (?:is|are) no |LlamaIndex's `Answer`|please try again")
"""Uses that are right as they are."""

RETIRED_NAMES = frozenset(
    [
        "OpenAnswer",
        "AnswerT",
        "StatusFailure",
        "WireProtocol",
        "OpenChoice",
        "EnvironmentKey",
        "CuttingClient",
        "WholeAnswer",
        "WholeText",
        "WholeJson",
        "WholeCall",
        "Asked",
        "Altered",
        "ask_at_the_end",
        "ask_what_the_system_says",
        "note_unknown_bound",
        "fit_switch",
        "fit_effort",
        "profile_on",
        "ON_OWN_SERVERS",
        "leads_elsewhere",
        "call_failure",
        "store_failure",
        "library_failure",
        "make_hurryable",
        "is_enough",
        "PATIENCE",
        "if_ours",
        "replay_first",
        "give_up",
        "split_if_learned",
        "split_after_refusal",
        "first_split",
        "key_is_ambient",
        "withholds_key",
        "where_it_goes",
        "OTHER_NAMES",
        "take_apart",
        "only_one",
        "in_a_row",
        "give_out",
        "says_oss",
        "wire_of",
    ]
)
"""Names that were replaced, and that are too short or too common in parts for a pattern above."""

WORDS = re.compile(
    "|".join(rf"\b(?:{pattern})\b" if pattern[-1] != ")" else rf"\b(?:{pattern})" for pattern in RETIRED)
)
PARTS_OF_NAMES = re.compile(r"(?<=[a-z])(?=[A-Z])|_")

PACKAGES = ("langchain_qwen", "llama_index_qwen", "qwen_emulator")
CORE = tuple(
    sorted(f"qwen_core/{path.name}" for path in (ROOT / "qwen_core").iterdir() if (path / "__init__.py").exists())
)
DOCUMENTS = ("README.md", "README.zh-CN.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "Makefile")
TESTS = tuple(sorted(f"tests/{path.name}" for path in (ROOT / "tests").iterdir() if any(path.glob("*.py"))))
AREAS = (*CORE, *PACKAGES, *DOCUMENTS, "docs", "docs/reference", "docs/protocol", "cookbook", *TESTS)


def files_of(area: str) -> Iterator[Path]:
    """Yield the files of an area; those of ``docs`` without the folders that are areas themselves."""
    path = ROOT / area
    if path.is_file():
        yield path
    elif area == "docs":
        yield from sorted(path.glob("*.md"))
    else:
        for suffix in (".py", ".md", ".ipynb", ".toml"):
            yield from sorted(path.rglob(f"*{suffix}"))


def texts_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a file that are tested, each with its number (in a notebook, that of the cell)."""
    text = path.read_text("utf-8")
    if path.suffix == ".ipynb":
        for number, cell in enumerate(json.loads(text)["cells"], 1):
            yield number, "".join(cell["source"])
    elif path.is_relative_to(ROOT / "tests"):
        if path.suffix == ".py":
            yield 0, path.name
            for number, line in enumerate(text.splitlines(), 1):
                if found := re.match(r"\s*(?:async )?def (test_\w+)", line):
                    yield number, found[1]
    else:
        yield from enumerate(text.splitlines(), 1)


def retired_words(text: str) -> list[str]:
    """Return the retired words and names in a text."""
    words = PARTS_OF_NAMES.sub(" ", text.replace("None", "null")).lower()
    allowed = ALLOWED.sub(" ", words)
    return [
        *(found[0] for found in WORDS.finditer(allowed)),
        *sorted(RETIRED_NAMES & set(re.findall(r"\w+", text))),
    ]


@pytest.mark.parametrize(
    "area", [pytest.param(area, marks=[pytest.mark.xfail(reason="open")] * (area in OPEN)) for area in AREAS]
)
def test_retired_words_do_not_come_back(area: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {', '.join(words)}"
        for path in files_of(area)
        for number, text in texts_of(path)
        if (words := retired_words(text))
    ]
    assert found == [], f"{len(found)} retired words; the glossary names the ones to use: {RETIRED}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The wire of a call", ["wire"]),
        ("own_server and OwnServers", ["own server", "own servers"]),
        ("a placeholder takes the place of it, in place of nothing", ["place"]),
        ("There is no tool, which is no longer an error", []),
        ("what is no tool", ["is no "]),
        ("value is None", []),
        ("fit_effort(request)", ["fit_effort"]),
    ],
)
def test_words_are_found_in_prose_and_in_names(text: str, words: list[str]) -> None:
    assert retired_words(text) == words
