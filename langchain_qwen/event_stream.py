"""The core's events as LangChain's content-block events, for ``stream_events(version="v3")``.

They are those that LangChain's own bridge makes of the chunks, without the chunks: the same blocks, indexes and
final message at a tenth of the cost. Blocks stay open until the end, because text may resume after reasoning or a
call.
"""

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

from langchain_core.utils.utils import LC_ID_PREFIX
from langchain_protocol import MessagesData

from langchain_qwen.content_blocks import (
    AUDIO_INDEX,
    PROVIDER,
    REASONING_INDEX,
    TEXT_INDEX,
    audio_block,
    call_index,
    citation_annotations,
    finished_call_block,
    server_tool_blocks,
)
from langchain_qwen.output import response_metadata, to_message
from qwen_core.types.accumulator import Accumulator
from qwen_core.types.events import AudioDelta, Event, Finish, ReasoningDelta, TextDelta, ToolCallDelta
from qwen_core.types.responses import ChatResponse
from qwen_core.types.wav import wav_base64


class BlockEvents:
    """Convert the events of one response."""

    __slots__ = ("_accumulator", "_message_id", "_numbers", "_started")

    def __init__(self, run_id: UUID | None) -> None:
        self._message_id = f"{LC_ID_PREFIX}-{run_id}" if run_id else ""
        self._accumulator = Accumulator()
        self._numbers: dict[str, int] = {}
        self._started = False

    def add(self, event: Event) -> Sequence[MessagesData]:
        """Convert one event."""
        self._accumulator.add(event)
        events: list[Any] = [] if self._started else [self._start()]
        if isinstance(event, TextDelta):
            delta = {"type": "text-delta", "text": event.text}
            events += self._block(TEXT_INDEX, {"type": "text", "text": ""}, delta)
        elif isinstance(event, ReasoningDelta):
            delta = {"type": "reasoning-delta", "reasoning": event.text}
            events += self._block(REASONING_INDEX, {"type": "reasoning", "reasoning": ""}, delta)
        elif isinstance(event, ToolCallDelta):
            index = call_index(event.position)
            start = {"type": "tool_call_chunk", "id": event.id, "name": event.name, "args": "", "index": index}
            delta = {"type": "tool-call-delta", "args": event.arguments}
            events += self._block(index, start, delta if event.arguments else None)
        elif isinstance(event, AudioDelta) and event.data:
            delta = {"type": "data-delta", "data": event.data, "encoding": "base64"}
            events += self._block(AUDIO_INDEX, {"type": "audio", "base64": ""}, delta)
        elif isinstance(event, Finish):
            events += self._finish(event)
        return cast(list[MessagesData], events)

    def _start(self) -> dict[str, Any]:
        self._started = True
        return {
            "event": "message-start",
            "role": "ai",
            "id": self._message_id,
            "metadata": {"provider": PROVIDER},
        }

    def _block(self, index: str, start: dict[str, Any], delta: dict[str, Any] | None) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        number = self._numbers.get(index)
        if number is None:
            number = self._numbers[index] = len(self._numbers)
            events.append({"event": "content-block-start", "index": number, "content": start})
        if delta is not None:
            events.append({"event": "content-block-delta", "index": number, "delta": delta})
        return events

    def _finish(self, event: Finish) -> list[dict[str, Any]]:
        response = self._accumulator.response()
        message = to_message(response, response.choices[0], usage=event.usage)
        blocks = finished_blocks(response)
        last: dict[str, Any] = {
            "event": "message-finish",
            "metadata": response_metadata(event, event.choices[0]),
        }
        if message.usage_metadata is not None:
            last["usage"] = message.usage_metadata
        if message.additional_kwargs:
            last["additional_kwargs"] = message.additional_kwargs
        return [
            *(
                {"event": "content-block-finish", "index": number, "content": blocks[index]}
                for index, number in self._numbers.items()
            ),
            *self._server_tools(last["metadata"]),
            last,
        ]

    def _server_tools(self, metadata: dict[str, Any]) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        for number, block in enumerate(server_tool_blocks(metadata), len(self._numbers)):
            events.append({"event": "content-block-start", "index": number, "content": block})
            events.append({"event": "content-block-finish", "index": number, "content": block})
        return events


def finished_blocks(response: ChatResponse) -> dict[str, dict[str, Any]]:
    """Return the blocks of a complete response by their index."""
    calls = {
        call_index(position): finished_call_block(part, response.finish_reason)
        for position, part in enumerate(response.tool_calls)
    }
    annotations = citation_annotations(response.citations, response.choices[0].spans)
    cited = {"annotations": annotations} if annotations else {}
    audio = response.choices[0].audio
    spoken = {AUDIO_INDEX: audio_block(wav_base64(audio.data), audio.transcript)} if audio and audio.data else {}
    return {
        TEXT_INDEX: {"type": "text", "text": response.text, **cited, "index": TEXT_INDEX},
        REASONING_INDEX: {"type": "reasoning", "reasoning": response.reasoning, "index": REASONING_INDEX},
        **calls,
        **spoken,
    }
