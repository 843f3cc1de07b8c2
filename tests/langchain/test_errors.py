"""Errors as LangChain's error classes, and an API key that is never shown."""

import json
import logging
import pickle
import traceback
from typing import Any

import pytest
from langchain_core import exceptions as langchain
from langchain_core.load import dumpd, dumps

from langchain_qwen import errors
from qwen_core import errors as core
from qwen_emulator import Emulator, Failure, faults
from qwen_emulator.script import Scripted
from tests.langchain.conftest import MakeModel

KEY = "sk-test-secret"

# Failure, our error class, LangChain's error class, and is_retryable.
FAILURES: dict[str, tuple[Scripted, type[Exception], type[Exception], bool]] = {
    "400": (
        Failure.named("invalid_parameter"),
        errors.BadRequestError,
        langchain.ModelInvalidRequestError,
        False,
    ),
    "401": (
        Failure.named("invalid_api_key"),
        errors.AuthenticationError,
        langchain.ModelAuthenticationError,
        False,
    ),
    "403": (
        Failure.named("access_denied"),
        errors.PermissionDeniedError,
        langchain.ModelPermissionDeniedError,
        False,
    ),
    "404": (Failure.named("model_not_found"), errors.NotFoundError, langchain.ModelNotFoundError, False),
    "429": (Failure.named("rate_limit"), errors.RateLimitError, langchain.ModelRateLimitError, True),
    "500": (Failure.named("internal_error"), errors.ServerError, langchain.ModelAPIError, True),
    "502": (faults.html(502), errors.ServerError, langchain.ModelAPIError, True),
    "503": (Failure.named("model_serving_error"), errors.ServerError, langchain.ModelAPIError, True),
    "reset": (
        faults.reset_before_headers(),
        errors.APIConnectionError,
        langchain.ModelConnectionError,
        True,
    ),
}


@pytest.mark.parametrize("mode", ["invoke", "ainvoke", "stream", "astream"])
@pytest.mark.parametrize(("failure", "own", "theirs", "retryable"), FAILURES.values(), ids=FAILURES)
async def test_http_status_becomes_langchain_error_class(
    service: Emulator,
    make: MakeModel,
    failure: Scripted,
    own: type[Exception],
    theirs: type[Exception],
    retryable: bool,
    mode: str,
) -> None:
    service.reply(failure)
    model = make(max_retries=0)
    with pytest.raises(own) as caught:
        match mode:
            case "invoke":
                model.invoke("hi")
            case "ainvoke":
                await model.ainvoke("hi")
            case "stream":
                list(model.stream("hi"))
            case _:
                [chunk async for chunk in model.astream("hi")]
    error = caught.value
    assert isinstance(error, theirs) and isinstance(error, langchain.ModelError)
    assert (
        isinstance(error, errors.QwenError)
        and isinstance(error, core.QwenError)
        and isinstance(error, getattr(core, own.__name__))
    )
    assert error.is_retryable is retryable
    assert error.model == "qwen-plus"
    assert type(pickle.loads(pickle.dumps(error))) is own
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("context_overflow", langchain.ContextOverflowError),
        ("data_inspection", langchain.ModelInvalidRequestError),
    ],
)
def test_context_overflow_and_content_filter_are_langchain_errors(
    service: Emulator, make: MakeModel, name: str, theirs: type[Exception]
) -> None:
    service.reply(Failure.named(name))
    with pytest.raises(theirs):
        make().invoke("hi")


def test_mid_stream_error_carries_partial_text(service: Emulator, make: MakeModel) -> None:
    service.reply(Failure.named("internal_error", after_chunks=3))
    seen: list[str] = []
    with pytest.raises(errors.ServerError) as caught:
        for chunk in make().stream("Count from 1 to 50."):
            seen.append(chunk.text)
    assert caught.value.partial is not None
    assert "".join(seen) == caught.value.partial.text != ""
    assert len(service.requests) == 1


def test_every_core_error_has_a_langchain_class() -> None:
    known = set(errors.CLASSES)
    assert {kind for kind in all_subclasses(core.QwenError) if kind.__module__ == "qwen_core.errors"} <= known


def all_subclasses(kind: type) -> set[type]:
    below: list[type] = kind.__subclasses__()
    return {kind}.union(*map(all_subclasses, below))


def test_missing_api_key_raises_model_authentication_error(
    service: Emulator, make: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DASHSCOPE_API_KEY")
    model = make()
    with pytest.raises(langchain.ModelAuthenticationError, match="DASHSCOPE_API_KEY"):
        model.invoke("hi")
    assert service.requests == []


def causes(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


@pytest.mark.parametrize("explicit", [True, False])
def test_api_key_is_absent_from_repr_dumps_errors_and_logs(
    service: Emulator, make: MakeModel, caplog: pytest.LogCaptureFixture, explicit: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    given: dict[str, Any] = {"api_key": KEY} if explicit else {}
    model = make(max_retries=0, **given)
    shown = [repr(model), str(model), json.dumps(dumpd(model)), dumps(model), model.model_dump_json()]
    shown += [repr(model.model_dump()), repr(model.client_settings()), repr(model._identifying_params)]
    model.invoke("hi")
    list(model.stream("hi"))
    assert service.last_request.headers["authorization"] == f"Bearer {KEY}"
    for failure in ("invalid_api_key", "internal_error"):
        service.reply(Failure.named(failure))
        with pytest.raises(errors.QwenError) as caught:
            model.invoke("hi")
        for error in causes(caught.value):
            shown += [str(error), repr(error), repr(error.args), repr(vars(error))]
        shown += traceback.format_exception(caught.value)
    shown += [record.getMessage() for record in caplog.records]
    assert not [text for text in shown if KEY in text]
