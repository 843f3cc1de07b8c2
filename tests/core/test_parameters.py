"""The table of request parameters: complete, and the source of fields, docstrings, documents and encoders."""

import ast
import inspect
import re
from pathlib import Path

import pytest

from qwen_core.adapters import fields
from qwen_core.adapters.fields import ChatFields
from qwen_core.config.self_hosted import SERVERS
from qwen_core.types.parameters import (
    IGNORED,
    PARAMETERS,
    REFUSED,
    Parameter,
    ignored_on_server,
    list_parameters,
    parameters_only_on,
    parameters_with,
    refused_on_servers,
    renamed_on_server,
    sent_parameters,
)
from qwen_core.types.requests import ChatRequest
from scripts.generate_parameters import PAGE, page

ROOT = Path(__file__).parents[2]
NOT_PARAMETERS = {"model", "messages"}
PER_CALL = {"tools", "server_tools", "tool_choice", "response_format", "extra_headers"}
"""Parameters that are arguments of a call and not fields of a model."""


def documented_fields() -> dict[str, tuple[str, str]]:
    """Return the annotation without None and the docstring of each field of ``ChatFields``, as written."""
    (definition,) = (
        node
        for node in ast.parse(inspect.getsource(fields)).body
        if isinstance(node, ast.ClassDef) and node.name == "ChatFields"
    )
    found = {}
    for field, docstring in zip(definition.body, definition.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(docstring, ast.Expr):
            annotation = ast.unparse(field.annotation).removesuffix(" | None").replace("StrictBool", "bool")
            found[ast.unparse(field.target)] = (annotation, " ".join(ast.literal_eval(docstring.value).split()))
    return found


DOCUMENTED = documented_fields()


def test_each_field_of_a_request_has_one_row() -> None:
    names = [parameter.name for parameter in PARAMETERS]
    assert sorted(names) == sorted(set(ChatRequest.__struct_fields__) - NOT_PARAMETERS)
    assert set(names) - PER_CALL == set(ChatFields.__annotations__) - NOT_PARAMETERS


@pytest.mark.parametrize(
    "parameter", [row for row in PARAMETERS if row.name not in PER_CALL], ids=lambda row: str(row.name)
)
def test_field_has_the_type_and_the_docstring_of_its_row(parameter: Parameter) -> None:
    assert DOCUMENTED[parameter.name] == (parameter.type, parameter.description)


def test_page_of_parameters_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == page(), "run python scripts/generate_parameters.py"


@pytest.mark.parametrize("group", ["sampling", "thinking", "search"])
def test_configuration_page_names_each_parameter_of_a_group_in_one_row(group: str) -> None:
    names = " ".join(parameter.name for parameter in PARAMETERS if parameter.group == group)
    text = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    assert re.search(rf"^\| [^|`]+ \| `{names}` \|$", text, re.MULTILINE)


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_readme_links_the_pages_of_fields_and_parameters(readme: str) -> None:
    text = (ROOT / readme).read_text("utf-8")
    assert "](docs/configuration.md)" in text and "](docs/parameters.md)" in text


def test_parameters_that_one_protocol_takes_and_another_refuses() -> None:
    assert parameters_only_on("dashscope", not_on="openai_chat") == ("enable_text_image_mixed", "ocr_options")
    assert parameters_only_on("openai_chat", not_on="dashscope") == ("frequency_penalty",)


def test_names_on_the_responses_api() -> None:
    sent = sent_parameters("openai_responses")
    assert sent == {
        "temperature": "temperature",
        "top_p": "top_p",
        "max_tokens": "max_output_tokens",
        "max_completion_tokens": "max_output_tokens",
        "enable_thinking": "enable_thinking",
        "reasoning_effort": "reasoning.effort",
        "parallel_tool_calls": "parallel_tool_calls",
        "previous_response_id": "previous_response_id",
    }
    others = {*parameters_with(REFUSED, "openai_responses"), *parameters_with(IGNORED, "openai_responses")}
    assert not others & sent.keys()


def test_names_on_self_hosted_servers() -> None:
    template = {
        "enable_thinking": "chat_template_kwargs.enable_thinking",
        "preserve_thinking": "chat_template_kwargs.preserve_thinking",
    }
    assert {server: renamed_on_server(server) for server in SERVERS} == {
        "vllm": {**template, "thinking_budget": "thinking_token_budget"},
        "sglang": template,
        "llama.cpp": {
            **template,
            "thinking_budget": "thinking_budget_tokens",
            "repetition_penalty": "repeat_penalty",
        },
        "ollama": {},
        "transformers": template,
        "other": template,
    }
    unknown = {"top_k", "n", "repetition_penalty", "logit_bias", "parallel_tool_calls", "preserve_thinking"}
    assert set(ignored_on_server("ollama")) == {*unknown, "thinking_budget", "search_options"}
    assert ignored_on_server("vllm") == ("search_options",)
    assert "enable_search" in refused_on_servers() and "search_options" not in refused_on_servers()
    assert {server for parameter in PARAMETERS for server in parameter.servers} <= set(SERVERS)


def test_parameters_that_may_be_lists() -> None:
    assert list_parameters() == ("stop", "tools", "server_tools", "modalities", "allow_local_files")
