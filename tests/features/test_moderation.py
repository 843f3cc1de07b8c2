"""Moderation: what was blocked, the partial response, and whether the history must be cleaned."""

import pickle

import pytest
from langchain_core.exceptions import ModelInvalidRequestError

from langchain_qwen import errors as exceptions
from qwen_core.types.errors import BadRequestError, ContentFilterError, make_error
from qwen_emulator import Emulator, Failure, Reply
from tests.features.conftest import Ask, Framework, Way


def test_moderated_input_raises_content_filter_error(
    ask: Ask, framework: Framework, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(Failure.named("data_inspection"))
    with pytest.raises(ContentFilterError) as caught:
        ask()
    error = caught.value
    assert (error.blocked, error.history_is_poisoned, error.partial) == ("input", True, None)
    assert not error.is_retryable
    assert "Remove or rephrase" in str(error)
    assert error.request_id
    if framework == "langchain":
        assert isinstance(error, exceptions.ContentFilterError) and isinstance(error, ModelInvalidRequestError)


def test_moderated_output_raises_content_filter_error_with_partial(
    ask: Ask, way: Way, framework: Framework, qwen_emulator: Emulator
) -> None:
    answer = Reply(["One ", "two ", "three"])
    qwen_emulator.reply(Failure.named("output_inspection", reply=answer, after_chunks=3))
    with pytest.raises(ContentFilterError) as caught:
        ask()
    error = caught.value
    assert (error.blocked, error.history_is_poisoned) == ("output", False)
    assert "leave it out of the history" in str(error)
    if way.endswith("stream"):
        assert error.partial is not None
        assert error.partial.text.startswith("One two ")
        assert error.partial.finish_reason is None
    else:
        assert error.partial is None


def test_finish_reason_content_filter_is_returned(ask: Ask, qwen_emulator: Emulator) -> None:
    qwen_emulator.reply(Reply("One", finish_reason="content_filter"))
    seen = ask()
    assert (seen.text, seen.finish_reason) == ("One", "content_filter")


@pytest.mark.parametrize(
    ("code", "message", "blocked", "poisoned"),
    [
        ("data_inspection_failed", "Input text data may contain inappropriate content.", "input", True),
        ("DataInspectionFailed", "Output image data may contain inappropriate content.", "output", False),
        ("DataInspectionFailed", "Inappropriate.", None, True),
        ("IPInfringementSuspect", "Input data is suspected of being involved in IP infringement.", "input", True),
    ],
)
def test_content_filter_error_tells_blocked_and_history_is_poisoned(
    code: str, message: str, blocked: str | None, poisoned: bool
) -> None:
    error = make_error(400, code, message)
    assert isinstance(error, ContentFilterError)
    for seen in (error, pickle.loads(pickle.dumps(error)), exceptions.to_langchain(error)):
        assert (seen.blocked, seen.history_is_poisoned) == (blocked, poisoned)


def test_media_download_failure_is_bad_request_error() -> None:
    error = make_error(400, "InvalidParameter.DataInspection", "Unable to download the media resource.")
    assert type(error) is BadRequestError
