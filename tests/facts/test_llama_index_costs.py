"""Cost in LlamaIndex: on each response, and summed over engines, agents and index builds."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from typing import Any

import pytest
from llama_index.core import Document, VectorStoreIndex
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, ChatResponse
from llama_index.core.llms import MockLLM
from llama_index.core.node_parser import SentenceSplitter
from llama_index_instrumentation import get_dispatcher

from llama_index_qwen import CostEventHandler, Qwen, QwenEmbedding, count_costs

pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning"),
    pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning"),
]

HELLO = [ChatMessage(role="user", content="Hello")]


@pytest.fixture(scope="module", autouse=True)
def collect_garbage_afterwards() -> Iterator[None]:
    """Collect the event loops and connections that LlamaIndex leaves open, before other tests run."""
    yield
    gc.collect()


def expected_cost(response: ChatResponse, into: float = 0.8, out: float = 2.0) -> float:
    """Compute the cost of qwen-plus in Beijing, up to 128K: 0.8 and 2 yuan per million tokens."""
    usage = response.raw["usage"]
    return float(usage["prompt_tokens"] * into + usage["completion_tokens"] * out) / 1e6


def test_chat_stream_chat_and_achat_report_cost(beijing: dict[str, Any]) -> None:
    llm = Qwen(model="qwen-plus", **beijing)
    *pieces, last = llm.stream_chat(HELLO)
    assert not any("cost" in piece.additional_kwargs or piece.raw for piece in pieces)
    for response in (llm.chat(HELLO), last, asyncio.run(llm.achat(HELLO))):
        assert response.raw["cost"]["total"] == pytest.approx(expected_cost(response))
        assert response.additional_kwargs["cost"] == response.raw["cost"]
        assert "cost" not in response.message.additional_kwargs
    assert llm.complete("Hello").raw["cost"]["currency"] == "CNY"


def test_unknown_price_is_counted_as_unpriced(beijing: dict[str, Any]) -> None:
    with count_costs() as costs:
        response = Qwen(model="my-finetune", **beijing).chat(HELLO)
    assert "cost" not in response.raw
    assert "cost" not in response.additional_kwargs
    assert costs.unpriced == {"my-finetune": 1}


def test_count_costs_counts_each_call_once(beijing: dict[str, Any]) -> None:
    llm = Qwen(model="qwen-plus", **beijing)
    with count_costs() as costs:
        llm.chat(HELLO)
        llm.complete("Hello")
        list(llm.stream_chat(HELLO))
        list(llm.stream_complete("Hello"))
        MockLLM().complete("Hello")
    llm.chat(HELLO)
    assert costs.calls == {"qwen-plus": 4}
    assert costs.by_currency["CNY"] > 0
    assert not costs.unpriced


def test_cost_event_handler_counts_until_removed(beijing: dict[str, Any]) -> None:
    costs = CostEventHandler()
    root = get_dispatcher()
    root.add_event_handler(costs)
    try:
        response = Qwen(model="qwen-plus", **beijing).chat(HELLO)
    finally:
        root.event_handlers.remove(costs)
    assert costs.totals.by_currency == {"CNY": pytest.approx(expected_cost(response))}


@pytest.mark.parametrize("use_async", [False, True])
def test_count_costs_sums_index_build_and_query(beijing: dict[str, Any], use_async: bool) -> None:
    documents = [Document(text=f"Fact {number}: the tide is high. " * 40) for number in range(12)]
    with count_costs() as costs:
        index = VectorStoreIndex.from_documents(
            documents,
            embed_model=QwenEmbedding(**beijing),
            transformations=[SentenceSplitter(chunk_size=128, chunk_overlap=0)],
            use_async=use_async,
        )
        built = costs.calls["text-embedding-v4"]
        index.as_query_engine(llm=Qwen(model="qwen-plus", **beijing)).query("Which fact is the last?")
    assert built > 1
    assert costs.calls["text-embedding-v4"] == built + 1
    assert costs.calls["qwen-plus"] >= 1
    assert not costs.unpriced
    assert costs.by_model["text-embedding-v4", "CNY"].input > 0


async def test_count_costs_sums_an_agent(beijing: dict[str, Any]) -> None:
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    agent = FunctionAgent(tools=[add], llm=Qwen(model="qwen-plus", **beijing))
    with count_costs() as costs:
        await agent.run("What is 12 plus 30?")
    assert costs.calls == {"qwen-plus": 2}
    assert costs.by_currency["CNY"] > 0
