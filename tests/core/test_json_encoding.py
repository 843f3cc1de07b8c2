"""What users hand over is sent as the text or the number that it is."""

from typing import Any

import numpy
import pytest

from qwen_core.errors import UnsupportedFeatureError
from qwen_core.json_encoding import encode_json


class Text(str):
    """As LangChain's and numpy's texts are."""

    __slots__ = ()

    def __str__(self) -> str:
        return "something else"


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ({"a": [Text("é")]}, b'{"a":["\xc3\xa9"]}'),
        (numpy.str_("a"), b'"a"'),
        (numpy.int64(3), b"3"),
        (numpy.float32(1.5), b"1.5"),
        (numpy.float64(1.5), b"1.5"),
    ],
)
def test_texts_and_numbers_of_others(value: Any, wanted: bytes) -> None:
    assert encode_json(value) == wanted


def test_what_has_no_form_in_json_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedFeatureError, match=r"builtins\.object"):
        encode_json({"a": object()})
