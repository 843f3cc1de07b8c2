"""Connections that break, stall or return no response: the matching error, with the partial response."""

from typing import Any

import msgspec
import pytest

from qwen_core import (
    ChatRequest,
    ClientSettings,
    errors,
)
from qwen_core.execution import retry
from qwen_emulator import Emulator, Failure, Reply, faults
from tests.core.surfaces import STREAMS, WAYS, Run, async_generate, generate


@pytest.fixture(autouse=True)
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "backoff", lambda attempt: 0.0)


@pytest.mark.parametrize("run", STREAMS)
@pytest.mark.parametrize("end", ["cut", "reset", "close"])
def test_truncated_stream_raises_incomplete_stream_error_with_partial(
    run: Run, end: Any, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(faults.cut_after(Reply(text=["Once ", "upon ", "a time"]), chunks=3, end=end))
    with pytest.raises(errors.IncompleteStreamError) as caught:
        run(settings, request_)
    assert caught.value.partial is not None
    assert "Once upon a time".startswith(caught.value.partial.text)
    assert len(qwen_emulator.requests) == 1, "no retry after the first event"


@pytest.mark.parametrize("run", STREAMS)
def test_stream_broken_before_first_event_is_retried(
    run: Run, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(faults.cut_after(Reply(text="never seen"), chunks=0), "here it is")
    assert run(settings, request_).text == "here it is"
    assert len(qwen_emulator.requests) == 2


@pytest.mark.parametrize("run", STREAMS)
def test_mid_stream_error_carries_partial_text(
    run: Run, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    reply = Reply(text=["Once ", "upon "])
    qwen_emulator.reply(Failure.named("output_inspection", after_chunks=3, reply=reply))
    with pytest.raises(errors.ContentFilterError) as caught:
        run(settings, request_)
    assert caught.value.partial is not None
    assert caught.value.partial.text == "Once upon "


@pytest.mark.parametrize("run", STREAMS)
def test_error_in_the_same_segment_as_text_carries_partial_text(
    run: Run, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    failure = Failure.named("output_inspection", after_chunks=3, reply=Reply(text=["Once ", "upon "]))
    qwen_emulator.reply(faults.at_once(failure))
    with pytest.raises(errors.ContentFilterError) as caught:
        run(settings, request_)
    assert caught.value.partial is not None and caught.value.partial.text == "Once upon "


@pytest.mark.parametrize("run", WAYS)
def test_connection_closed_before_headers_is_retried(
    run: Run, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(faults.closed_before_headers(), "ok")
    assert run(settings, request_).text == "ok"


@pytest.mark.parametrize("run", WAYS)
def test_stall_before_headers_raises_timeout_without_retry(
    run: Run, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(faults.stall_before_headers())
    with pytest.raises(errors.APITimeoutError):
        run(msgspec.structs.replace(settings, timeout=0.5), request_)
    assert len(qwen_emulator.requests) == 1, "it may have been billed"


@pytest.mark.parametrize("run", STREAMS)
def test_mid_stream_stall_raises_timeout_with_partial_text(
    run: Run, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(faults.stall_after(Reply(text=["Once ", "upon ", "a time"]), chunks=2))
    with pytest.raises(errors.APITimeoutError) as caught:
        run(msgspec.structs.replace(settings, timeout=0.5), request_)
    assert caught.value.partial is not None
    assert caught.value.partial.text == ("Once " if settings.protocol == "openai" else "Once upon ")


@pytest.mark.parametrize("run", WAYS)
def test_refused_connection_raises_connection_error_naming_the_host(
    run: Run, settings: ClientSettings, request_: ChatRequest
) -> None:
    closed = msgspec.structs.replace(settings, base_url="http://127.0.0.1:9", max_retries=1)
    with pytest.raises(errors.APIConnectionError, match=r"127\.0\.0\.1:9"):
        run(closed, request_)


@pytest.mark.parametrize("run", [generate, async_generate])
def test_response_without_finish_reason_raises_incomplete_stream_error(
    run: Run, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(faults.without_finish(Reply(text="Half an ans")))
    with pytest.raises(errors.IncompleteStreamError) as caught:
        run(settings, request_)
    assert caught.value.partial is not None and caught.value.partial.text == "Half an ans"
    assert len(qwen_emulator.requests) == 1


@pytest.mark.parametrize("run", WAYS)
@pytest.mark.parametrize(
    "form",
    [
        faults.crlf,
        faults.comments,
        faults.bom,
        faults.without_spaces,
        faults.without_done,
        faults.at_once,
        faults.byte_by_byte,
        faults.json_for_stream,
        faults.stream_for_json,
    ],
)
def test_response_body_variants_are_decoded(
    run: Run, form: Any, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    if form is faults.stream_for_json and settings.protocol == "dashscope":
        pytest.skip("a native stream without incremental_output is cumulative, and nothing in it says so")
    qwen_emulator.reply(form(Reply(text="Grüße aus 杭州", usage={"input_tokens": 5})))
    response = run(settings, request_)
    assert response.text == "Grüße aus 杭州"
    if form is not faults.stream_for_json:  # an unrequested stream has no include_usage either
        assert response.usage is not None and response.usage.input_tokens == 5


@pytest.mark.parametrize("run", WAYS)
@pytest.mark.parametrize("answer", [faults.not_json(), faults.empty(), faults.html(200)])
def test_unreadable_response_body_raises_typed_error(
    run: Run, answer: Any, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(answer, answer, answer)
    with pytest.raises((errors.InvalidResponseError, errors.IncompleteStreamError)):
        run(settings, request_)


@pytest.mark.parametrize("run", WAYS)
def test_error_body_with_status_200_raises_the_typed_error(
    run: Run, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(faults.error_in_success(name="model_not_found"))
    with pytest.raises(errors.NotFoundError):
        run(settings, request_)
