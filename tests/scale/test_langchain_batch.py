"""``QwenBatch`` for LangChain: models, tools, schemas and chains; order, errors, callbacks, costs."""

import asyncio
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler, UsageMetadataCallbackHandler
from langchain_core.exceptions import ModelError, OutputParserException
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableParallel
from langchain_core.tools import tool
from pydantic import BaseModel

from langchain_qwen import ChatQwen, QwenBatch, RateLimiter, get_cost_callback
from langchain_qwen.errors import (
    BatchError,
    ContentFilterError,
    PermissionDeniedError,
    UnsupportedFeatureError,
)
from qwen_core.resources.batches import Limits
from qwen_emulator import Emulator, Reply, ToolCall
from tests.scale.conftest import FAST, KEY, made, refuse_second, refuse_word

Run = Callable[..., list[Any]]


def run_sync(batch: QwenBatch, inputs: list[Any], *args: Any, **options: Any) -> list[Any]:
    return batch.batch(inputs, *args, **options)


def run_async(batch: QwenBatch, inputs: list[Any], *args: Any, **options: Any) -> list[Any]:
    return asyncio.run(batch.abatch(inputs, *args, **options))


@pytest.fixture(params=[run_sync, run_async], ids=["sync", "async"])
def run(request: pytest.FixtureRequest) -> Run:
    chosen: Run = request.param
    return chosen


@pytest.fixture
def model(service: Emulator) -> ChatQwen:
    return ChatQwen(api_key=KEY, base_url=service.base_url, region="cn-beijing", max_retries=0)


class Person(BaseModel):
    """A person."""

    name: str
    age: int


@tool
def weather(city: str) -> str:
    """Return the weather in a city."""
    return f"Rain in {city}."


def test_langchain_batch_accepts_every_input_form(run: Run, model: ChatQwen, service: Emulator) -> None:
    inputs = ["Say a", [("system", "Be brief."), ("user", "Say b")], [SystemMessage("Hi"), HumanMessage("Say c")]]
    answers = run(QwenBatch(model, **FAST), inputs)
    assert all(type(answer) is AIMessage for answer in answers)
    assert [answer.content for answer in answers] == ["a", "b", "c"]
    assert answers[0].usage_metadata["total_tokens"] > 0
    assert answers[0].response_metadata["batch_id"].startswith("batch_")
    assert made(service) == (1, 1)


def test_langchain_batch_invoke(model: ChatQwen) -> None:
    batch = QwenBatch(model, **FAST)
    assert batch.invoke("Say a").content == "a"
    assert asyncio.run(batch.ainvoke("Say a")).content == "a"
    assert batch.batch([]) == []


def test_langchain_batch_return_exceptions(run: Run, model: ChatQwen, service: Emulator) -> None:
    refuse_word(service, "bad")
    first, error, last = run(QwenBatch(model, **FAST), ["Say a", "bad", "Say c"], return_exceptions=True)
    assert (first.content, last.content) == ("a", "c")
    assert isinstance(error, ContentFilterError) and isinstance(error, ModelError)
    with pytest.raises(ContentFilterError):
        run(QwenBatch(model, **FAST), ["Say a", "bad"])


def test_langchain_batch_refused_file_is_an_error_for_its_inputs(
    run: Run, model: ChatQwen, service: Emulator
) -> None:
    refuse_second(service, "/batches")
    batch = QwenBatch(model, limits=Limits(lines=2), **FAST)
    inputs: list[Any] = ["Say a", "Say b", "Say c"]
    *good, overdue = run(batch, inputs, return_exceptions=True)
    assert [answer.content for answer in good] == ["a", "b"]
    assert isinstance(overdue, PermissionDeniedError) and isinstance(overdue, ModelError)
    service.reply(lambda request: None)
    outputs = batch.retry_failed(inputs, [*good, overdue])
    assert [answer.content for answer in outputs] == ["a", "b", "c"]
    assert made(service) == (3, 3), "the first, the refused one, and the retry"


