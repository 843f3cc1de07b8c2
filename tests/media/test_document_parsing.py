"""Documents and images parsed by an OCR model: page ranges, tables, layouts, and an index made of them."""

import asyncio
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from langchain_core.document_loaders import Blob
from langchain_core.vectorstores import InMemoryVectorStore
from llama_index.core import SimpleDirectoryReader, VectorStoreIndex
from llama_index.core.base.response.schema import StreamingResponse

from langchain_qwen import ChatQwen, QwenDocumentParser, QwenEmbeddings
from llama_index_qwen import Qwen, QwenDocumentReader, QwenEmbedding
from qwen_core.errors import BadRequestError, QwenError, RateLimitError, UnsupportedFeatureError
from qwen_core.protocols.documents import find_tables
from qwen_emulator import Emulator, Failure
from tests.canned_server import KEY, canned_server
from tests.media.generated_media import png_image
from tests.media.pdf_files import write_pdf

PAGES = [
    ["The annual report of 2026.", "Sales rose by 12 percent."],
    ["The X1 phone has 50x zoom (optical)."],
    ["End."],
]
PDF = write_pdf(PAGES)


class Parsed(NamedTuple):
    """A document of either framework."""

    text: str
    metadata: dict[str, Any]


@pytest.fixture
def emulator(shared_emulator: Emulator) -> Iterator[Emulator]:
    shared_emulator.reset()
    yield shared_emulator
    shared_emulator.reset()


