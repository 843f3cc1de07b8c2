"""Usage that is unknown, and what is kept of a response that breaks off, on exact bytes."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from langchain_qwen import ChatQwen, get_cost_callback
from llama_index_qwen import Qwen, count_costs
from qwen_core import AsyncQwenClient, ChatRequest, ClientSettings, QwenClient, errors
from qwen_core.protocols.dashscope.decode import decode_usage as native_usage
from qwen_core.protocols.openai_chat.decode import decode_usage as chat_usage
from qwen_core.protocols.openai_responses.decode import decode_usage as responses_usage
from qwen_core.protocols.retrieval import RetrievalUsage, total_tokens
from qwen_core.types.messages import Message, TextPart
from tests.canned_server import Canned, CannedServer, canned_server, event_stream

PATHS = {
    "openai": "/compatible-mode/v1/chat/completions",
    "dashscope": "/api/v1/services/aigc/text-generation/generation",
}
REQUEST = ChatRequest(model="qwen-plus", messages=(Message("user", (TextPart("Hi"),)),))
ID = "6d9ee6ff-0fb4-9b21-9cc8-1d3b4e1d0a01"
CHAT_USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
NATIVE_USAGE = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
SLOW_DOWN = {"code": "Throttling.RateQuota", "message": "Requests rate limit exceeded.", "request_id": ID}


def chunk(text: str | None, usage: dict[str, Any] | None = None, reason: str | None = None) -> dict[str, Any]:
    """Return a chunk of the compatible protocol."""
    choices = [] if text is None else [{"index": 0, "delta": {"content": text}, "finish_reason": reason}]
    return {"id": f"chatcmpl-{ID}", "object": "chat.completion.chunk", "choices": choices, "usage": usage}


def frame(text: str | None, usage: dict[str, Any] | None = None, reason: str = "null") -> dict[str, Any]:
    """Return a chunk of the native protocol."""
    message = {"role": "assistant", "content": text or ""}
    output = {"choices": [{"message": message, "finish_reason": reason}]}
    return {"output": output, "usage": usage or {}, "request_id": ID}


CUT: dict[str, Callable[[str | None], list[Any]]] = {
    "openai": lambda text: [*([] if text is None else [chunk(text)]), chunk(None, CHAT_USAGE), "[DONE]"],
    "dashscope": lambda text: [frame(text, NATIVE_USAGE)],
}
ZEROS: dict[str, list[Any]] = {
    "openai": [
        chunk("Hello", reason="stop"),
        chunk(None, {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}),
    ],
    "dashscope": [frame("Hello", {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}, "stop")],
}


@pytest.fixture(scope="module")
def server() -> Iterator[CannedServer]:
    with canned_server() as found:
        yield found


@pytest.fixture(params=["openai", "dashscope"])
def settings(server: CannedServer, request: pytest.FixtureRequest) -> ClientSettings:
    return server.settings(protocol=request.param, region="cn-beijing", max_retries=2)


def stream_whole(settings: ClientSettings) -> Any:
    return QwenClient(settings).generate(REQUEST)


def stream(settings: ClientSettings) -> Any:
    return list(QwenClient(settings).stream(REQUEST))


def stream_async(settings: ClientSettings) -> Any:
    async def drain() -> list[Any]:
        return [event async for event in AsyncQwenClient(settings).stream(REQUEST)]

    return asyncio.run(drain())


ASK = [stream_whole, stream, stream_async]


@pytest.mark.parametrize("ask", ASK)
@pytest.mark.parametrize("text", ["abc", "", None])
def test_incomplete_response_keeps_its_usage_and_is_not_repeated(
    ask: Callable[[ClientSettings], Any], text: str | None, settings: ClientSettings, server: CannedServer
) -> None:
    server.on(PATHS[settings.protocol], event_stream(*CUT[settings.protocol](text)))
    before = len(server.requests)
    with pytest.raises(errors.IncompleteStreamError) as caught:
        ask(settings)
    partial = caught.value.partial
    assert partial is not None and partial.usage is not None
    assert (partial.text, partial.usage.total_tokens) == (text or "", 15)
    assert partial.cost is not None and partial.cost.total > 0
    assert caught.value.request_id == ID
    assert not caught.value.is_retryable and len(server.requests) - before == 1


@pytest.mark.parametrize("ask", ASK)
def test_retryable_error_after_text_is_not_retryable(
    ask: Callable[[ClientSettings], Any], settings: ClientSettings, server: CannedServer
) -> None:
    first = chunk("abc") if settings.protocol == "openai" else frame("abc", NATIVE_USAGE)
    body = {"error": SLOW_DOWN} if settings.protocol == "openai" else SLOW_DOWN
    server.on(PATHS[settings.protocol], event_stream(first, body))
    before = len(server.requests)
    with pytest.raises(errors.RateLimitError) as caught:
        ask(settings)
    assert caught.value.partial is not None and caught.value.partial.text == "abc"
    assert not caught.value.is_retryable and len(server.requests) - before == 1
    if settings.protocol == "dashscope":
        assert caught.value.partial.usage is not None


@pytest.mark.parametrize("ask", ASK)
def test_usage_of_zeros_is_unknown_and_has_no_cost(
    ask: Callable[[ClientSettings], Any], settings: ClientSettings, server: CannedServer
) -> None:
    server.on(PATHS[settings.protocol], event_stream(*ZEROS[settings.protocol]))
    response = ask(settings)
    end = response[-1] if isinstance(response, list) else response
    assert end.usage is None and end.cost is None


def test_zeros_after_real_counts_do_not_replace_them(settings: ClientSettings, server: CannedServer) -> None:
    payloads: list[Any] = [
        chunk("a", CHAT_USAGE, "stop"),
        chunk(None, {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}),
    ]
    if settings.protocol == "dashscope":
        payloads = [frame("a", NATIVE_USAGE), frame("", {"input_tokens": 0, "output_tokens": 0}, "stop")]
    server.on(PATHS[settings.protocol], event_stream(*payloads))
    assert stream(settings)[-1].usage.total_tokens == 15


@pytest.mark.parametrize("decode", [chat_usage, native_usage, responses_usage])
def test_zeros_are_unknown_in_every_usage(decode: Callable[[Any], Any]) -> None:
    names = ("prompt_tokens", "completion_tokens", "input_tokens", "output_tokens", "total_tokens")
    details = {"prompt_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    assert decode({name: 0 for name in names}) is None
    assert decode({**{name: 0 for name in names}, **details}) is None
    assert decode({**{name: 0 for name in names}, "x_tools": None}) is None
    counted = decode({**{name: 0 for name in names}, "image_count": 1})
    assert counted is not None and counted.total_tokens is None and counted.raw["image_count"] == 1
    one_sided = decode({"prompt_tokens": 3, "input_tokens": 3, "completion_tokens": 0, "output_tokens": 0})
    assert (one_sided.input_tokens, one_sided.output_tokens, one_sided.total_tokens) == (3, 0, 3)


def test_zeros_are_unknown_in_the_usage_of_embeddings() -> None:
    assert total_tokens(RetrievalUsage(total_tokens=0)) is None
    assert total_tokens(RetrievalUsage(input_tokens=0)) is None
    assert total_tokens(RetrievalUsage(input_tokens=0, image_tokens=7)) == 7


def test_native_usage_without_totals_is_the_sum_of_its_details() -> None:
    usage = native_usage(
        {"seconds": 3, "input_tokens_details": {"audio_tokens": 75, "text_tokens": 5}, "output_tokens_details": {}}
    )
    assert usage is not None and (usage.input_tokens, usage.output_tokens) == (80, None)
    assert usage.raw["seconds"] == 3


def test_usage_of_zeros_is_unpriced_in_both_frameworks(settings: ClientSettings, server: CannedServer) -> None:
    common: dict[str, Any] = {
        "model": "qwen-plus",
        "api_key": "k",
        "base_url": server.url,
        "protocol": settings.protocol,
        "region": "cn-beijing",
    }
    server.on(PATHS[settings.protocol], event_stream(*ZEROS[settings.protocol]))
    with get_cost_callback() as costs:
        assert ChatQwen(**common).invoke("Hi").content == "Hello"
    assert costs.totals.unpriced == {"qwen-plus": 1} and not costs.totals.by_currency
    with count_costs() as totals:
        assert Qwen(**common).complete("Hi").text == "Hello"
    assert totals.unpriced == {"qwen-plus": 1} and not totals.by_currency


def test_costs_count_a_response_that_broke_off(settings: ClientSettings, server: CannedServer) -> None:
    common: dict[str, Any] = {
        "model": "qwen-plus",
        "api_key": "k",
        "base_url": server.url,
        "protocol": settings.protocol,
        "region": "cn-beijing",
    }
    server.on(PATHS[settings.protocol], event_stream(*CUT[settings.protocol]("abc")))
    with get_cost_callback() as costs, pytest.raises(errors.IncompleteStreamError):
        list(ChatQwen(**common).stream("Hi"))
    assert costs.totals.calls == {"qwen-plus": 1} and costs.totals.by_currency["CNY"] > 0
    with count_costs() as totals, pytest.raises(errors.IncompleteStreamError):
        list(Qwen(**common).stream_complete("Hi"))
    assert totals.calls == {"qwen-plus": 1} and totals.by_currency["CNY"] > 0


def test_rate_limiter_is_charged_for_a_response_that_broke_off(
    settings: ClientSettings, server: CannedServer
) -> None:
    spent: list[int] = []
    server.on(PATHS[settings.protocol], event_stream(*CUT[settings.protocol]("abc")))
    with pytest.raises(errors.IncompleteStreamError):
        stream(msgspec.structs.replace(settings, spend=spent.append))
    assert spent == [15]


def test_failed_response_of_the_responses_api_keeps_its_usage(server: CannedServer) -> None:
    response = {
        "id": "resp_1",
        "object": "response",
        "status": "failed",
        "error": {"code": "server_error", "message": "It failed."},
        "output": [],
        "usage": {"input_tokens": 4, "output_tokens": 2, "total_tokens": 6},
    }
    events = [
        {"type": "response.output_text.delta", "delta": "ab", "output_index": 0, "content_index": 0},
        {"type": "response.failed", "response": response},
    ]
    body = "".join(f"event:{event['type']}\ndata:{json.dumps(event)}\n\n" for event in events)
    server.on("/compatible-mode/v1/responses", Canned(body, content_type="text/event-stream"))
    request = msgspec.structs.replace(REQUEST, model="qwen3.7-plus", server_tools=({"type": "web_search"},))
    with pytest.raises(errors.ServerError) as caught:
        list(QwenClient(server.settings()).stream(request))
    partial = caught.value.partial
    assert partial is not None and partial.usage is not None
    assert (partial.text, partial.usage.total_tokens) == ("ab", 6)
