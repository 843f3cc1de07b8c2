"""Histories of other integrations: every tool call is identified and matched with its tool result.

The forms are those of the packages named. Of the newest of November 2026 they were made by the real package out of
an answer by its provider's own SDK (of Vertex AI's read in its source); of older ones, whose histories are still
about, read in the source. Results have the ids that ``get_tool_calls_from_response`` gives to agents.
"""

from dataclasses import dataclass, field
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage, ToolCallBlock

from llama_index_qwen.messages import from_llama_index
from qwen_core.errors import UnsupportedFeatureError
from qwen_emulator import Emulator
from tests.llama_index.conftest import MakeModel


class SdkObject:
    """A tool call as an SDK's pydantic object."""

    def __init__(self, **fields: Any) -> None:
        self._fields = fields

    def model_dump(self) -> dict[str, Any]:
        return self._fields


class VertexCall:
    """A tool call as an object of Vertex AI's SDK."""

    def __init__(self, **fields: Any) -> None:
        self._fields = fields

    def to_dict(self) -> dict[str, Any]:
        return self._fields


@dataclass
class History:
    """Two calls of one tool, with 1 and with 2, and the ids that the two tool results have."""

    results: tuple[str | None, str | None]
    blocks: list[Any] = field(default_factory=list)
    listed: list[Any] | None = None
    further: dict[str, Any] = field(default_factory=dict)
    named: bool = False
    """Whether the results have the tool name instead of an id."""


def blocks(*ids: str | None) -> list[Any]:
    return [
        ToolCallBlock(tool_call_id=own, tool_name="f", tool_kwargs={"a": n}) for n, own in enumerate(ids, start=1)
    ]


HISTORIES = {
    "ollama 0.11.0": History(("f", "f"), blocks(None, None)),
    "ollama 0.6.2": History(
        ("f", "f"), listed=[{"function": SdkObject(name="f", arguments={"a": n})} for n in (1, 2)]
    ),
    "google-genai 0.11.3, Vertex AI": History(("f", "f"), blocks("f", "f")),
    "google-genai 0.11.3, Gemini": History(("id1", "id2"), blocks("id1", "id2")),
    "google-genai 0.3.0": History(("f", "f"), listed=[{"id": "", "name": "f", "args": {"a": n}} for n in (1, 2)]),
    "anthropic 0.12.3": History(("toolu_2", "toolu_1"), blocks("toolu_1", "toolu_2")),
    "anthropic 0.8.1": History(
        ("toolu_2", "toolu_1"),
        listed=[{"id": f"toolu_{n}", "input": {"a": n}, "name": "f", "type": "tool_use"} for n in (1, 2)],
    ),
    "bedrock-converse 0.15.5": History(
        ("tooluse_2", "tooluse_1"), blocks("tooluse_1", "tooluse_2"), further={"tool_call_id": [], "status": []}
    ),
    "bedrock-converse 0.8.0, streamed": History(
        ("tooluse_2", "tooluse_1"),
        listed=[{"toolUseId": f"tooluse_{n}", "name": "f", "input": f'{{"a": {n}}}'} for n in (1, 2)],
        further={"tool_call_id": ["tooluse_1", "tooluse_2"], "status": []},
    ),
    "cohere 0.9.0": History(
        ("5b62a6a9", "5f52a730"), listed=[SdkObject(name="f", parameters={"a": n}) for n in (1, 2)]
    ),
    "vertex 0.8.0": History(("None", "None"), listed=[VertexCall(name="f", args={"a": n}) for n in (1, 2)]),
    "mistralai 0.11.0, achat": History(
        ("D681PevKt", "D681PevKs"),
        blocks("D681PevKs", "D681PevKt"),
        [
            SdkObject(id=own, type="function", index=0, function={"name": "f", "arguments": {"a": n}})
            for n, own in enumerate(("D681PevKs", "D681PevKt"), start=1)
        ],
    ),
    "openai 0.5.0, Responses": History(
        ("call_2", "call_1"),
        listed=[
            SdkObject(id=f"fc_{n}", call_id=f"call_{n}", name="f", arguments=f'{{"a": {n}}}', type="function_call")
            for n in (1, 2)
        ],
        further={"built_in_tool_calls": []},
    ),
    "results that name the tool": History(("f", "f"), blocks(None, None), named=True),
    "results without ids": History((None, None), blocks("x", "y")),
}


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES.keys())
def test_foreign_tool_calls_are_matched_with_their_results(
    make: MakeModel, service: Emulator, history: History
) -> None:
    asked = ChatMessage(role="assistant", blocks=history.blocks, additional_kwargs=history.further)
    if history.listed:
        asked.additional_kwargs["tool_calls"] = history.listed
    told = [
        ChatMessage(
            role="tool",
            content="ok",
            additional_kwargs={"name" if history.named else "tool_call_id": own} if own else {},
        )
        for own in history.results
    ]
    make().chat([ChatMessage(role="user", content="Call."), asked, *told])
    _, sent, *replies = service.last_request.messages
    calls = [(call["function"]["name"], call["function"]["arguments"]) for call in sent["tool_calls"]]
    assert calls == [("f", '{"a": 1}'), ("f", '{"a": 2}')]
    in_order = sorted(history.results, key=str) == list(history.results)
    ids = [call["id"] for call in sent["tool_calls"]]
    assert len(set(ids)) == 2
    assert [reply["tool_call_id"] for reply in replies] == (ids if in_order else ids[::-1])


def test_foreign_tool_call_without_name_is_refused() -> None:
    call = ChatMessage(role="assistant", content="", additional_kwargs={"tool_calls": [{"id": "x", "tool": "f"}]})
    with pytest.raises(UnsupportedFeatureError, match="does not name a tool"):
        from_llama_index([call])


def test_foreign_tool_call_of_unknown_type_is_refused() -> None:
    call = ChatMessage(role="assistant", content="")
    call.additional_kwargs["tool_calls"] = [object()]
    with pytest.raises(UnsupportedFeatureError, match="of type object"):
        from_llama_index([call])