@pytest.fixture(params=["langchain", "llama_index"])
def framework(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["sync", "async"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def parse(framework: str, way: str, url: str, source: bytes | str | Path, **fields: Any) -> list[Parsed]:
    """Parse over one surface."""
    fields = {"api_key": KEY, "base_url": url, "max_retries": 0, **fields}
    if framework == "langchain":
        parser = QwenDocumentParser(**fields)
        blob = Blob.from_data(source) if isinstance(source, bytes) else Blob(path=str(source))
        documents = parser.parse(blob) if way == "sync" else asyncio.run(parser.aparse(blob))
        return [Parsed(document.page_content, document.metadata) for document in documents]
    reader = QwenDocumentReader(**fields)
    loaded = reader.load_data(source) if way == "sync" else asyncio.run(reader.aload_data(source))
    return [Parsed(document.text, document.metadata) for document in loaded]


def test_pdf_is_parsed_whole(emulator: Emulator, framework: str, way: str, tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(PDF)
    (parsed,) = parse(framework, way, emulator.base_url, path)
    assert parsed.text.splitlines()[:2] == PAGES[0]
    assert "50x zoom (optical)" in parsed.text
    assert [parsed.metadata[name] for name in ("page", "last_page", "total_pages")] == [1, 3, 3]
    assert parsed.metadata["source"] == str(path)
    request = emulator.last_request
    assert request.path == "/compatible-mode/v1/responses"
    assert request.body["ocr_options"] == {"task": "document_parsing"}
    (part,) = request.body["input"][0]["content"]
    assert part["type"] == "input_file" and part["file_url"].startswith("oss://")
    assert request.headers["X-DashScope-OssResourceResolve"] == "enable"


def test_pages_are_parsed_side_by_side_and_in_order(emulator: Emulator, framework: str, way: str) -> None:
    pdf = write_pdf([[f"This is page {number}."] for number in range(1, 24)])
    parsed = parse(framework, way, emulator.base_url, pdf, pages_per_request=4, first_page=3, last_page=22)
    ranges = [(one.metadata["page"], one.metadata["last_page"]) for one in parsed]
    assert ranges == [(3, 6), (7, 10), (11, 14), (15, 18), (19, 22)]
    assert parsed[1].text.split("\n\n") == [f"This is page {number}." for number in range(7, 11)]
    assert {one.metadata["total_pages"] for one in parsed} == {23}


def test_long_document_is_split_at_the_limit_of_the_task(emulator: Emulator, framework: str) -> None:
    pdf = write_pdf([[f"Page {number}."] for number in range(1, 54)])
    parsed = parse(framework, "sync", emulator.base_url, pdf)
    assert [(one.metadata["page"], one.metadata["last_page"]) for one in parsed] == [(1, 50), (51, 53)]
    parsed = parse(framework, "sync", emulator.base_url, pdf, task="text_recognition", last_page=20)
    assert [one.metadata["last_page"] for one in parsed] == [10, 20]


def test_image_is_sent_in_the_request_and_layout_is_metadata(emulator: Emulator, framework: str, way: str) -> None:
    emulator.reply("A sign.\nOpen.")
    (parsed,) = parse(framework, way, emulator.base_url, png_image(), task="advanced_recognition")
    assert parsed.text == "A sign.\nOpen."
    assert [word["text"] for word in parsed.metadata["ocr_result"]["words_info"]] == ["A sign.", "Open."]
    assert emulator.last_request.body["input"][0]["content"][0]["image_url"].startswith("data:image/png;base64,")


def test_key_information_is_extracted_by_schema(emulator: Emulator, framework: str) -> None:
    config = {"result_schema": {"total": ""}}
    parsed = parse(
        framework,
        "sync",
        emulator.base_url,
        png_image(),
        task="key_information_extraction",
        task_config=config,
        prompt="Read the bill.",
    )
    assert parsed[0].metadata["ocr_result"] == {"kv_result": {"total": ""}}
    body = emulator.last_request.body
    assert body["ocr_options"] == {"task": "key_information_extraction", "task_config": config}
    assert body["input"][0]["content"][1] == {"type": "input_text", "text": "Read the bill."}


def test_document_at_a_url_is_downloaded_by_the_service(emulator: Emulator, framework: str, way: str) -> None:
    emulator.reply("From afar.")
    (parsed,) = parse(framework, way, emulator.base_url, "https://example.com/a/report.pdf?x=1")
    assert parsed.text == "From afar."
    part = emulator.last_request.body["input"][0]["content"][0]
    assert part == {"type": "input_file", "file_url": "https://example.com/a/report.pdf?x=1"}
    with pytest.raises(UnsupportedFeatureError, match="URL"):
        parse(framework, way, emulator.base_url, "https://example.com/a.pdf", last_page=2)
    with pytest.raises(BadRequestError):
        parse(framework, way, emulator.base_url, "http://169.254.169.254/latest.pdf")


@pytest.mark.parametrize("content", [b"%PDF-1.4 broken", b"", b"plain text", b"\x89PNG\r\n\x1a\nbroken"])
def test_unreadable_content_is_refused_before_it_is_sent(
    emulator: Emulator, framework: str, content: bytes
) -> None:
    with pytest.raises(BadRequestError):
        parse(framework, "sync", emulator.base_url, content)
    assert emulator.requests == []


@pytest.mark.parametrize(
    "fields", [{"first_page": 4}, {"first_page": 3, "last_page": 2}], ids=["beyond the end", "reversed"]
)
def test_missing_pages_are_refused(emulator: Emulator, framework: str, fields: dict[str, Any]) -> None:
    with pytest.raises(BadRequestError, match="has 3 pages"):
        parse(framework, "sync", emulator.base_url, PDF, **fields)


def test_failed_page_range_is_named(emulator: Emulator, framework: str, way: str) -> None:
    emulator.reply(lambda request: Failure.named("rate_limit") if request.path.endswith("/responses") else None)
    with pytest.raises(RateLimitError, match=r"Pages \d to \d of") as caught:
        parse(framework, way, emulator.base_url, PDF, pages_per_request=1)
    assert KEY not in str(caught.value)


def test_without_pypdf_a_document_is_sent_whole(
    emulator: Emulator, framework: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pypdf", None)
    (parsed,) = parse(framework, "sync", emulator.base_url, PDF)
    assert "page" not in parsed.metadata and "zoom" in parsed.text
    with pytest.raises(UnsupportedFeatureError, match=r"\[documents\]"):
        parse(framework, "sync", emulator.base_url, PDF, pages_per_request=1)


def test_tables_of_both_forms_are_found() -> None:
    html = "<table><tr><td>1</td></tr></table>"
    markdown = "| a | b |\n| --- | :-: |\n| 1 | 2 |"
    text = f"Before | no table\n\n{markdown}\n\nBetween\n{html}\nAfter\n| not | a table |\n"
    assert find_tables(text) == (markdown, html)


def test_exact_response_with_tables_layout_and_truncation(framework: str, way: str) -> None:
    with canned_server() as server:
        part = {
            "type": "output_text",
            "text": "| a |\n|---|\n| 1 |",
            "annotations": [],
            "ocr_result": {"layout": [1]},
        }
        server.on("/compatible-mode/v1/responses", responses_body(part, "incomplete"))
        with pytest.warns(UserWarning, match="truncated"):
            (parsed,) = parse(framework, way, server.url, png_image(), extra_body={"store": False}, max_tokens=99)
        assert parsed.metadata["tables"] == ["| a |\n|---|\n| 1 |"]
        assert parsed.metadata["ocr_result"] == {"layout": [1]}
        assert parsed.metadata["truncated"] is True and parsed.metadata["model"] == "qwen3.5-ocr"
        body = server.requests[0].body
        assert (body["store"], body["max_output_tokens"], body["model"]) == (False, 99, "qwen3.5-ocr")


def responses_body(part: dict[str, Any], status: str) -> dict[str, Any]:
    """Return a response of the Responses API."""
    item = {"type": "message", "id": "m", "role": "assistant", "status": status, "content": [part]}
    return {
        "id": "r-1",
        "object": "response",
        "model": "qwen3.5-ocr",
        "status": status,
        "incomplete_details": {"reason": "max_output_tokens"},
        "output": [item],
        "usage": {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15},
    }


def test_reader_is_a_file_extractor_of_llama_index(emulator: Emulator, tmp_path: Path) -> None:
    (tmp_path / "report.pdf").write_bytes(PDF)
    reader = QwenDocumentReader(api_key=KEY, base_url=emulator.base_url, pages_per_request=1)
    documents = SimpleDirectoryReader(str(tmp_path), file_extractor={".pdf": reader}).load_data()
    assert [document.metadata["page"] for document in documents] == [1, 2, 3]
    assert documents[0].metadata["file_name"] == "report.pdf"
    assert KEY not in repr(reader) and KEY not in str(reader.to_dict())


def test_langchain_answers_from_a_parsed_pdf_in_a_stream_with_sources(emulator: Emulator, tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(PDF)
    connection: dict[str, Any] = {"api_key": KEY, "base_url": emulator.base_url}
    parser = QwenDocumentParser(pages_per_request=1, **connection)
    store = InMemoryVectorStore.from_documents(parser.parse(Blob.from_path(path)), QwenEmbeddings(**connection))
    sources = store.similarity_search("Which phone has 50x zoom?", k=1)
    assert (sources[0].metadata["page"], sources[0].metadata["source"]) == (2, str(path))
    prompt = f"Context:\n{sources[0].page_content}\n\nQuestion: Which phone has 50x zoom?"
    chunks = [chunk.text for chunk in ChatQwen(**connection).stream(prompt)]
    assert len(chunks) > 3 and "X1" in "".join(chunks)


def test_llama_index_answers_from_a_parsed_pdf_in_a_stream_with_sources(emulator: Emulator) -> None:
    connection: dict[str, Any] = {"api_key": KEY, "base_url": emulator.base_url}
    documents = QwenDocumentReader(pages_per_request=1, **connection).load_data(PDF)
    index = VectorStoreIndex.from_documents(documents, embed_model=QwenEmbedding(**connection))
    engine = index.as_query_engine(llm=Qwen(**connection), streaming=True, similarity_top_k=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        response = engine.query("Which phone has 50x zoom?")
        assert isinstance(response, StreamingResponse)
        text = "".join(response.response_gen)
    assert "X1" in text
    assert response.source_nodes[0].metadata["page"] == 2


def test_self_hosted_servers_parse_no_documents(framework: str) -> None:
    with pytest.raises(QwenError, match="Alibaba"):
        parse(framework, "sync", "http://127.0.0.1:1/v1", png_image())


def test_cancelled_parse_leaves_nothing_running(emulator: Emulator) -> None:
    parser = QwenDocumentParser(api_key=KEY, base_url=emulator.base_url, pages_per_request=1)

    async def cancel() -> int:
        task = asyncio.ensure_future(parser.aparse(Blob.from_data(PDF)))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)
        return len(asyncio.all_tasks())

    assert asyncio.run(cancel()) == 1
