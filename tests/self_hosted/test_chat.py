"""Chat with vLLM, SGLang, llama.cpp and Ollama in both frameworks: requests and responses."""

import json
import pickle
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from langchain_core.load import dumpd, load
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage
from langchain_core.runnables import ConfigurableField
from llama_index.core.base.llms.types import ChatMessage, ThinkingBlock
from pydantic import BaseModel

from langchain_qwen import ChatQwen
from llama_index_qwen import Qwen
from qwen_core.errors import (
    AuthenticationError,
    ContextOverflowError,
    IncompleteStreamError,
    NotFoundError,
    QwenWarning,
    UnsupportedFeatureError,
)
from qwen_core.resources.sync.uploads import TemporaryStore
from qwen_emulator import Emulator, Failure, RawReply, Reply, ToolCall
from tests.langchain.conftest import total as total_of_chunks
from tests.self_hosted.conftest import SECRET

MODEL = "Qwen/Qwen3-8B"
SAID = [Reply(text="Four.", reasoning="2 and 2")] * 8


def get_weather(city: str) -> str:
    """Return the weather in a city."""
    return f"Sunny in {city}"


def get_time(city: str) -> str:
    """Return the time in a city."""
    return f"Noon in {city}"


def total(chunks: Iterable[Any]) -> AIMessageChunk:
    """Return the sum of a stream, also of a bound model, whose chunks are typed as messages."""
    return total_of_chunks(chunks)


def chain_model(service: Emulator, server: str, **fields: Any) -> ChatQwen:
    given: dict[str, Any] = {"model": MODEL, "base_url": service.self_hosted_url(server), "server": server}
    return ChatQwen(**{**given, **fields})


def index_model(service: Emulator, server: str, **fields: Any) -> Qwen:
    given: dict[str, Any] = {"model": MODEL, "base_url": service.self_hosted_url(server), "server": server}
    return Qwen(**{**given, **fields})


async def test_self_hosted_invoke_and_stream_in_langchain(service: Emulator, server: str) -> None:
    service.reply(*SAID)
    model = chain_model(service, server)
    whole = model.invoke("2 + 2?"), await model.ainvoke("2 + 2?")
    streamed = total(model.stream("2 + 2?")), total([chunk async for chunk in model.astream("2 + 2?")])
    for answer in (*whole, *streamed):
        assert (answer.content, answer.additional_kwargs["reasoning_content"]) == ("Four.", "2 and 2")
        assert answer.response_metadata["finish_reason"] == "stop"
        assert answer.usage_metadata == whole[0].usage_metadata
    assert whole[0].usage_metadata and whole[0].usage_metadata["total_tokens"] > 0
    assert "cost" not in whole[0].response_metadata
    assert [request.stream for request in service.requests] == [False, False, True, True]
    assert all(request.path == f"/{server}/v1/chat/completions" for request in service.requests)


async def test_self_hosted_chat_and_stream_in_llama_index(service: Emulator, server: str) -> None:
    service.reply(*SAID)
    model, asked = index_model(service, server), [ChatMessage("2 + 2?")]
    whole = model.chat(asked), await model.achat(asked)
    streamed = list(model.stream_chat(asked))[-1], [c async for c in await model.astream_chat(asked)][-1]
    for response in (*whole, *streamed):
        assert response.message.content == "Four."
        assert [block.content for block in response.message.blocks if isinstance(block, ThinkingBlock)] == [
            "2 and 2"
        ]
        assert response.raw["usage"] == whole[0].raw["usage"]
    assert model.metadata.is_function_calling_model and model.metadata.context_window == 131_072


