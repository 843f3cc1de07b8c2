"""docs/reference is generated from the code, so that a change of the public surface shows in a diff."""

import re

import pytest

from docs.reference.generate import FOLDER, PUBLIC, pages

PAGES = pages()


@pytest.mark.parametrize("name", PAGES)
def test_reference_page_is_up_to_date(name: str) -> None:
    written = (FOLDER / name).read_text("utf-8")
    assert written == PAGES[name], "run `make reference` (python -m docs.reference.generate) and look at the diff"


def test_reference_has_no_other_pages() -> None:
    files = {*FOLDER.glob("*.md"), *FOLDER.glob("surface/*")}
    assert {str(file.relative_to(FOLDER)) for file in files} == PAGES.keys()


@pytest.mark.parametrize("package", PUBLIC)
def test_reference_has_every_exported_name(package: str) -> None:
    module = __import__(package)
    assert module.__all__
    for name in module.__all__:
        assert f"::: {package}.{name}\n" in PAGES[f"{package}.md"]
        assert f"{package}.{name}\n" in PAGES[f"surface/{package}.txt"]


def test_reference_has_every_error() -> None:
    from qwen_core import errors

    for name, found in vars(errors).items():
        if isinstance(found, type) and issubclass(found, (errors.QwenError, errors.QwenWarning)):
            assert f"::: qwen_core.errors.{name}\n" in PAGES["qwen_core.md"]


@pytest.mark.parametrize("name", ["README.md", "docs/migration.md"])
def test_reference_has_every_name_that_the_documents_import(name: str) -> None:
    text = (FOLDER.parents[1] / name).read_text("utf-8")
    imports = re.findall(
        r"^from ((?:qwen|langchain_qwen|llama_index_qwen)[\w.]*) import ([\w, ]+)", text, re.MULTILINE
    )
    assert imports
    for module, names in imports:
        page = PAGES[f"{module.partition('.')[0]}.md"]
        for imported in names.split(","):
            assert f"::: {module}.{imported.strip()}\n" in page
