"""Encode and decode the task API: what takes long is submitted, polled by its id and fetched when it is done.

Images, videos and the transcription of long files are such tasks. Ids and results are kept for 24 hours. Source:
the pages on managing asynchronous tasks.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec

from qwen_core.config.endpoints import quote_id
from qwen_core.protocols.error_decoding import decode_body, decode_error, invalid_response
from qwen_core.types.decodable import decodable
from qwen_core.types.errors import NotFoundError, QwenError, TaskError, make_error

TASK_HEADERS = {"X-DashScope-Async": "enable"}
"""What makes a call a task. Paths that only have tasks answer ``AccessDenied`` without it."""

SUCCEEDED = "SUCCEEDED"
FAILED = "FAILED"
CANCELED = ("CANCELED", "CANCELLED")
UNKNOWN = "UNKNOWN"
FINAL = (SUCCEEDED, FAILED, *CANCELED, UNKNOWN)

LOST_HINT = "Ids are valid for 24 hours, on the host and for the account that they were made with."
PAGE = 100
SERVICE_TIME = timezone(timedelta(hours=8))
"""The zone of the times that the list of tasks is selected by."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A task as the service last described it.

    ``output`` and ``usage`` are the service's own objects: where the result stands in them differs from kind to
    kind. A task that succeeded may still hold results that failed.
    """

    id: str
    status: str
    output: dict[str, Any] = msgspec.field(default_factory=dict)
    usage: dict[str, Any] | None = None
    request_id: str | None = None

    @property
    def is_final(self) -> bool:
        """Return whether the status will not change any more."""
        return self.status in FINAL

    @property
    def progress(self) -> tuple[int, int]:
        """Return how many results are finished, and how many there will be (1 if the service does not say)."""
        metrics = self.output.get("task_metrics")
        counts = metrics if isinstance(metrics, dict) else {}
        total, *done = (as_count(counts.get(name)) for name in ("TOTAL", SUCCEEDED, FAILED))
        return (sum(done), total) if total else (int(self.status == SUCCEEDED), 1)


def as_count(value: Any) -> int:
    """Return a count, 0 if it is not a number."""
    return value if isinstance(value, int) else 0


@decodable
class TaskRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A task in the list of the account's tasks. Times are in milliseconds since 1970."""

    task_id: str
    status: str = ""
    model_name: str | None = None
    region: str | None = None
    request_id: str | None = None
    gmt_create: int | None = None
    start_time: int | None = None
    end_time: int | None = None


@decodable
class TaskPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the list."""

    data: list[TaskRecord] | None = None
    total_page: int | None = None


class TaskFilter(NamedTuple):
    """What to list: tasks of a model, with a status, that began in a span of at most 24 hours."""

    model: str | None = None
    status: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def task_path(task_id: str, part: str = "") -> str:
    """Return the path of a task."""
    return f"/tasks/{quote_id(task_id)}{part}"


def page_path(selected: TaskFilter, page: int) -> str:
    """Return the path of one page of the list."""
    query = {
        "model_name": selected.model,
        "status": selected.status,
        "start_time": time_text(selected.since),
        "end_time": time_text(selected.until),
        "page_no": str(page),
        "page_size": str(PAGE),
    }
    return "/tasks?" + urlencode({name: value for name, value in query.items() if value})


def time_text(moment: datetime | None) -> str | None:
    """Return a time as the list takes it: local time of the service."""
    return None if moment is None else moment.astimezone(SERVICE_TIME).strftime("%Y%m%d%H%M%S")


def decode_task(payload: bytes, headers: Mapping[str, str]) -> Task:
    """Decode the answer to a submission or a poll.

    One page shows the fields of ``output`` at the top level.
    """
    body = decode_body(_decode_object, payload, headers)
    output = body.get("output")
    if not isinstance(output, dict):
        output = body
    task_id, status = output.get("task_id"), output.get("task_status")
    if not isinstance(task_id, str) or not isinstance(status, str) or not task_id:
        if body.get("code"):
            raise decode_error(200, payload, headers)
        raise invalid_response(payload, "it has no task_id and task_status")
    usage, request_id = body.get("usage"), body.get("request_id")
    return Task(
        id=task_id,
        status=status.upper(),
        output=output,
        usage=usage if isinstance(usage, dict) else None,
        request_id=request_id if isinstance(request_id, str) else None,
    )


_decode_object = msgspec.json.Decoder(dict[str, Any]).decode


def task_error(task: Task) -> QwenError | None:
    """Return the error that a task ended with; None if it succeeded or has not ended."""
    error: QwenError | None = None
    if task.status == FAILED:
        code, message = task.output.get("code"), task.output.get("message")
        error = make_error(
            None,
            str(code) if code else None,
            str(message or f"The task failed with the code {code}."),
            request_id=task.request_id,
        )
    elif task.status in CANCELED:
        error = TaskError(f"The task {task.id} was canceled.", request_id=task.request_id)
    elif task.status == UNKNOWN:
        message = f"The service does not know the task {task.id}."
        error = NotFoundError(message, request_id=task.request_id, hint=LOST_HINT)
    if error is not None:
        error.task_id, error.task_ended = task.id, True
    return error
