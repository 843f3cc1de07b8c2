"""Decoding native DashScope responses: known irregularities, and error classification."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from qwen_core import errors
from qwen_core.errors import IncompleteStreamError, InvalidResponseError, QwenError
from qwen_core.models.catalogue import resolve
from qwen_core.models.profile import ModelProfile
from qwen_core.protocols.dashscope import DashScopeNative
from qwen_core.types.accumulator import accumulate
from qwen_core.types.events import Event, Finish, TextDelta
from qwen_core.types.responses import ChatResponse

PROTOCOL = DashScopeNative()
PROFILE = resolve("qwen-plus")
END = {"choices": [{"message": {"content": "", "role": "assistant"}, "finish_reason": "stop"}]}


def message(finish_reason: Any = "null", **fields: Any) -> dict[str, Any]:
    """Return an output with one choice."""
    return {"choices": [{"message": {"role": "assistant", **fields}, "finish_reason": finish_reason}]}


def read(*outputs: dict[str, Any], profile: ModelProfile = PROFILE, usage: Any = None) -> list[Event]:
    """Return the events of a stream of these outputs."""
    decoder = PROTOCOL.stream_decoder(profile)
    events: list[Event] = []
    for output in outputs:
        payload = {"output": output, "usage": usage or {}, "request_id": "r"}
        events += decoder.feed(json.dumps(payload).encode())
    return [*events, *decoder.close()]


def texts(events: Sequence[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, TextDelta)]


def decode(**body: Any) -> ChatResponse:
    return PROTOCOL.decode_chat(json.dumps(body).encode(), PROFILE)


def test_equal_consecutive_deltas_are_all_kept() -> None:
    assert texts(read(message(content="ha"), message(content="ha"), message(content="ha!"), END)) == [
        "ha",
        "ha",
        "ha!",
    ]


def test_cumulative_stream_yields_only_new_text() -> None:
    profile = msgspec.structs.replace(PROFILE, cumulative_stream=True)
    events = read(message(content="ha"), message(content="haha"), message(content="haha"), END, profile=profile)
    assert texts(events) == ["ha", "ha"]


def test_cumulative_stream_yields_only_new_reasoning_and_arguments() -> None:
    def call(arguments: str) -> dict[str, Any]:
        return message(tool_calls=[{"index": 0, "id": "a", "function": {"name": "f", "arguments": arguments}}])

    profile = msgspec.structs.replace(PROFILE, cumulative_stream=True)
    thoughts = [message(reasoning_content=text) for text in ("h", "hm", "", "hm", "hmm")]
    calls = [call(text) for text in ('{"a', "", '{"a":1', '{"a":1}')]
    answer = accumulate(read(*thoughts, *calls, END, profile=profile))
    assert answer.reasoning == "hmm" and answer.tool_calls[0].arguments == '{"a":1}'


@pytest.mark.parametrize("nothing", [None, "", [], [{}], [{"text": ""}], [{"text": None}]])
def test_empty_content_yields_no_text_delta(nothing: Any) -> None:
    events = read(message(content=nothing, reasoning_content="hm"), message(content=nothing), END)
    assert texts(events) == []
    assert accumulate(events).reasoning == "hm"


@pytest.mark.parametrize("content", ["a b", [{"text": "a b"}], [{"text": "a "}, {"text": "b"}], ["a b"]])
def test_content_as_string_or_list_decodes_to_text(content: Any) -> None:
    typed = [{"type": "text", **item} if isinstance(item, dict) else item for item in content]
    for form in (content, typed if isinstance(content, list) else content):
        assert accumulate(read(message(content=form), END)).text == "a b"


@pytest.mark.parametrize("unfinished", ["null", None, ""])
def test_null_finish_reason_raises_incomplete_stream_error(unfinished: Any) -> None:
    with pytest.raises(IncompleteStreamError) as caught:
        read(message(unfinished, content="Half an ans"))
    assert caught.value.request_id == "r"
    with pytest.raises(IncompleteStreamError) as caught:
        decode(output=message(unfinished, content="Half an ans"), request_id="r")
    assert caught.value.partial is not None and caught.value.partial.text == "Half an ans"


def test_unknown_content_items_are_kept_in_extras() -> None:
    item = {"text": "x", "ocr_result": {"kv_result": {"a": 1}}, "image_hw": [[4, 5]], "none": None}
    metric = {"TOTAL": 1, "SUCCEEDED": 1, "FAILED": 0}
    response = accumulate(read({**message(content=[item]), "task_metric": metric}, END))
    assert response.text == "x"
    assert response.extras == {
        "ocr_result": {"kv_result": {"a": 1}},
        "image_hw": [[4, 5]],
        "task_metric": metric,
    }


@pytest.mark.parametrize(
    "outputs",
    [
        [{**END, "audio": {"data": "AAAA", "id": "a1", "expires_at": 9}}],
        [message(content=[{"text": "hi"}, {"audio": {"data": "AAAA", "id": "a1", "expires_at": 9}}]), END],
    ],
)
def test_audio_output_is_decoded(outputs: list[dict[str, Any]]) -> None:
    audio = accumulate(read(*outputs)).choices[0].audio
    assert audio is not None
    assert (audio.data, audio.id, audio.expires_at) == ("AAAA", "a1", 9)


def test_audio_transcript_becomes_text_only_without_text() -> None:
    spoken = [{"audio": {"data": "AAAA", "transcript": "hi"}}, {"text": "Hi!"}]
    choice = accumulate(read(message(content=spoken), END)).choices[0]
    assert choice.message.text == "Hi!" and choice.audio is not None and choice.audio.transcript == "hi"
    assert accumulate(read(message(content=spoken[:1]), END)).text == "hi"


def test_audio_after_reasoning_is_not_empty_after_thinking() -> None:
    thought, spoken = message(reasoning_content="hm"), message(content=[{"audio": {"data": "AAAA"}}])
    assert not accumulate(read(thought, spoken, END)).choices[0].empty_after_thinking
    assert accumulate(read(thought, END)).choices[0].empty_after_thinking
    assert not accumulate(read(END)).choices[0].empty_after_thinking


def test_audio_with_invalid_base64_raises_invalid_response_error() -> None:
    with pytest.raises(InvalidResponseError, match="base64"):
        read({**END, "audio": {"data": "AAA"}})


def test_choices_without_index_keep_their_order() -> None:
    output = {"choices": [message("stop", content=text)["choices"][0] for text in ("one", "two")]}
    assert [choice.message.text for choice in decode(output=output).choices] == ["one", "two"]


@pytest.mark.parametrize("index", [-1, 16, 10**9])
def test_choice_index_out_of_range_raises_invalid_response_error(index: int) -> None:
    output = {"choices": [{"index": index, **END["choices"][0]}]}
    with pytest.raises(InvalidResponseError):
        read(output)


def test_search_results_before_first_choice_become_citations() -> None:
    results = [{"index": 3, "title": "T", "url": "https://h.example/t"}, {"index": 4, "title": "no address"}, "x"]
    events = read({"search_info": {"search_results": results}}, message(content="see [3]"), END)
    (source,) = accumulate(events).citations
    assert (source.index, source.url, source.title, source.site_name) == (3, "https://h.example/t", "T", "")


def test_usage_is_the_last_non_empty_one() -> None:
    decoder = PROTOCOL.stream_decoder(PROFILE)
    counts: list[dict[str, Any]] = [
        {},
        {"input_tokens": 5, "output_tokens": 1},
        {"input_tokens": 7, "output_tokens": 2},
        {},
    ]
    for usage in counts:
        decoder.feed(json.dumps({"output": message(content="x"), "usage": usage}).encode())
    decoder.feed(json.dumps({"output": END, "usage": None}).encode())
    finish = decoder.close()[-1]
    assert isinstance(finish, Finish) and finish.usage is not None
    assert (finish.usage.input_tokens, finish.usage.output_tokens, finish.usage.total_tokens) == (7, 2, 9)
    assert finish.usage.cached_tokens is None, "unknown must not become zero"


def test_usage_reads_top_level_cached_tokens() -> None:
    usage = decode(output=message("stop", content="x"), usage={"input_tokens": 9, "cached_tokens": 4}).usage
    assert usage is not None and usage.cached_tokens == 4 and usage.total_tokens is None


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"<html>", b'{"output": 5}', b"\xff\xfe", b"[" * 100_000])
def test_unreadable_payload_raises_invalid_response_error(payload: bytes) -> None:
    with pytest.raises(InvalidResponseError):
        PROTOCOL.decode_chat(payload, PROFILE)


@pytest.mark.parametrize(
    "body", [{"request_id": "r"}, {"output": None}, {"output": {}}, {"output": {"choices": []}}]
)
def test_success_without_output_raises_invalid_response_error(body: dict[str, Any]) -> None:
    with pytest.raises(InvalidResponseError):
        decode(**body)
    decoder = PROTOCOL.stream_decoder(PROFILE)
    assert decoder.feed(json.dumps(body).encode()) == ()
    with pytest.raises(IncompleteStreamError):
        decoder.close()


# Status, code and message as the service sends them (native 6.3), and the error they map to.
REFUSALS: list[tuple[int, str, str, type[QwenError], bool]] = [
    (400, "InvalidParameter", "Range of max_tokens should be [1, 8192]", errors.BadRequestError, False),
    (400, "InvalidParameter", "url error, please check url!", errors.BadRequestError, False),
    (
        400,
        "InvalidParameter",
        "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 30720]",
        errors.ContextOverflowError,
        False,
    ),
    (
        400,
        "InvalidParameter",
        "enable_thinking must be set to false for non-streaming calls",
        errors.BadRequestError,
        False,
    ),
    (400, "InvalidParameter", "Model not exist.", errors.NotFoundError, False),
    (
        400,
        "DataInspectionFailed",
        "Input data may contain inappropriate content.",
        errors.ContentFilterError,
        False,
    ),
    (
        400,
        "InvalidParameter.DataInspection",
        "Unable to download the media resource",
        errors.BadRequestError,
        False,
    ),
    (400, "Arrearage", "Access denied, account overdue", errors.PermissionDeniedError, False),
    (400, "ServiceUnavailableError", "Role must be user or assistant and ...", errors.BadRequestError, False),
    (401, "InvalidApiKey", "Invalid API-key provided.", errors.AuthenticationError, False),
    (403, "AccessDenied", "Access denied.", errors.PermissionDeniedError, False),
    (403, "Model.AccessDenied", "Model access denied.", errors.PermissionDeniedError, False),
    (403, "AllocationQuota.FreeTierOnly", "The free tier is exhausted.", errors.QuotaExceededError, False),
    (404, "ModelNotFound", "Model can not be found.", errors.NotFoundError, False),
    (429, "Throttling.RateQuota", "Requests rate limit exceeded", errors.RateLimitError, True),
    (429, "Throttling.BurstRate", "Request rate increased too quickly", errors.RateLimitError, True),
    (429, "Throttling.AllocationQuota", "Allocated quota exceeded", errors.RateLimitError, True),
    (429, "Throttling.AllocationQuota", "Free allocated quota exceeded.", errors.QuotaExceededError, False),
    (500, "InternalError", "An internal error has occured", errors.ServerError, True),
    (500, "InternalError.Algo", "list index out of range", errors.BadRequestError, False),
    (500, "RequestTimeOut", "Request timed out", errors.APITimeoutError, False),
    (503, "ModelUnavailable", "Model is unavailable", errors.ServerError, True),
]


@pytest.mark.parametrize(("status", "code", "text", "kind", "retryable"), REFUSALS)
def test_error_is_classified_alike_in_stream_body_and_status(
    status: int, code: str, text: str, kind: type[QwenError], retryable: bool
) -> None:
    payload = json.dumps({"code": code, "message": text, "request_id": "r"}).encode()
    decoder = PROTOCOL.stream_decoder(PROFILE)
    with pytest.raises(QwenError) as framed:
        decoder.feed(payload, status)
    with pytest.raises(QwenError) as misreported:
        decoder.feed(payload, 400)
    with pytest.raises(QwenError) as succeeded:
        PROTOCOL.decode_chat(payload, PROFILE)
    answered = PROTOCOL.error(status, payload, {})
    for error in (framed.value, misreported.value, succeeded.value, answered):
        assert type(error) is kind
        assert error.is_retryable is retryable
        assert (error.raw_code, error.message, error.request_id) == (code, text, "r")
    assert answered.status_code == framed.value.status_code == status


@pytest.mark.parametrize(
    "payload",
    [b"<html>502</html>", b"", b'{"error": {"code": "x", "message": "m"}}', b'data:{"message": "m"}\n\n'],
)
def test_error_body_in_other_formats_is_decoded(payload: bytes) -> None:
    error = PROTOCOL.error(502, payload, {"x-request-id": "h"})
    assert type(error) is errors.ServerError
    assert (error.status_code, error.request_id) == (502, "h")


def test_error_event_without_code_is_classified_by_status() -> None:
    with pytest.raises(errors.RateLimitError):
        PROTOCOL.stream_decoder(PROFILE).feed(b'{"request_id": "r"}', 429)


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"total_tokens": 9}, 9),
        ({"input_tokens": 4, "image_tokens": 3}, 7),
        ({"input_tokens": 4}, 4),
        ({}, None),
        (None, None),
    ],
)
def test_rerank_usage_total_tokens_is_decoded(usage: dict[str, int] | None, tokens: int | None) -> None:
    body = {"output": {"results": [{"index": 0, "relevance_score": 0.5}]}, "usage": usage, "request_id": "r"}
    answer = PROTOCOL.decode_rerank(json.dumps(body).encode(), {"x-request-id": "h"})
    assert (answer.total_tokens, answer.request_id) == (tokens, "r")


@pytest.mark.parametrize(
    "payload", [b'{"code": "InvalidApiKey", "message": "m"}', b"{}", b"[]", b'{"output": {}}']
)
def test_invalid_embedding_response_raises_typed_error(payload: bytes) -> None:
    kind = errors.AuthenticationError if b"Key" in payload else InvalidResponseError
    with pytest.raises(kind):
        PROTOCOL.decode_embeddings(payload, {})