def test_langchain_batch_invalid_inputs(run: Run, model: ChatQwen, service: Emulator) -> None:
    inputs: list[Any] = ["Say a", 5, [HumanMessage([{"type": "strange"}])]]
    first, wrong, strange = run(QwenBatch(model, **FAST), inputs, return_exceptions=True)
    assert first.content == "a" and isinstance(wrong, ValueError)
    assert isinstance(strange, UnsupportedFeatureError)
    service.reset()
    with pytest.raises(ValueError, match="Invalid input type"):
        run(QwenBatch(model, **FAST), inputs)
    assert not service.requests


def test_langchain_batch_with_bound_tools(run: Run, model: ChatQwen, service: Emulator) -> None:
    service.reply(Reply(tool_calls=[ToolCall("weather", {"city": "Ulm"})]), "Sunny.")
    answers = run(QwenBatch(model.bind_tools([weather]), **FAST), ["Weather in Ulm?", "And here?"])
    assert answers[0].tool_calls[0]["args"] == {"city": "Ulm"} and answers[1].content == "Sunny."


@pytest.mark.parametrize("method", ["function_calling", "json_schema"])
@pytest.mark.parametrize("include_raw", [False, True])
def test_langchain_batch_with_structured_output(run: Run, model: ChatQwen, method: Any, include_raw: bool) -> None:
    able = model.model_copy(update={"model": "qwen3.7-plus", "enable_thinking": False})
    chain = able.with_structured_output(Person, method=method, include_raw=include_raw)
    inputs = [f"As JSON with name and age: {name} is {age} years old" for name, age in (("Ann", 3), ("Bob", 4))]
    outputs = run(QwenBatch(chain, **FAST), inputs)
    found = [output["parsed"] if include_raw else output for output in outputs]
    assert all(type(person) is Person for person in found)
    if include_raw:
        assert type(outputs[0]["raw"]) is AIMessage and outputs[0]["parsing_error"] is None


def test_langchain_batch_of_a_chain(run: Run, model: ChatQwen, service: Emulator) -> None:
    refuse_word(service, "bad")
    chain = ChatPromptTemplate.from_template("Say {word}") | model | StrOutputParser()
    inputs = [{"word": "a"}, {"wrong": "b"}, {"word": "bad"}, {"word": "d"}]
    first, wrong, bad, last = run(QwenBatch(chain, **FAST), inputs, return_exceptions=True)
    assert (first, last) == ("a", "d")
    assert isinstance(wrong, KeyError) and isinstance(bad, ContentFilterError)
    piped = ChatPromptTemplate.from_template("Say {word}") | QwenBatch(model, **FAST) | StrOutputParser()
    assert piped.batch([{"word": "a"}, {"word": "b"}]) == ["a", "b"]


def test_langchain_batch_refuses_unsupported_chains(model: ChatQwen) -> None:
    for chain in (
        StrOutputParser(),
        model.with_retry(),
        model | StrOutputParser() | model,
        RunnableParallel(a=model, b=StrOutputParser()),
        (model | StrOutputParser()).bind(stop=["x"]),
    ):
        with pytest.raises(UnsupportedFeatureError):
            QwenBatch(chain)


def test_langchain_batch_call_arguments(run: Run, model: ChatQwen, service: Emulator) -> None:
    bodies: list[Any] = []
    service.reply(lambda request: bodies.append(request.body) if request.messages else None)
    run(QwenBatch(model.bind(temperature=0.1), **FAST), ["Say a"], stop=["x"], max_tokens=7)
    assert (bodies[0]["temperature"], bodies[0]["stop"], bodies[0]["max_tokens"]) == (0.1, ["x"], 7)


def test_langchain_batch_callbacks_and_half_cost(run: Run, model: ChatQwen) -> None:
    handler = UsageMetadataCallbackHandler()
    with get_cost_callback() as costs:
        answers = run(QwenBatch(model, **FAST), ["Say a", "Say b"], {"callbacks": [handler]})
    total = sum(answer.usage_metadata["total_tokens"] for answer in answers)
    assert handler.usage_metadata["qwen-plus"]["total_tokens"] == total
    usage = [answer.usage_metadata for answer in answers]
    at_once = sum(use["input_tokens"] * 0.8 + use["output_tokens"] * 2 for use in usage) / 1e6
    assert costs.totals.by_currency["CNY"] == pytest.approx(at_once / 2), "half of the price"


