"""Unknown arguments raise an error that says what to write instead, in both frameworks."""

import copy
import pickle
from typing import Any

import pytest
from pydantic import ValidationError

from langchain_qwen import ChatQwen, QwenEmbeddings, QwenRerank
from llama_index_qwen import Qwen, QwenEmbedding
from qwen_core.errors import UnsupportedFeatureError

CLASSES = [ChatQwen, Qwen, QwenEmbeddings, QwenEmbedding, QwenRerank]
each_class = pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)


@pytest.mark.parametrize(
    ("kind", "typo", "field"),
    [
        (ChatQwen, "temprature", "temperature"),
        (ChatQwen, "max_token", "max_tokens"),
        (ChatQwen, "enable_thinkng", "enable_thinking"),
        (Qwen, "temprature", "temperature"),
        (Qwen, "extra_boddy", "extra_body"),
        (QwenEmbeddings, "dimension", "dimensions"),
        (QwenRerank, "topn", "top_n"),
    ],
)
def test_misspelled_field_is_answered_with_the_nearest(kind: type[Any], typo: str, field: str) -> None:
    with pytest.raises(ValidationError, match=rf"{kind.__name__} has no `{typo}`\. Did you mean `{field}`\?"):
        kind(**{typo: 1})


@each_class
def test_unknown_field_without_a_near_one_is_refused(kind: type[Any]) -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        kind(zzz=1)


@pytest.mark.parametrize("kind", [ChatQwen, Qwen])
def test_argument_of_another_integration_is_answered_with_what_to_do(kind: type[Any]) -> None:
    for name, text in {
        "stream_usage": "streams always report usage",
        "model_kwargs": "pass the parameters as fields, or in `extra_body`",
        "dashscope_api_key": "use `api_key`",
    }.items():
        with pytest.raises(ValidationError, match=rf"{kind.__name__} has no `{name}`: {text}\."):
            kind(**{name: "x"})


@each_class
def test_positional_argument_is_refused_without_being_quoted(kind: type[Any]) -> None:
    with pytest.raises(TypeError, match=rf"keyword arguments only\. Write {kind.__name__}\(model=") as caught:
        kind("sk-looks-like-a-key")
    assert "sk-looks" not in str(caught.value)


@pytest.mark.parametrize(
    ("argument", "hint"),
    [
        ("temprature", r"Did you mean `temperature`\?"),
        ("function_call", "There is no `function_call`: use `tool_choice`"),
        ("timeout", "`timeout` is a field of the model"),
        ("zzz", r"Use extra_body=\{\.\.\.\}"),
    ],
)
def test_unknown_argument_of_a_call_is_answered_with_a_hint(argument: str, hint: str) -> None:
    arguments: dict[str, Any] = {argument: 1}
    with pytest.raises(UnsupportedFeatureError, match=hint):
        ChatQwen(api_key="k").invoke("Hi", **arguments)
    with pytest.raises(UnsupportedFeatureError, match=hint):
        Qwen(api_key="k").complete("Hi", **arguments)


@each_class
def test_models_still_copy_and_pickle(kind: type[Any]) -> None:
    model = kind(api_key="k", model="qwen-test")
    for copied in (copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model)), model.model_copy()):
        assert copied.model == "qwen-test"


def test_aliases_are_accepted() -> None:
    arguments: dict[str, Any] = {"model_name": "qwen-test", "stop_sequences": ["x"]}
    model = ChatQwen(**arguments)
    assert (model.model, model.stop) == ("qwen-test", ["x"])
