"""docs/reference is what the code says: a change of the public surface shows in a diff."""

import re

import pytest

from docs.reference.generate import FOLDER, PUBLIC, pages

PAGES = pages()


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_up_to_date(name: str) -> None:
    written = (FOLDER / name).read_text("utf-8")
    assert written == PAGES[name], "run `make reference` (python -m docs.reference.generate) and look at the diff"


def test_there_is_no_other_page() -> None:
    assert {page.name for page in FOLDER.glob("*.md")} == PAGES.keys()


@pytest.mark.parametrize("package", PUBLIC)
def test_every_exported_name_is_there(package: str) -> None:
    module = __import__(package)
    assert module.__all__
    for name in module.__all__:
        assert f"## `{name}`" in PAGES[f"{package}.md"]


def test_every_error_is_there() -> None:
    from qwen_core import errors

    for name, found in vars(errors).items():
        if isinstance(found, type) and issubclass(found, (errors.QwenError, errors.QwenWarning)):
            assert f"## `{name}`" in PAGES["qwen_core.md"]


@pytest.mark.parametrize("name", ["README.md", "docs/migration.md"])
def test_what_the_documents_import_is_there(name: str) -> None:
    text = (FOLDER.parents[1] / name).read_text("utf-8")
    imports = re.findall(
        r"^from ((?:qwen|langchain_qwen|llama_index_qwen)[\w.]*) import ([\w, ]+)", text, re.MULTILINE
    )
    assert imports
    for module, names in imports:
        page = PAGES[f"{module.partition('.')[0]}.md"]
        for imported in names.split(","):
            assert f"## `{imported.strip()}`" in page
