"""LangChain's standard content blocks (v1) for messages of this provider.

Block indexes of a stream are strings that start with ``lc_``: LangChain adds blocks up by index alone, so that
text, reasoning and each tool call need indexes that cannot meet.
"""

from typing import Any, cast

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages import content as types

from langchain_qwen.server_tools import server_tool_blocks
from langchain_qwen.tool_calls import tool_calls
from qwen_core.types.messages import ToolCallPart

TEXT_INDEX = "lc_txt_0"
REASONING_INDEX = "lc_rs_0"
AUDIO_INDEX = "lc_aud_0"


def call_index(position: int | str | None) -> str:
    """The index of the block of one tool call."""
    return f"lc_tc_{position}"


def content_blocks(message: AIMessage) -> list[types.ContentBlock]:
    """The blocks of a whole message: reasoning, text, calls, calls that cannot be used."""
    blocks: list[dict[str, Any]] = []
    if reasoning := message.additional_kwargs.get("reasoning_content"):
        blocks.append({"type": "reasoning", "reasoning": reasoning})
    blocks += server_tool_blocks(message.response_metadata)
    blocks += [*text_blocks(message), *audio_blocks(message)]
    known = {block.get("id") for block in blocks if block.get("type") == "tool_call"}
    blocks += [
        {"type": "tool_call", "name": call["name"], "args": call["args"], "id": call.get("id")}
        for call in message.tool_calls
        if call.get("id") not in known
    ]
    blocks += [{**call, "type": "invalid_tool_call"} for call in message.invalid_tool_calls]
    return cast(list[types.ContentBlock], blocks)


def chunk_content_blocks(message: AIMessageChunk) -> list[types.ContentBlock]:
    """The blocks of a chunk. On the last chunk of a sum, whole calls take the place of their pieces."""
    if message.chunk_position == "last" and message.tool_call_chunks:
        return content_blocks(message)
    blocks: list[dict[str, Any]] = []
    if reasoning := message.additional_kwargs.get("reasoning_content"):
        blocks.append({"type": "reasoning", "reasoning": reasoning, "index": REASONING_INDEX})
    blocks += server_tool_blocks(message.response_metadata)
    if not message.content and message.response_metadata.get("citations"):
        # The last chunk of a stream: the text came before it, and the sum finds both under one index.
        blocks.append(cited({"type": "text", "text": "", "index": TEXT_INDEX}, message))
    blocks += [
        {**block, "index": TEXT_INDEX} if block["type"] == "text" else block for block in text_blocks(message)
    ]
    blocks += audio_blocks(message)
    blocks += [
        {
            "type": "tool_call_chunk",
            "id": piece.get("id"),
            "name": piece.get("name"),
            "args": piece.get("args"),
            "index": call_index(piece.get("index")),
        }
        for piece in message.tool_call_chunks
    ]
    return cast(list[types.ContentBlock], blocks)


def finished_call(part: ToolCallPart, finish_reason: str | None) -> dict[str, Any]:
    """The block of one whole call: callable, or invalid."""
    calls, invalid = tool_calls([part], finish_reason)
    return {**(calls or invalid)[0]}


def text_blocks(message: AIMessage) -> list[dict[str, Any]]:
    """The text of a message, or the blocks that its content already is."""
    if isinstance(message.content, str):
        return [cited({"type": "text", "text": message.content}, message)] if message.content else []
    return [{"type": "text", "text": block} if isinstance(block, str) else block for block in message.content]


def audio_blocks(message: AIMessage) -> list[dict[str, Any]]:
    """What was spoken: a file, or a piece of raw sound while it arrives."""
    audio = message.additional_kwargs.get("audio") or {}
    content = message.content
    if not audio.get("data") or (isinstance(content, list) and has_audio(content)):
        return []
    if audio.get("format") is None:
        return [{"type": "audio", "base64": audio["data"], "index": AUDIO_INDEX}]
    return [audio_block(audio["data"], audio.get("transcript") or "")]


def audio_block(wav_base64: str, transcript: str) -> dict[str, Any]:
    """The block of a whole spoken answer."""
    extras = {"extras": {"transcript": transcript}} if transcript else {}
    return {"type": "audio", "base64": wav_base64, "mime_type": "audio/wav", **extras}


def has_audio(content: list[Any]) -> bool:
    """Whether the sound stands in the content."""
    return any(isinstance(block, dict) and block.get("type") == "audio" for block in content)


def cited(block: dict[str, Any], message: AIMessage) -> dict[str, Any]:
    """The text with the sources that it cites."""
    annotations = message.response_metadata.get("citations")
    return {**block, "annotations": annotations} if annotations else block