def test_self_hosted_server_needs_no_api_key_and_never_gets_alibabas(
    service: Emulator, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain_model(service, server).invoke("Hi")
    index_model(service, server).complete("Hi")
    assert "Authorization" not in service.requests[0].headers
    assert SECRET not in str([dict(request.headers) for request in service.requests])
    chain_model(service, server, api_key="sk-own").invoke("Hi")
    assert service.last_request.headers["Authorization"] == "Bearer sk-own"
    monkeypatch.delenv("DASHSCOPE_API_KEY")
    assert chain_model(service, server).invoke("Hi").content
    # A base URL from the environment is the one that the environment's key is for.
    monkeypatch.setenv("DASHSCOPE_API_BASE", service.self_hosted_url(server))
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-both")
    ChatQwen(model=MODEL).invoke("Hi")
    assert service.last_request.headers["Authorization"] == "Bearer sk-both"


@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
def test_copied_self_hosted_models_never_send_alibabas_api_key(service: Emulator) -> None:
    model = chain_model(service, "vllm")
    configurable = model.configurable_fields(temperature=ConfigurableField(id="temperature"))
    written = dumpd(model)
    others: list[Any] = [
        configurable.with_config(configurable={"temperature": 0.5}),
        load(written, allowed_objects=[ChatQwen], valid_namespaces=["langchain_qwen"], secrets_from_env=True),
        ChatQwen(**dict(model)),
        model.model_copy(update={"temperature": 0.5}),
        pickle.loads(pickle.dumps(ChatQwen(**dict(model)))),
    ]
    for other in others:
        other.invoke("Hi")
    assert len(service.requests) == len(others)
    assert not [request for request in service.requests if "Authorization" in request.headers]
    assert dumpd(chain_model(service, "vllm", api_key="sk-own"))["kwargs"]["api_key"]["type"] == "secret"


def test_self_hosted_missing_api_key_error_explains_itself(service: Emulator) -> None:
    service.reply(Failure(401, "Unauthorized", "Unauthorized"))
    with pytest.raises(AuthenticationError, match="Pass api_key="):
        chain_model(service, "vllm").invoke("Hi")


NO_THINKING = {"chat_template_kwargs": {"enable_thinking": False}}


@pytest.mark.parametrize(
    ("fields", "template", "ollama"),
    [
        ({}, {}, {}),
        ({"enable_thinking": False}, NO_THINKING, {"reasoning_effort": "none"}),
        ({"enable_thinking": True}, {"chat_template_kwargs": {"enable_thinking": True}}, {}),
        ({"reasoning_effort": "none"}, NO_THINKING, {"reasoning_effort": "none"}),
        ({"reasoning_effort": "low"}, {"reasoning_effort": "low"}, {"reasoning_effort": "low"}),
        (
            {"preserve_thinking": True, "extra_body": {"chat_template_kwargs": {"add_vision_id": True}}},
            {"chat_template_kwargs": {"preserve_thinking": True, "add_vision_id": True}},
            {"chat_template_kwargs": {"add_vision_id": True}},
        ),
    ],
)  # fmt: skip
def test_enable_thinking_is_sent_in_each_servers_form(
    service: Emulator, server: str, fields: dict[str, Any], template: dict[str, Any], ollama: dict[str, Any]
) -> None:
    for model in (chain_model(service, server, **fields), index_model(service, server, **fields)):
        model.invoke("Hi") if isinstance(model, ChatQwen) else model.complete("Hi")
        sent = {
            name: value for name, value in service.last_request.body.items() if name not in ("model", "messages")
        }
        assert sent == (ollama if server == "ollama" else template)


@pytest.mark.parametrize(
    ("server", "name"),
    [("vllm", "thinking_token_budget"), ("llama.cpp", "thinking_budget_tokens"), ("sglang", None)],
)
def test_thinking_budget_is_sent_under_the_servers_name(service: Emulator, server: str, name: str | None) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        chain_model(service, server, thinking_budget=50).invoke("Hi")
    sent = {key: value for key, value in service.last_request.body.items() if "thinking" in key}
    assert sent == ({name: 50} if name else {})
    ours = [one for one in caught if issubclass(one.category, QwenWarning)]
    assert [str(one.message)[:53] for one in ours] == (
        [] if name else ["server='sglang' does not support thinking_budget, whi"]
    )


def test_reasoning_is_replayed_under_the_servers_key(service: Emulator, server: str) -> None:
    call = {"name": "get_weather", "args": {"city": "Rome"}, "id": "c1"}
    history = [
        HumanMessage("Weather in Rome?"),
        AIMessage("", tool_calls=[call], additional_kwargs={"reasoning_content": "I must look."}),
        ToolMessage("Sunny", tool_call_id="c1"),
    ]
    chain_model(service, server).bind_tools([get_weather]).invoke(history)
    sent = service.last_request.messages[1]
    key = "reasoning" if server in ("vllm", "ollama") else "reasoning_content"
    assert {name: sent[name] for name in sent if name.startswith("reasoning")} == {key: "I must look."}


async def test_self_hosted_tool_calls_are_returned(service: Emulator, server: str) -> None:
    service.reply(*[Reply(tool_calls=[ToolCall("get_weather", {"city": "Rome"})], reasoning="look")] * 4)
    bound = chain_model(service, server).bind_tools([get_weather])
    answers = bound.invoke("?"), total([chunk async for chunk in bound.astream("?")])
    for answer in answers:
        assert isinstance(answer, AIMessage)
        assert [(call["name"], call["args"]) for call in answer.tool_calls] == [("get_weather", {"city": "Rome"})]
        assert answer.response_metadata["finish_reason"] == "tool_calls"


def test_forced_tool_choice_is_sent_as_each_server_supports_it(service: Emulator, server: str) -> None:
    expected: dict[str, Callable[[], Any]] = {
        "vllm": lambda: {"type": "function", "function": {"name": "get_time"}},
        "sglang": lambda: {"type": "function", "function": {"name": "get_time"}},
        "llama.cpp": lambda: "required",
        "ollama": lambda: "auto",
    }
    bound = chain_model(service, server).bind_tools([get_weather, get_time], tool_choice="get_time")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        bound.invoke("Rome")
    body = service.last_request.body
    assert body["tool_choice"] == expected[server]()
    names = [tool["function"]["name"] for tool in body["tools"]]
    assert names == (["get_time"] if server == "llama.cpp" else ["get_weather", "get_time"])
    assert [one.category for one in caught] == ([QwenWarning] if server == "ollama" else [])
    if server == "ollama":
        asked = body["messages"][0]["content"]
        assert "get_time" in asked and "get_weather" not in asked
    bound.bind(tool_choice="auto").invoke("Rome")
    assert service.last_request.body["tool_choice"] == "auto" and len(service.last_request.body["tools"]) == 2


class City(BaseModel):
    """A city."""

    name: str
    country: str


def test_self_hosted_structured_output_uses_json_schema(service: Emulator, server: str) -> None:
    city = chain_model(service, server).with_structured_output(City).invoke("Name: Rome, country: Italy")
    assert isinstance(city, City)
    assert service.last_request.body["response_format"]["type"] == "json_schema"


def test_parameters_are_renamed_or_dropped_with_warning_per_server(service: Emulator) -> None:
    chain_model(service, "llama.cpp", repetition_penalty=1.1, top_k=5).invoke("Hi")
    assert service.last_request.body["repeat_penalty"] == 1.1
    assert "repetition_penalty" not in service.last_request.body
    with pytest.warns(QwenWarning, match="'ollama' does not support top_k"):
        chain_model(service, "ollama", top_k=5, temperature=0.5).invoke("Hi")
    assert "top_k" not in service.last_request.body
    assert service.last_request.body["temperature"] == 0.5


def test_max_completion_tokens_is_sent_as_max_tokens(service: Emulator, server: str) -> None:
    fields: dict[str, int] = {"max_tokens": 90, "max_completion_tokens": 50}
    for model in (chain_model(service, server, **fields), index_model(service, server, **fields)):
        model.invoke("Hi") if isinstance(model, ChatQwen) else model.complete("Hi")
        assert service.last_request.body["max_tokens"] == 50
        assert "max_completion_tokens" not in service.last_request.body


def test_trailing_system_message_is_sent_as_user(service: Emulator) -> None:
    chain_model(service, "vllm").invoke(
        [SystemMessage("Speak like a sailor."), AIMessage("Aye."), SystemMessage("Go on.")]
    )
    assert [message["role"] for message in service.last_request.messages] == ["system", "assistant", "user"]


def test_partial_message_and_audio_are_sent_in_vllm_form(service: Emulator) -> None:
    sound = {"type": "audio", "base64": "UklGRg==", "mime_type": "audio/wav"}
    prefix = AIMessage("Once", additional_kwargs={"partial": True})
    with pytest.warns(QwenWarning, match="Thinking was switched off"):
        chain_model(service, "vllm").invoke([HumanMessage([{"type": "text", "text": "A tale"}, sound]), prefix])
    body = service.last_request.body
    assert (body["continue_final_message"], body["add_generation_prompt"]) == (True, False)
    assert "partial" not in body["messages"][-1]
    assert body["messages"][0]["content"][1]["input_audio"]["data"] == "UklGRg=="


@pytest.mark.parametrize(
    "fields", [{"enable_search": True}, {"enable_code_interpreter": True}, {"vl_high_resolution_images": True}]
)
def test_alibaba_only_features_are_refused_on_self_hosted_servers(
    service: Emulator, fields: dict[str, Any]
) -> None:
    for model in (chain_model(service, "vllm", **fields), index_model(service, "vllm", **fields)):
        with pytest.raises(UnsupportedFeatureError, match="Alibaba's service"):
            model.invoke("Hi") if isinstance(model, ChatQwen) else model.complete("Hi")
    with pytest.raises(UnsupportedFeatureError, match="server_tools"):
        chain_model(service, "vllm").bind_tools([{"type": "web_search"}]).invoke("Hi")
    assert service.requests == []


def stream_of(*chunks: dict[str, Any], done: bool) -> RawReply:
    """Return a stream of these choices."""
    lines = [f"data: {json.dumps({'id': 'c', 'model': 'm', 'choices': [chunk]})}\n\n".encode() for chunk in chunks]
    return RawReply(200, {"content-type": "text/event-stream"}, [*lines, *([b"data: [DONE]\n\n"] if done else [])])


TEXT = {"index": 0, "delta": {"content": "Four."}, "finish_reason": None}
CALL = {"index": 0, "delta": {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "get_time",
        "arguments": "{}"}}]}}  # fmt: skip


