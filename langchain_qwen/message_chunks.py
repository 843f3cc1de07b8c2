"""The message chunk of a stream: LangChain's own, but for what a finished sum of them holds."""

import re
from typing import Any

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.base import BaseMessageChunk

from langchain_qwen.tool_calls import tool_calls
from qwen_core.accumulator import join_base64
from qwen_core.messages import ToolCallPart
from qwen_core.speech import wav_base64


class QwenMessageChunk(AIMessageChunk):
    """A chunk whose finished sum is a plain ``AIMessageChunk`` with no call that was cut short.

    LangChain completes JSON that was cut when it adds chunks up, so that an agent would carry out half a call. The
    sum of all chunks is the first place that can know better, in ``+`` as in the list addition under ``invoke``.
    """

    @classmethod
    def lc_id(cls) -> list[str]:
        """Serialized as LangChain's own class, so that every reader knows it."""
        return AIMessageChunk.lc_id()

    def __add__(self, other: Any) -> BaseMessageChunk:  # type: ignore[override]
        """The sum; after the last chunk it is finished."""
        total = super().__add__(other)
        return finished(total) if isinstance(total, AIMessageChunk) and total.chunk_position == "last" else total


def finished(total: AIMessageChunk) -> AIMessageChunk:
    """The sum of a whole stream, with its calls parsed as strictly as those of an answer in one piece."""
    # Plain, because LangChain makes the message of a chunk by asking for the first base of its class.
    plain = AIMessageChunk(**{name: getattr(total, name) for name in CARRIED})
    if audio := plain.additional_kwargs.get("audio"):
        plain.additional_kwargs["audio"] = spoken(audio)
    if isinstance(plain.content, list):
        plain.content = [finished_sound(block) for block in plain.content]
    if not plain.tool_call_chunks:
        return plain
    parts = [
        ToolCallPart(piece["id"] or "", piece["name"] or "", piece["args"] or "")
        for piece in plain.tool_call_chunks
    ]
    plain.tool_calls, plain.invalid_tool_calls = tool_calls(parts, plain.response_metadata.get("finish_reason"))
    invalid = {call["id"]: call for call in plain.invalid_tool_calls}
    if invalid and isinstance(plain.content, list):
        plain.content = [
            dict(invalid[block["id"]])
            if isinstance(block, dict) and block.get("type") in CALL_BLOCKS and block.get("id") in invalid
            else block
            for block in plain.content
        ]
    return plain


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


CARRIED = tuple(
    name for name in AIMessageChunk.model_fields if name not in ("type", "tool_calls", "invalid_tool_calls")
)
# A piece of base64 up to its padding: what was joined as text can be taken apart there.
PADDED = re.compile(r"[^=]+={0,2}")
CALL_BLOCKS = ("tool_call", "tool_call_chunk")
