"""Fixtures: in-memory spans of public instrumentors, and the secrets that no span may contain."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from qwen_emulator import Emulator

pytest.importorskip("openinference.instrumentation.langchain")

from openinference.instrumentation.langchain import LangChainInstrumentor
from openinference.instrumentation.llama_index import LlamaIndexInstrumentor
from opentelemetry.instrumentation.langchain import LangchainInstrumentor
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

KEY, HEADER = "sk-test-secret", "header-secret"
INSTRUMENTORS = (LangChainInstrumentor, LangchainInstrumentor, LlamaIndexInstrumentor)

Spans = InMemorySpanExporter
SpansOf = Callable[[Any], Spans]


@pytest.fixture(scope="package")
def exporters() -> Iterator[dict[Any, Spans]]:
    """Enable all instrumentors once: they cannot be enabled twice in a process."""
    exporters = {}
    for instrumentor in INSTRUMENTORS:
        exporters[instrumentor], provider = InMemorySpanExporter(), TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporters[instrumentor]))
        instrumentor().instrument(tracer_provider=provider)
    yield exporters
    for instrumentor in INSTRUMENTORS:
        instrumentor().uninstrument()


@pytest.fixture
def spans_of(exporters: dict[Any, Spans]) -> SpansOf:
    """Return a function that gives an instrumentor's spans of this test."""
    for exporter in exporters.values():
        exporter.clear()
    return exporters.__getitem__


@pytest.fixture
def service(qwen_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """Configure the emulator through environment variables."""
    monkeypatch.setenv("DASHSCOPE_API_KEY", KEY)
    monkeypatch.setenv("DASHSCOPE_API_BASE", qwen_emulator.base_url)
    monkeypatch.delenv("QWEN_MODEL", raising=False)
    return qwen_emulator


def facts(spans: InMemorySpanExporter) -> list[dict[str, Any]]:
    """Return the attributes of the spans, oldest first, and clear them."""
    finished: tuple[ReadableSpan, ...] = spans.get_finished_spans()
    spans.clear()
    return [{"status": span.status.status_code.name, **(span.attributes or {})} for span in finished]


def all_text(spans: InMemorySpanExporter) -> str:
    """Return the text of all spans."""
    return "".join(span.to_json() for span in spans.get_finished_spans())
