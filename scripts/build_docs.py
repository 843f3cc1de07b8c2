"""Assemble the sources of the documentation site in ``build/docs``, from the same files that a clone shows.

python scripts/build_docs.py [FOLDER]    write build/docs, or the folder; ``make docs`` builds the site from it

README becomes the start page, notebooks become pages with their stored outputs, and links between files of the
repository become links between pages. A link to a file that is not a page loses its link: no address of the
repository is known here. A link to a file that does not exist is an error, as is a page that mkdocs.yml's ``nav``
lacks.
"""

import base64
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "build" / "docs"
NAMED = {
    "README.md": "index.md",
    "README.zh-CN.md": "zh.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "cookbook/README.md": "cookbook/index.md",
}
"""Files outside of ``docs/`` -> their pages."""
LINKED = ("cookbook/", "protocol/")
"""Folders of pages that need no entry in the ``nav``: other pages link to them, and the search finds them."""
FENCE = re.compile(r"^(```.*?^```$)", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s#]*)(#[^)\s]*)?\)")
SEPARATE = re.compile(r"[^\w\- ]")


def page_paths() -> dict[str, str]:
    """Return the path of each source in the repository -> the path of its page."""
    files = (path.relative_to(ROOT) for path in ROOT.glob("docs/**/*.md"))
    docs = {str(path): str(path.relative_to("docs")) for path in files}
    notebooks = {f"cookbook/{path.name}": f"cookbook/{path.stem}.md" for path in ROOT.glob("cookbook/*.ipynb")}
    return {**NAMED, **dict(sorted({**docs, **notebooks}.items()))}


def link_targets(text: str, source: str, pages: Mapping[str, str], target_folder: Path = TARGET) -> str:
    """Return the text with its relative links pointing to pages; copy the images that it shows."""

    def replace(found: re.Match[str]) -> str:
        mark, label, target, anchor = found[1], found[2], found[3], found[4] or ""
        if not target or re.match(r"[a-z]+:", target):
            return found[0]
        if (target_folder / pages[source]).parent.joinpath(target).is_file() and mark:
            return found[0]  # an image of a notebook, which is written beside its page
        path = os.path.normpath(Path(source).parent / target)
        if not (ROOT / path).exists():
            raise SystemExit(f"{source}: a link to {target}, which does not exist")
        here = Path(pages[source]).parent
        if mark:
            copy = target_folder / path
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, copy)
            return f"![{label}]({os.path.relpath(path, here)})"
        page = pages.get(path) or pages.get(f"{path}/README.md")
        return f"[{label}]({os.path.relpath(page, here)}{anchor})" if page else label

    parts = FENCE.split(text)
    return "".join(part if part.startswith("```") else LINK.sub(replace, part) for part in parts)


def with_heading_ids(text: str) -> str:
    """Return the text with the ids that GitHub gives its headings, so that links to them work on both."""
    seen: dict[str, int] = {}

    def add_id(found: re.Match[str]) -> str:
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", found[2])
        slug = SEPARATE.sub("", plain.strip().lower()).replace(" ", "-")
        count = seen.get(slug, 0)
        seen[slug] = count + 1
        return f"{found[1]} {found[2]} {{ #{slug}{f'-{count}' if count else ''} }}"

    parts = FENCE.split(text)
    heading = re.compile(r"^(#{1,6}) (.+?)[ \t]*$", re.MULTILINE)
    return "".join(part if part.startswith("```") else heading.sub(add_id, part) for part in parts)


def notebook_text(notebook: dict[str, Any], name: str, folder: Path = TARGET) -> str:
    """Return a notebook as Markdown: its texts, code and stored outputs. Write its images beside the page."""
    return "\n\n".join(part for cell in notebook["cells"] for part in cell_parts(cell, name, folder)) + "\n"


def cell_parts(cell: dict[str, Any], name: str, folder: Path) -> Iterator[str]:
    """Yield the parts of one cell. A cell with the tag ``setup`` is collapsed."""
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        yield source
        return
    code = f"```python\n{source}\n```"
    if "setup" in cell["metadata"].get("tags", ()):
        code = f"<details><summary>Setup</summary>\n\n{code}\n\n</details>"
    yield code
    for output in cell["outputs"]:
        data = output.get("data", {})
        if image := data.get("image/png"):
            content = base64.b64decode(image)
            file = f"{name}-{len(list(folder.glob(f'{name}-*.png')))}.png"
            (folder / file).write_bytes(content)
            yield f"![output]({file})"
        elif text := "".join(output.get("text", data.get("text/plain", ""))).strip("\n"):
            yield f"````text\n{text}\n````"


def pages_in_nav(entries: Any) -> Iterator[str]:
    """Yield the paths in the ``nav`` of mkdocs.yml."""
    if isinstance(entries, str):
        yield entries
    elif isinstance(entries, list):
        for entry in entries:
            yield from pages_in_nav(entry)
    elif isinstance(entries, dict):
        for entry in entries.values():
            yield from pages_in_nav(entry)


def main() -> None:
    """Write the folder anew."""
    import yaml

    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    pages = page_paths()
    nav = set(pages_in_nav(yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]))
    missing = [page for page in pages.values() if page not in nav and not page.startswith(LINKED)]
    if missing:
        sys.exit(f"mkdocs.yml: nav lacks {', '.join(missing)}")
    shutil.rmtree(folder, ignore_errors=True)
    for source, page in pages.items():
        path = folder / page
        path.parent.mkdir(parents=True, exist_ok=True)
        text = (ROOT / source).read_text("utf-8")
        if source.endswith(".ipynb"):
            text = notebook_text(json.loads(text), Path(source).stem, path.parent)
        path.write_text(with_heading_ids(link_targets(text, source, pages, folder)), encoding="utf-8")


if __name__ == "__main__":
    main()
