"""Apply the parameters of a request to a reply: thinking, search, audio, OCR, stop strings, token limits, n."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from qwen_emulator import media, tokens
from qwen_emulator.conversation import Conversation
from qwen_emulator.replies import Reply, SearchResult
from qwen_emulator.words import has_cjk

_EXPRESSION = re.compile(r"\d[\d\s.()]*[-+*/][-+*/\d\s.()]*\d")


def apply_features(reply: Reply, conversation: Conversation) -> Reply:
    """Return the reply with all that the parameters of the request add to it, within their limits."""
    last = conversation.turns[-1]
    if last.partial:  # in prefix mode the response continues the prefix
        reply = replace(reply, text=str(reply.text).removeprefix(last.text))
    reply = _with_features(reply, conversation)
    if conversation.thinking and not reply.reasoning:
        reply = replace(reply, reasoning=_reasoning(reply, conversation))
    reply = _truncate(reply, conversation)
    wanted = conversation.parameters.get("n")
    if not isinstance(wanted, int) or wanted < 2:
        return reply
    variants = [replace(reply, text=f"{reply.text} ({number})") for number in range(2, wanted + 1)]
    return Reply(choices=[reply, *variants])


def _with_features(reply: Reply, conversation: Conversation) -> Reply:
    parameters = conversation.parameters
    topic = " ".join(conversation.question.split())[:60]
    if parameters.get("enable_search") is True and not reply.tool_calls:
        options = parameters.get("search_options") or {}
        sources = [
            SearchResult(f"{topic} ({number})", f"https://example.com/search/{number}", "Example")
            for number in (1, 2)
        ]
        citation = str(options.get("citation_format") or "[<number>]").replace("<number>", "1")
        text = f"{reply.text}{citation}" if options.get("enable_citation") is True else reply.text
        reply = replace(reply, search_results=sources, text=text)
    if parameters.get("enable_text_image_mixed") is True and not reply.tool_calls:
        image = '<img src="https://example.com/search/image.jpeg" alt="" width="400" height="auto">'
        reply = replace(reply, text=f"{reply.text}\n\n{image}")
    offered = {tool.get("type") for tool in parameters.get("server_tools") or ()}
    runs_code = parameters.get("enable_code_interpreter") is True or "code_interpreter" in offered
    if runs_code and (found := _EXPRESSION.search(conversation.question)):
        reply = replace(reply, code=f"print({found.group()})")
    if "audio" in (parameters.get("modalities") or []):
        reply = replace(reply, audio=media.tone(chunks=3))
    return replace(reply, item={**reply.item, **_measure(conversation)})


def _measure(conversation: Conversation) -> dict[str, Any]:
    """Return what OCR tasks and ``vl_enable_image_hw_output`` add: image sizes, since nothing here can read."""
    sizes = media.image_sizes(conversation.last_user.media) if conversation.last_user else []
    item: dict[str, Any] = {}
    if conversation.parameters.get("vl_enable_image_hw_output") is True:
        item["image_hw"] = [[height, width] for width, height in sizes]
    options = conversation.parameters.get("ocr_options") or {}
    if options.get("task") == "key_information_extraction":
        schema = (options.get("task_config") or {}).get("result_schema") or {}
        item["ocr_result"] = {"kv_result": dict.fromkeys(schema, "")}
    elif options.get("task") == "advanced_recognition":
        words = [
            {
                "text": f"{width}×{height}",
                "location": [0, 0, width, 0, width, height, 0, height],
                "rotate_rect": [width // 2, height // 2, width, height, 0],
            }
            for width, height in sizes
        ]
        item["ocr_result"] = {"words_info": words}
    return item


def _reasoning(reply: Reply, conversation: Conversation) -> str:
    topic = " ".join(conversation.question.split())[:80]
    if has_cjk(topic):
        return f"用户问: {topic} {'我需要调用工具。' if reply.tool_calls else '我直接回答。'}"
    step = f"I should call {reply.tool_calls[0].name}." if reply.tool_calls else "I can answer this directly."
    return f"The user asks: {topic} {step}"


def _truncate(reply: Reply, conversation: Conversation) -> Reply:
    """Cut a reply at stop strings, the thinking budget and the token limits."""
    text, reasoning = str(reply.text), str(reply.reasoning)
    text = text[: min((text.index(stop) for stop in conversation.stop if stop in text), default=len(text))]
    parameters = conversation.parameters
    if isinstance(budget := parameters.get("thinking_budget"), int):
        reasoning = tokens.cut(reasoning, budget)
    reply = replace(reply, text=text, reasoning=reasoning)
    if reply.tool_calls:
        return reply
    # Reasoning counts for max_completion_tokens only.
    for name, spent in (("max_tokens", 0), ("max_completion_tokens", tokens.count(reasoning))):
        limit = parameters.get(name)
        if isinstance(limit, int) and spent + tokens.count(text) > limit:
            text = tokens.cut(text, max(limit - spent, 0))
            return replace(reply, reasoning=tokens.cut(reasoning, limit) if spent else reasoning, text=text,
                           finish_reason="length")  # fmt: skip
    return reply
