"""The Responses API: output items, in one body or as SSE events, framed as DashScope does. Written from its page.

Results of built-in tools are made up: the page names their items and leaves most of their keys open.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from qwen_emulator.compose import CallFragments, ComposedReply
from qwen_emulator.conversation import Conversation
from qwen_emulator.failures import Failure
from qwen_emulator.protocols import compatible
from qwen_emulator.protocols.base import event_reply, json_reply
from qwen_emulator.protocols.native import frame
from qwen_emulator.replies import RawReply
from qwen_emulator.tokens import Usage

_MARK = re.compile(r"\[(\d+)\]")
_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


def encode_response(reply: ComposedReply, conversation: Conversation) -> RawReply:
    """Encode a response in one body."""
    return json_reply(_response(reply, conversation, list(_items(reply, conversation))), reply.request_id)


def encode_stream(reply: ComposedReply, conversation: Conversation) -> RawReply:
    """Encode a response as SSE events; no event marks the end of the stream."""
    segments = tuple(
        frame(number, {**payload, "sequence_number": number - 1}, event=payload["type"])
        for number, payload in enumerate(_events(reply, conversation), 1)
    )
    return event_reply(segments, reply.request_id)


def encode_failure(failure: Failure, request_id: str, *, stream: bool = False) -> RawReply:
    """Encode an HTTP error, as on the rest of this endpoint."""
    return compatible.encode_failure(failure, request_id, stream=stream)


def encode_failure_event(failure: Failure, request_id: str, number: int) -> bytes:
    """Encode an error inside a stream: an event with code and message."""
    payload = {"code": failure.code, "message": failure.message, "request_id": request_id}
    return frame(number, payload, event="error", status=failure.status)


def encode_refusal(refused: Failure, request_id: str, *, stream: bool) -> RawReply:
    """Encode a refusal, which looks like any other HTTP error."""
    return encode_failure(refused, request_id)


def _items(reply: ComposedReply, conversation: Conversation) -> Iterator[dict[str, Any]]:
    candidate = reply.candidates[0]
    identity = reply.request_id
    offered = {tool.get("type") for tool in conversation.parameters.get("server_tools") or ()}
    if candidate.reasoning:
        text = "".join(candidate.reasoning)
        yield {"id": f"rs_{identity}", "summary": [{"text": text, "type": "summary_text"}], "type": "reasoning"}
    if reply.search_results and "web_search" in offered:
        sources = [{"type": "url", "url": result.url} for result in reply.search_results]
        action = {"type": "search", "query": conversation.question, "sources": sources}
        yield {"id": f"ws_{identity}", "type": "web_search_call", "status": "completed", "action": action}
    if reply.code and "code_interpreter" in offered:
        yield {
            "id": f"ci_{identity}",
            "type": "code_interpreter_call",
            "status": "completed",
            "code": reply.code,
            "outputs": [{"type": "logs", "logs": "".join(candidate.text)}],
        }
    if candidate.text or not candidate.calls:
        yield {
            "content": [_part(reply, "".join(candidate.text))],
            "id": f"msg_{identity}",
            "role": "assistant",
            "status": "completed",
            "type": "message",
        }
    for call in candidate.calls:
        yield _call(reply, call)


def _call(reply: ComposedReply, call: CallFragments) -> dict[str, Any]:
    return {
        "id": f"msg_{call.id}",
        "type": "function_call",
        "call_id": call.id,
        "name": call.name,
        "arguments": call.arguments,
        "status": "completed",
    }


def _part(reply: ComposedReply, text: str) -> dict[str, Any]:
    sources = {result.index: result for result in reply.search_results}
    notes = [
        {
            "type": "url_citation",
            "url": sources[int(found.group(1))].url,
            "title": sources[int(found.group(1))].title,
            "start_index": found.start(),
            "end_index": found.end(),
        }
        for found in _MARK.finditer(text)
        if int(found.group(1)) in sources
    ]
    return {"annotations": notes, "text": text, "type": "output_text"}


def _response(
    reply: ComposedReply, conversation: Conversation, items: list[dict[str, Any]] | None
) -> dict[str, Any]:
    reason = _INCOMPLETE.get(reply.candidates[0].finish_reason)
    status = "in_progress" if items is None else "incomplete" if reason else "completed"
    return {
        "created_at": reply.created,
        "error": None,
        "id": reply.request_id,
        "incomplete_details": {"reason": reason} if reason and items is not None else None,
        "model": reply.model if items is not None else "",
        "object": "response",
        "output": items or [],
        "parallel_tool_calls": conversation.parallel,
        "status": status,
        "tool_choice": conversation.parameters.get("tool_choice") or "auto",
        "tools": conversation.parameters.get("server_tools") or [],
        "usage": _usage(reply.usage) if items is not None else None,
    }


def _usage(usage: Usage) -> dict[str, Any]:
    counts = {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.total_tokens,
    }
    used = {"web_search": {"count": usage.search_count}, "code_interpreter": {"count": usage.code_count}}
    ran = {name: told for name, told in used.items() if told["count"]}
    return {
        **counts,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens},
        **({"x_tools": ran} if ran else {}),
        "x_details": [{**counts, "x_billing_type": "response_api"}],
    }


def _events(reply: ComposedReply, conversation: Conversation) -> Iterator[dict[str, Any]]:
    for kind in ("response.created", "response.in_progress"):
        yield {"response": _response(reply, conversation, None), "type": kind}
    items = list(_items(reply, conversation))
    for index, item in enumerate(items):
        yield from _item_events(reply, item, index)
    response = _response(reply, conversation, items)
    yield {"response": response, "type": f"response.{response['status']}"}


def _item_events(reply: ComposedReply, item: dict[str, Any], index: int) -> Iterator[dict[str, Any]]:
    candidate = reply.candidates[0]
    at = {"output_index": index, "item_id": item["id"]}
    grows: dict[str, Any] = {"summary": [], "content": [], "arguments": ""}
    begun = {**item, **{key: empty for key, empty in grows.items() if key in item}}
    yield {"item": begun, "output_index": index, "type": "response.output_item.added"}
    match item["type"]:
        case "reasoning":
            for chunk in candidate.reasoning:
                yield {**at, "content_index": 0, "delta": chunk, "type": "response.reasoning_text.delta"}
            text = "".join(candidate.reasoning)
            yield {**at, "content_index": 0, "text": text, "type": "response.reasoning_text.done"}
        case "message":
            part = item["content"][0]
            empty = {**part, "text": "", "annotations": []}
            yield {**at, "content_index": 0, "part": empty, "type": "response.content_part.added"}
            for chunk in candidate.text:
                yield {
                    **at,
                    "content_index": 0,
                    "delta": chunk,
                    "logprobs": [],
                    "type": "response.output_text.delta",
                }
            yield {**at, "content_index": 0, "text": part["text"], "type": "response.output_text.done"}
            yield {**at, "content_index": 0, "part": part, "type": "response.content_part.done"}
        case "function_call":
            call = next(call for call in candidate.calls if call.id == item["call_id"])
            for fragment in call.fragments:
                yield {**at, "delta": fragment, "type": "response.function_call_arguments.delta"}
            yield {**at, "arguments": call.arguments, "type": "response.function_call_arguments.done"}
    yield {"item": item, "output_index": index, "type": "response.output_item.done"}
