"""LlamaIndex with OpenInference tracing."""

from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.tools import FunctionTool
from openinference.instrumentation.llama_index import LlamaIndexInstrumentor

from llama_index_qwen import Qwen, QwenEmbedding
from qwen_core.errors import RateLimitError
from qwen_emulator import Emulator, Failure, Reply, ToolCall
from tests.observability.conftest import HEADER, KEY, SpansOf, all_text, facts
from tests.observability.test_langchain import ANSWER, OPENINFERENCE, SEEN, get_weather

# The instrumentor uses deprecated pydantic features and swallows the warning that becomes an error.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

ASKED = [ChatMessage("What is 2+2?")]


def chat_model(**fields: Any) -> Qwen:
    return Qwen(model="qwen3.7-plus", default_headers={"X-Api-Key": HEADER}, max_retries=0, **fields)


async def test_llama_index_spans_have_model_and_usage(service: Emulator, spans_of: SpansOf) -> None:
    service.reply(*[ANSWER] * 4)
    spans, model = spans_of(LlamaIndexInstrumentor), chat_model()
    model.chat(ASKED)
    list(model.stream_chat(ASKED))
    await model.achat(ASKED)
    assert [chunk async for chunk in await model.astream_chat(ASKED)]
    assert KEY not in all_text(spans) and HEADER not in all_text(spans)
    found = facts(spans)
    assert len(found) == 4
    for span in found:
        known = {name: span[attribute] for name, attribute in OPENINFERENCE.items() if attribute in span}
        # The instrumentor names the provider of only those classes that it knows.
        assert known == {**{name: SEEN[name] for name in SEEN if name != "provider"}, "finish": "stop"}
        assert "Four." in span["output.value"]


def test_llama_index_spans_have_tool_calls_and_errors(service: Emulator, spans_of: SpansOf) -> None:
    service.reply(Reply(tool_calls=[ToolCall("get_weather", {"city": "Rome"})]), Failure.named("rate_limit"))
    spans, model = spans_of(LlamaIndexInstrumentor), chat_model()
    model.chat_with_tools([FunctionTool.from_defaults(get_weather)], "Weather?")
    call = "llm.output_messages.0.message.tool_calls.0.tool_call.function"
    (span,) = [span for span in facts(spans) if f"{call}.name" in span]
    assert (span[f"{call}.name"], span[f"{call}.arguments"]) == ("get_weather", '{"city": "Rome"}')
    with pytest.raises(RateLimitError):
        model.complete("Hi")
    (failed,) = spans.get_finished_spans()
    assert (failed.status.status_code.name, "request limit" in str(failed.status.description)) == ("ERROR", True)
    assert KEY not in all_text(spans) and HEADER not in all_text(spans)


def test_llama_index_spans_have_embeddings(service: Emulator, spans_of: SpansOf) -> None:
    spans = spans_of(LlamaIndexInstrumentor)
    QwenEmbedding(dimensions=64).get_text_embedding("a cat")
    span = facts(spans)[-1]
    assert span["embedding.model_name"] == "text-embedding-v4"
    assert span["embedding.embeddings.0.embedding.text"] == "a cat"
    assert len(span["embedding.embeddings.0.embedding.vector"]) == 64
