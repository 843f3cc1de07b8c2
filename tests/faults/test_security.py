"""The key is in nothing that is read, and goes nowhere else."""

import asyncio
import io
import logging
import pickle
import traceback
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from langchain_core.load import dumpd, dumps
from pydantic import BaseModel, ValidationError

from langchain_qwen import ChatQwen, QwenEmbeddings, QwenRerank
from llama_index_qwen import Qwen, QwenEmbedding
from qwen_core import AsyncQwenClient, ChatRequest, ClientSettings, QwenClient, QwenError, errors
from qwen_core.adapters.fields import ARGUMENT_NAMES_ELSEWHERE
from qwen_emulator import Emulator, Failure, RawReply, Reply, faults
from tests.faults.conftest import KEY

FAULTS: dict[str, Any] = {
    "refused": Failure.named("invalid_api_key", times=9),
    "html": faults.html(400),
    "reset": RawReply(send_head=False, end="reset"),
    "cut": faults.cut_after(Reply(("Once ", "upon ", "a time")), 2),
    "stall": faults.stall_before_headers(),
}


async def drained(settings: ClientSettings, request: ChatRequest) -> None:
    [event async for event in AsyncQwenClient(settings).stream(request)]


def every_way(settings: ClientSettings, request: ChatRequest) -> list[Any]:
    return [
        lambda: QwenClient(settings).generate(request),
        lambda: list(QwenClient(settings).stream(request)),
        lambda: asyncio.run(AsyncQwenClient(settings).generate(request)),
        lambda: asyncio.run(drained(settings, request)),
    ]


def links(error: BaseException) -> list[BaseException]:
    """The error and all that it was raised from or during."""
    found: list[BaseException] = []
    pending: list[BaseException | None] = [error]
    while pending:
        link = pending.pop()
        if link is not None and link not in found:
            found.append(link)
            pending += [link.__cause__, link.__context__]
    return found


@pytest.mark.parametrize("fault", FAULTS)
def test_the_key_is_in_no_error(
    fault: str,
    settings: ClientSettings,
    request_: ChatRequest,
    qwen_emulator: Emulator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    own = msgspec.structs.replace(settings, timeout=0.25, max_retries=0)
    for ask in every_way(own, request_):
        qwen_emulator.reset()
        qwen_emulator.reply(FAULTS[fault])
        with pytest.raises(QwenError) as caught:
            ask()
        shown = [caplog.text]
        for link in links(caught.value):
            shown += [str(link), repr(link), repr(vars(link))]
            for request in (vars(link).get("request"), vars(link).get("_request")):
                shown.append(str(dict(request.headers)) if request is not None else "")
            with io.BytesIO() as file:
                # Some of the SDKs' cannot be pickled; what was written until then is looked at too.
                with suppress(TypeError, AttributeError, pickle.PicklingError):
                    pickle.dump(link, file)
                shown.append(repr(file.getvalue()))
        whole = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        shown.append("".join(whole.format()).replace(f"KEY = '{KEY}'", ""))
        assert not [text[max(0, text.find(KEY) - 300) :][:400] for text in shown if KEY in text]


@pytest.mark.parametrize("key", [f"{KEY}\n", f" {KEY} "])
def test_white_space_around_a_key_is_taken_off(
    key: str, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    QwenClient(msgspec.structs.replace(settings, api_key=key)).generate(request_)
    assert qwen_emulator.last_request.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("key", [f"{KEY}\nX-Evil: 1", f"{KEY}…", "sk-密钥"])
def test_an_impossible_key_is_not_quoted(key: str, settings: ClientSettings, request_: ChatRequest) -> None:
    for ask in every_way(msgspec.structs.replace(settings, api_key=key), request_):
        with pytest.raises(errors.AuthenticationError) as caught:
            ask()
        assert key not in str(caught.value) and KEY not in str(caught.value)


def test_a_header_that_is_none_is_not_quoted(settings: ClientSettings, request_: ChatRequest) -> None:
    own = msgspec.structs.replace(settings, default_headers=(("X-Token", f"{KEY}\n"),))
    with pytest.raises(errors.UnsupportedFeatureError, match="X-Token") as caught:
        QwenClient(own).generate(request_)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_carries_nothing_elsewhere(
    status: int, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    with Emulator() as elsewhere:
        for ask in every_way(settings, request_):
            qwen_emulator.reset()
            qwen_emulator.reply(RawReply(status, {"location": f"{elsewhere.base_url}/steal"}))
            with pytest.raises(errors.InvalidResponseError, match="redirect") as caught:
                ask()
            assert caught.value.status_code == status
        assert not elsewhere.requests


def test_the_key_is_in_nothing_that_is_stored(qwen_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHSCOPE_API_KEY", KEY)
    model, llm = ChatQwen(base_url=qwen_emulator.base_url), Qwen(base_url=qwen_emulator.base_url)
    model.invoke("Hi")
    llm.complete("Hi")
    shown = [
        repr(model), str(model), dumps(model), str(dumpd(model)), str(model.model_dump()), model.model_dump_json(),
        str(model._get_llm_string()), str(model._identifying_params), repr(llm), str(llm), str(llm.to_dict()),
        llm.to_json(), str(llm.to_payload()), repr(pickle.dumps(model)), repr(pickle.dumps(llm)),
        repr(model.client_settings()), repr(llm.client_settings()), repr(pickle.dumps(ChatQwen(**dict(model)))),
    ]  # fmt: skip
    assert not [text for text in shown if KEY in text]
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-there")
    assert pickle.loads(pickle.dumps(model)).api_key.get_secret_value() == "sk-there"
    given = ChatQwen(api_key=KEY)
    assert pickle.loads(pickle.dumps(given)).api_key.get_secret_value() == KEY


def test_a_body_without_end_is_refused(
    settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qwen_core.transports import http

    monkeypatch.setattr(http, "MAX_BODY", 1 << 20)
    qwen_emulator.reply(faults.gzipped(Reply("x" * (2 << 20))))
    with pytest.raises(errors.InvalidResponseError, match="longer than 1 MiB"):
        QwenClient(settings).generate(request_)


@pytest.mark.parametrize("kind", [ChatQwen, QwenEmbeddings, QwenRerank, Qwen, QwenEmbedding])
@pytest.mark.parametrize("name", ["dashscope_api_key", "openai_api_key", "apikey"])
def test_a_key_under_another_name_is_not_quoted(kind: type, name: str) -> None:
    with pytest.raises(ValidationError) as caught:
        kind(**{name: KEY})
    assert name in str(caught.value) and KEY not in str(caught.value) and KEY not in repr(caught.value)


def test_what_does_not_fit_together_is_told_without_the_key() -> None:
    with pytest.raises(ValidationError, match="two names for one thing") as caught:
        QwenEmbedding(model="a", model_name="b", api_key=KEY)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("name", ARGUMENT_NAMES_ELSEWHERE)
def test_names_of_other_integrations_are_told_ours(name: str) -> None:
    for kind in (ChatQwen, Qwen):
        with pytest.raises(
            ValidationError, match=f"{name} of other integrations is {ARGUMENT_NAMES_ELSEWHERE[name]}"
        ):
            kind(**{name: "1"})


@pytest.mark.parametrize("kind", [ChatQwen, QwenEmbeddings, QwenRerank, Qwen, QwenEmbedding])
def test_no_name_of_ours_is_taken_for_anothers(kind: type[BaseModel]) -> None:
    assert not ARGUMENT_NAMES_ELSEWHERE.keys() & kind.model_fields.keys()
