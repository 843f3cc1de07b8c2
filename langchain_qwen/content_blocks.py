"""LangChain's standard content blocks (v1) for messages of this provider.

Block indexes of a stream are strings that begin with ``lc_``: LangChain merges blocks by index alone, so that
text, reasoning and each tool call need distinct indexes. LangChain is told of the two translators when the package
is imported; this module therefore imports nothing that takes long.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from langchain_core.messages import AIMessage, AIMessageChunk, InvalidToolCall, ToolCall
from langchain_core.messages import content as types
from langchain_core.messages.block_translators import register_translator

from qwen_core.adapters.tool_arguments import sort_tool_calls
from qwen_core.types.messages import ToolCallPart

if TYPE_CHECKING:
    from qwen_core.types.responses import Citation, CitationSpan

PROVIDER = "qwen"

TEXT_INDEX = "lc_txt_0"
REASONING_INDEX = "lc_rs_0"
AUDIO_INDEX = "lc_aud_0"

# Keys of an output item of the Responses API that hold its arguments and its results (compatible, 2.7).
ARGUMENT_KEYS = ("action", "code", "queries", "query", "urls", "arguments", "container_id", "server_label", "name")
RESULT_KEYS = ("outputs", "output", "results", "result", "error")


# Base64 up to its padding: what was concatenated as text can be split there.
PADDED_BASE64 = re.compile(r"[^=]+={0,2}")
CALL_BLOCKS = ("tool_call", "tool_call_chunk")


def register() -> None:
    """Tell LangChain how to read the messages of this provider."""
    register_translator(PROVIDER, content_blocks, chunk_content_blocks)


def content_blocks(message: AIMessage) -> list[types.ContentBlock]:
    """Return the blocks of a complete message: reasoning, server tools, text, audio, tool calls, invalid calls."""
    blocks: list[dict[str, Any]] = []
    if reasoning := message.additional_kwargs.get("reasoning_content"):
        blocks.append({"type": "reasoning", "reasoning": reasoning})
    blocks += server_tool_blocks(message.response_metadata)
    blocks += [*text_blocks(message), *audio_blocks(message)]
    in_content = {block.get("id") for block in blocks if block.get("type") == "tool_call"}
    blocks += [
        {"type": "tool_call", "name": call["name"], "args": call["args"], "id": call.get("id")}
        for call in message.tool_calls
        if call.get("id") not in in_content
    ]
    blocks += [{**call, "type": "invalid_tool_call"} for call in message.invalid_tool_calls]
    return cast(list[types.ContentBlock], blocks)


def chunk_content_blocks(message: AIMessageChunk) -> list[types.ContentBlock]:
    """Return the blocks of a chunk. A finished sum has complete calls instead of tool call chunks."""
    if message.chunk_position == "last" and message.tool_call_chunks:
        return content_blocks(message)
    blocks: list[dict[str, Any]] = []
    if reasoning := message.additional_kwargs.get("reasoning_content"):
        blocks.append({"type": "reasoning", "reasoning": reasoning, "index": REASONING_INDEX})
    blocks += server_tool_blocks(message.response_metadata)
    if not message.content and message.response_metadata.get("citations"):
        # The last chunk of a stream: the text came before it, and the sum merges both by their common index.
        blocks.append(with_citations({"type": "text", "text": "", "index": TEXT_INDEX}, message))
    blocks += [
        {**block, "index": TEXT_INDEX} if block["type"] == "text" else block for block in text_blocks(message)
    ]
    blocks += audio_blocks(message)
    blocks += [
        {
            "type": "tool_call_chunk",
            "id": chunk.get("id"),
            "name": chunk.get("name"),
            "args": chunk.get("args"),
            "index": call_index(chunk.get("index")),
        }
        for chunk in message.tool_call_chunks
    ]
    return cast(list[types.ContentBlock], blocks)


def text_blocks(message: AIMessage) -> list[dict[str, Any]]:
    """Return the text of a message as a block, or the blocks that its content already consists of."""
    if isinstance(message.content, str):
        return [with_citations({"type": "text", "text": message.content}, message)] if message.content else []
    return [
        {"type": "text", "text": block} if isinstance(block, str) else block for block in message.content if block
    ]


def with_citations(block: dict[str, Any], message: AIMessage) -> dict[str, Any]:
    """Return the text block with the sources that it cites."""
    citations = message.response_metadata.get("citations")
    return {**block, "annotations": citations} if citations else block


# Tool calls.


def call_index(position: int | str | None) -> str:
    """Return the index of the block of one tool call."""
    return f"lc_tc_{position}"


def to_langchain_calls(
    parts: Iterable[ToolCallPart], finish_reason: str | None
) -> tuple[list[ToolCall], list[InvalidToolCall]]:
    """Convert tool calls: the valid ones, and those whose arguments are not a complete JSON object."""
    valid, invalid = sort_tool_calls(parts, finish_reason)
    return (
        [ToolCall(name=part.name, args=arguments, id=part.id, type="tool_call") for part, arguments in valid],
        [
            InvalidToolCall(type="invalid_tool_call", id=part.id, name=part.name, args=part.arguments, error=error)
            for part, error in invalid
        ],
    )


def finished_call_block(part: ToolCallPart, finish_reason: str | None) -> dict[str, Any]:
    """Return the block of one complete call: a tool call, or an invalid one."""
    calls, invalid = to_langchain_calls([part], finish_reason)
    return {**(calls or invalid)[0]}


# Audio.


def audio_blocks(message: AIMessage) -> list[dict[str, Any]]:
    """Return the spoken response: a WAV file, or raw audio while it arrives."""
    audio = message.additional_kwargs.get("audio") or {}
    content = message.content
    if not audio.get("data") or (isinstance(content, list) and has_audio(content)):
        return []
    if audio.get("format") is None:
        return [{"type": "audio", "base64": audio["data"], "index": AUDIO_INDEX}]
    return [audio_block(audio["data"], audio.get("transcript") or "")]


def audio_block(wav: str, transcript: str) -> dict[str, Any]:
    """Return the block of a complete spoken response, given as base64 of a WAV file."""
    extras = {"extras": {"transcript": transcript}} if transcript else {}
    return {"type": "audio", "base64": wav, "mime_type": "audio/wav", **extras}


def has_audio(content: list[Any]) -> bool:
    """Return whether a content has an audio block."""
    return any(isinstance(block, dict) and block.get("type") == "audio" for block in content)


# Server tools.


def server_tool_blocks(metadata: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the blocks of the built-in tools that the service ran for a response with this metadata.

    LangChain calls them server tools: a call, and a result if the service reported one.
    """
    items = metadata.get("server_tools") or [responses_item(item) for item in metadata.get("tool_info") or ()]
    blocks: list[dict[str, Any]] = []
    for position, item in enumerate(items):
        id = str(item.get("id") or f"server_tool_{position}")
        blocks += item_blocks(item, id, position)
    return blocks


