"""Upload documents in messages for models that read files by id, and replace them by their ids.

What this process uploaded before is found again by its content.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from qwen_core.models.profile import ModelProfile
from qwen_core.prepare.media import PreparedMedia
from qwen_core.prepare.media_checks import DATA_URI_HEADER, decode_base64
from qwen_core.types.messages import FilePart, Part
from qwen_core.types.requests import ChatRequest

SUFFIXES = {"application/pdf": "pdf", "text/markdown": "md", "text/html": "html", "text/csv": "csv"}


class Document(NamedTuple):
    """Content to upload, and its file name, whose suffix tells the service how to parse it."""

    content: Path | bytes
    name: str


def documents_to_upload(ready: PreparedMedia, profile: ModelProfile) -> dict[str, Document]:
    """Return the documents that this model reads only by file id, keyed by their URL."""
    if profile.documents != "file_id":
        return {}
    parts = [part for message in ready.request.messages for part in message.parts if isinstance(part, FilePart)]
    documents = {part.url: document_of(part, ready) for part in parts if part.url}
    return {url: document for url, document in documents.items() if document}


def document_of(part: FilePart, ready: PreparedMedia) -> Document | None:
    """Return the content that a part holds, or None if it holds only a URL."""
    url = part.url or ""
    if file := ready.uploads.get(url):
        return Document(file.path, part.filename or file.name)
    header = DATA_URI_HEADER.match(url)
    if not header:
        return None
    suffix = SUFFIXES.get(header[0][len("data:") :].partition(";")[0], "txt")
    name = part.filename or "document"
    return Document(decode_base64(url[header.end() :], "document"), name if "." in name else f"{name}.{suffix}")


def with_file_ids(request: ChatRequest, ids: Mapping[str, str]) -> ChatRequest:
    """Return the request with the uploaded documents replaced by their ids."""

    def replace(part: Part) -> Part:
        if isinstance(part, FilePart) and part.url and part.url in ids:
            return FilePart(file_id=ids[part.url], filename=part.filename)
        return part

    messages = tuple(
        msgspec.structs.replace(message, parts=tuple(replace(part) for part in message.parts))
        for message in request.messages
    )
    return msgspec.structs.replace(request, messages=messages)
