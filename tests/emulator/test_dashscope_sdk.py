"""The dashscope SDK, both its surfaces, against the emulator."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from qwen_emulator import Emulator, Failure, Reply, SearchResult, ToolCall

dashscope: Any = pytest.importorskip("dashscope")

HI = [{"role": "user", "content": "Count to 6"}]
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]
COUNTED = "1, 2, 3, 4, 5, 6"


def generate(emulator: Emulator, **more: Any) -> Any:
    given = {"model": "qwen-plus", "messages": HI, "result_format": "message", **more}
    return dashscope.Generation.call(api_key="x", base_address=emulator.native_url, **given)


def test_whole(emulator: Emulator) -> None:
    made = generate(emulator)
    assert made.status_code == 200
    assert made.output.choices[0].message.content == COUNTED
    assert made.usage.total_tokens == made.usage.input_tokens + made.usage.output_tokens


def test_streams_of_deltas_and_merged_ones(emulator: Emulator) -> None:
    deltas = [chunk.output.choices[0] for chunk in generate(emulator, stream=True, incremental_output=True)]
    assert "".join(choice.message.content for choice in deltas) == COUNTED
    assert deltas[-1].finish_reason == "stop"
    assert {choice.finish_reason for choice in deltas[:-1]} == {"null"}
    *_, last = generate(emulator, stream=True, incremental_output=False)
    assert last.output.choices[0].message.content == COUNTED
    *_, last = generate(emulator, stream=True)
    assert last.output.choices[0].message.content == COUNTED
    assert "incremental_output" not in emulator.last_request.parameters


def test_tool_calls_are_merged_by_the_sdk(emulator: Emulator) -> None:
    emulator.reply(Reply(tool_calls=[ToolCall("f", {"city": "Rome"}), ToolCall("f", {"city": "Oslo"})]))
    *_, last = generate(emulator, stream=True, incremental_output=False, tools=TOOLS)
    calls = last.output.choices[0].message["tool_calls"]
    assert [json.loads(call["function"]["arguments"])["city"] for call in calls] == ["Rome", "Oslo"]
    assert last.output.choices[0].finish_reason == "tool_calls"


def test_multimodal_models_answer_with_lists(emulator: Emulator) -> None:
    given = {"model": "qwen3.8-max", "api_key": "x", "base_address": emulator.native_url}
    messages = [{"role": "user", "content": [{"text": "Count to 6"}]}]
    whole = dashscope.MultiModalConversation.call(messages=messages, **given)
    message = whole.output.choices[0].message
    assert message.content == [{"text": COUNTED}]
    assert message.reasoning_content
    pieces = dashscope.MultiModalConversation.call(
        messages=messages, stream=True, incremental_output=True, enable_thinking=False, **given
    )
    said = "".join(item["text"] for chunk in pieces for item in chunk.output.choices[0].message.content)
    assert said == COUNTED


def test_errors_plain_and_in_a_stream(emulator: Emulator) -> None:
    wrong = generate(emulator, model="qwen3.8-max")
    assert (wrong.status_code, wrong.code) == (400, "InvalidParameter")
    assert "url error" in wrong.message
    emulator.reply(Failure.named("rate_limit", after_chunks=1))
    first, second = generate(emulator, stream=True, incremental_output=True)
    assert first.status_code == 200
    assert (second.status_code, second.code) == (400, "Throttling.RateQuota")


def test_search_results(emulator: Emulator) -> None:
    emulator.reply(Reply("Rain.", search_results=[SearchResult("A", "https://a")]))
    made = generate(emulator, enable_search=True, search_options={"enable_source": True})
    assert made.output.search_info["search_results"][0]["title"] == "A"


def test_async_stream(emulator: Emulator) -> None:
    async def main() -> str:
        stream = await dashscope.AioGeneration.call(
            model="qwen-plus", messages=HI, result_format="message", stream=True, incremental_output=True,
            api_key="x", base_address=emulator.native_url,
        )  # fmt: skip
        try:
            return "".join([chunk.output.choices[0].message.content async for chunk in stream])
        finally:
            await dashscope.close_shared_aio_session()

    assert asyncio.run(main()) == COUNTED


def test_the_new_surface(emulator: Emulator) -> None:
    client = dashscope.Client(api_key="x", base_url=emulator.native_url)
    made = client.chat.completions.create(model="qwen-plus", messages=HI)
    assert made.choices[0].message.content == COUNTED
    chunks = client.chat.completions.create(model="qwen-plus", messages=HI, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == COUNTED
    emulator.reply(Failure.named("data_inspection"))
    with pytest.raises(Exception, match="inappropriate content"):
        client.chat.completions.create(model="qwen-plus", messages=HI)
    client.close()


def test_embeddings_rerank_and_tokens(emulator: Emulator) -> None:
    given = {"api_key": "x", "base_address": emulator.native_url}
    made = dashscope.TextEmbedding.call(
        model="text-embedding-v4", input=["high wind"], dimension=128, output_type="dense&sparse", **given
    )
    assert len(made.output["embeddings"][0]["embedding"]) == 128
    assert {entry["token"] for entry in made.output["embeddings"][0]["sparse_embedding"]} == {"high", "wind"}

    ranked = dashscope.TextReRank.call(
        model="qwen3-rerank", query="what is a reranker", top_n=2, return_documents=True,
        documents=["Bananas are yellow.", "A reranker orders texts.", "What is love?"], **given,
    )  # fmt: skip
    best = ranked.output.results[0]
    assert (best.index, best["document"]["text"]) == (1, "A reranker orders texts.")
    assert len(ranked.output.results) == 2

    counted = dashscope.Tokenization.call(model="qwen-plus", prompt="代码改变世界", **given)
    assert "".join(counted.output["tokens"]) == "代码改变世界"


def test_multimodal_embeddings(emulator: Emulator) -> None:
    items = [{"text": "a cat"}, {"image": "https://example.com/cat.png"}]
    made = dashscope.MultiModalEmbedding.call(
        model="multimodal-embedding-v1", input=items, api_key="x", base_address=emulator.native_url
    )
    assert [(row["index"], row["type"]) for row in made.output["embeddings"]] == [(0, "text"), (1, "image")]
