"""Agents and workflows over the Responses API, without a model's name (knowledge 3.2)."""

from typing import Any

from qwen_core.protocols.applications.completion import PARAMETERS
from qwen_core.protocols.applications.conversation import check_messages, refuse_fields
from qwen_core.protocols.base import EncodedRequest, merge_body
from qwen_core.protocols.messages import refuse_part, with_values
from qwen_core.types.applications import ApplicationRequest
from qwen_core.types.json import encode_json
from qwen_core.types.messages import FilePart, ImagePart, Message, Part, ReasoningPart, TextPart

REFUSED = (*PARAMETERS, "session_id", "memory_id", "session_files")


def encode_responses(request: ApplicationRequest, app_id: str, stream: bool) -> EncodedRequest:
    """Encode a call. A single text is sent as it is, a conversation as items."""
    check_messages(request)
    refuse_fields(request, REFUSED)
    items = [encode_item(message) for message in request.messages]
    for url in request.files:
        items[-1]["content"].append({"type": "input_file", "file_url": url})
    content = items[0]["content"]
    alone = len(items) == 1 and len(content) == 1 and content[0]["type"] == "input_text"
    body = with_values(
        {"input": content[0]["text"] if alone else items},
        biz_params=request.biz_params,
        stream=stream or None,
    )
    return EncodedRequest(
        path=f"/apps/agent/{app_id}/compatible-mode/v1/responses",
        body=encode_json(merge_body(body, request.extra_body)),
        headers=dict(request.extra_headers or {}),
    )


def encode_item(message: Message) -> dict[str, Any]:
    """Encode one message. The assistant's have input_text too."""
    visible = [part for part in message.parts if not isinstance(part, ReasoningPart)]
    return {"role": message.role, "content": [encode_part(part) for part in visible]}


def encode_part(part: Part) -> dict[str, Any]:
    """Encode one part of a message."""
    match part:
        case TextPart():
            return {"type": "input_text", "text": part.text}
        case ImagePart():
            return {"type": "input_image", "image_url": part.url}
        case FilePart() if part.url:
            return {"type": "input_file", "file_url": part.url}
        case _:
            raise refuse_part(part, "applications' Responses")
