"""Converting responses to LlamaIndex's: thinking, logprobs, citations, audio (checklist 3, 4, 25, 26)."""

import base64
from itertools import pairwise

import pytest
from llama_index.core.base.llms.types import (
    AudioBlock,
    ChatMessage,
    CitationBlock,
    TextBlock,
    ThinkingBlock,
)

from llama_index_qwen.responses import ChunkBuilder, openai_usage, to_response
from qwen_core.types.events import ChoiceEnd, Event, Finish, TextDelta, ToolCallDelta
from qwen_core.types.messages import Message, TextPart
from qwen_core.types.responses import Audio, ChatResponse, Choice, Citation
from qwen_core.types.usage import Usage
from qwen_core.types.wav import wav
from qwen_emulator import Emulator, Reply
from tests.llama_index.conftest import MakeModel, Way, raw

QUESTION = [ChatMessage(role="user", content="Why?")]
THINKING = Reply("Because. It is so.", reasoning="  Hm. Let me see.\n")


def test_reasoning_becomes_a_leading_thinking_block(make: MakeModel, service: Emulator, way: Way) -> None:
    service.reply(THINKING)
    response = way(make(model="qwen3-max", enable_thinking=True), QUESTION)
    assert [type(block) for block in response.message.blocks] == [ThinkingBlock, TextBlock]
    thought = response.message.blocks[0]
    assert isinstance(thought, ThinkingBlock)
    assert thought.content == "  Hm. Let me see.\n"
    assert thought.num_tokens == raw(response)["usage"]["completion_tokens_details"]["reasoning_tokens"]
    assert (response.message.role, response.message.content) == ("assistant", "Because. It is so.")


def test_stream_yields_thinking_delta(make: MakeModel, service: Emulator) -> None:
    service.reply(THINKING)
    chunks = list(make(model="qwen3-max", enable_thinking=True).stream_chat(QUESTION))
    deltas = [chunk.additional_kwargs.get("thinking_delta") for chunk in chunks]
    assert deltas[0] == "  Hm"
    assert "".join(delta or "" for delta in deltas) == "  Hm. Let me see.\n"
    assert "".join(chunk.delta or "" for chunk in chunks) == "Because. It is so."
    thoughts = [str(getattr(chunk.message.blocks[0], "content", None)) for chunk in chunks]
    assert all(later.startswith(earlier) for earlier, later in pairwise(thoughts))


def test_reasoning_without_text_gives_empty_content(make: MakeModel, service: Emulator, way: Way) -> None:
    service.reply(Reply("", reasoning="Hm."))
    response = way(make(model="qwen3-max", enable_thinking=True), QUESTION)
    assert response.message.content == ""
    assert response.additional_kwargs["finish_reason"] == "stop"


def test_finish_reason_length_is_returned(make: MakeModel, service: Emulator, way: Way) -> None:
    service.reply(Reply("Because", finish_reason="length"))
    assert way(make(), QUESTION).additional_kwargs["finish_reason"] == "length"


def test_logprobs_are_returned(make: MakeModel, service: Emulator, way: Way) -> None:
    service.reply(Reply("Yes, it is"))
    response = way(make(model="qwen3-max", logprobs=True, top_logprobs=2), QUESTION)
    assert response.logprobs is not None
    assert "".join(position[0].token for position in response.logprobs) == "Yes, it is"
    assert all(len(position) == 2 for position in response.logprobs)
    assert all(entry.logprob <= 0 for position in response.logprobs for entry in position)


def test_completion_logprobs_are_returned(make: MakeModel, service: Emulator) -> None:
    assert make(model="qwen3-max", logprobs=True).complete("Say hi").logprobs


def test_citations_become_citation_blocks() -> None:
    answer = ChatResponse(
        choices=(Choice(message=Message("assistant", (TextPart("It rains [1]."),)), finish_reason="stop"),),
        citations=(Citation(index=1, url="https://example.com", title="Weather"),),
        search_info={"search_results": []},
    )
    response = to_response(answer)
    block = response.message.blocks[1]
    assert isinstance(block, CitationBlock)
    assert (block.source, block.title, block.additional_location_info) == (
        "https://example.com",
        "Weather",
        {"index": 1},
    )
    assert response.message.content == "It rains [1]."
    assert response.raw == {"finish_reason": "stop", "search_info": {"search_results": []}}


def test_audio_output_becomes_an_audio_block() -> None:
    choice = Choice(message=Message("assistant", (TextPart("Hi"),)), audio=Audio(data="AAE="))
    block = to_response(ChatResponse(choices=(choice,))).message.blocks[1]
    assert isinstance(block, AudioBlock)
    assert block.format == "wav"
    assert isinstance(block.audio, bytes)
    assert isinstance(block.audio, bytes)
    assert base64.b64decode(block.audio) == wav(b"\0\1")


def test_unknown_usage_counts_are_omitted() -> None:
    assert openai_usage(Usage(output_tokens=3)) == {"completion_tokens": 3}
    response = to_response(ChatResponse(choices=(Choice(message=Message("assistant")),)))
    assert "usage" not in raw(response)


@pytest.mark.parametrize("single_call", [True, False])
def test_stream_with_single_call_omits_further_tool_calls(single_call: bool) -> None:
    chunks = ChunkBuilder(single_call=single_call)
    events: list[Event] = [
        TextDelta("I call."),
        ToolCallDelta(0, '{"a"', "c0", "f"),
        ToolCallDelta(1, '{"b":', "c1", "g"),
        ToolCallDelta(0, ":1}"),
        ToolCallDelta(1, "2}"),
        Finish(choices=(ChoiceEnd("tool_calls", "tool_calls"),)),
    ]
    made = [chunk for event in events if (chunk := chunks.add(event))]
    names = [call["function"]["name"] for call in made[-1].message.additional_kwargs["tool_calls"]]
    assert names == (["f"] if single_call else ["f", "g"])
    assert len(made) == (4 if single_call else 6)
    longest = max(len(chunk.message.additional_kwargs.get("tool_calls", [])) for chunk in made)
    assert longest == len(names)
