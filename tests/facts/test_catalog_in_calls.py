"""What the model catalog changes in a call: retirement warnings, region hints, cost, context overflow."""

from __future__ import annotations

import asyncio
import json
import time
import warnings
from collections.abc import Iterator
from datetime import date
from typing import Any

import msgspec
import pytest

from qwen_core import AsyncQwenClient, ChatRequest, ClientSettings
from qwen_core.config.endpoints import region_of
from qwen_core.config.settings import ProtocolChoice
from qwen_core.execution.exchange import Exchange, show_warnings
from qwen_core.execution.plan import plan_chat, plan_embedding
from qwen_core.execution.retirement_warnings import WARNED
from qwen_core.models import resolve, tokens
from qwen_core.models.context_limit import documented_limit
from qwen_core.models.pricing import PriceList, price_list
from qwen_core.models.retirement import retirement_notice
from qwen_core.models.tokens import count_tokens, estimate_tokens, tokenizer
from qwen_core.transports.base import HTTPResponse
from qwen_core.types.errors import (
    AuthenticationError,
    ContextOverflowError,
    NotFoundError,
    QwenWarning,
    make_error,
)
from qwen_core.types.events import Finish, TextDelta
from qwen_core.types.messages import Message, TextPart
from qwen_core.types.requests import EmbeddingRequest

BODY = {
    "id": "chatcmpl-1",
    "model": "qwen-plus",
    "created": 1,
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500},
}


@pytest.fixture(autouse=True)
def reset_retirement_warnings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("DASHSCOPE_API_BASE", raising=False)
    WARNED.clear()
    yield
    WARNED.clear()


def make_call(
    model: str = "qwen-plus", text: str = "Hi", protocol: ProtocolChoice = "openai", **fields: Any
) -> Exchange:
    """Return a call to the service itself, never sent."""
    asked = {name: fields.pop(name) for name in ("enable_thinking", "reasoning_effort") if name in fields}
    request = ChatRequest(model=model, messages=(Message("user", (TextPart(text),)),), **asked)
    settings = ClientSettings(api_key="sk-test", protocol=protocol, **fields)
    plan = plan_chat(request, settings, asynchronous=False)
    show_warnings(plan)
    return Exchange(plan)


def answer(**changes: Any) -> HTTPResponse:
    return HTTPResponse(200, {}, json.dumps({**BODY, **changes}).encode())


# Retirement.


def test_retired_model_warns_once_with_date_and_successor() -> None:
    with pytest.warns(QwenWarning, match=r"qwen3-max was retired on 2026-10-10.*qwen3\.7-max") as first:
        make_call("qwen3-max")
        make_call("qwen3-max")
        make_call("qwen-turbo")
    told = [str(warning.message).split()[0] for warning in first if "retired" in str(warning.message)]
    assert told == ["qwen3-max", "qwen-turbo"]


def test_retired_embedding_model_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = msgspec.structs.replace(resolve("text-embedding-v3"), retired_on="2026-01-01")
    monkeypatch.setattr("qwen_core.models.self_hosted.resolve", lambda _: ended)
    with pytest.warns(QwenWarning, match="text-embedding-v3 was retired"):
        request = EmbeddingRequest(model="text-embedding-v3", texts=("a",))
        show_warnings(plan_embedding(request, ClientSettings(api_key="k"), asynchronous=False))


def test_retirement_notice_depends_on_the_date() -> None:
    profile = resolve("qwen3-max")
    before, after = date(2026, 10, 9), date(2026, 10, 10)
    assert "qwen3-max will be retired on 2026-10-10." in (retirement_notice(profile, before) or "")
    assert "qwen3-max was retired on 2026-10-10." in (retirement_notice(profile, after) or "")
    assert "No successor is named" in (retirement_notice(resolve("qwen-turbo"), after) or "")
    assert retirement_notice(resolve("qwen-plus"), after) is None
    assert retirement_notice(resolve("my-finetune"), after) is None


def test_active_and_unknown_models_do_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_call("qwen-plus")
        make_call("my-finetune")


