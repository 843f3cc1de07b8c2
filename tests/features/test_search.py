"""Web search: search_options are sent, and sources are returned as citations if the protocol reports them."""

import asyncio
from functools import reduce
from operator import add
from typing import Any, cast

import pytest
from langchain_core.messages import HumanMessage
from llama_index.core.base.llms.types import ChatMessage, DocumentBlock

from langchain_qwen import ChatQwen
from llama_index_qwen import Qwen
from qwen_core import ChatRequest
from qwen_core.errors import QwenWarning
from qwen_core.models.catalogue import resolve
from qwen_core.protocols import registry as selection
from qwen_core.protocols.citations import find_spans, marker_pattern
from qwen_core.protocols.registry import select_protocol
from qwen_core.types.messages import Message, TextPart
from qwen_core.types.options import SearchOptions
from qwen_core.types.responses import Citation
from qwen_emulator import Emulator, Reply, SearchResult
from tests.features.conftest import ASKERS, KEY, Ask, Framework, Way, collected

A, B = "https://a.example/sky", "https://b.example/light"
SOURCES = (SearchResult("Sky", A, "A", "https://a.example/icon"), SearchResult("Light", B))
CITED = ["Blue", "[1] light ", "scatters[", "2][", "1]."]


@pytest.mark.parametrize("protocol", ["dashscope", "auto"])
def test_citation_markers_become_citations(
    protocol: str, framework: Framework, way: Way, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(Reply(text=CITED, search_results=SOURCES))
    fields: dict[str, Any] = {
        "model": "qwen-plus",
        "protocol": protocol,
        "enable_search": True,
        "search_options": {"enable_source": True, "enable_citation": True},
    }
    seen = ASKERS[framework](qwen_emulator, way, "Why is the sky blue?", fields)
    assert seen.text == "Blue[1] light scatters[2][1]."
    if framework == "core":
        assert seen.sources == [A, B]
    else:
        assert seen.sources == [A, B, A]
    assert seen.spans == ["[1]", "[2]", "[1]"]
    assert seen.plugins["search"]["count"] == 1
    assert qwen_emulator.last_request.protocol == "dashscope"


@pytest.mark.parametrize("protocol", ["dashscope"])
def test_search_sources_without_citation_markers_have_no_spans(ask: Ask, qwen_emulator: Emulator) -> None:
    qwen_emulator.reply(Reply(text="Blue, as a[1] says.", search_results=SOURCES))
    seen = ask(enable_search=True)
    assert (seen.sources, seen.spans) == ([A, B], [])


def test_enable_source_false_returns_no_sources(ask: Ask, qwen_emulator: Emulator) -> None:
    seen = ask(enable_search=True, search_options={"enable_source": False})
    assert (seen.sources, seen.spans) == ([], [])
    assert qwen_emulator.last_request.parameters["search_options"] == {"enable_source": False}


ALL_OPTIONS: SearchOptions = {
    "enable_source": True,
    "enable_citation": True,
    "citation_format": "[ref_<number>]",
    "forced_search": True,
    "search_strategy": "max",
    "prepend_search_result": True,
    "enable_search_extension": True,
    "freshness": 30,
    "assigned_site_list": ["a.example"],
    "intention_options": {"prompt_intervene": "physics"},
}


@pytest.mark.parametrize("protocol", ["dashscope"])
def test_every_search_option_is_sent(ask: Ask, qwen_emulator: Emulator) -> None:
    options = {**ALL_OPTIONS, "an_option_of_tomorrow": 1}
    seen = ask(enable_search=True, search_options=options)
    assert qwen_emulator.last_request.parameters["search_options"] == options
    assert seen.spans == ["[ref_1]"]


@pytest.mark.parametrize("protocol", ["dashscope"])
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("version", ["v0", "v1"])
def test_langchain_content_blocks_hold_citations(
    protocol: str, streamed: bool, version: str, qwen_emulator: Emulator
) -> None:
    qwen_emulator.reply(Reply(text=CITED, reasoning="Look it up.", search_results=SOURCES))
    model = ChatQwen(
        api_key=KEY,
        base_url=qwen_emulator.base_url,
        protocol=protocol,
        enable_search=True,
        enable_thinking=True,
        search_options={"enable_citation": True},
        output_version=version,
    )
    message = reduce(add, model.stream("Why?")) if streamed else model.invoke("Why?")
    blocks = cast(list[dict[str, Any]], message.content_blocks)
    assert [block["type"] for block in blocks] == ["reasoning", "text"]
    notes = blocks[1]["annotations"]
    assert [(note["type"], note["url"], note["start_index"], note["end_index"]) for note in notes] == [
        ("citation", A, 4, 7),
        ("citation", B, 22, 25),
        ("citation", A, 25, 28),
    ]
    assert notes[0]["title"] == "Sky"
    assert notes[0]["extras"] == {"index": 1, "site_name": "A", "icon": "https://a.example/icon"}
    assert message.response_metadata["search_info"]["search_results"][1]["url"] == B


@pytest.mark.filterwarnings("ignore:.*is in beta")
def test_langchain_stream_events_hold_citations(qwen_emulator: Emulator) -> None:
    qwen_emulator.reply(Reply(text=CITED, search_results=SOURCES))
    model = ChatQwen(
        api_key=KEY,
        base_url=qwen_emulator.base_url,
        protocol="dashscope",
        enable_search=True,
        search_options={"enable_citation": True},
    )

    async def run() -> list[Any]:
        return await collected(model.astream_events("Why?", version="v3"))

    finished = [event for event in asyncio.run(run()) if event["event"] == "content-block-finish"]
    assert [note["url"] for note in finished[0]["content"]["annotations"]] == [A, B, A]


def search_request(**options: Any) -> ChatRequest:
    return ChatRequest(
        model="qwen-plus",
        messages=(Message("user", (TextPart("hi"),)),),
        enable_search=True,
        search_options=cast(SearchOptions, options),
    )


def test_search_options_without_enable_search_warn(ask: Ask, qwen_emulator: Emulator) -> None:
    with pytest.warns(QwenWarning, match="no effect without a search"):
        ask(search_options={"forced_search": True})
    ask(search_options={"forced_search": True}, extra_body={"enable_search": True})
    assert qwen_emulator.last_request.parameters["search_options"] == {"forced_search": True}


MARKERS = [
    ("[<number>]", "a[1]b[2] [3]", [(1, 4), (5, 8)]),
    ("[<number>]", "[1](https://a.example)", []),
    ("[ref_<number>]", "a[ref_1][ref_2][1]", [(1, 8), (8, 15)]),
    ("(<number>)", "f(1)", [(1, 4)]),
]


@pytest.mark.parametrize(("form", "text", "places"), MARKERS)
def test_citation_marker_spans_are_found(form: str, text: str, places: list[tuple[int, int]]) -> None:
    pattern = marker_pattern(search_request(enable_citation=True, citation_format=form))
    assert pattern is not None
    known = [Citation(index=1, url=A), Citation(index=2, url=B)]
    assert [(span.start, span.end) for span in find_spans(text, pattern, known)] == places


def test_no_marker_pattern_without_enable_citation() -> None:
    assert marker_pattern(search_request()) is None
    assert marker_pattern(ChatRequest(model="m", messages=())) is None


@pytest.mark.parametrize(
    ("options", "installed", "protocol", "warned"),
    [
        ({}, True, "dashscope", False),
        ({}, False, "openai", False),
        ({"enable_source": False}, True, "openai", False),
        ({"enable_source": True}, True, "dashscope", False),
        ({"enable_source": True}, False, "openai", True),
        ({"freshness": 7}, False, "openai", True),
        ({"forced_search": True, "enable_source": False}, True, "openai", False),
    ],
)
def test_protocol_auto_selects_native_for_search_sources(
    options: dict[str, Any], installed: bool, protocol: str, warned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "sdk_is_installed", lambda: installed)
    chosen = select_protocol("auto", resolve("qwen-plus"), search_request(**options))
    assert (chosen.protocol.name, bool(chosen.warnings)) == (protocol, warned)


@pytest.mark.parametrize("protocol", ["auto"])
def test_protocol_auto_stays_openai_if_native_lacks_a_parameter(ask: Ask, qwen_emulator: Emulator) -> None:
    with pytest.warns(QwenWarning, match="sources of the search.*does not support frequency_penalty"):
        seen = ask(enable_search=True, frequency_penalty=0.5)
    assert seen.text and seen.sources == []
    with pytest.warns(QwenWarning, match="freshness in search_options.*does not support frequency_penalty"):
        ask(enable_search=True, search_options={"freshness": 7}, frequency_penalty=0.5)
    assert [request.protocol for request in qwen_emulator.requests] == ["openai"] * 2


PDF = "https://files.example/a.pdf"


def test_protocol_auto_with_document_and_enable_search_stays_openai(qwen_emulator: Emulator) -> None:
    address: dict[str, Any] = {"api_key": KEY, "base_url": qwen_emulator.base_url, "model": "qwen3.8-max"}
    question = HumanMessage([{"type": "text", "text": "What is new here?"}, {"type": "file", "url": PDF}])
    with pytest.warns(QwenWarning, match="sources of the search.*documents"):
        assert ChatQwen(**address, enable_search=True).invoke([question]).text
    block = DocumentBlock(url=PDF, title="a.pdf", document_mimetype="application/pdf")
    with pytest.warns(QwenWarning, match="sources of the search.*documents"):
        Qwen(**address, enable_search=True).chat([ChatMessage(role="user", blocks=[block])])
    assert [request.protocol for request in qwen_emulator.requests] == ["openai"] * 2


def test_openai_protocol_warns_of_enable_source(qwen_emulator: Emulator) -> None:
    model = ChatQwen(
        api_key=KEY,
        base_url=qwen_emulator.base_url,
        protocol="openai",
        enable_search=True,
        search_options={"enable_source": True},
    )
    with pytest.warns(QwenWarning, match="enable_source"):
        model.invoke("hi")
