"""The stream of qwen-deep-research, in the recorded shape (native protocol, 2025-11; composed anew)."""

from collections.abc import Iterator
from typing import Any

import pytest

from langchain_qwen import ChatQwen
from llama_index_qwen import Qwen
from qwen_core import ChatRequest, QwenClient, errors
from qwen_core.types.messages import Message, TextPart
from tests.canned_server import CannedServer, canned_server, event_stream

PATH = "/api/v1/services/aigc/text-generation/generation"
MODEL = "qwen-deep-research"
SOURCE = {"index_number": 1, "url": "https://tides.example/moon", "title": "Tides", "icon": ""}


def frame(
    phase: str, status: str | None, content: str = "", research: Any = None, **output: Any
) -> dict[str, Any]:
    """Return one frame. The usage has no total."""
    extra = {} if research is None else {"extra": {"deep_research": research}}
    message = {"role": "assistant", "phase": phase, "status": status, "content": content, **extra}
    usage = {"input_tokens": 20, "output_tokens": 7}
    return {"output": {"message": message, "fininshed": False, **output}, "usage": usage, "request_id": "r-1"}


FRAMES = [
    frame("ResearchPlanning", "typing", "First the "),
    frame("ResearchPlanning", "typing", "moon."),
    frame("ResearchPlanning", "finished"),
    frame("KeepAlive", None, "alive"),
    frame("WebResearch", "streamingQueries", "", {"research": {"id": 1}}),
    frame("answer", "typing", "The moon ", {"references": [SOURCE, {"title": "no URL"}]}),
    frame("answer", "typing", "pulls."),
]
ENDS = [
    frame("answer", "finished"),
    frame("answer", "typing", fininshed=True, fininshed_reason="stop"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[CannedServer]:
    with canned_server() as found:
        yield found


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("protocol", ["auto", "dashscope"])
def test_research_is_read_as_text_reasoning_sources_and_statuses(
    protocol: Any, end: dict[str, Any], server: CannedServer
) -> None:
    server.on(PATH, event_stream(*FRAMES, end))
    request = ChatRequest(model=MODEL, messages=(Message("user", (TextPart("Why tides?"),)),))
    response = QwenClient(server.settings(protocol=protocol)).generate(request)
    assert (response.text, response.reasoning) == ("The moon pulls.", "First the moon.")
    assert response.finish_reason == "stop"
    assert [(source.index, source.url) for source in response.citations] == [(1, SOURCE["url"])]
    assert response.usage is not None and response.usage.total_tokens == 27
    assert response.extras is not None
    assert response.extras["research_statuses"][0] == {"phase": "ResearchPlanning", "status": "typing"}
    assert response.extras["deep_research"]["research"] == {"id": 1}
    assert server.requests[-1].headers["x-dashscope-sse"] == "enable"


def test_research_is_read_in_both_frameworks(server: CannedServer) -> None:
    server.on(PATH, event_stream(*FRAMES, ENDS[0]))
    fields: dict[str, Any] = {"model": MODEL, "api_key": "k", "base_url": server.url}
    message = ChatQwen(**fields).invoke("Why tides?")
    assert message.text == "The moon pulls."
    assert message.additional_kwargs["reasoning_content"] == "First the moon."
    assert "tides.example" in str(message.content_blocks)
    assert "".join(chunk.text for chunk in ChatQwen(**fields).stream("Why tides?")) == "The moon pulls."
    assert Qwen(**fields).complete("Why tides?").text == "The moon pulls."
    assert list(Qwen(**fields).stream_complete("Why tides?"))[-1].text == "The moon pulls."


def test_research_that_breaks_off_is_incomplete(server: CannedServer) -> None:
    server.on(PATH, event_stream(*FRAMES))
    with pytest.raises(errors.IncompleteStreamError) as caught:
        ChatQwen(model=MODEL, api_key="k", base_url=server.url).invoke("Why tides?")
    assert caught.value.partial is not None and caught.value.partial.citations
