"""Find the Python snippets of README and docs, and run them as if only the extras that they name were installed.

A line ``Extras: `langchain`.`` names the extras of the snippets below it, and ``pip install NAME`` in that line
names further packages. A snippet below a comment ``<!-- not run: REASON -->`` is left out. ``python -m
tests.docs.snippets`` reads snippets as JSON and runs them, in one process for each set of extras.
"""

import json
import re
import sys
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path
from types import ModuleType

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
TESTED_ELSEWHERE = ("knowledge.md", "migration.md", "observability.md")
"""Pages whose snippets need other integrations or instrumentors, and have tests of their own."""
OPEN = ("images.md", "speech.md", "knowledge.md")
"""Pages whose snippets do not name their extras yet."""
NAME = "qwen-integrations"


@dataclass(frozen=True)
class Snippet:
    """A snippet, and what it may import."""

    file: str
    line: int
    code: str
    extras: tuple[str, ...]
    packages: tuple[str, ...]


def pages() -> list[Path]:
    """Return the files whose snippets are run."""
    guides = (path for path in sorted((ROOT / "docs").glob("*.md")) if path.name not in (*TESTED_ELSEWHERE, *OPEN))
    return [ROOT / "README.md", ROOT / "README.zh-CN.md", *guides]


def snippets(path: Path) -> list[Snippet]:
    """Return the Python snippets of a file."""
    found: list[Snippet] = []
    block: list[str] | None = None
    extras: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    skipped, previous = False, ""
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if block is not None:
            if line == "```":
                code = "\n".join(block)
                if not skipped:
                    found.append(Snippet(path.name, number - len(block), code, extras, packages))
                block = None
            else:
                block.append(line)
        elif line == "```python":
            block, skipped = [], previous.startswith("<!-- not run: ")
        elif line.startswith("## "):
            extras, packages = (), ()
        elif re.match(r"Extras?: |附加依赖：", line):
            spans = re.findall(r"`([^`]+)`", line)
            installs = (span.split()[2:] for span in spans if span.startswith("pip install "))
            packages = tuple(name for names in installs for name in names)
            extras = tuple(sorted(span for span in spans if " " not in span and "/" not in span))
        previous = line
    return found


def installed_with(extras: Sequence[str], packages: Sequence[str]) -> set[str]:
    """Return the distributions that are installed with the package, these extras and these packages."""
    found: set[str] = set()
    queue = [Requirement(f"{NAME}[{','.join(extras)}]"), *map(Requirement, packages)]
    while queue:
        requirement = queue.pop()
        name = canonicalize_name(requirement.name)
        for extra in requirement.extras or {""}:
            if (key := f"{name}[{extra}]") in found:
                continue
            found |= {name, key}
            try:
                needed = [Requirement(each) for each in requires(name) or ()]
            except PackageNotFoundError:  # needed on other systems only
                continue
            queue += [each for each in needed if not each.marker or each.marker.evaluate({"extra": extra})]
    return found


class OnlyInstalled(MetaPathFinder):
    """Refuse to import packages of other distributions."""

    def __init__(self, distributions: set[str]) -> None:
        self._refused = {
            package
            for package, owners in packages_distributions().items()
            if not {canonicalize_name(owner) for owner in owners} & (distributions | {NAME})
        }

    def find_spec(self, name: str, path: object = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Raise ModuleNotFoundError for a package that would not be installed."""
        if name.partition(".")[0] in self._refused:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


def run(given: list[Snippet]) -> None:
    """Run snippets that name the same extras. Warnings of this package are errors."""
    sys.meta_path.insert(0, OnlyInstalled(installed_with(given[0].extras, given[0].packages)))
    from qwen_core.errors import QwenWarning

    warnings.simplefilter("error", QwenWarning)
    warnings.filterwarnings("error", message=".*retired")
    for snippet in given:
        print(f"\n=== {snippet.file}:{snippet.line}", flush=True)
        source = "\n" * snippet.line + snippet.code
        exec(compile(source, snippet.file, "exec"), {"__name__": "__main__"})


def as_json(given: list[Snippet]) -> str:
    """Return snippets as the text that this program reads."""
    return json.dumps([asdict(snippet) for snippet in given])


if __name__ == "__main__":
    run([Snippet(**{**each, "extras": tuple(each["extras"])}) for each in json.load(sys.stdin)])