# Regions.


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("dashscope.aliyuncs.com", "cn-beijing"),
        ("dashscope-intl.aliyuncs.com", "ap-southeast-1"),
        ("dashscope-us.aliyuncs.com", "us-east-1"),
        ("batch.dashscope.aliyuncs.com", "cn-beijing"),
        ("ws-1a2b.eu-central-1.maas.aliyuncs.com", "eu-central-1"),
        ("127.0.0.1:8000", None),
        ("dashscope.aliyuncs.com.example.org", None),
        ("x.eu-central-1.maas.aliyuncs.com.example.org", None),
    ],
)
def test_region_of_host_is_recognized(host: str, region: str | None) -> None:
    assert region_of(host) == region


def test_invalid_api_key_error_hints_at_host_and_region() -> None:
    call = make_call(region="intl")
    refused = call.map_error(make_error(401, "invalid_api_key", "Incorrect API key provided."))
    assert isinstance(refused, AuthenticationError)
    text = str(refused)
    for part in ("dashscope-intl.aliyuncs.com", "region ap-southeast-1", "set region=", "qwen-plus is offered in"):
        assert part in text
    assert "cn-beijing, ap-southeast-1, eu-central-1, us-east-1" in text


def test_model_not_found_error_lists_the_models_regions() -> None:
    call = make_call("qwen3.7-max-us", region="cn")
    refused = call.map_error(make_error(404, "model_not_found", "The model does not exist."))
    assert isinstance(refused, NotFoundError)
    assert "is the host of region cn-beijing" in str(refused)
    assert "offered in us-east-1" in str(refused)


def test_unknown_host_or_model_keeps_the_general_hint() -> None:
    refused = make_call(base_url="http://127.0.0.1:1").map_error(make_error(401, "invalid_api_key", "No."))
    assert refused.hint is None
    assert "set region=" in str(refused)
    there = make_call("qwen-plus").map_error(make_error(404, "model_not_found", "No."))
    assert str(there.hint).endswith("The path of the request was /compatible-mode/v1/chat/completions.")
    assert "Set region=" not in str(there.hint)


# Prices.


@pytest.mark.parametrize(
    ("host", "named", "expected"),
    [
        ("dashscope.aliyuncs.com", None, PriceList("cn-beijing")),
        ("dashscope.aliyuncs.com", "intl", PriceList("cn-beijing")),  # the host overrides the region
        ("batch.dashscope.aliyuncs.com", None, PriceList("cn-beijing", batch=True)),
        ("gateway.example.org", "intl", PriceList("ap-southeast-1")),
        ("gateway.example.org", None, None),
        ("token-plan.cn-beijing.maas.aliyuncs.com", None, None),
        ("coding.dashscope.aliyuncs.com", "cn", None),
        ("dashscope-new.aliyuncs.com", "cn", None),
    ],
)
def test_price_list_follows_host_then_region(host: str, named: str | None, expected: PriceList | None) -> None:
    assert price_list(host, named) == expected


def test_response_has_cost() -> None:
    """Compute qwen-plus in Beijing, up to 128K: 0.8 and 2 yuan per million tokens, 8 for thinking output."""
    found = make_call().decode(answer()).cost
    assert found is not None
    assert (found.currency, found.price_date) == ("CNY", "2026-08-20")
    assert found.input == pytest.approx(1000 * 0.8 / 1e6)
    assert found.output == pytest.approx(500 * 2 / 1e6)
    thought = make_call(enable_thinking=True).decode(answer()).cost
    assert thought is not None
    assert thought.output == pytest.approx(500 * 8 / 1e6)


def test_reported_reasoning_tokens_select_the_thinking_price() -> None:
    usage: dict[str, Any] = {**BODY["usage"], "completion_tokens_details": {"reasoning_tokens": 10}}  # type: ignore[dict-item]
    found = make_call().decode(answer(usage=usage)).cost
    assert found is not None
    assert found.output == pytest.approx(500 * 8 / 1e6)


def test_batch_host_halves_the_cost() -> None:
    whole, half = make_call().decode(answer()).cost, make_call(base_url="https://batch.dashscope.aliyuncs.com")
    found = half.decode(answer()).cost
    assert whole is not None and found is not None
    assert found.total == pytest.approx(whole.total / 2)


@pytest.mark.parametrize(
    "fields",
    [
        {"model": "my-finetune"},
        {"base_url": "http://127.0.0.1:1"},
        {"base_url": "https://coding.dashscope.aliyuncs.com/v1"},
    ],
)
def test_unknown_price_gives_no_cost(fields: dict[str, Any]) -> None:
    assert make_call(**fields).decode(answer()).cost is None


