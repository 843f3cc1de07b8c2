"""The API key is absent from errors, logs and dumps, and is sent to no other host."""

import asyncio
import io
import logging
import pickle
import re
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


def every_surface(settings: ClientSettings, request: ChatRequest) -> list[Any]:
    return [
        lambda: QwenClient(settings).generate(request),
        lambda: list(QwenClient(settings).stream(request)),
        lambda: asyncio.run(AsyncQwenClient(settings).generate(request)),
        lambda: asyncio.run(drained(settings, request)),
    ]


def exception_chain(error: BaseException) -> list[BaseException]:
    """Return the error and every error in its cause and context chain."""
    found: list[BaseException] = []
    pending: list[BaseException | None] = [error]
    while pending:
        link = pending.pop()
        if link is not None and link not in found:
            found.append(link)
            pending += [link.__cause__, link.__context__]
    return found


@pytest.mark.parametrize("fault", FAULTS)
def test_api_key_is_absent_from_errors_and_logs(
    fault: str,
    settings: ClientSettings,
    request_: ChatRequest,
    qwen_emulator: Emulator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    own = msgspec.structs.replace(settings, timeout=0.25, max_retries=0)
    for ask in every_surface(own, request_):
        qwen_emulator.reset()
        qwen_emulator.reply(FAULTS[fault])
        with pytest.raises(QwenError) as caught:
            ask()
        shown = [caplog.text]
        for link in exception_chain(caught.value):
            shown += [str(link), repr(link), repr(vars(link))]
            for request in (vars(link).get("request"), vars(link).get("_request")):
                shown.append(str(dict(request.headers)) if request is not None else "")
            with io.BytesIO() as file:
                # Some SDK errors cannot be pickled; the bytes written before the failure are checked too.
                with suppress(TypeError, AttributeError, pickle.PicklingError):
                    pickle.dump(link, file)
                shown.append(repr(file.getvalue()))
        whole = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        shown.append("".join(whole.format()).replace(f"KEY = '{KEY}'", ""))
        assert not [text[max(0, text.find(KEY) - 300) :][:400] for text in shown if KEY in text]


@pytest.mark.parametrize("key", [f"{KEY}\n", f" {KEY} "])
def test_api_key_whitespace_is_stripped(
    key: str, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    QwenClient(msgspec.structs.replace(settings, api_key=key)).generate(request_)
    assert qwen_emulator.last_request.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("key", [f"{KEY}\nX-Evil: 1", f"{KEY}…", "sk-密钥"])
def test_invalid_api_key_is_not_quoted_in_the_error(
    key: str, settings: ClientSettings, request_: ChatRequest
) -> None:
    for ask in every_surface(msgspec.structs.replace(settings, api_key=key), request_):
        with pytest.raises(errors.AuthenticationError) as caught:
            ask()
        assert key not in str(caught.value) and KEY not in str(caught.value)


def test_invalid_header_value_is_not_quoted_in_the_error(settings: ClientSettings, request_: ChatRequest) -> None:
    own = msgspec.structs.replace(settings, default_headers=(("X-Token", f"{KEY}\n"),))
    with pytest.raises(errors.UnsupportedFeatureError, match="X-Token") as caught:
        QwenClient(own).generate(request_)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed_and_sends_no_key(
    status: int, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    with Emulator() as elsewhere:
        for ask in every_surface(settings, request_):
            qwen_emulator.reset()
            qwen_emulator.reply(RawReply(status, {"location": f"{elsewhere.base_url}/steal"}))
            with pytest.raises(errors.InvalidResponseError, match="Redirects are not followed") as caught:
                ask()
            assert caught.value.status_code == status
        assert not elsewhere.requests


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed_by_a_users_own_client(
    status: int, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    import httpx

    with Emulator() as elsewhere, httpx.Client(follow_redirects=True) as own:
        moved = msgspec.structs.replace(settings, protocol="dashscope", http_client=own)
        qwen_emulator.reply(RawReply(status, {"location": f"{elsewhere.base_url}/api/v1/x"}))
        with pytest.raises(errors.InvalidResponseError, match=r"(?i)redirect"):
            QwenClient(moved).generate(request_)
        assert not elsewhere.requests


def test_api_key_is_absent_from_repr_dumps_and_pickles(
    qwen_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_oversized_response_body_is_refused(
    settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qwen_core.transports.sync import http

    monkeypatch.setattr(http, "MAX_BODY", 1 << 20)
    qwen_emulator.reply(faults.gzipped(Reply("x" * (2 << 20))))
    with pytest.raises(errors.InvalidResponseError, match="longer than 1 MiB"):
        QwenClient(settings).generate(request_)


@pytest.mark.parametrize("kind", [ChatQwen, QwenEmbeddings, QwenRerank, Qwen, QwenEmbedding])
@pytest.mark.parametrize("name", ["dashscope_api_key", "openai_api_key", "apikey"])
def test_api_key_in_an_unknown_argument_is_not_quoted(kind: type, name: str) -> None:
    with pytest.raises(ValidationError) as caught:
        kind(**{name: KEY})
    assert name in str(caught.value) and KEY not in str(caught.value) and KEY not in repr(caught.value)


def test_validation_error_omits_api_key() -> None:
    with pytest.raises(ValidationError, match="model and model_name must be equal") as caught:
        QwenEmbedding(model="a", model_name="b", api_key=KEY)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("name", ARGUMENT_NAMES_ELSEWHERE)
def test_argument_name_of_another_integration_gets_a_hint(name: str) -> None:
    for kind in (ChatQwen, Qwen):
        with pytest.raises(ValidationError, match=f"has no `{name}`: {re.escape(ARGUMENT_NAMES_ELSEWHERE[name])}"):
            kind(**{name: "1"})


@pytest.mark.parametrize("kind", [ChatQwen, QwenEmbeddings, QwenRerank, Qwen, QwenEmbedding])
def test_argument_hints_do_not_shadow_our_fields(kind: type[BaseModel]) -> None:
    assert not ARGUMENT_NAMES_ELSEWHERE.keys() & kind.model_fields.keys()