async def test_done_event_ends_a_stream_without_finish_reason(service: Emulator) -> None:
    service.reply(*[stream_of(TEXT, done=True)] * 3, stream_of(CALL, done=True))
    model = chain_model(service, "ollama")
    assert total(model.stream("?")).response_metadata["finish_reason"] == "stop"
    assert total([chunk async for chunk in model.astream("?")]).content == "Four."
    assert list(index_model(service, "ollama").stream_complete("?"))[-1].text == "Four."
    called = total(model.bind_tools([get_time]).stream("?"))
    assert called.response_metadata["finish_reason"] == "tool_calls" and called.tool_calls[0]["name"] == "get_time"
    whole = {"id": "c", "model": "m", "choices": [{"message": {"content": "Four."}, "finish_reason": None}]}
    service.reply(RawReply(200, {"content-type": "application/json"}, [json.dumps(whole).encode()]))
    assert model.invoke("?").content == "Four."


async def test_dropped_connection_raises_incomplete_stream_error(service: Emulator) -> None:
    for done, url in [(False, service.self_hosted_url("ollama")), (True, service.compatible_url)]:
        service.reply(*[stream_of(TEXT, done=done)] * 2)
        model = ChatQwen(model="qwen3:8b", base_url=url, api_key="any", max_retries=0)
        with pytest.raises(IncompleteStreamError):
            list(model.stream("?"))
        with pytest.raises(IncompleteStreamError):
            [chunk async for chunk in model.astream("?")]


