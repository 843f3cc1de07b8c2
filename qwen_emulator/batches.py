"""Batch jobs: the life of an uploaded file of requests. Knows no HTTP.

States, fields and limits are those of the Batch pages (compatible 1.2). What only OpenAI documents is marked
ASSUMED: the codes ``batch_expired``, ``batch_cancelled`` and those of most validation errors. Others saw at the
service: one invalid line fails the whole file, with counts of 0; an empty list has ``data: null``; lines that a
cancelled job did not reach count as failed and are in the error file.
"""

from __future__ import annotations

import itertools
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from qwen_emulator.files import FileStore
from qwen_emulator.protocols.base import dump
from qwen_emulator.replies import RawReply
from qwen_emulator.validation.batches import validate_file

Ending = Literal["completed", "expired", "failed"]
LineExecutor = Callable[[dict[str, Any]], RawReply]
"""Executes one line of a file."""

SETTLED = ("completed", "failed", "expired", "cancelled")
_VALIDATED = 0.1
"""Share of a job's duration that its validation takes."""
_NOT_REACHED = {
    "expired": ("batch_expired", "The request was not executed before the completion window ended."),
    "cancelled": ("batch_cancelled", "The job was cancelled before the request was executed."),
    "failed": ("internal_error", "The job failed before the request was executed."),
}
_LEFT_OUT = ("system_fingerprint",)
_LEFT_OUT_OF_USAGE = ("prompt_tokens_details", "completion_tokens_details")


@dataclass(frozen=True)
class BatchPlan:
    """How jobs proceed. It may be changed while they run."""

    seconds: float = 0.0
    """From creation to the end; with infinity, jobs stay in validation."""
    ends: Ending = "completed"
    answered: int | None = None
    """Maximum number of lines that are executed; None means all."""
    tell: bool = True
    """Whether the error file has the lines that were not reached."""


@dataclass
class BatchJob:
    """One job."""

    parameters: dict[str, Any]
    lines: list[dict[str, Any]]
    errors: list[dict[str, Any]]
    execute_line: LineExecutor
    id: str = field(default_factory=lambda: f"batch_{uuid.uuid4()}")
    status: str = "validating"
    output_file_id: str | None = None
    error_file_id: str | None = None
    times: dict[str, int] = field(default_factory=dict)
    results: list[bytes] = field(default_factory=list)
    failures: list[bytes] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    created_at: int = field(default_factory=lambda: int(time.time()))

    @property
    def reached(self) -> int:
        """Return the number of lines that were executed."""
        return len(self.results) + len(self.failures)

    def enter(self, status: str) -> None:
        """Enter a state."""
        self.status = status
        self.times.setdefault(status, int(time.time()))

    def described(self) -> dict[str, Any]:
        """Return the job as the API shows it."""
        begun = self.status not in ("validating", "failed") or bool(self.reached)
        moments = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": self.parameters["endpoint"],
            "errors": {"object": "list", "data": self.errors} if self.status == "failed" and self.errors else None,
            "input_file_id": self.parameters["input_file_id"],
            "completion_window": self.parameters["completion_window"],
            "status": self.status,
            "output_file_id": self.output_file_id,
            "error_file_id": self.error_file_id,
            "created_at": self.created_at,
            "expires_at": None,
            **{f"{moment}_at": self.times.get(moment) for moment in moments},
            "request_counts": {
                "total": len(self.lines) if begun else 0,
                "completed": len(self.results),
                "failed": len(self.failures),
            },
            "metadata": self.parameters.get("metadata"),
        }

    def execute(self, until: int) -> None:
        """Execute the lines up to this one."""
        for line in itertools.islice(self.lines, self.reached, until):
            reply = self.execute_line(line)
            good = reply.status == 200
            (self.results if good else self.failures).append(written(line, reply))

    def fail_unreached_lines(self, reason: str) -> None:
        """Record the lines that were not reached as failed."""
        code, message = _NOT_REACHED[reason]
        for line in self.lines[self.reached :]:
            error = {"code": code, "message": message}
            self.failures.append(result_line(line["custom_id"], str(uuid.uuid4()), None, error))


