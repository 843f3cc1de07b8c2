"""Which kind of answer a conversation gets, and the limits that hold for all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from qwen_emulator import media, tokens
from qwen_emulator.conversation import Conversation
from qwen_emulator.default_replies import chat, passages, rag_tasks, react, structured, tools
from qwen_emulator.replies import Reply, SearchResult
from qwen_emulator.words import has_cjk


def answer(conversation: Conversation) -> Reply:
    """The default answer to a conversation."""
    given = next(reply for answerer in _ANSWERERS if (reply := answerer(conversation)) is not None)
    given = _enriched(_continued(given, conversation), conversation)
    if conversation.thinking and not given.reasoning:
        given = replace(given, reasoning=_reasoning(conversation, given))
    limited = _limit(given, conversation)
    wanted = conversation.parameters.get("n")
    if isinstance(wanted, int) and wanted > 1:
        return Reply(choices=[limited, *(_variant(limited, number) for number in range(2, wanted + 1))])
    return limited


def _translated(conversation: Conversation) -> Reply | None:
    """A translation model without a model: the text itself, marked with the language it should be in."""
    options = conversation.parameters.get("translation_options")
    if not isinstance(options, dict):
        return None
    return Reply(f"[{options.get('target_lang', 'English')}] {conversation.question}")


def _continued(reply: Reply, conversation: Conversation) -> Reply:
    """In prefix mode only what follows the prefix is said."""
    last = conversation.turns[-1]
    if not last.partial:
        return reply
    return replace(reply, text=str(reply.text).removeprefix(last.text))


def _enriched(reply: Reply, conversation: Conversation) -> Reply:
    """Sources, code and sound, where the request switches them on."""
    wants = conversation.parameters
    if wants.get("enable_search") is True and not reply.tool_calls:
        options = wants.get("search_options") or {}
        topic = " ".join(conversation.question.split())[:60]
        sources = [
            SearchResult(f"{topic} ({number})", f"https://example.com/search/{number}", "Example")
            for number in (1, 2)
        ]
        form = str(options.get("citation_format") or "[<number>]").replace("<number>", "1")
        cited = f"{reply.text}{form}" if options.get("enable_citation") is True else reply.text
        reply = replace(reply, search_results=sources, text=cited)
    if wants.get("enable_text_image_mixed") is True and not reply.tool_calls:
        image = '<img src="https://example.com/search/image.jpeg" alt="" width="400" height="auto">'
        reply = replace(reply, text=f"{reply.text}\n\n{image}")
    offered = {tool.get("type") for tool in wants.get("server_tools") or ()}
    runs_code = wants.get("enable_code_interpreter") is True or "code_interpreter" in offered
    if runs_code and (found := chat.find_sum(conversation.question)):
        reply = replace(reply, code=f"print({found[0]})")
    if "audio" in (wants.get("modalities") or []):
        reply = replace(reply, audio=media.tone(pieces=3))
    return replace(reply, item={**reply.item, **_measured(conversation)})


def _measured(conversation: Conversation) -> dict[str, Any]:
    """What OCR tasks and the size switch add to the text. Nothing is read here but sizes."""
    if conversation.last_user is None:
        return {}
    sizes = media.image_sizes(conversation.last_user.media)
    item: dict[str, Any] = {}
    if conversation.parameters.get("vl_enable_image_hw_output") is True:
        item["image_hw"] = [[height, width] for width, height in sizes]
    options = conversation.parameters.get("ocr_options") or {}
    if options.get("task") == "key_information_extraction":
        schema = (options.get("task_config") or {}).get("result_schema") or {}
        item["ocr_result"] = {"kv_result": dict.fromkeys(schema, "")}
    elif options.get("task") == "advanced_recognition":
        item["ocr_result"] = {
            "words_info": [
                {
                    "text": f"{width}×{height}",
                    "location": [0, 0, width, 0, width, height, 0, height],
                    "rotate_rect": [width // 2, height // 2, width, height, 0],
                }
                for width, height in sizes
            ]
        }
    return item


def _variant(reply: Reply, number: int) -> Reply:
    return replace(reply, text=f"{reply.text} ({number})") if reply.text else reply


def _reasoning(conversation: Conversation, given: Reply) -> str:
    topic = " ".join(conversation.question.split())[:80]
    if has_cjk(topic):
        step = "我需要调用工具。" if given.tool_calls else "我直接回答。"
        return f"用户问: {topic} {step}"
    step = f"I should call {given.tool_calls[0].name}." if given.tool_calls else "I can answer this directly."
    return f"The user asks: {topic} {step}"


def _limit(reply: Reply, conversation: Conversation) -> Reply:
    text = str(reply.text)
    starts = [text.index(mark) for mark in conversation.stop if mark in text]
    if starts:
        text = text[: min(starts)]
        reply = replace(reply, text=text)
    budget = conversation.parameters.get("thinking_budget")
    reasoning = str(reply.reasoning)
    if isinstance(budget, int) and reasoning:
        reasoning = tokens.cut(reasoning, budget)
        reply = replace(reply, reasoning=reasoning)
    if reply.tool_calls:
        return reply
    limits = []
    if isinstance(limit := conversation.parameters.get("max_tokens"), int):
        limits.append((limit, 0))
    if isinstance(limit := conversation.parameters.get("max_completion_tokens"), int):
        limits.append((limit, tokens.count(reasoning)))
    for limit, spent in limits:
        if spent > limit:
            return replace(reply, reasoning=tokens.cut(reasoning, limit), text="", finish_reason="length")
        if tokens.count(text) > limit - spent:
            return replace(reply, text=tokens.cut(text, limit - spent), finish_reason="length")
    return reply


_ANSWERERS: tuple[Callable[[Conversation], Reply | None], ...] = (
    react.from_react,
    tools.from_tools,
    structured.from_format,
    _translated,
    rag_tasks.from_rag_tasks,
    passages.from_passages,
    chat.talk,
)