def test_missing_usage_gives_no_cost() -> None:
    assert make_call().decode(answer(usage=None)).cost is None


def test_only_the_finish_event_of_a_stream_has_cost() -> None:
    call = make_call()
    whole = call.decode(answer())
    end = Finish(choices=(), usage=whole.usage)
    text, finish = call.finalize([TextDelta("Hi"), end])
    assert text == TextDelta("Hi")
    assert isinstance(finish, Finish)
    assert finish.cost == whole.cost is not None


# Inputs too long.

LIMIT = 30_720


def test_unknown_models_have_no_documented_context_limit() -> None:
    assert documented_limit(resolve("qwen-max")) == LIMIT
    assert documented_limit(resolve("qwen-plus")) == 997_952
    assert documented_limit(resolve("my-finetune")) is None
    assert documented_limit(resolve("qwen-plus-2031-05-01")) is None


def test_input_over_the_context_limit_raises_without_sending() -> None:
    with pytest.raises(ContextOverflowError, match="qwen-max accepts at most 30,720") as refused:
        make_call("qwen-max", "The tide is high. " * 60_000)
    assert refused.value.model == "qwen-max"
    assert not refused.value.is_retryable


def test_estimated_token_count_refuses_only_far_above_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qwen_core.models.context_limit.tokenizer", lambda _: None)
    text = "The tide is high. " * 10_000
    assert LIMIT < estimate_tokens(text) < 6 * LIMIT
    make_call("qwen-max", text)
    with pytest.raises(ContextOverflowError):
        make_call("qwen-max", text * 6)


@pytest.mark.skipif(tokenizer("qwen-max") is None, reason="the extra tokenizer is not installed")
def test_exact_token_count_decides_context_overflow() -> None:
    with pytest.raises(ContextOverflowError):
        make_call("qwen-max", "中国 " * (LIMIT // 2 + 20_000))
    make_call("qwen-max", "a" * (LIMIT * 7))  # eight letters per token


@pytest.mark.skipif(tokenizer("qwen-max") is None, reason="the extra tokenizer is not installed")
def test_tokenizer_counts_long_texts_without_separators(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count in blocks: the tokenizer fails on a million spaces and slows down without separators."""
    assert 5_000 < count_tokens(" " * 1_000_000, "qwen-max") < 10_000
    with pytest.raises(ContextOverflowError):
        make_call("qwen-max", "\u6f6e\u6c50" * 400_000)
    text = "Tides follow the moon, 12 in 3.\n  " * 100 + "\u6f6e\u6c50\u3002"
    whole = count_tokens(text, "qwen-max")
    monkeypatch.setattr(tokens, "BLOCK", 500)
    assert count_tokens(text, "qwen-max") == whole


@pytest.mark.skipif(tokenizer("qwen-plus") is None, reason="the extra tokenizer is not installed")
async def test_counting_a_long_text_does_not_block_the_event_loop() -> None:
    client = AsyncQwenClient(ClientSettings(api_key="sk-x", region="cn-beijing", base_url="http://127.0.0.1:1"))
    request = ChatRequest(model="qwen-plus", messages=(Message("user", (TextPart("\u6f6e\u6c50" * 1_000_000),)),))
    asked = asyncio.ensure_future(client.generate(request))
    longest = 0.0
    while not asked.done():
        before = time.thread_time()
        await asyncio.sleep(0.001)
        longest = max(longest, time.thread_time() - before)
    assert isinstance(asked.exception(), ContextOverflowError) and longest < 0.1


def test_context_limit_is_not_checked_on_other_servers() -> None:
    make_call("qwen-max", "The tide is high. " * 60_000, base_url="http://127.0.0.1:1")
    make_call("my-finetune", "The tide is high. " * 60_000)


@pytest.mark.skipif(tokenizer("qwen-max") is None, reason="the extra tokenizer is not installed")
@pytest.mark.parametrize(
    "piece", ["a", "A", "哈", "的", "…", "ー", "。", "1", "é", "ㅋ", "=", " ", "\n", "x\n", "_ "]
)
def test_token_estimate_is_below_six_times_the_exact_count(piece: str) -> None:
    exact = tokenizer("qwen-max")
    assert exact is not None
    text = piece * 5_000
    assert estimate_tokens(text) < 6 * len(exact.encode(text, allowed_special=set()))
