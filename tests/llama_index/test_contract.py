"""The contract of LlamaIndex's core: methods, events, token counts, metadata (checklist 1-3, 18-19, 24)."""

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

import pytest
from llama_index.core.base.llms.base import BaseLLM
from llama_index.core.base.llms.types import ChatMessage, CompletionResponse, ImageBlock
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from llama_index.core.instrumentation.events.llm import (
    LLMChatEndEvent,
    LLMChatStartEvent,
    LLMCompletionEndEvent,
    LLMCompletionStartEvent,
)
from llama_index.core.llms import LLM
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.base import BaseEvent
from llama_index_instrumentation.event_handlers import BaseEventHandler
from pydantic import Field

from llama_index_qwen import Qwen
from qwen_core.errors import UnsupportedFeatureError
from qwen_emulator import Emulator, Reply
from tests.llama_index.conftest import OLD_CORE, MakeModel, Way, raw

QUESTION = [ChatMessage(role="user", content="Count to 12")]
ANSWER = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12"

Ask = Callable[[Qwen], Any]


async def _drain(chunks: Any) -> Any:
    return [chunk async for chunk in await chunks][-1]


EIGHT: dict[str, Ask] = {
    "chat": lambda llm: llm.chat(QUESTION),
    "achat": lambda llm: asyncio.run(llm.achat(QUESTION)),
    "stream_chat": lambda llm: list(llm.stream_chat(QUESTION))[-1],
    "astream_chat": lambda llm: asyncio.run(_drain(llm.astream_chat(QUESTION))),
    "complete": lambda llm: llm.complete("Count to 12"),
    "acomplete": lambda llm: asyncio.run(llm.acomplete("Count to 12")),
    "stream_complete": lambda llm: list(llm.stream_complete("Count to 12"))[-1],
    "astream_complete": lambda llm: asyncio.run(_drain(llm.astream_complete("Count to 12"))),
}

eight_methods = pytest.mark.parametrize("ask", EIGHT.values(), ids=EIGHT.keys())


class EventRecorder(BaseEventHandler):
    events: list[BaseEvent] = Field(default_factory=list)

    @classmethod
    def class_name(cls) -> str:
        return "EventRecorder"

    def handle(self, event: BaseEvent, **kwargs: Any) -> None:
        self.events.append(event)

    def count(self, *kinds: type[BaseEvent]) -> int:
        return sum(isinstance(event, kinds) for event in self.events)


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> EventRecorder:
    recorder = EventRecorder(events=[])
    root = get_dispatcher()
    monkeypatch.setattr(root, "event_handlers", [*root.event_handlers, recorder])
    return recorder


def test_qwen_is_a_function_calling_llm() -> None:
    for parent in (BaseLLM, LLM, FunctionCallingLLM):
        assert issubclass(Qwen, parent)
    assert Qwen.class_name() == "Qwen"


@eight_methods
def test_all_eight_methods_respond(make: MakeModel, ask: Ask) -> None:
    response = ask(make())
    assert (response.text if isinstance(response, CompletionResponse) else response.message.content) == ANSWER


@eight_methods
def test_each_call_emits_one_start_and_one_end_event(make: MakeModel, recorder: EventRecorder, ask: Ask) -> None:
    ask(make())
    assert recorder.count(LLMChatStartEvent, LLMCompletionStartEvent) == 1
    assert recorder.count(LLMChatEndEvent, LLMCompletionEndEvent) == 1


@eight_methods
def test_token_counting_handler_counts_usage_once(make: MakeModel, service: Emulator, ask: Ask) -> None:
    counter = TokenCountingHandler()
    service.reply(Reply(ANSWER, usage={"input_tokens": 1234, "output_tokens": 56}))
    ask(make(callback_manager=CallbackManager([counter])))
    assert (counter.prompt_llm_token_count, counter.completion_llm_token_count) == (1234, 56)
    assert len(counter.llm_token_counts) == 1


