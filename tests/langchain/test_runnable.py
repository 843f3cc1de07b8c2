"""LangChain's runnable features with ChatQwen: chains, batch, fallbacks, callbacks, cache, copies."""

import asyncio
import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler, get_usage_metadata_callback
from langchain_core.load import dumpd, load
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.outputs import LLMResult
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.rate_limiters import InMemoryRateLimiter
from langchain_core.runnables import ConfigurableField, RunnableConfig

from langchain_qwen import ChatQwen
from langchain_qwen.errors import QwenError, RateLimitError, ServerError
from qwen_emulator import Emulator, Failure, Reply, ToolCall
from tests.langchain.conftest import MakeModel, total

COUNT = "Count from 1 to 5."
NUMBERS = "1, 2, 3, 4, 5"


class Recorder(BaseCallbackHandler):
    """Record callback calls."""

    def __init__(self) -> None:
        self.started: list[dict[str, Any]] = []
        self.tokens: list[str] = []
        self.ended: list[LLMResult] = []
        self.failed: list[BaseException] = []

    def on_chat_model_start(self, serialized: dict[str, Any], messages: Any, **kwargs: Any) -> None:
        self.started.append({"serialized": serialized, **kwargs})

    def on_llm_new_token(self, token: Any, **kwargs: Any) -> None:
        self.tokens.append(str(token))

    def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:
        self.ended.append(response)

    def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        self.failed.append(error)


async def test_chain_with_prompt_and_parser(model: ChatQwen) -> None:
    chain = ChatPromptTemplate.from_messages([("human", "Count from 1 to {end}.")]) | model | StrOutputParser()
    assert chain.invoke({"end": 5}) == NUMBERS
    assert await chain.ainvoke({"end": 5}) == NUMBERS
    pieces = list(chain.stream({"end": 5}))
    assert "".join(pieces) == NUMBERS and len(pieces) > 2
    assert "".join([piece async for piece in chain.astream({"end": 5})]) == NUMBERS


async def test_batch_and_abatch(service: Emulator, model: ChatQwen) -> None:
    questions = [f"Count from 1 to {end}." for end in (2, 3, 4)]
    wanted = ["1, 2", "1, 2, 3", "1, 2, 3, 4"]
    assert [answer.content for answer in model.batch(questions, {"max_concurrency": 2})] == wanted  # type: ignore[arg-type]
    assert [answer.content for answer in await model.abatch(questions)] == wanted  # type: ignore[arg-type]
    service.reply(Failure.named("invalid_parameter"))
    first, *others = model.batch(questions, {"max_concurrency": 1}, return_exceptions=True)  # type: ignore[arg-type]
    assert isinstance(first, QwenError) and [answer.content for answer in others] == wanted[1:]


def test_with_retry_retries_server_errors(service: Emulator, make: MakeModel) -> None:
    service.reply(Failure.named("internal_error", times=2))
    retrying = make(max_retries=0).with_retry(
        retry_if_exception_type=(ServerError,), wait_exponential_jitter=False
    )
    assert retrying.invoke(COUNT).content == NUMBERS
    assert len(service.requests) == 3


def test_with_fallbacks_uses_the_fallback_model(service: Emulator, make: MakeModel) -> None:
    service.reply(Failure.named("rate_limit"))
    model = make(max_retries=0).with_fallbacks([make(model="qwen-flash")])
    assert model.invoke(COUNT).content == NUMBERS
    assert [request.model for request in service.requests] == ["qwen-plus", "qwen-flash"]
    service.reply(Failure.named("rate_limit"))
    assert total(model.stream(COUNT)).content == NUMBERS  # type: ignore[arg-type]


def test_bind_tools_and_structured_output_apply_to_fallbacks(service: Emulator, make: MakeModel) -> None:
    model: Any = make(max_retries=0).with_fallbacks([make(model="qwen-flash")])
    properties = {"name": {"type": "string"}}
    tool = {"title": "City", "description": "A city.", "type": "object", "properties": properties}
    service.reply(Failure.named("rate_limit"), Reply(tool_calls=[ToolCall("City", {"name": "Rome"})]))
    assert model.bind_tools([tool]).invoke("Where?").tool_calls[0]["args"] == {"name": "Rome"}
    service.reply(Failure.named("rate_limit"), Reply(tool_calls=[ToolCall("City", {"name": "Rome"})]))
    assert model.with_structured_output(tool).invoke("Where?") == {"name": "Rome"}
    assert [request.model for request in service.requests] == ["qwen-plus", "qwen-flash"] * 2


def test_max_retries_retries_rate_limit(service: Emulator, make: MakeModel) -> None:
    service.reply(Failure.named("rate_limit", headers={"retry-after": "0"}))
    assert make().invoke(COUNT).content == NUMBERS
    service.reply(Failure.named("rate_limit", headers={"retry-after": "0"}))
    assert total(make().stream(COUNT)).content == NUMBERS
    assert len(service.requests) == 4


