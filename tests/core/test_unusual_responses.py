"""Responses that differ from the documentation: valid fields are kept, invalid ones become unknown."""

import json
from typing import Any

import msgspec
import pytest

from langchain_qwen import ChatQwen
from llama_index_qwen import Qwen
from qwen_core import ChatRequest, ClientSettings, QwenClient
from qwen_core.errors import (
    BadRequestError,
    IncompleteStreamError,
    InvalidResponseError,
    QwenError,
    RateLimitError,
    ServerError,
)
from qwen_core.execution import retry
from qwen_core.types.messages import Message, TextPart
from qwen_emulator import Emulator, RawReply, Reply, faults
from tests.core.conftest import KEY
from tests.core.surfaces import STREAMS, WAYS, Run


def whole(body: dict[str, Any]) -> RawReply:
    """Return a JSON response, which streaming clients accept as well."""
    return RawReply(200, {"Content-Type": "application/json"}, (json.dumps(body).encode(),))


def settings_on(protocol: str, emulator: Emulator) -> ClientSettings:
    return ClientSettings(api_key=KEY, base_url=emulator.base_url, protocol=protocol, max_retries=0)  # type: ignore[arg-type]


@pytest.mark.parametrize("run", WAYS)
def test_choices_without_index_are_identified_by_position(
    run: Run, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    def message(text: str) -> dict[str, Any]:
        return {"content": text, "tool_calls": [{"function": {"name": text, "arguments": "{}"}}]}

    messages = [message("a"), message("b"), {"content": ""}]
    choices = [{"message": message, "finish_reason": "stop", "index": None} for message in messages]
    body = {"choices": choices, "output": {"choices": choices}}
    qwen_emulator.reply(whole(body))
    found = run(settings, request_).choices
    assert [choice.message.text for choice in found] == ["a", "b", ""]
    assert [[call.name for call in choice.message.tool_calls] for choice in found] == [["a"], ["b"], []]


@pytest.mark.parametrize(
    ("counts", "wanted"),
    [
        ((1, 2, None), (1, 2, 3)),
        ((1.0, 2.0, 3.0), (1, 2, 3)),
        (("1", "2", None), (None, None, None)),
        ((1, [2], 9), (1, None, 9)),
        ((1, True, 2.5), (1, None, None)),
    ],
)
@pytest.mark.parametrize("run", WAYS)
def test_non_integral_usage_counts_become_none(
    run: Run,
    settings: ClientSettings,
    request_: ChatRequest,
    qwen_emulator: Emulator,
    counts: tuple[Any, ...],
    wanted: tuple[int | None, ...],
) -> None:
    choices = [{"message": {"content": "a"}, "finish_reason": "stop"}]
    into, out, total = counts
    usage = {"prompt_tokens": into, "input_tokens": into, "completion_tokens": out, "output_tokens": out}
    usage |= {"total_tokens": total, "plugins": 3, "x_tools": 3, "prompt_tokens_details": {"cache_type": 3}}
    qwen_emulator.reply(whole({"choices": choices, "output": {"choices": choices}, "usage": usage}))
    found = run(settings, request_).usage
    assert found is not None and (found.input_tokens, found.output_tokens, found.total_tokens) == wanted
    assert (found.plugins, found.cache_type) == (None, None) and found.raw["x_tools"] == 3


@pytest.mark.parametrize("run", WAYS)
def test_malformed_usage_raises_invalid_response_error(
    run: Run, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    choices = [{"message": {"content": "a"}, "finish_reason": "stop"}]
    body = {"choices": choices, "output": {"choices": choices}, "usage": {"prompt_tokens_details": [1]}}
    qwen_emulator.reply(whole(body))
    with pytest.raises(InvalidResponseError, match="cannot be decoded"):
        run(settings, request_)


@pytest.mark.parametrize("run", WAYS)
def test_repeated_content_items_are_kept_in_extras(
    run: Run, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    content = [{"image": "https://a"}, {"text": "b"}, {"image": "https://c"}, {"image_hw": [[1, 2]]}]
    choices = [{"message": {"content": content}, "finish_reason": "stop"}]
    qwen_emulator.reply(whole({"output": {"choices": choices}}))
    answer = run(settings_on("dashscope", qwen_emulator), request_)
    assert answer.text == "b"
    assert answer.extras == {"image": ["https://a", "https://c"], "image_hw": [[1, 2]]}


@pytest.mark.parametrize("run", WAYS)
def test_refusal_becomes_text(run: Run, request_: ChatRequest, qwen_emulator: Emulator) -> None:
    said = {"content": None, "refusal": "I cannot help with that."}
    qwen_emulator.reply(whole({"choices": [{"message": said, "finish_reason": "stop"}]}))
    assert run(settings_on("openai", qwen_emulator), request_).text == "I cannot help with that."


@pytest.mark.parametrize("run", STREAMS)
def test_streamed_refusal_becomes_text(run: Run, request_: ChatRequest, qwen_emulator: Emulator) -> None:
    deltas: list[dict[str, Any]] = [
        {"content": "", "refusal": None},
        {"content": None, "refusal": "I "},
        {"refusal": "can't."},
    ]
    chunks = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    events = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    qwen_emulator.reply(RawReply(200, {"Content-Type": "text/event-stream"}, (events.encode(),)))
    assert run(settings_on("openai", qwen_emulator), request_).text == "I can't."


def test_include_tool_usage_counts_are_shown(qwen_emulator: Emulator) -> None:
    """Show what ``include_tool_usage`` adds (compatible 2)."""
    parsed = {"pdf_page_parser": {"count": 3, "strategy": "fast"}}
    usage = {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6, "x_tools": parsed}
    body = {"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}], "usage": usage}
    qwen_emulator.reply(*[whole(body)] * 3)
    address: dict[str, Any] = {"api_key": KEY, "base_url": qwen_emulator.base_url, "protocol": "openai"}
    asked = {"include_tool_usage": True}
    message = ChatQwen(**address, extra_body=asked).invoke("hi")
    assert qwen_emulator.last_request.body["include_tool_usage"] is True
    assert message.response_metadata["token_usage"]["x_tools"] == parsed
    assert Qwen(**address, extra_body=asked).complete("hi").raw["usage"]["x_tools"] == parsed
    request = ChatRequest(model="qwen-plus", messages=(Message("user", (TextPart("hi"),)),), extra_body=asked)
    counted = QwenClient(settings_on("openai", qwen_emulator)).generate(request).usage
    assert counted is not None and counted.plugins == parsed


@pytest.mark.parametrize("run", WAYS)
def test_response_truncated_by_service_timeout_raises_incomplete_stream_error(
    run: Run, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(faults.partial_answer(Reply("One")))
    with pytest.raises(IncompleteStreamError, match="600 seconds on a shared host") as caught:
        run(settings, request_)
    assert caught.value.partial is not None and caught.value.partial.text == "One"


@pytest.mark.parametrize("run", WAYS)
def test_citation_index_and_title_are_coerced_to_int_and_str(
    run: Run, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    sources = [{"index": "1", "title": 3, "url": "https://a"}, "b", {"index": None, "url": "https://c"}]
    choices = [{"message": {"content": "a"}, "finish_reason": "stop"}]
    qwen_emulator.reply(whole({"output": {"choices": choices, "search_info": {"search_results": sources}}}))
    found = run(settings_on("dashscope", qwen_emulator), request_).citations
    assert [(source.index, source.title, source.url) for source in found] == [
        (1, "3", "https://a"),
        (3, "", "https://c"),
    ]


@pytest.mark.parametrize("run", STREAMS)
def test_stream_truncated_before_first_event_is_retryable(
    run: Run, settings: ClientSettings, request_: ChatRequest, qwen_emulator: Emulator
) -> None:
    begun = b"id:1\nevent:result\n:HTTP_STATUS/200\n"
    qwen_emulator.reply(RawReply(200, {"Content-Type": "text/event-stream"}, (begun,)))
    with pytest.raises(IncompleteStreamError) as caught:
        run(msgspec.structs.replace(settings, max_retries=0), request_)
    assert caught.value.is_retryable and caught.value.partial is None


BUSY = b'{"error": {"code": "429", "message": "Busy"}, "code": "Throttling", "message": "Busy"}'


@pytest.mark.parametrize(
    "body", [b"data: " + BUSY + b"\n\ndata: [DONE]\n\n", b"data: " + BUSY, b": wait\n\n", b""]
)
@pytest.mark.parametrize("run", STREAMS)
def test_stream_failing_before_first_event_is_retried(
    run: Run,
    settings: ClientSettings,
    request_: ChatRequest,
    qwen_emulator: Emulator,
    body: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retry, "backoff", lambda attempt: 0.0)
    qwen_emulator.reply(RawReply(200, {"Content-Type": "text/event-stream"}, (body,)), "ok")
    assert run(settings, request_).text == "ok"
    assert len(qwen_emulator.requests) == 2


@pytest.mark.parametrize(
    ("code", "kind"), [(400, BadRequestError), ("429", RateLimitError), (503, ServerError), (7, ServerError)]
)
@pytest.mark.parametrize("run", STREAMS)
def test_numeric_error_code_in_stream_is_read_as_http_status(
    run: Run, request_: ChatRequest, qwen_emulator: Emulator, code: int | str, kind: type[QwenError]
) -> None:
    """Accept an HTTP status as the error code, as self-hosted servers send it."""
    line = json.dumps({"error": {"code": code, "message": "Refused"}}).encode()
    qwen_emulator.reply(RawReply(200, {"Content-Type": "text/event-stream"}, (b"data: " + line + b"\n\n",)))
    with pytest.raises(QwenError, match="Refused") as caught:
        run(settings_on("openai", qwen_emulator), request_)
    assert type(caught.value) is kind
    assert caught.value.status_code == (int(code) if int(code) > 99 else None)
