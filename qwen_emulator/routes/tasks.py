"""The task API of the native protocol: poll, list, cancel; and the result files behind their links."""

from __future__ import annotations

from urllib.parse import parse_qs

from qwen_emulator.failures import Failure
from qwen_emulator.protocols import NATIVE
from qwen_emulator.protocols.base import json_reply
from qwen_emulator.replies import RawReply
from qwen_emulator.requests import RecordedRequest
from qwen_emulator.results import ROOT as RESULTS
from qwen_emulator.service import Handler, Service, route
from qwen_emulator.tasks import EmulatedTask, ProduceResult

_ROOT = "/api/v1/tasks"
_ASYNC = "X-DashScope-Async"
_EXPIRED = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Request has expired.</Message></Error>"

NOT_ASYNC = Failure(
    403,
    "access_denied",
    "current user api does not support synchronous calls.",
    native_code="AccessDenied",
)
NOT_PENDING = Failure(
    400,
    "unsupported_operation",
    "Failed to cancel the task, please confirm if the task is in PENDING status.",
    native_code="UnsupportedOperation",
)


def is_asynchronous(request: RecordedRequest) -> bool:
    """Return whether a request submits a task."""
    return request.headers.get(_ASYNC, "").lower() == "enable"


def submit(service: Service, request: RecordedRequest, produce: ProduceResult) -> RawReply:
    """Respond to a submission. ``produce`` makes the result when the task ends."""
    task = service.tasks.add(str(request.model), produce)
    output = {"task_id": task.id, "task_status": "PENDING"}
    return json_reply({"output": output, "request_id": request.request_id}, request.request_id)


def _poll(service: Service, request: RecordedRequest) -> RawReply:
    described = service.tasks.poll(request.path.rpartition("/")[2])
    return json_reply({"request_id": request.request_id, **described}, request.request_id)


def _cancel(service: Service, request: RecordedRequest) -> RawReply:
    if not service.tasks.cancel(request.path.split("/")[-2]):
        return NATIVE.encode_failure(NOT_PENDING, request.request_id)
    return json_reply({"request_id": request.request_id}, request.request_id)


def _list(service: Service, request: RecordedRequest) -> RawReply:
    query = {name: values[-1] for name, values in parse_qs(request.query).items()}
    found = [task for task in service.tasks.all() if _matches(task, query)]
    number, size = int(query.get("page_no") or 1), int(query.get("page_size") or 10)
    page = [
        {**task.listed(), "request_id": request.request_id} for task in found[(number - 1) * size : number * size]
    ]
    listed = {
        "total": len(found),
        "data": page,
        "total_page": -(-len(found) // size),
        "page_no": number,
        "page_size": size,
        "request_id": request.request_id,
    }
    return json_reply(listed, request.request_id)


def _matches(task: EmulatedTask, query: dict[str, str]) -> bool:
    wanted = {"task_id": task.id, "model_name": task.model, "status": task.status}
    return all(query.get(name) in (None, value) for name, value in wanted.items())


def _result(service: Service, request: RecordedRequest) -> RawReply:
    """Send a result file as the object store does: no key is needed, and an expired link is refused in XML."""
    found = service.results.get(request.path)
    if found is None or request.headers.get("Authorization"):
        return RawReply(403, {"content-type": "application/xml"}, (_EXPIRED,))
    return RawReply(200, {"content-type": found.content_type}, (found.data,))


def _scripted(handler: Handler) -> Handler:
    """Wrap a handler: send a scripted failure or raw reply instead."""

    def respond(service: Service, request: RecordedRequest) -> RawReply:
        return service.other(request, NATIVE, lambda: None, lambda: handler(service, request))

    return respond


ROUTES = (
    route("GET", _ROOT, _scripted(_list)),
    route("GET", f"{_ROOT}/[^/]+", _scripted(_poll)),
    route("POST", f"{_ROOT}/[^/]+/cancel", _scripted(_cancel)),
    route("GET", f"{RESULTS}/.+", _scripted(_result), open_to_all=True),
)