def item_blocks(item: Mapping[str, Any], id: str, position: int) -> list[dict[str, Any]]:
    """Return the blocks of one item. The result of a failed one is an error."""
    call = {
        "type": "server_tool_call",
        "id": id,
        "name": str(item.get("type") or "").removesuffix("_call"),
        "args": {name: item[name] for name in ARGUMENT_KEYS if item.get(name) is not None},
        "index": f"lc_stc_{position}",
    }
    results = {name: item[name] for name in RESULT_KEYS if item.get(name) is not None}
    if not results and item.get("status") in (None, "completed"):
        return [call]
    result = {
        "type": "server_tool_result",
        "tool_call_id": id,
        "status": "error" if item.get("status") == "failed" or "error" in results else "success",
        "output": next(iter(results.values())) if len(results) == 1 else results,
        "index": f"lc_str_{position}",
    }
    return [call, result]


def responses_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """Convert an item of the native protocol's ``tool_info`` to the form of the Responses API (native 5.5)."""
    kind = str(item.get("type") or "")
    inner = item.get(kind)
    return {"type": kind, **(inner if isinstance(inner, Mapping) else {})}


# Citations.


def citation_annotations(citations: "Sequence[Citation]", spans: "Sequence[CitationSpan]") -> list[types.Citation]:
    """Return one annotation for each span that cites a source, in the order of the text.

    Without spans, return one for each source.
    """
    if not spans:
        return [citation_annotation(citation) for citation in citations]
    sources = {citation.index: citation for citation in citations}
    return [citation_annotation(sources[span.index], span) for span in spans if span.index in sources]


