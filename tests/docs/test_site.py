"""The documentation site builds strictly, and works in a browser."""

import base64
import functools
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scripts.build_docs import link_targets, notebook_text, with_heading_ids
from tests.docs.chromium import EXECUTABLE, Page, chromium_page

ROOT = Path(__file__).parents[2]
ZENSICAL = Path(sys.executable).parent / "zensical"
needs_zensical = pytest.mark.skipif(not ZENSICAL.exists(), reason="requirements-docs.txt is not installed")


def build(folder: Path, *, sources: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Build the site in a folder, from the repository's pages or from others."""
    if sources is None:
        command = [sys.executable, str(ROOT / "scripts" / "build_docs.py"), str(folder / "docs")]
        subprocess.run(command, check=True)
    else:
        shutil.copytree(sources, folder / "docs")
    settings = (ROOT / "mkdocs.yml").read_text("utf-8")
    settings = settings.replace("build/docs", "docs").replace("build/site", "site").replace("[.]", f"['{ROOT}']")
    (folder / "mkdocs.yml").write_text(settings, "utf-8")
    command = [str(ZENSICAL), "build", "--strict"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=200)


class SilentHandler(SimpleHTTPRequestHandler):
    """Serve files without a log."""

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing."""


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder on a free port and yield its address."""
    handler = functools.partial(SilentHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


async def search(page: Page, text: str) -> list[str]:
    """Type into the search box of the open page and return the addresses of the results."""
    await page.run("document.querySelector('button.md-search__button').click()")
    dialog = "[...document.querySelectorAll('body *')].map(element => element.shadowRoot).find(root => root)"
    await page.wait_for(f"{dialog}?.activeElement?.tagName == 'INPUT'")
    await page.call("Input.insertText", text=text)
    links = f"[...{dialog}.querySelectorAll('ol a')].map(link => link.href)"
    await page.wait_for(f"{links}.length > 0")
    return list(await page.run(links))


def store(image: str, name: str) -> None:
    """Store a screenshot, if ``QWEN_SCREENSHOTS`` names a folder."""
    if folder := os.environ.get("QWEN_SCREENSHOTS"):
        Path(folder, f"{name}.png").write_bytes(base64.b64decode(image))


async def screenshot(page: Page, name: str) -> None:
    """Store what the page shows, if that is wanted."""
    if "QWEN_SCREENSHOTS" in os.environ:
        store((await page.call("Page.captureScreenshot", format="png"))["data"], name)


@needs_zensical
async def test_site_builds_and_works_in_a_browser(tmp_path: Path) -> None:
    done = build(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "site" / "zh.html").exists()
    reference = (tmp_path / "site" / "reference" / "langchain_qwen.html").read_text("utf-8")
    assert 'id="langchain_qwen.ChatQwen.temperature"' in reference and "Sampling temperature" in reference
    if EXECUTABLE is None:
        pytest.skip("built, but not opened: no Chromium is installed")
    with serve(tmp_path / "site") as address:
        async with chromium_page(tmp_path / "profile") as page:
            await page.open(f"{address}/index.html")
            assert "qwen" in (await page.run("document.title")).lower()
            await screenshot(page, "start")
            links = await page.run("[...document.querySelectorAll('.md-sidebar--primary a')].map(a => a.href)")
            pages = list(dict.fromkeys(link.partition("#")[0] for link in links if link.startswith(address)))
            assert len(pages) > 10
            for link in pages:
                await page.open(link)
                assert await page.run("document.querySelector('article h1, article h2') != null"), link
                await screenshot(page, link.removeprefix(address).strip("/").replace("/", "-"))
            await page.open(f"{address}/index.html")
            results = await search(page, "ChatQwen")
            await screenshot(page, "search")
            assert any("reference/langchain_qwen" in result for result in results), results
            assert page.problems == []


@needs_zensical
@pytest.mark.parametrize("text", ["[broken](nothing.md)", "[anchor](#nothing)", "[reference][qwen_core.nothing]"])
def test_broken_link_fails_the_build(text: str, tmp_path: Path) -> None:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "index.md").write_text(f"# Title\n\n{text}\n", "utf-8")
    done = build(tmp_path, sources=tmp_path / "sources")
    assert (done.returncode != 0 and "does not exist" in done.stdout + done.stderr) or "unresolved" in done.stderr


def test_links_between_files_become_links_between_pages() -> None:
    pages = {"README.md": "index.md", "docs/migration.md": "migration.md", "cookbook/README.md": "cookbook/i.md"}
    text = "[a](docs/migration.md#x) [b](cookbook) [c](qwen_core/errors.py) [d](https://example.com) [e](#here)"
    expected = "[a](migration.md#x) [b](cookbook/i.md) c [d](https://example.com) [e](#here)"
    assert link_targets(text, "README.md", pages) == expected
    assert link_targets("[a](../cookbook/README.md)", "docs/migration.md", pages) == "[a](cookbook/i.md)"
    code = "```python\n[a](docs/migration.md)\n```"
    assert link_targets(code, "README.md", pages) == code
    with pytest.raises(SystemExit, match=r"docs/nothing\.md, which does not exist"):
        link_targets("[a](docs/nothing.md)", "README.md", pages)


def test_headings_have_the_ids_of_github() -> None:
    assert with_heading_ids("## A `b_c`, d/e\ntext\n## A `b_c`, d/e\n") == (
        "## A `b_c`, d/e { #a-b_c-de }\ntext\n## A `b_c`, d/e { #a-b_c-de-1 }\n"
    )
    assert with_heading_ids("```\n# comment\n```") == "```\n# comment\n```"


def test_setup_cells_of_notebooks_are_collapsed() -> None:
    cells = [
        {"cell_type": "code", "metadata": {"tags": ["setup"]}, "source": ["import os"], "outputs": []},
        {"cell_type": "code", "metadata": {}, "source": ["1"], "outputs": [{"data": {"text/plain": ["1"]}}]},
    ]
    text = notebook_text({"cells": cells}, "name")
    assert text.startswith("<details><summary>Setup</summary>\n\n```python\nimport os\n```")
    assert text.endswith("```python\n1\n```\n\n````text\n1\n````\n")