@dataclass
class BatchStore:
    """All jobs of one emulator."""

    files: FileStore
    plan: BatchPlan = field(default_factory=BatchPlan)
    _jobs: dict[str, BatchJob] = field(default_factory=dict)

    def add(
        self, parameters: dict[str, Any], data: bytes, execute_line: LineExecutor, *, validate: bool
    ) -> BatchJob:
        """Create a job for a file."""
        lines, errors = validate_file(data, parameters["endpoint"])
        job = BatchJob(parameters, lines, errors if validate else [], execute_line)
        self._jobs[job.id] = job
        return job

    def get(self, identity: str) -> BatchJob | None:
        """Return a job in its present state, or None if it does not exist."""
        job = self._jobs.get(identity)
        if job is not None:
            self._advance(job)
        return job

    def all(self) -> list[BatchJob]:
        """Return every job, newest first."""
        for job in self._jobs.values():
            self._advance(job)
        return list(self._jobs.values())[::-1]

    def clear(self) -> None:
        """Forget all jobs and the plan."""
        self._jobs.clear()
        self.plan = BatchPlan()

    def _advance(self, job: BatchJob) -> None:
        if job.status in SETTLED:
            return
        if job.status == "cancelling":
            self._settle(job, "cancelled", tell=self.plan.tell)
            return
        passed = time.monotonic() - job.began
        part = passed / self.plan.seconds if self.plan.seconds else 1.0
        if part < _VALIDATED:
            return
        if job.errors:
            job.lines = []
            job.enter("failed")
            return
        limit = len(job.lines) if self.plan.answered is None else min(self.plan.answered, len(job.lines))
        job.enter("in_progress")
        job.execute(min(limit, int(len(job.lines) * part)))
        if part >= 1.0:
            job.enter("finalizing")
            self._settle(job, self.plan.ends, tell=self.plan.tell)

    def _settle(self, job: BatchJob, status: str, *, tell: bool) -> None:
        if status != "completed" and tell:
            job.fail_unreached_lines(status)
        if job.results:
            job.output_file_id = self._keep(job, job.results)
        if job.failures:
            job.error_file_id = self._keep(job, job.failures)
        if status == "failed":
            job.errors = [{"code": "internal_error", "message": "The job failed.", "param": None, "line": None}]
        job.enter(status)

    def _keep(self, job: BatchJob, lines: list[bytes]) -> str:
        return self.files.add(f"{job.id}.jsonl", "batch_output", b"".join(lines)).id


def written(line: dict[str, Any], reply: RawReply) -> bytes:
    """Return the line of the output file, or of the error file, for a response."""
    request_id = reply.headers.get("x-request-id", "")
    try:
        body = json.loads(b"".join(reply.segments))
    except ValueError:
        body = {"error": {"code": "internal_error", "message": "The request failed."}}
    error = None
    if reply.status == 200:
        body = plainer(body)
    else:
        error = {name: body.get("error", {}).get(name) for name in ("code", "message")}
    response = {"status_code": reply.status, "request_id": request_id, "body": body}
    return result_line(line["custom_id"], request_id, response, error)


def result_line(custom_id: str, identity: str, response: Any, error: Any) -> bytes:
    """Return one line of a result file."""
    return dump({"id": identity, "custom_id": custom_id, "response": response, "error": error}) + b"\n"


def plainer(body: dict[str, Any]) -> dict[str, Any]:
    """Return a response without the details that the samples of the Batch pages lack."""
    kept = {name: value for name, value in body.items() if name not in _LEFT_OUT}
    if usage := kept.get("usage"):
        kept["usage"] = {name: value for name, value in usage.items() if name not in _LEFT_OUT_OF_USAGE}
    for choice in kept.get("choices", ()):
        choice.pop("logprobs", None)
    return kept
