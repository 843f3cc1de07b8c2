"""The Batch API's structs (compatible 1.2 and the pages "OpenAI compatible: Batch").

Loose, because the documents and what was seen differ: an empty list has ``data: null``, and the error of a line
writes ``code`` and ``message`` in some objects and ``error_code`` and ``error_message`` in others.
"""

from typing import Any, Literal

import msgspec

from qwen_core.config.endpoints import quote_id
from qwen_core.types.decodable import decodable

SETTLED = ("completed", "failed", "expired", "cancelled")
"""The states that a job ends in. Before: validating, in_progress, finalizing, cancelling."""

CHAT_ENDPOINT = "/v1/chat/completions"
TEST_ENDPOINT = "/v1/chat/ds-test"
"""For the free test model with a fixed response: 100 lines and 1 MB at most."""


JOBS = "/batches"
"""The path where jobs are created and listed."""


def job_path(job_id: str, action: str = "") -> str:
    """Return the path of one job."""
    return f"{JOBS}/{quote_id(job_id)}{action}"


class JobError(msgspec.Struct, frozen=True):
    """What was wrong with a job's file. ``line`` counts from 1; None: the whole file."""

    code: str | None = None
    message: str | None = None
    param: str | None = None
    line: int | None = None


class JobErrors(msgspec.Struct, frozen=True):
    """All errors of a job's file."""

    data: list[JobError] | None = None


class RequestCounts(msgspec.Struct, frozen=True):
    """The progress of a job, in lines."""

    total: int = 0
    completed: int = 0
    failed: int = 0


@decodable
class BatchJob(msgspec.Struct, frozen=True):
    """A job at the service, in its own words.

    ``status`` ends as ``completed``, ``failed``, ``expired`` or ``cancelled``; ``created_at`` is in Unix seconds.
    The files hold the requests, the answers and the errors.
    """

    id: str
    status: str
    input_file_id: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    errors: JobErrors | None = None
    request_counts: RequestCounts | None = None
    endpoint: str | None = None
    completion_window: str | None = None
    created_at: int | None = None
    metadata: dict[str, Any] | None = None

    @property
    def is_settled(self) -> bool:
        """Return whether the job has ended."""
        return self.status in SETTLED

    @property
    def done(self) -> int:
        """Return how many lines are done, with a result or an error."""
        counts = self.request_counts or RequestCounts()
        return counts.completed + counts.failed

    @property
    def mistakes(self) -> list[JobError]:
        """Return what was wrong with the job's file."""
        return (self.errors.data or []) if self.errors else []


@decodable
class JobList(msgspec.Struct, frozen=True):
    """One page of jobs."""

    data: list[BatchJob] | None = None


class NewJob(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body that creates a job."""

    input_file_id: str
    endpoint: str
    completion_window: str
    metadata: dict[str, str] | None = None


class NewLine(msgspec.Struct, frozen=True):
    """One request in a file."""

    custom_id: str
    url: str
    body: msgspec.Raw
    method: Literal["POST"] = "POST"


class LineResponse(msgspec.Struct, frozen=True):
    """The response of the service to one request."""

    status_code: int | None = None
    request_id: str | None = None
    body: msgspec.Raw = msgspec.Raw(b"null")


class ResultLine(msgspec.Struct, frozen=True):
    """One line of a file of results. Failed requests may stand in either file."""

    custom_id: str
    response: LineResponse | None = None
    error: Any = None