def test_tool_call_parser_and_reasoning_parser_recover_from_text(service: Emulator) -> None:
    said = '<think>I look.</think><tool_call>\n{"name": "get_time", "arguments": {"city": "Rome"}}\n</tool_call>'
    service.reply(said, said)
    model = chain_model(service, "vllm", tool_call_parser="hermes", reasoning_parser="qwen3").bind_tools(
        [get_time]
    )
    for answer in (model.invoke("?"), total(model.stream("?"))):
        assert isinstance(answer, AIMessage)
        assert answer.tool_calls[0]["args"] == {"city": "Rome"}
        assert answer.additional_kwargs["reasoning_content"] == "I look."


async def test_reasoning_parser_returns_text_when_thinking_is_disabled(service: Emulator, server: str) -> None:
    service.reply(*["Paris."] * 6)
    fields: dict[str, Any] = {"reasoning_parser": "qwen3-thinking", "enable_thinking": False}
    model, index = chain_model(service, server, **fields), index_model(service, server, **fields)
    assert [model.invoke("?").content, total(model.stream("?")).content] == ["Paris.", "Paris."]
    assert (await model.ainvoke("?")).content == "Paris."
    assert [index.complete("?").text, list(index.stream_complete("?"))[-1].text] == ["Paris.", "Paris."]
    assert chain_model(service, server, reasoning_parser="qwen3-thinking").invoke("?").content == ""


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (Failure(404, "NotFoundError", "The model `x` does not exist."), NotFoundError),
        (
            Failure(400, "BadRequestError", "This model's maximum context length is 4096 tokens. However, you"),
            ContextOverflowError,
        ),
        (
            Failure(400, "exceed_context_size_error", "request (600 tokens) exceeds the available context size"),
            ContextOverflowError,
        ),
    ],
)  # fmt: skip
def test_self_hosted_errors_are_typed(
    service: Emulator, server: str, failure: Failure, error: type[Exception]
) -> None:
    service.reply(failure)
    with pytest.raises(error):
        chain_model(service, server).invoke("Hi")