def test_langchain_batch_api_key_is_absent_from_traces_and_pickles(
    run: Run, service: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASHSCOPE_API_KEY", KEY)
    batch = QwenBatch(ChatQwen(base_url=service.base_url), **FAST)
    seen: list[Any] = []

    class Watch(BaseCallbackHandler):
        def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
            seen.append((args, kwargs))

    run(batch, ["Say a"], {"callbacks": [Watch()]})
    assert seen and KEY not in repr(seen) and KEY not in repr(batch)
    pickled = pickle.dumps(batch)
    assert KEY.encode() not in pickled
    assert run(pickle.loads(pickled), ["Say a"])[0].content == "a"


def test_langchain_batch_ignores_rate_limiter(model: ChatQwen) -> None:
    slow = model.model_copy(update={"rate_limiter": RateLimiter(requests_per_minute=1)})
    assert len(QwenBatch(slow, **FAST).batch(["Say a", "Say b", "Say c"])) == 3


def test_langchain_batch_output_version(run: Run, model: ChatQwen) -> None:
    (answer,) = run(QwenBatch(model.model_copy(update={"output_version": "v1"}), **FAST), ["Say a"])
    assert answer.content == [{"type": "text", "text": "a"}]


def test_langchain_batch_resumes_and_retries(model: ChatQwen, service: Emulator, tmp_path: Path) -> None:
    service.plan_batches(ends="expired", answered=1)
    batch = QwenBatch(model, journal=tmp_path, **FAST)
    first = batch.batch(["Say a", "Say b"], return_exceptions=True)
    assert first[0].content == "a" and isinstance(first[1], BatchError)
    assert [answer.content for answer in batch.retry_failed(["Say a", "Say b"], first)] == ["a", "b"]
    again = QwenBatch(model, journal=tmp_path, **FAST)
    assert isinstance(asyncio.run(again.abatch(["Say a", "Say b"], return_exceptions=True))[1], BatchError)
    retried = asyncio.run(again.aretry_failed(["Say a", "Say b"], first))
    assert [answer.content for answer in retried] == ["a", "b"]
    assert made(service) == (2, 2)


def test_langchain_batch_invalid_structured_output_can_be_retried(
    model: ChatQwen, service: Emulator, tmp_path: Path
) -> None:
    batch = QwenBatch(model.with_structured_output(Person), journal=tmp_path, **FAST)
    service.reply("No.", "No.", Reply(tool_calls=[ToolCall("Person", {"name": "Ann", "age": 3})]))
    outputs = batch.batch(["Who?"], return_exceptions=True)
    assert isinstance(outputs[0], OutputParserException)
    outputs = batch.retry_failed(["Who?"], outputs, return_exceptions=True)
    assert isinstance(outputs[0], OutputParserException)
    assert batch.retry_failed(["Who?"], outputs) == [Person(name="Ann", age=3)]
    assert made(service) == (3, 3)


def test_langchain_batch_submit_cancel_and_clean_up(model: ChatQwen, service: Emulator) -> None:
    service.plan_batches(seconds=float("inf"))
    batch = QwenBatch(ChatPromptTemplate.from_template("Say {word}") | model, **FAST)
    inputs = [{"word": "a"}]
    assert [job.status for job in batch.submit(inputs)] == ["validating"]
    assert [job.status for job in batch.cancel(inputs)] == ["cancelling"]
    assert isinstance(batch.batch(inputs, return_exceptions=True)[0], BatchError)
    assert batch.clean_up(inputs) == 2
    assert made(service) == (1, 1)


def test_langchain_batch_async_submit_cancel_and_clean_up(model: ChatQwen, service: Emulator) -> None:
    service.plan_batches(seconds=float("inf"))
    batch = QwenBatch(model, **FAST)

    async def work() -> None:
        assert [job.status for job in await batch.asubmit(["Say a"])] == ["validating"]
        assert [job.status for job in await batch.acancel(["Say a"])] == ["cancelling"]

    asyncio.run(work())
    assert isinstance(batch.batch(["Say a"], return_exceptions=True)[0], BatchError), (
        "sync and async methods share the job"
    )
    assert made(service) == (1, 1)
    assert asyncio.run(batch.aclean_up()) == 2