def test_configurable_fields_still_stream(service: Emulator, model: ChatQwen) -> None:
    configurable = model.configurable_fields(
        model=ConfigurableField(id="model"), temperature=ConfigurableField(id="temperature")
    )
    config: RunnableConfig = {"configurable": {"model": "qwen-flash", "temperature": 0.5}}
    chunks = list(configurable.stream(COUNT, config))
    assert len(chunks) > 3
    assert service.last_request.model == "qwen-flash" and service.last_request.stream
    assert service.last_request.parameters["temperature"] == 0.5
    alternatives = model.configurable_alternatives(ConfigurableField(id="which"), other=ChatQwen(model="qwen-max"))
    alternatives.invoke("hi", {"configurable": {"which": "other"}})
    assert service.last_request.model == "qwen-max"


def test_streaming_and_disable_streaming(service: Emulator, make: MakeModel) -> None:
    make(streaming=True).invoke("hi")
    assert service.last_request.stream
    assert len(list(make(streaming=False).stream(COUNT))) == 1
    assert not service.last_request.stream
    tool = {"name": "f", "description": "F.", "parameters": {"type": "object", "properties": {}}}
    list(make(disable_streaming="tool_calling").bind_tools([tool]).stream("hi"))
    assert not service.last_request.stream


async def test_rate_limiter_is_accepted(make: MakeModel) -> None:
    limiter = InMemoryRateLimiter(requests_per_second=20, check_every_n_seconds=0.01)
    model = make(rate_limiter=limiter)
    assert model.invoke(COUNT).content == NUMBERS
    assert (await model.ainvoke(COUNT)).content == NUMBERS


def test_cache_key_depends_on_parameters(service: Emulator, make: MakeModel) -> None:
    model = make(cache=InMemoryCache())
    first, second = model.invoke("hi"), model.invoke("hi")
    assert first.content == second.content and len(service.requests) == 1
    for other in (
        model.model_copy(update={"temperature": 0.1}),
        model.bind(max_tokens=5),
        make(cache=model.cache, seed=1),
    ):
        other.invoke("hi")
    assert len(service.requests) == 4


def test_model_copy_has_the_profile_of_its_model(make: MakeModel) -> None:
    model = make(model="qwen-plus")
    assert model.profile and not model.profile["structured_output"]
    other = model.model_copy(update={"model": "qwen3.7-plus"})
    assert other.profile and other.profile["structured_output"] and other.profile["name"] == "qwen3.7-plus"
    own = make(profile={"max_input_tokens": 7}).model_copy(update={"model": "qwen3.7-plus"})
    assert own.profile == {"max_input_tokens": 7}


async def test_callbacks_receive_start_tokens_end_and_error(service: Emulator, model: ChatQwen) -> None:
    recorder = Recorder()
    list(model.stream(COUNT, {"callbacks": [recorder]}))
    assert "".join(recorder.tokens) == NUMBERS
    await model.ainvoke(COUNT, {"callbacks": [recorder]})
    service.reply(Failure.named("invalid_parameter"))
    with pytest.raises(QwenError):
        model.invoke("hi", {"callbacks": [recorder]})
    assert (len(recorder.started), len(recorder.ended), len(recorder.failed)) == (3, 2, 1)
    message = recorder.ended[0].generations[0][0].message
    assert message.usage_metadata["output_tokens"] > 0


def test_usage_metadata_callback_sums_by_model(service: Emulator, make: MakeModel) -> None:
    service.reply(*[Reply("Hi", usage={"input_tokens": 5, "output_tokens": 2})] * 3)
    with get_usage_metadata_callback() as counted:
        make().invoke("hi")
        list(make().stream("hi"))
        make(model="qwen-flash").invoke("hi")
    usage = counted.usage_metadata
    assert (usage["qwen-plus"]["input_tokens"], usage["qwen-plus"]["output_tokens"]) == (10, 4)
    assert usage["qwen-flash"]["total_tokens"] == 7


def test_langsmith_metadata(model: ChatQwen) -> None:
    recorder = Recorder()
    bound = model.bind(
        model="qwen-max", temperature=0.2, max_tokens=9, stop=["x"], extra_headers={"x-key": "sk-own"}
    )
    bound.invoke("hi", {"callbacks": [recorder]})
    (start,) = recorder.started
    metadata = start["metadata"]
    assert metadata["ls_provider"] == "qwen" and metadata["ls_model_type"] == "chat"
    assert metadata["ls_model_name"] == "qwen-max" and metadata["ls_temperature"] == 0.2
    assert metadata["ls_max_tokens"] == 9 and metadata["ls_stop"] == ["x"]
    assert "langchain-qwen" in metadata["lc_versions"]
    assert start["invocation_params"]["temperature"] == 0.2 and start["invocation_params"]["stop"] == ["x"]
    model.bind(model="qwen3.7-plus", max_completion_tokens=99).invoke("hi", {"callbacks": [recorder]})
    assert recorder.started[-1]["metadata"]["ls_max_tokens"] == 99
    model.model_copy(update={"stop": ["y"]}).invoke("hi", {"callbacks": [recorder]})
    assert recorder.started[-1]["invocation_params"]["stop"] == ["y"]
    assert "sk-own" not in str(recorder.started)


