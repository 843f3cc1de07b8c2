"""The Batch API of the compatible protocol: create, retrieve, list, cancel.

The list is not filtered by time: the documents do not say in which zone ``create_after`` counts.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

from qwen_emulator.batches import SETTLED, BatchJob
from qwen_emulator.failures import Failure, invalid_parameter
from qwen_emulator.models import TEST_MODEL
from qwen_emulator.protocols import COMPATIBLE
from qwen_emulator.protocols.base import dump, json_reply
from qwen_emulator.replies import RawReply
from qwen_emulator.requests import RecordedRequest
from qwen_emulator.service import Handler, Service, route
from qwen_emulator.validation.batches import TEST_ENDPOINT, validate_job

_ROOT = "/compatible-mode/v1/batches"
_DEFAULT_PAGE = 20
_LARGEST_PAGE = 100
_MOST_FILES = 20


def _create(service: Service, request: RecordedRequest) -> RawReply:
    parameters = request.body
    stored = service.files.get(parameters["input_file_id"])
    if stored is None or stored.purpose != "batch":
        return _refused(request, f"No such File object: {parameters['input_file_id']}", 404)

    def answer(line: dict[str, Any]) -> RawReply:
        return execute(service, request, line)

    job = service.batches.add(parameters, stored.data, answer, validate=service.settings.validate)
    return json_reply(job.described(), request.request_id)


def execute(service: Service, request: RecordedRequest, line: dict[str, Any]) -> RawReply:
    """Execute one line: respond as to a single request, with the API key that created the job."""
    if line["url"] == TEST_ENDPOINT:
        return json_reply(_test_answer(), request.request_id)
    parameters = RecordedRequest(
        method="POST",
        path=f"/compatible-mode{line['url']}",
        query="",
        headers=request.headers,
        body=line["body"],
        raw=json.dumps(line["body"]).encode(),
        protocol="openai",
        connection=request.connection,
    )
    return service.respond(parameters)


def _test_answer() -> dict[str, Any]:
    message = {"content": "This is a test result."}
    return {
        "created": 1_768_306_035,
        "usage": {"completion_tokens": 6, "prompt_tokens": 20, "total_tokens": 26},
        "model": TEST_MODEL,
        "id": "chatcmpl-test",
        "choices": [{"finish_reason": "stop", "index": 0, "message": message}],
        "object": "chat.completion",
    }


def _get(service: Service, request: RecordedRequest) -> RawReply:
    job = service.batches.get(_identity(request))
    return _missing(request) if job is None else json_reply(job.described(), request.request_id)


def _cancel(service: Service, request: RecordedRequest) -> RawReply:
    job = service.batches.get(_identity(request))
    if job is None:
        return _missing(request)
    if job.status in SETTLED:
        return _refused(request, f"Cannot cancel a batch with status '{job.status}'.")
    job.enter("cancelling")
    return json_reply(job.described(), request.request_id)


def _list(service: Service, request: RecordedRequest) -> RawReply:
    query = {name: values[-1] for name, values in parse_qs(request.query).items()}
    size = int(query.get("limit") or _DEFAULT_PAGE)
    found = [job for job in service.batches.all() if _matches(job, query)]
    if after := query.get("after"):
        indexes = [index for index, job in enumerate(found) if job.id == after]
        found = found[indexes[0] + 1 :] if indexes else []
    page = [job.described() for job in found[:size]]
    listed = {
        "object": "list",
        "data": page or None,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": len(found) > size,
    }
    return RawReply(200, {"content-type": "application/json"}, (dump(listed),))


def _matches(job: BatchJob, query: dict[str, str]) -> bool:
    files, states = query.get("input_file_ids"), query.get("status")
    name = (job.parameters.get("metadata") or {}).get("ds_name") or ""
    return (
        (files is None or job.parameters["input_file_id"] in files.split(","))
        and (states is None or job.status in states.split(","))
        and query.get("ds_name", "") in name
    )


def _validate_list(request: RecordedRequest) -> Failure | None:
    query = parse_qs(request.query)
    limit = query.get("limit", [str(_DEFAULT_PAGE)])[-1]
    if not limit.isdecimal() or not 1 <= int(limit) <= _LARGEST_PAGE:
        return invalid_parameter(f"limit should be in [1, {_LARGEST_PAGE}]")
    if len(query.get("input_file_ids", [""])[-1].split(",")) > _MOST_FILES:
        return invalid_parameter(f"The number of input_file_ids should not be larger than {_MOST_FILES}")
    return None


def _accept(request: RecordedRequest) -> Failure | None:
    return None


def _validate_create(request: RecordedRequest) -> Failure | None:
    return validate_job(request.body)


def _scripted(handler: Handler, validate: Any = _accept) -> Handler:
    """Wrap a handler: refuse invalid requests, and send a scripted failure or raw reply instead."""

    def respond(service: Service, request: RecordedRequest) -> RawReply:
        return service.other(request, COMPATIBLE, lambda: validate(request), lambda: handler(service, request))

    return respond


def _identity(request: RecordedRequest) -> str:
    return request.path.removeprefix(f"{_ROOT}/").removesuffix("/cancel")


def _missing(request: RecordedRequest) -> RawReply:
    return _refused(request, f"No such Batch object: {_identity(request)}", 404)


def _refused(request: RecordedRequest, message: str, status: int = 400) -> RawReply:
    error: dict[str, Any] = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return json_reply({"error": error}, request.request_id, status)


ROUTES = (
    route("POST", _ROOT, _scripted(_create, _validate_create)),
    route("GET", _ROOT, _scripted(_list, _validate_list)),
    route("GET", f"{_ROOT}/[\\w-]+", _scripted(_get)),
    route("POST", f"{_ROOT}/[\\w-]+/cancel", _scripted(_cancel)),
)
