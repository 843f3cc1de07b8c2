"""Encode and decode the parsing of documents: OCR models over the Responses API.

The body has ``ocr_options`` beside the input. A document is an ``input_file`` by URL, an image an ``input_image``;
the result is text, and for some tasks an ``ocr_result`` in the same content item (knowledge 6).
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from qwen_core.models.profile import ModelProfile
from qwen_core.protocols.base import EncodedRequest, merge_body
from qwen_core.protocols.messages import OSS_HEADERS, with_values
from qwen_core.protocols.openai_responses.decode import decode_chat
from qwen_core.types.documents import DocumentRequest, ParsedPages
from qwen_core.types.json import encode_json

MEGABYTE = 1024 * 1024
MAX_BYTES = {"pdf": 100 * MEGABYTE, "image": 20 * MEGABYTE}
"""The largest file of each kind."""
MAX_PAGES = {"document_parsing": 50}
MAX_PAGES_OTHERWISE = 10
"""Pages of a document in one call, by task."""

ROW = r"[ \t]*\|[^\n]*\|[ \t]*"
TABLE = re.compile(
    rf"<table\b.*?</table\s*>|^{ROW}\n[ \t]*\|(?:[ \t]*:?-+:?[ \t]*\|)+[ \t]*(?:\n{ROW}$)*",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)
"""A table in HTML, or in Markdown: a row, a row of dashes, and more rows."""


def max_pages(task: str | None) -> int:
    """Return the number of pages that one call may have."""
    return MAX_PAGES.get(task or "", MAX_PAGES_OTHERWISE)


def encode_document(request: DocumentRequest) -> EncodedRequest:
    """Encode the parsing of one document or page range."""
    if request.kind == "image":
        part: dict[str, Any] = {"type": "input_image", "image_url": request.url}
    else:
        part = {"type": "input_file", "file_url": request.url}
    content = [part]
    if request.prompt:
        content.append({"type": "input_text", "text": request.prompt})
    options = with_values({}, task=request.task, task_config=request.task_config)
    body = with_values(
        {"model": request.model, "input": [{"role": "user", "content": content}]},
        ocr_options=options or None,
        max_output_tokens=request.max_tokens,
    )
    headers = OSS_HEADERS if request.url.startswith("oss:") else {}
    return EncodedRequest(
        path="/responses", body=encode_json(merge_body(body, request.extra_body)), headers=dict(headers)
    )


def decode_document(payload: bytes, profile: ModelProfile, headers: Mapping[str, str]) -> ParsedPages:
    """Decode the text and the result of the task."""
    response = decode_chat(payload, profile, headers)
    return ParsedPages(
        text=response.text,
        tables=find_tables(response.text),
        ocr_result=find_ocr_result(payload),
        model=response.model or profile.name,
        usage=response.usage,
        request_id=response.request_id,
        truncated=response.finish_reason == "length",
    )


def find_tables(text: str) -> tuple[str, ...]:
    """Return the tables of a text, as they are: Markdown or HTML."""
    return tuple(match.group(0).strip() for match in TABLE.finditer(text))


class OutputItem(msgspec.Struct):
    """An item of the output; only messages have content."""

    content: Any = None


class Output(msgspec.Struct):
    """The output of a response."""

    output: list[OutputItem] | None = None


_decode_output = msgspec.json.Decoder(Output).decode


def find_ocr_result(payload: bytes) -> Any:
    """Return the ``ocr_result`` of a response; a list if there are several, None if there is none."""
    found = [
        part["ocr_result"]
        for item in _decode_output(payload).output or ()
        for part in (item.content if isinstance(item.content, list) else ())
        if isinstance(part, dict) and part.get("ocr_result")
    ]
    return found if len(found) > 1 else next(iter(found), None)
