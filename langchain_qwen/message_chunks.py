"""The message chunk of a stream: LangChain's own, but for what a finished sum of them holds."""

import json
import re
from collections.abc import Mapping
from typing import Any

from langchain_core.messages import AIMessageChunk, InvalidToolCall
from langchain_core.messages.base import BaseMessageChunk

from langchain_qwen.tool_calls import tool_calls
from qwen_core.types.accumulator import join_base64
from qwen_core.types.messages import ToolCallPart
from qwen_core.types.wav import wav_base64


class QwenMessageChunk(AIMessageChunk):
    """A chunk whose finished sum is a plain ``AIMessageChunk`` with no call that was cut short.

    LangChain completes JSON that was cut when it adds chunks up, so that an agent would carry out half a call. The
    sum of all chunks is the first place that can know better, in ``+`` as in the list addition under ``invoke``.
    """

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """What LangGraph writes into a checkpoint, and the base of which LangChain makes a message of a chunk.

        Readers of checkpoints know LangChain's own classes alone: any other would come back as a dict.
        """
        return AIMessageChunk

    @classmethod
    def lc_id(cls) -> list[str]:
        """Serialized as LangChain's own class, so that every reader knows it."""
        return AIMessageChunk.lc_id()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as what it is: ``pickle`` asks for ``__class__`` too."""
        return of_state, (self.__getstate__(),)

    def __add__(self, other: Any) -> BaseMessageChunk:  # type: ignore[override]
        """The sum; after the last chunk it is finished."""
        return finished_or_open(super().__add__(other))

    def __radd__(self, other: AIMessageChunk) -> BaseMessageChunk:  # type: ignore[misc]
        """The sum that begins with an empty chunk of LangChain's own, as many a loop does."""
        total = AIMessageChunk.__add__(other, self)
        return total if other.chunk_position == "last" else finished_or_open(total)


def of_state(state: dict[Any, Any]) -> QwenMessageChunk:
    """A chunk that holds what pydantic says another holds."""
    chunk = QwenMessageChunk.__new__(QwenMessageChunk)
    chunk.__setstate__(state)
    return chunk


def finished_or_open(total: BaseMessageChunk) -> BaseMessageChunk:
    """A sum as LangChain made it: finished after the last chunk, else one to which more can be added."""
    if not isinstance(total, AIMessageChunk):
        return total
    if total.chunk_position == "last":
        return finished(total)
    return of_state(total.__getstate__())


def finished(total: AIMessageChunk) -> AIMessageChunk:
    """The sum of a whole stream, which LangChain has just made, with its sound and its calls as they are meant."""
    if audio := total.additional_kwargs.get("audio"):
        total.additional_kwargs["audio"] = spoken(audio)
    if isinstance(total.content, list):
        total.content = [finished_sound(block) for block in total.content]
    if total.tool_call_chunks:
        finish_calls(total)
    return total


def finish_calls(total: AIMessageChunk) -> None:
    """Parse the calls as strictly as those of an answer in one piece.

    Whoever reads the sum back from where it was kept has LangChain parse the pieces again: what a broken call was
    to be called with stands there as a JSON string, of which no call can be made.
    """
    pieces = total.tool_call_chunks
    parts = [ToolCallPart(piece["id"] or "", piece["name"] or "", piece["args"] or "") for piece in pieces]
    total.tool_calls, total.invalid_tool_calls = tool_calls(parts, total.response_metadata.get("finish_reason"))
    invalid = {call["id"]: call for call in total.invalid_tool_calls}
    if not invalid:
        return
    total.tool_call_chunks = [
        {**piece, "args": json.dumps(piece["args"] or "")} if (piece["id"] or "") in invalid else piece
        for piece in pieces
    ]
    if isinstance(total.content, list):
        total.content = [invalid_in_place(block, invalid) for block in total.content]


def invalid_in_place(block: Any, invalid: Mapping[str | None, InvalidToolCall]) -> Any:
    """The block of a call that is invalid, as one of an invalid call; any other block as it is."""
    if not isinstance(block, dict) or block.get("type") not in CALL_BLOCKS or block.get("id") not in invalid:
        return block
    return dict(invalid[block.get("id")])


def spoken(audio: dict[str, Any]) -> dict[str, Any]:
    """The pieces of a spoken answer as one file."""
    return {**audio, "data": whole_sound(audio["data"]), "format": "wav"}


def finished_sound(block: Any) -> Any:
    """A block of sound whose pieces are one file now; any other block as it is."""
    if not isinstance(block, dict) or block.get("type") != "audio" or "mime_type" in block:
        return block
    return {**block, "base64": whole_sound(block["base64"]), "mime_type": "audio/wav"}


def whole_sound(pieces: str) -> str:
    """Base64 of a file from base64 of its pieces, one after the other."""
    return wav_base64(join_base64(PADDED.findall(pieces))) if pieces else ""


# A piece of base64 up to its padding: what was joined as text can be taken apart there.
PADDED = re.compile(r"[^=]+={0,2}")
CALL_BLOCKS = ("tool_call", "tool_call_chunk")