async def test_astream_events_yields_text(model: ChatQwen) -> None:
    events = [event async for event in model.astream_events(COUNT, version="v2")]
    text = "".join(event["data"]["chunk"].text for event in events if event["event"] == "on_chat_model_stream")
    assert text == NUMBERS
    assert events[-1]["data"]["output"].content == NUMBERS


def test_generate_sums_token_usage(service: Emulator, model: ChatQwen) -> None:
    service.reply(*[Reply("Hi", usage={"input_tokens": 5, "output_tokens": 2})] * 2)
    result = model.generate([[HumanMessage("a")], [HumanMessage("b")]])
    assert result.llm_output is not None
    assert result.llm_output["token_usage"]["total_tokens"] == 14


def test_model_works_in_twenty_event_loops(service: Emulator, model: ChatQwen) -> None:
    async def both() -> str:
        chunks = [chunk async for chunk in model.astream("hi")]
        return total(chunks).text + (await model.ainvoke("hi")).text

    assert len({asyncio.run(both()) for _ in range(20)}) == 1
    assert len(service.requests) == 40


def test_model_works_in_eight_threads(model: ChatQwen) -> None:
    def ask(end: int) -> tuple[Any, Any]:
        question = f"Count from 1 to {end}."
        return model.invoke(question).content, total(model.stream(question)).content

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, range(2, 42)))
    assert answers == [(text := ", ".join(map(str, range(1, end + 1))), text) for end in range(2, 42)]


def test_copies_and_pickles_work(model: ChatQwen) -> None:
    model.invoke("hi")
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), copy.copy(model), model.model_copy()):
        assert other.invoke(COUNT).content == NUMBERS
        assert other == model


@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
def test_dumpd_and_load_restore_the_model(make: MakeModel) -> None:
    model = make(temperature=0.5, enable_thinking=False)
    dumped = dumpd(model)
    assert dumped["type"] == "constructor" and dumped["id"][0] == "langchain_qwen"
    loaded = load(dumped, allowed_objects=[ChatQwen], valid_namespaces=["langchain_qwen"], secrets_from_env=True)
    assert isinstance(loaded, ChatQwen)
    assert (loaded.model, loaded.temperature, loaded.enable_thinking) == ("qwen-plus", 0.5, False)
    assert loaded.invoke(COUNT).content == NUMBERS


def test_call_arguments_override_fields(service: Emulator, make: MakeModel) -> None:
    model = make(temperature=0.1, stop=["END"])
    model.invoke("hi", temperature=0.9, stop=["STOP"], extra_headers={"x-mine": "1"}, extra_body={"seed": 3})
    request = service.last_request
    assert request.parameters["temperature"] == 0.9 and request.parameters["stop"] == ["STOP"]
    assert request.headers["x-mine"] == "1" and request.parameters["seed"] == 3
    model.invoke("hi")
    assert service.last_request.parameters["temperature"] == 0.1
    assert service.last_request.parameters["stop"] == ["END"]


def test_unknown_constructor_argument_is_refused() -> None:
    with pytest.raises(ValueError, match="temprature"):
        ChatQwen(temprature=1)  # type: ignore[call-arg]


def test_get_num_tokens_counts_offline(model: ChatQwen) -> None:
    chinese = "今天的天气很好，我们去公园散步吧。" * 40
    assert 200 < model.get_num_tokens(chinese) < 700
    messages = [HumanMessage("What is the weather?"), AIMessage("Sunny.")]
    plain = model.get_num_tokens_from_messages(messages)
    tool = {
        "name": "f",
        "description": "Something long. " * 20,
        "parameters": {"type": "object", "properties": {}},
    }
    assert 10 < plain < 40 < model.get_num_tokens_from_messages(messages, [tool])
    assert model.model_copy(update={"custom_get_token_ids": lambda text: [1, 2]}).get_num_tokens("abc") == 2


def test_rate_limit_error_after_max_retries(service: Emulator, make: MakeModel) -> None:
    service.reply(Failure.named("rate_limit", times=3, headers={"retry-after": "0"}))
    with pytest.raises(RateLimitError):
        make().invoke("hi")
    assert len(service.requests) == 3
