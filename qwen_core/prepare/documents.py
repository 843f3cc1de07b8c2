"""Documents inside of messages, for models that read uploaded files by their id: what to upload, and what then
stands in its place. What this process uploaded before is found again by its content.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from qwen_core.models.profile import ModelProfile
from qwen_core.prepare.media import ReadyMedia
from qwen_core.prepare.media_checks import DATA_URI_HEADER, decoded
from qwen_core.types.messages import FilePart, Part
from qwen_core.types.requests import ChatRequest

SUFFIXES = {"application/pdf": "pdf", "text/markdown": "md", "text/html": "html", "text/csv": "csv"}


class Document(NamedTuple):
    """A content to upload, and its name: by its ending the service knows how to parse it."""

    content: Path | bytes
    name: str


def documents_to_upload(ready: ReadyMedia, profile: ModelProfile) -> dict[str, Document]:
    """The documents that this model reads only by their id, by the URL that stands for each."""
    if profile.documents != "file_id":
        return {}
    parts = [part for message in ready.request.messages for part in message.parts if isinstance(part, FilePart)]
    found = {part.url: document(part, ready) for part in parts if part.url}
    return {url: content for url, content in found.items() if content}


def document(part: FilePart, ready: ReadyMedia) -> Document | None:
    """What a part holds itself; None where it only says where that is."""
    url = part.url or ""
    if file := ready.uploads.get(url):
        return Document(file.path, part.filename or file.name)
    header = DATA_URI_HEADER.match(url)
    if not header:
        return None
    suffix = SUFFIXES.get(header[0][len("data:") :].partition(";")[0], "txt")
    name = part.filename or "document"
    return Document(decoded(url[header.end() :], "document"), name if "." in name else f"{name}.{suffix}")


def with_file_ids(request: ChatRequest, ids: Mapping[str, str]) -> ChatRequest:
    """The request with ids in the place of what was uploaded."""

    def changed(part: Part) -> Part:
        if isinstance(part, FilePart) and part.url and part.url in ids:
            return FilePart(file_id=ids[part.url], filename=part.filename)
        return part

    messages = tuple(
        msgspec.structs.replace(message, parts=tuple(changed(part) for part in message.parts))
        for message in request.messages
    )
    return msgspec.structs.replace(request, messages=messages)