def test_self_hosted_server_is_detected_from_base_url(service: Emulator) -> None:
    base_url = service.self_hosted_url("vllm")
    model = ChatQwen(model=MODEL, base_url=base_url)
    assert model.invoke("Hi").content and "Authorization" not in service.last_request.headers
    with pytest.warns(QwenWarning, match="looks like a self-hosted server"):
        ChatQwen(model=MODEL, base_url=base_url, enable_thinking=False).invoke("Hi")
    assert service.last_request.body["chat_template_kwargs"] == {"enable_thinking": False}


def test_server_dashscope_marks_a_gateway_to_alibaba(service: Emulator) -> None:
    model = ChatQwen(
        model="qwen-plus", base_url=service.self_hosted_url(), server="dashscope", enable_thinking=True
    )
    model.invoke("Hi")
    assert service.last_request.body["enable_thinking"] is True
    assert service.last_request.headers["Authorization"] == f"Bearer {SECRET}"


def test_base_url_without_path_gets_v1(service: Emulator) -> None:
    model = Qwen(model=MODEL, base_url=service.base_url, server="vllm")
    assert model.client_settings().endpoint("openai").base_url == f"{service.base_url}/v1"
    # A path is used unchanged, even that of Alibaba's native protocol.
    model = Qwen(model=MODEL, base_url=f"{service.base_url}/api/v1", server="other")
    assert model.client_settings().endpoint("openai").base_url == f"{service.base_url}/api/v1"
    with pytest.raises(UnsupportedFeatureError, match="needs a base_url"):
        Qwen(model=MODEL, server="vllm").complete("Hi")


def test_cache_control_is_dropped_with_warning(service: Emulator) -> None:
    marked = HumanMessage([{"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}])
    with pytest.warns(QwenWarning, match="no explicit prompt cache"):
        chain_model(service, "vllm").invoke([marked])
    assert service.last_request.messages == [{"role": "user", "content": "Hi"}]


def test_self_hosted_media_is_not_uploaded_to_alibabas_store(service: Emulator) -> None:
    settings = chain_model(service, "vllm").client_settings()
    with pytest.raises(UnsupportedFeatureError, match="temporary storage"):
        TemporaryStore(settings)
    assert service.requests == []