def citation_annotation(citation: "Citation", span: "CitationSpan | None" = None) -> types.Citation:
    """Return the annotation for one source. ``extras`` holds what LangChain has no key for."""
    annotation = types.Citation(type="citation")
    if citation.url:
        annotation["url"] = citation.url
    if citation.title:
        annotation["title"] = citation.title
    if span is not None:
        annotation["start_index"], annotation["end_index"] = span.start, span.end
    extras = {"index": citation.index, "site_name": citation.site_name, "icon": citation.icon}
    annotation["extras"] = {name: value for name, value in extras.items() if value}
    return annotation


# The sum of a stream's chunks.


def finish_message(total: AIMessageChunk) -> AIMessageChunk:
    """Complete the sum of a stream, which LangChain has just made: its audio as one file, its calls validated."""
    if audio := total.additional_kwargs.get("audio"):
        total.additional_kwargs["audio"] = finished_audio(audio)
    if isinstance(total.content, list):
        total.content = [finished_audio_block(block) for block in total.content]
    if total.tool_call_chunks:
        finish_calls(total)
    return total


def finish_calls(total: AIMessageChunk) -> None:
    """Parse the calls as strictly as those of a response that was not streamed.

    If the sum is stored and read back, LangChain parses its tool call chunks anew: the arguments of an invalid
    call are therefore stored as a JSON string, of which it cannot make a call.
    """
    chunks = total.tool_call_chunks
    parts = [ToolCallPart(chunk["id"] or "", chunk["name"] or "", chunk["args"] or "") for chunk in chunks]
    finish_reason = total.response_metadata.get("finish_reason")
    total.tool_calls, total.invalid_tool_calls = to_langchain_calls(parts, finish_reason)
    invalid = {call["id"]: call for call in total.invalid_tool_calls}
    if not invalid:
        return
    total.tool_call_chunks = [
        {**chunk, "args": json.dumps(chunk["args"] or "")} if (chunk["id"] or "") in invalid else chunk
        for chunk in chunks
    ]
    if isinstance(total.content, list):
        total.content = [with_invalid_call(block, invalid) for block in total.content]


def with_invalid_call(block: Any, invalid: Mapping[str | None, InvalidToolCall]) -> Any:
    """Return the block of a call that is invalid as one of an invalid call; any other block unchanged."""
    if not isinstance(block, dict) or block.get("type") not in CALL_BLOCKS or block.get("id") not in invalid:
        return block
    return dict(invalid[block.get("id")])


def finished_audio(audio: dict[str, Any]) -> dict[str, Any]:
    """Return the concatenated audio deltas of a spoken response as one file."""
    return {**audio, "data": joined_wav(audio["data"]), "format": "wav"}


def finished_audio_block(block: Any) -> Any:
    """Return an audio block with its deltas as one file; any other block unchanged."""
    if not isinstance(block, dict) or block.get("type") != "audio" or "mime_type" in block:
        return block
    return {**block, "base64": joined_wav(block["base64"]), "mime_type": "audio/wav"}


def joined_wav(deltas: str) -> str:
    """Return base64 of a WAV file from the concatenated base64 of its deltas."""
    from qwen_core.types.accumulator import join_base64
    from qwen_core.types.wav import wav_base64

    return wav_base64(join_base64(PADDED_BASE64.findall(deltas))) if deltas else ""