def test_usage_has_openais_names(make: MakeModel, service: Emulator, way: Way) -> None:
    usage = {"input_tokens": 100, "output_tokens": 40, "cached_tokens": 64, "reasoning_tokens": 30}
    service.reply(Reply("Yes.", reasoning="Hm.", usage=usage))
    response = way(make(enable_thinking=True, model="qwen3-max"), QUESTION)
    assert raw(response)["usage"]["prompt_tokens"] == 100
    assert raw(response)["usage"]["completion_tokens"] == 40
    assert raw(response)["usage"]["total_tokens"] == 140
    assert raw(response)["usage"]["prompt_tokens_details"]["cached_tokens"] == 64
    assert raw(response)["usage"]["completion_tokens_details"]["reasoning_tokens"] == 30
    counts = {
        name: response.additional_kwargs[name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")
    }
    assert counts == {"prompt_tokens": 100, "completion_tokens": 40, "total_tokens": 140}
    assert response.additional_kwargs["finish_reason"] == "stop"
    assert raw(response)["model"] == "qwen3-max"
    assert raw(response)["request_id"]


def test_stream_sets_include_usage(make: MakeModel, service: Emulator, protocol: str) -> None:
    list(make().stream_chat(QUESTION))
    if protocol == "openai":
        assert service.last_request.body["stream_options"] == {"include_usage": True}


def test_stream_methods_return_generators(make: MakeModel) -> None:
    llm = make()
    assert isinstance(llm.stream_chat(QUESTION), Generator)
    assert isinstance(llm.stream_complete("Hi"), Generator)

    async def check() -> None:
        chunks = await llm.astream_chat(QUESTION)
        assert isinstance(chunks, AsyncGenerator)
        await chunks.aclose()

    asyncio.run(check())
    assert inspect.iscoroutinefunction(Qwen.astream_chat)


def test_stream_chunks_have_delta_and_accumulated_message(make: MakeModel) -> None:
    chunks = list(make().stream_chat(QUESTION))
    assert len(chunks) > 5
    assert "".join(chunk.delta or "" for chunk in chunks) == ANSWER
    text = ""
    for chunk in chunks:
        text += chunk.delta or ""
        assert (chunk.message.content or "") == text
    assert len({id(chunk.message) for chunk in chunks}) == len(chunks)
    assert raw(chunks[-1])["usage"]["completion_tokens"]
    completions = list(make().stream_complete("Count to 12"))
    assert "".join(chunk.delta or "" for chunk in completions) == completions[-1].text == ANSWER


def test_changing_a_chunk_does_not_change_others(make: MakeModel) -> None:
    texts = []
    for chunk in make().stream_chat(QUESTION):
        chunk.message.blocks.clear()
        chunk.message.additional_kwargs["x"] = 1
        texts.append(chunk.delta)
    assert "".join(text or "" for text in texts) == ANSWER


@pytest.mark.parametrize(
    "model", ["qwen-plus", "qwen-max", "qwen3-32b", "qwen2.5-vl-72b-instruct", "my-fine-tune", "", "模型"]
)
def test_metadata_never_fails(model: str) -> None:
    metadata = Qwen(model=model).metadata
    assert metadata.is_chat_model
    assert metadata.context_window > 8000
    assert metadata.num_output == -1
    assert metadata.model_name == model


def test_metadata_of_known_models_and_overrides() -> None:
    assert Qwen(model="qwen-plus").metadata.context_window == 997_952 + 256
    assert Qwen(model="qwen-plus", enable_thinking=True).metadata.context_window == 995_904 + 256
    assert Qwen(model="qwen-max").metadata.context_window == 30_720 + 256
    assert Qwen(model="qwen-max", max_tokens=1000).metadata.context_window == 30_720 + 1000
    assert Qwen(model="qwen-max", max_tokens=5000).metadata.context_window == 32_768
    assert Qwen(max_tokens=700).metadata.num_output == 700
    assert Qwen(max_tokens=700, num_output=9).metadata.num_output == 9
    assert Qwen(context_window=5000).metadata.context_window == 5000
    assert Qwen(model="qwen-plus").metadata.is_function_calling_model
    assert Qwen(model="who-knows").metadata.is_function_calling_model
    assert Qwen(model="qwen-doc-turbo").metadata.is_function_calling_model  # the catalogue says unknown
    assert not Qwen(model="qwen-vl-max").metadata.is_function_calling_model
    assert Qwen(model="qwen-vl-max", is_function_calling_model=True).metadata.is_function_calling_model


def test_minimal_request_sends_only_required_fields(make: MakeModel, service: Emulator) -> None:
    make().chat(QUESTION)
    assert set(service.last_request.parameters) <= {"model", "messages", "result_format", "incremental_output"}


def test_call_arguments_override_fields(make: MakeModel, service: Emulator, way: Way) -> None:
    llm = make(temperature=0.1, max_tokens=20, stop=["X"], seed=1, extra_body={"a": 1, "b": 2})
    way(llm, QUESTION, temperature=0.9, max_tokens=50, stop="Y", extra_body={"b": 3}, model="qwen-flash")
    sent = service.last_request.parameters
    assert (sent["temperature"], sent["max_tokens"], sent["stop"], sent["seed"]) == (0.9, 50, ["Y"], 1)
    assert service.last_request.model == "qwen-flash"
    assert llm.temperature == 0.1


def test_unknown_arguments_are_refused(make: MakeModel, way: Way) -> None:
    with pytest.raises(UnsupportedFeatureError, match="temprature"):
        way(make(), QUESTION, temprature=1)
    with pytest.raises(ValueError, match="temprature"):
        Qwen(**{"temprature": 1})


def test_api_base_is_an_alias_of_base_url() -> None:
    assert Qwen(**{"api_base": "https://example.com"}).base_url == "https://example.com"
    assert Qwen(base_url="https://example.com").base_url == "https://example.com"


def test_model_name_is_an_alias_of_model() -> None:
    assert Qwen(**{"model_name": "qwen-max"}).model == "qwen-max"
    assert Qwen.from_dict(Qwen(**{"model_name": "qwen-max"}).to_dict()).model == "qwen-max"


def test_completion_to_prompt_is_applied(make: MakeModel, service: Emulator) -> None:
    llm = make(completion_to_prompt=lambda text: f"Please: {text}")
    llm.complete("say hi")
    assert service.last_request.messages[-1]["content"] in ("Please: say hi", [{"text": "Please: say hi"}])
    llm.complete("say hi", formatted=True)
    assert service.last_request.messages[-1]["content"] in ("say hi", [{"text": "say hi"}])


def test_n_returns_several_choices_but_cannot_stream(make: MakeModel, protocol: str) -> None:
    llm = make(n=2)
    body = raw(llm.chat(QUESTION))
    assert len((body if protocol == "openai" else body["output"])["choices"]) == 2
    with pytest.raises(UnsupportedFeatureError, match="n must be 1"):
        list(llm.stream_chat(QUESTION))


def test_rate_limiter_is_acquired(make: MakeModel) -> None:
    if OLD_CORE:
        pytest.skip("this core has no rate limiters")

    class Limiter:
        taken = 0

        def acquire(self) -> None:
            self.taken += 1

        async def async_acquire(self) -> None:
            self.taken += 1

    limiter = Limiter()
    llm = make(rate_limiter=limiter)
    llm.chat(QUESTION)
    asyncio.run(llm.achat(QUESTION))
    assert limiter.taken == 2


def test_chat_history_is_not_modified(make: MakeModel, way: Way) -> None:
    history = [
        ChatMessage(role="developer", content="Be short."),
        ChatMessage(role="user", blocks=[ImageBlock(url="https://example.com/a.png"), *QUESTION[0].blocks]),
    ]
    before = [message.model_dump_json() for message in history]
    way(make(model="qwen3-vl-plus"), history)
    assert [message.model_dump_json() for message in history] == before


def test_settings_llm_callback_manager_can_be_set(make: MakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    from llama_index.core import Settings

    llm = make()
    monkeypatch.setattr(Settings, "_llm", llm)
    manager = CallbackManager([])
    Settings.llm.callback_manager = manager
    assert llm.callback_manager is manager
    assert Settings.llm.predict is not None
