"""LangChain with OpenInference, OpenTelemetry or LangSmith tracing."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.tracers import LangChainTracer
from langsmith import Client
from langsmith.utils import get_env_var
from openinference.instrumentation.langchain import LangChainInstrumentor
from opentelemetry.instrumentation.langchain import LangchainInstrumentor

from langchain_qwen import ChatQwen
from qwen_core.errors import RateLimitError
from qwen_emulator import Emulator, Failure, Reply, ToolCall
from tests.media.generated_media import png_image
from tests.observability.conftest import HEADER, KEY, SpansOf, all_text, facts

ANSWER = Reply(text="Four.", reasoning="2 and 2", usage={"cached_tokens": 3})

OPENINFERENCE = {
    "model": "llm.model_name",
    "input": "llm.token_count.prompt",
    "output": "llm.token_count.completion",
    "cached": "llm.token_count.prompt_details.cache_read",
    "reasoning": "llm.token_count.completion_details.reasoning",
    "provider": "llm.provider",
    "finish": "llm.finish_reason",
}
OPENTELEMETRY = {
    "model": "gen_ai.response.model",
    "input": "gen_ai.usage.input_tokens",
    "output": "gen_ai.usage.output_tokens",
    "cached": "gen_ai.usage.cache_read.input_tokens",
    "provider": "traceloop.association.properties.ls_provider",
    "finish": "gen_ai.response.finish_reasons",
}
SEEN: dict[str, Any] = {
    "model": "qwen3.7-plus",
    "input": 10,
    "output": 3,
    "cached": 3,
    "reasoning": 2,
    "provider": "qwen",
}

conventions = pytest.mark.parametrize(
    ("instrumentor", "names"), [(LangChainInstrumentor, OPENINFERENCE), (LangchainInstrumentor, OPENTELEMETRY)]
)


def get_weather(city: str) -> str:
    """Return the weather in a city."""
    return f"Sunny in {city}"


def chat_model(**fields: Any) -> ChatQwen:
    return ChatQwen(model="qwen3.7-plus", default_headers={"X-Api-Key": HEADER}, max_retries=0, **fields)


@conventions
async def test_langchain_spans_have_model_provider_and_usage(
    service: Emulator, spans_of: SpansOf, instrumentor: Any, names: dict[str, str]
) -> None:
    service.reply(*[ANSWER] * 4)
    spans, model = spans_of(instrumentor), chat_model()
    model.invoke("What is 2+2?")
    list(model.stream("What is 2+2?"))
    await model.ainvoke("What is 2+2?")
    assert [chunk async for chunk in model.astream("What is 2+2?")]
    assert KEY not in all_text(spans) and HEADER not in all_text(spans)
    found = facts(spans)
    assert len(found) == 4
    for span in found:
        known = {name: span[attribute] for name, attribute in names.items() if name != "finish"}
        assert known == {name: SEEN[name] for name in known}
        assert span[names["finish"]] in ("stop", ("stop",))
        assert "Four." in str(span) and "What is 2+2?" in str(span)


@conventions
def test_langchain_spans_have_tool_calls(
    service: Emulator, spans_of: SpansOf, instrumentor: Any, names: dict[str, str]
) -> None:
    service.reply(Reply(tool_calls=[ToolCall("get_weather", {"city": "Rome"})]))
    spans = spans_of(instrumentor)
    chat_model().bind_tools([get_weather]).invoke("Weather?")
    (span,) = facts(spans)
    told = str({name: value for name, value in span.items() if "output" in name})
    assert "get_weather" in told and "Rome" in told
    assert "Return the weather in a city." in str(span)


@conventions
def test_langchain_spans_have_errors(
    service: Emulator, spans_of: SpansOf, instrumentor: Any, names: dict[str, str]
) -> None:
    service.reply(Failure.named("rate_limit"), Failure.named("rate_limit", after_chunks=2, reply=ANSWER))
    spans = spans_of(instrumentor)
    for call in (chat_model().invoke, lambda text: list(chat_model().stream(text))):
        with pytest.raises(RateLimitError):
            call("Hi")
    finished = spans.get_finished_spans()
    assert [span.status.status_code.name for span in finished] == ["ERROR", "ERROR"]
    for span in finished:
        assert "request limit" in str([dict(event.attributes or {}) for event in span.events])
    assert KEY not in all_text(spans) and HEADER not in all_text(spans)


@conventions
def test_langchain_spans_have_images_only_as_input(
    service: Emulator, spans_of: SpansOf, instrumentor: Any, names: dict[str, str]
) -> None:
    spans, data = spans_of(instrumentor), base64.b64encode(png_image()).decode()
    image = {"type": "image", "base64": data, "mime_type": "image/png"}
    chat_model().invoke([HumanMessage([{"type": "text", "text": "What is this?"}, image])])
    assert all_text(spans).count(data) == (2 if names is OPENINFERENCE else 1)


class Collector(BaseHTTPRequestHandler):
    """Store the received bodies."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"] or 0))
        self.server.bodies.append(body)  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_PATCH = do_POST

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


@pytest.fixture
def collector() -> Iterator[ThreadingHTTPServer]:
    """Run a local LangSmith collector."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        server.bodies = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_langsmith_runs_have_provider_model_and_usage(service: Emulator, collector: ThreadingHTTPServer) -> None:
    service.reply(ANSWER, ANSWER, Failure.named("rate_limit"))
    client = Client(
        api_url=f"http://127.0.0.1:{collector.server_port}", api_key="ls", auto_batch_tracing=False, info={}
    )
    config: Any = {"callbacks": [LangChainTracer(client=client, project_name="test")]}
    chat_model(temperature=0.3).invoke("What is 2+2?", config=config)
    list(chat_model().stream("What is 2+2?", config=config))
    with pytest.raises(RateLimitError):
        chat_model().invoke("Hi", config=config)
    bodies: list[bytes] = collector.bodies  # type: ignore[attr-defined]
    assert KEY.encode() not in b"".join(bodies) and HEADER.encode() not in b"".join(bodies)
    runs = [json.loads(body) for body in bodies]
    ended = [run for run in runs if run.get("end_time")]
    assert [run["extra"]["metadata"]["ls_provider"] for run in ended] == ["qwen"] * 3
    assert [run["extra"]["metadata"]["ls_model_name"] for run in ended] == ["qwen3.7-plus"] * 3
    assert ended[0]["extra"]["metadata"]["ls_temperature"] == 0.3
    for run in ended[:2]:
        message = run["outputs"]["generations"][0][0]["message"]["kwargs"]
        assert message["usage_metadata"]["input_token_details"] == {"cache_read": 3}
        assert message["usage_metadata"]["output_token_details"] == {"reasoning": 2}
        assert message["additional_kwargs"]["reasoning_content"] == "2 and 2"
    assert "new_token" in str(ended[1]["events"])
    assert "RateLimitError" in ended[2]["error"]


def test_langsmith_inputs_can_be_hidden(
    service: Emulator, collector: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.reply(ANSWER)
    monkeypatch.setenv("LANGSMITH_HIDE_INPUTS", "true")
    forget_environment: Any = get_env_var
    forget_environment.cache_clear()
    url = f"http://127.0.0.1:{collector.server_port}"
    client = Client(api_url=url, api_key="ls", auto_batch_tracing=False, info={})
    forget_environment.cache_clear()
    chat_model().invoke("Count to 3, discreetly", config={"callbacks": [LangChainTracer(client=client)]})
    bodies: list[bytes] = collector.bodies  # type: ignore[attr-defined]
    assert b"qwen3.7-plus" in b"".join(bodies) and b"Count to 3" not in b"".join(bodies)
