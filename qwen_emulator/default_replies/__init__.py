"""Default replies: what the emulator says when nothing was scripted. Deterministic, and useful without a model.

Each module answers one kind of request; ``answer`` asks them in turn. To answer one more kind of prompt, add a row
to ``prompts.PROMPTS``. Anything beyond that is for ``emulator.reply(...)``.
"""

from __future__ import annotations

from collections.abc import Callable

from qwen_emulator.conversation import Conversation
from qwen_emulator.default_replies import chat, prompts, react, structured, tools
from qwen_emulator.replies import Reply
from qwen_emulator.request_features import apply_features

_ANSWERERS: tuple[Callable[[Conversation], Reply | None], ...] = (
    react.answer_react,
    tools.answer_with_tools,
    structured.answer_as_json,
    prompts.answer_prompt,
    prompts.answer_from_system,
)


def answer(conversation: Conversation) -> Reply:
    """Return the default reply to a conversation, within the limits and with the features that it asks for."""
    replies = (answerer(conversation) for answerer in _ANSWERERS)
    reply = next((reply for reply in replies if reply is not None), None)
    return apply_features(reply or chat.answer_chat(conversation), conversation)
