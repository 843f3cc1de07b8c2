"""Cost in LangChain: on each response, and summed over chains, agents and embeddings."""

from __future__ import annotations

import asyncio
import json
import threading
from functools import reduce
from operator import add
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableParallel

from langchain_qwen import ChatQwen, CostCallbackHandler, QwenEmbeddings, get_cost_callback

FIGURES = {"currency", "input", "output", "cached", "total", "tier", "price_date"}


def cost_of(message: AIMessage) -> dict[str, Any]:
    found: dict[str, Any] = message.response_metadata["cost"]
    return found


def expected_cost(message: AIMessage, into: float = 0.8, out: float = 2.0) -> float:
    """Compute the cost of qwen-plus in Beijing, up to 128K: 0.8 and 2 yuan per million tokens."""
    assert message.usage_metadata is not None
    return (message.usage_metadata["input_tokens"] * into + message.usage_metadata["output_tokens"] * out) / 1e6


def test_invoke_stream_and_ainvoke_report_cost_once(beijing: dict[str, Any]) -> None:
    model = ChatQwen(model="qwen-plus", **beijing)
    whole = model.invoke("Hello")
    chunks = list(model.stream("Hello"))
    assert [("cost" in chunk.response_metadata) for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    streamed = reduce(add, chunks)
    assert isinstance(streamed, AIMessageChunk)
    awaited = asyncio.run(model.ainvoke("Hello"))
    for message in (whole, streamed, awaited):
        found = cost_of(message)
        assert found.keys() == FIGURES
        assert found["total"] == pytest.approx(expected_cost(message))
        assert found["total"] == pytest.approx(found["input"] + found["output"])
        assert (found["currency"], found["cached"], found["price_date"]) == ("CNY", 0.0, "2026-08-20")
    json.dumps(whole.response_metadata)


def test_stream_events_v3_reports_cost(beijing: dict[str, Any]) -> None:
    model = ChatQwen(model="qwen-plus", **beijing)
    stream = model.stream_events("Hello", version="v3")
    assert cost_of(stream.output)["total"] == pytest.approx(expected_cost(stream.output))


def test_enable_thinking_raises_the_output_cost(beijing: dict[str, Any]) -> None:
    message = ChatQwen(model="qwen-plus", enable_thinking=True, **beijing).invoke("Hello")
    assert cost_of(message)["total"] == pytest.approx(expected_cost(message, out=8.0))


def test_cost_of_n_choices_is_counted_once(beijing: dict[str, Any]) -> None:
    model = ChatQwen(model="qwen-plus", n=2, **beijing)
    costs = CostCallbackHandler()
    first, second = model.generate([[HumanMessage("Hello")]], callbacks=[costs]).generations[0]
    assert "cost" in first.message.response_metadata
    assert "cost" not in second.message.response_metadata
    assert costs.totals.calls == {"qwen-plus": 1}


@pytest.mark.parametrize("fields", [{"region": None}, {"model": "my-finetune"}])
def test_unknown_price_is_counted_as_unpriced(beijing: dict[str, Any], fields: dict[str, Any]) -> None:
    costs = CostCallbackHandler()
    model = ChatQwen(**{"model": "qwen-plus", **beijing, **fields})
    message = model.invoke("Hello", config={"callbacks": [costs]})
    assert "cost" not in message.response_metadata
    assert costs.totals.unpriced == {model.model: 1}
    assert costs.totals.by_currency == {}


def test_cost_callback_sums_a_chain_by_model(beijing: dict[str, Any]) -> None:
    plus, flash = ChatQwen(model="qwen-plus", **beijing), ChatQwen(model="qwen-flash", **beijing)
    chain = ChatPromptTemplate.from_template("Say {word}") | RunnableParallel(one=plus, two=flash, three=plus)
    costs = CostCallbackHandler()
    answers = chain.invoke({"word": "hello"}, config={"callbacks": [costs]})
    assert costs.totals.calls == {"qwen-plus": 2, "qwen-flash": 1}
    assert costs.totals.by_currency["CNY"] == pytest.approx(
        sum(cost_of(message)["total"] for message in answers.values())
    )
    assert costs.totals.by_model["qwen-plus", "CNY"].total == pytest.approx(
        cost_of(answers["one"])["total"] + cost_of(answers["three"])["total"]
    )
    assert "CNY" in repr(costs)


def test_get_cost_callback_includes_batch_threads_and_embeddings(beijing: dict[str, Any]) -> None:
    model = ChatQwen(model="qwen-plus", **beijing)
    with get_cost_callback() as outer:
        model.invoke("Hello")
        with get_cost_callback() as inner:
            model.batch(["One", "Two", "Three"])
            QwenEmbeddings(**beijing).embed_documents([f"Text {number}" for number in range(25)])
        assert inner.totals.calls == {"qwen-plus": 3, "text-embedding-v4": 3}
        assert inner.totals.by_model["text-embedding-v4", "CNY"].output == 0
    model.invoke("Not counted")
    assert outer.totals.calls == {"qwen-plus": 4, "text-embedding-v4": 3}
    assert not outer.totals.unpriced


async def test_get_cost_callback_is_separate_per_asyncio_task(beijing: dict[str, Any]) -> None:
    model = ChatQwen(model="qwen-plus", **beijing)

    async def ask(times: int) -> int:
        with get_cost_callback() as costs:
            for _ in range(times):
                await model.ainvoke("Hello")
        return costs.totals.calls["qwen-plus"]

    assert list(await asyncio.gather(ask(1), ask(2), ask(3))) == [1, 2, 3]


def test_get_cost_callback_ignores_other_threads(beijing: dict[str, Any]) -> None:
    model = ChatQwen(model="qwen-plus", **beijing)
    with get_cost_callback() as costs:
        stranger = threading.Thread(target=model.invoke, args=("Hello",))
        stranger.start()
        stranger.join()
    assert costs.totals.calls == {}


def test_cached_responses_cost_nothing(beijing: dict[str, Any]) -> None:
    model = ChatQwen(model="qwen-plus", cache=InMemoryCache(), **beijing)
    with get_cost_callback() as costs:
        model.invoke("Hello")
        model.invoke("Hello")
    assert costs.totals.calls == {"qwen-plus": 1}


def test_get_cost_callback_ignores_other_providers() -> None:
    with get_cost_callback() as costs:
        FakeListChatModel(responses=["Hi"]).invoke("Hello")
    assert costs.totals.calls == {}


def test_get_cost_callback_sums_an_agent(beijing: dict[str, Any]) -> None:
    agents = pytest.importorskip("langchain.agents")

    def weather(city: str) -> str:
        """Tell the weather in a city."""
        return f"It rains in {city}."

    agent = agents.create_agent(ChatQwen(model="qwen-plus", **beijing), [weather])
    with get_cost_callback() as costs:
        state = agent.invoke({"messages": [("user", "What is the weather in Paris?")]})
    answers = [message for message in state["messages"] if isinstance(message, AIMessage)]
    assert len(answers) == costs.totals.calls["qwen-plus"] == 2
    assert costs.totals.by_currency["CNY"] == pytest.approx(sum(expected_cost(answer) for answer in answers))
