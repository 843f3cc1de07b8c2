"""The tables of fields and errors in docs/ are complete."""

import re
from pathlib import Path

import pytest

from langchain_qwen import ChatQwen
from llama_index_qwen import Qwen
from qwen_core import errors
from qwen_core.adapters.fields import ChatFields, ConnectionFields

DOCS = Path(__file__).parents[2] / "docs"


def section(page: str, title: str) -> str:
    """Return the text under a heading."""
    text = (DOCS / page).read_text("utf-8")
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def table_names(page: str, title: str) -> set[str]:
    """Return all words in code spans of the tables under a heading."""
    rows = "\n".join(line for line in section(page, title).splitlines() if line.startswith("|"))
    return {word for span in re.findall(r"`([^`]+)`", rows) for word in re.findall(r"\w+", span)}


FIELDS = sorted(
    set(ConnectionFields.model_fields)
    | set(ChatFields.model_fields)
    | {name for model in (ChatQwen, Qwen) for name in model.__annotations__ if name in model.model_fields}
)


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_is_in_the_configuration_table(field: str) -> None:
    assert field in table_names("configuration.md", "Fields")


def test_errors_table_lists_every_error_class() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", section("errors.md", "Errors"), re.MULTILINE)
    classes = {
        name
        for name, found in vars(errors).items()
        if isinstance(found, type) and issubclass(found, errors.QwenError) and found is not errors.QwenError
    }
    assert sorted(rows) == sorted(classes)
