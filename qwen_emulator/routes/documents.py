"""Document parsing over the Responses API: the text of a given PDF, page by page, as Markdown.

An image has no text that could be read here: its response says what it was.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from qwen_emulator import tokens
from qwen_emulator.failures import CATALOGUE, Failure, invalid_parameter
from qwen_emulator.models import exists
from qwen_emulator.pdf_text import pages_of
from qwen_emulator.protocols import RESPONSES
from qwen_emulator.protocols.base import json_reply
from qwen_emulator.replies import RawReply
from qwen_emulator.requests import RecordedRequest
from qwen_emulator.service import OSS_HEADER, Service

_PAGES = {"document_parsing": 50}
_PAGES_OTHERWISE = 10
_TASKS = (
    "document_parsing",
    "advanced_recognition",
    "text_recognition",
    "table_parsing",
    "formula_recognition",
    "key_information_extraction",
    "multi_lan",
)


def is_document(body: Any) -> bool:
    """Return whether a body of the Responses API asks for the parsing of a document."""
    return isinstance(body, dict) and ("ocr_options" in body or bool(_inputs(body, "input_file")))


def parse(service: Service, request: RecordedRequest) -> RawReply:
    """Respond with the text of the document in a request."""
    body = request.body
    found = _document(service, request)
    pages = [] if isinstance(found, Failure) else pages_of(found)

    def validate() -> Failure | None:
        if not exists(str(body.get("model"))):
            return CATALOGUE["model_not_found"]
        task = (body.get("ocr_options") or {}).get("task")
        if task is not None and task not in _TASKS:
            return invalid_parameter(f"{task!r} is not one of {list(_TASKS)} - 'ocr_options.task'")
        if isinstance(found, Failure):
            return found
        most = _PAGES.get(str(task), _PAGES_OTHERWISE)
        if len(pages) > most:
            return invalid_parameter(f"The number of pages should not be larger than {most}")
        return None

    def produce(text: str | None = None) -> RawReply:
        task = str((body.get("ocr_options") or {}).get("task") or "document_parsing")
        size = 0 if isinstance(found, Failure) else len(found)
        default = "\n\n".join(pages) if pages else f"An image of {size} bytes."
        return _reply(body, request.request_id, task, default if text is None else text)

    if service.settings.validate and (refused := validate()):
        return RESPONSES.encode_refusal(refused, request.request_id, stream=request.stream)
    return service.compose_text(request, RESPONSES, produce)


def _document(service: Service, request: RecordedRequest) -> bytes | Failure:
    given = [*_inputs(request.body, "input_file"), *_inputs(request.body, "input_image")]
    if len(given) != 1:
        return invalid_parameter("exactly one input_file or input_image is required")
    url = str(given[0].get("file_url") or given[0].get("image_url") or "")
    if url.startswith("oss://"):
        held = service.files.temporary(url)
        accepted = request.headers.get(OSS_HEADER) == "enable"
        return held if held is not None and accepted else CATALOGUE["media_download"]
    if url.startswith("data:"):
        if "file_url" in given[0]:
            return invalid_parameter("file_url must be a URL")
        with suppress(ValueError):
            return base64.b64decode(url.partition(",")[2], validate=True)
    if url.startswith(("http://", "https://")):
        return b""
    return CATALOGUE["media_download"]


def _inputs(body: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    items = body.get("input")
    contents = [item.get("content") for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    return [
        part
        for content in contents
        for part in (content if isinstance(content, list) else ())
        if isinstance(part, dict) and part.get("type") == kind
    ]


def _reply(body: Mapping[str, Any], identity: str, task: str, text: str) -> RawReply:
    part: dict[str, Any] = {"annotations": [], "text": text, "type": "output_text"}
    if task == "advanced_recognition":
        lines = [line for line in text.splitlines() if line.strip()]
        words = [
            {
                "text": line,
                "location": [40, 20 + 30 * row, 400, 20 + 30 * row, 400, 44 + 30 * row, 40, 44 + 30 * row],
            }
            for row, line in enumerate(lines)
        ]
        part["ocr_result"] = {"words_info": words}
    elif task == "key_information_extraction":
        schema = ((body.get("ocr_options") or {}).get("task_config") or {}).get("result_schema") or {}
        part["ocr_result"] = {"kv_result": {name: "" for name in schema}}
    used = {"input_tokens": 600, "output_tokens": tokens.count(text)}
    usage = {**used, "total_tokens": sum(used.values()), "output_tokens_details": {"reasoning_tokens": 0}}
    message = {
        "id": f"msg_{identity}",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }
    payload = {
        "id": identity,
        "object": "response",
        "created_at": 1_780_000_000,
        "model": body.get("model"),
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "output": [message],
        "usage": usage,
    }
    return json_reply(payload, identity)
