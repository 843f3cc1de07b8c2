"""The Files API of the compatible protocol: upload, list, retrieve, read, delete."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from qwen_emulator.files import MADE, PURPOSES, read_form
from qwen_emulator.protocols import COMPATIBLE
from qwen_emulator.protocols.base import headers, json_reply
from qwen_emulator.replies import RawReply
from qwen_emulator.requests import RecordedRequest
from qwen_emulator.service import Handler, Service, route
from qwen_emulator.validation.batches import MAX_FILE

_ROOT = "/compatible-mode/v1/files"
_PAGE = 2000


def _upload(service: Service, request: RecordedRequest) -> RawReply:
    form = read_form(request.headers.get("Content-Type", ""), request.raw)
    purpose = form.get("purpose", ("", b""))[1].decode()
    if purpose not in PURPOSES:
        return _refused(request, "'purpose' must be 'file-extract'", "purpose")
    if "file" not in form:
        return _refused(request, "'file' is a required property", "file")
    filename, data = form["file"]
    if purpose == "batch" and (not filename.endswith(".jsonl") or len(data) > MAX_FILE):
        return _refused(request, "A file for batch is a .jsonl file of 500 MB at most.", "file")
    return json_reply(service.files.add(filename, purpose, data).described(), request.request_id)


def _list(service: Service, request: RecordedRequest) -> RawReply:
    query = {name: values[-1] for name, values in parse_qs(request.query).items()}
    stored = [file.described() for file in service.files.all()]
    stored = [file for file in stored if query.get("purpose") in (None, file["purpose"])]
    if after := query.get("after"):
        indexes = [index for index, file in enumerate(stored) if file["id"] == after]
        stored = stored[indexes[0] + 1 :] if indexes else []
    size = int(query.get("limit") or _PAGE)
    page = {"object": "list", "has_more": len(stored) > size, "data": stored[:size]}
    return json_reply(page, request.request_id)


def _get(service: Service, request: RecordedRequest) -> RawReply:
    stored = service.files.get(_identity(request))
    if stored is None:
        return _refused(request, f"No such File object: {_identity(request)}", "id", 404)
    return json_reply(stored.described(), request.request_id)


def _content(service: Service, request: RecordedRequest) -> RawReply:
    identity = request.path.split("/")[-2]
    stored = service.files.get(identity)
    if stored is None or stored.purpose not in MADE:
        return _refused(request, f"No such File object, or none that can be read: {identity}", "id", 404)
    return RawReply(200, headers(request.request_id, "application/octet-stream"), (stored.data,))


def _delete(service: Service, request: RecordedRequest) -> RawReply:
    if not service.files.remove(_identity(request)):
        return _refused(request, f"No such File object: {_identity(request)}", "id", 404)
    return json_reply({"object": "file", "deleted": True, "id": _identity(request)}, request.request_id)


def _scripted(handler: Handler) -> Handler:
    """Wrap a handler: send a scripted failure or raw reply instead."""

    def respond(service: Service, request: RecordedRequest) -> RawReply:
        return service.other(request, COMPATIBLE, lambda: None, lambda: handler(service, request))

    return respond


def _identity(request: RecordedRequest) -> str:
    return request.path.rpartition("/")[2]


def _refused(request: RecordedRequest, message: str, param: str, status: int = 400) -> RawReply:
    error: dict[str, Any] = {"message": message, "type": "invalid_request_error", "param": param, "code": None}
    return json_reply({"error": error}, request.request_id, status)


ROUTES = (
    route("POST", _ROOT, _scripted(_upload)),
    route("GET", _ROOT, _scripted(_list)),
    route("GET", f"{_ROOT}/[\\w-]+", _scripted(_get)),
    route("GET", f"{_ROOT}/[\\w-]+/content", _scripted(_content)),
    route("DELETE", f"{_ROOT}/[\\w-]+", _scripted(_delete)),
)
