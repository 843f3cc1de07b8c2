"""Complete a conversation that the service would refuse: steps of ``adapt``.

``repair_history=False`` leaves all of them out. Sources: compatible 3, native 4.1 and 4.2; what recordings show as
accepted is in the profile.
"""

import msgspec

from qwen_core.models.profile import ModelProfile
from qwen_core.prepare.media_formats import MEDIA_KINDS
from qwen_core.types.messages import Message, Part, TextPart
from qwen_core.types.requests import ChatRequest

CONTINUE = "Continue."
MODALITY_NAMES = {"text": "text", "image": "images", "video": "videos", "audio": "audio", "pdf": "documents"}


def ensure_last_message_is_user(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """Append a user message if the conversation ends with an assistant message, which the API rejects.

    Frameworks end so if one agent goes on after another, or if an answer is to be converted to a schema. A model
    of which a recording shows that it accepts such a conversation gets it unchanged.
    """
    last = request.messages[-1] if request.messages else None
    if last is None or last.role != "assistant" or last.partial or last.tool_calls:
        return send_trailing_system_message_as_user(request)
    if not request.repair_history or profile.accepts("assistant_last"):
        return request
    warnings.append(
        "The last message is from the assistant, but the API replies to users only. Added a user message "
        f'"{CONTINUE}" Set partial=True to have that message continued instead, or repair_history=False to send '
        "the conversation as it is."
    )
    return msgspec.structs.replace(request, messages=(*request.messages, Message("user", (TextPart(CONTINUE),))))


def send_trailing_system_message_as_user(request: ChatRequest) -> ChatRequest:
    """Give the last message the role "user" if it is a system message: it is what the model is to do."""
    *others, last = request.messages or (None,)
    if last is None or last.role != "system":
        return request
    return msgspec.structs.replace(request, messages=(*others, msgspec.structs.replace(last, role="user")))


def ensure_user_message(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """Insert a user message before the first assistant message if there is none at all, which the API rejects.

    Histories lose it if they are trimmed in a long tool loop (``trim_messages(strategy="last")``), and agents that
    start by themselves never have one.
    """
    messages = request.messages
    if not request.repair_history or any(message.role == "user" for message in messages):
        return request
    index = next((i for i, message in enumerate(messages) if message.role != "system"), None)
    if index is None:
        return request
    warnings.append(
        "The conversation has no user message, which the API rejects. Added "
        f'"{CONTINUE}" before messages[{index}]. '
        "Keep a user message when you trim the history, or set repair_history=False to send it as it is."
    )
    added = Message("user", (TextPart(CONTINUE),))
    return msgspec.structs.replace(request, messages=(*messages[:index], added, *messages[index:]))


def omit_unread_tool_media(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """Replace media in tool results by a note if the model is documented not to read them.

    The tool wrote them, not the user, and the service would refuse the whole conversation. Media of users are sent
    as they are.
    """
    if not request.repair_history or profile.certainty not in ("documented", "console"):
        return request
    readable = profile.input_modalities
    names = " and ".join(MODALITY_NAMES[modality] for modality in readable)
    omitted: dict[str, None] = {}

    def readable_part(part: Part) -> Part:
        kind = MEDIA_KINDS.get(type(part))
        if kind is None or kind in readable or (kind == "document" and (profile.documents or "pdf" in readable)):
            return part
        omitted[kind] = None
        return TextPart(omission(kind, f"{request.model} reads {names} only"))

    messages = tuple(
        msgspec.structs.replace(message, parts=tuple(map(readable_part, message.parts)))
        if message.role == "tool"
        else message
        for message in request.messages
    )
    if not omitted:
        return request
    warnings.append(
        f"A tool returned {' and '.join(omitted)} content, but {request.model} reads {names} only. A note was "
        "sent instead. Choose a model that reads it, or set repair_history=False to send it all the same."
    )
    return msgspec.structs.replace(request, messages=messages)


def omission(kind: str, reason: str) -> str:
    """Return the note that replaces a medium in a tool result."""
    return f"[{kind} omitted: {reason}]"


def send_only_new_messages(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """Drop what the service has stored with ``previous_response_id``: all up to the last assistant message."""
    messages = request.messages
    last = max((i for i, message in enumerate(messages) if message.role == "assistant"), default=-1)
    if request.previous_response_id is None or last < 0 or messages[last].partial:
        return request
    return msgspec.structs.replace(request, messages=messages[last + 1 :])
