"""Asynchronous tasks: their life from submission to result, by number of polls. Knows no HTTP.

Sources: the page on managing tasks, and captures of 2024: a task that runs, one that is unknown, a list,
the refusal to cancel a task that is finished.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Literal, NamedTuple

Ending = Literal["SUCCEEDED", "FAILED", "CANCELED", "UNKNOWN"]
_ZONE = timezone(timedelta(hours=8))


@dataclass(frozen=True)
class TaskPlan:
    """How tasks proceed. It may be changed while they run."""

    polls: int = 1
    """Number of polls that a task is seen running before it ends; the first of two or more sees it pending."""
    ends: Ending = "SUCCEEDED"
    code: str = "InternalError.Timeout"
    """Code of a task, or of single results, that failed."""
    message: str = "The task timed out."
    failed_results: Sequence[int] = ()
    """Positions of the results that failed, in a task that succeeded."""


class TaskResult(NamedTuple):
    """What a finished task shows: keys of ``output``, the usage, and how many results there are."""

    output: dict[str, Any]
    usage: dict[str, Any] | None = None
    total: int = 1


ProduceResult = Callable[[TaskPlan], TaskResult]
"""Makes the result when the task ends."""


@dataclass
class EmulatedTask:
    """One task."""

    model: str
    produce: ProduceResult
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "PENDING"
    polls: int = 0
    created: float = field(default_factory=time.time)
    ended: float | None = None
    result: TaskResult | None = None

    def end(self, status: str) -> None:
        """Enter a final state."""
        self.status = status
        self.ended = time.time()

    def described(self, plan: TaskPlan) -> dict[str, Any]:
        """Return ``output``, and ``usage`` if there is one, as the API shows them."""
        output: dict[str, Any] = {"task_id": self.id, "task_status": self.status}
        if self.status == "UNKNOWN":
            return {"output": output}
        output["submit_time"] = moment(self.created)
        if self.status != "PENDING":
            output["scheduled_time"] = moment(self.created + 0.01)
        if self.ended is not None:
            output["end_time"] = moment(self.ended)
        if self.status == "FAILED":
            output |= {"code": plan.code, "message": plan.message}
        failed = len(plan.failed_results)
        total = self.result.total if self.result else 1
        if self.status == "SUCCEEDED" and self.result:
            output |= self.result.output
            output["task_metrics"] = {"TOTAL": total, "SUCCEEDED": total - failed, "FAILED": failed}
            return {"output": output} | ({"usage": self.result.usage} if self.result.usage else {})
        output["task_metrics"] = {"TOTAL": total, "SUCCEEDED": 0, "FAILED": int(self.status == "FAILED")}
        return {"output": output}

    def listed(self) -> dict[str, Any]:
        """Return the task as the list shows it."""
        return {
            "api_key_id": "emulator",
            "caller_uid": "emulator",
            "gmt_create": int(self.created * 1000),
            "start_time": int(self.created * 1000) + 10,
            "end_time": None if self.ended is None else int(self.ended * 1000),
            "model_name": self.model,
            "region": "cn-beijing",
            "status": self.status,
            "task_id": self.id,
        }


@dataclass
class TaskStore:
    """All tasks of one emulator. Thread-safe."""

    plan: TaskPlan = field(default_factory=TaskPlan)
    _tasks: dict[str, EmulatedTask] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, model: str, produce: ProduceResult) -> EmulatedTask:
        """Submit a task."""
        task = EmulatedTask(model, produce)
        with self._lock:
            self._tasks[task.id] = task
        return task

    def poll(self, task_id: str) -> dict[str, Any]:
        """Count a poll and describe the task; an unknown id is described as such."""
        with self._lock:
            task = self._tasks.get(task_id)
            if task is None:
                return {"output": {"task_id": task_id, "task_status": "UNKNOWN"}}
            self._advance(task)
            return task.described(self.plan)

    def cancel(self, task_id: str) -> bool:
        """Cancel a task that is pending; return whether it was."""
        with self._lock:
            task = self._tasks.get(task_id)
            if task is None or task.status != "PENDING":
                return False
            task.end("CANCELED")
            return True

    def all(self) -> list[EmulatedTask]:
        """Return every task, newest first."""
        return list(self._tasks.values())[::-1]

    def clear(self) -> None:
        """Forget all tasks and the plan."""
        with self._lock:
            self._tasks.clear()
            self.plan = TaskPlan()

    def _advance(self, task: EmulatedTask) -> None:
        if task.ended is not None:
            return
        task.polls += 1
        if task.polls <= self.plan.polls:
            task.status = "PENDING" if task.polls == 1 and self.plan.polls > 1 else "RUNNING"
            return
        if self.plan.ends == "SUCCEEDED":
            task.result = task.produce(self.plan)
        task.end(self.plan.ends)


def moment(seconds: float) -> str:
    """Return a time as the service writes it."""
    local = datetime.fromtimestamp(seconds, UTC).astimezone(_ZONE)
    return local.strftime("%Y-%m-%d %H:%M:%S.") + f"{local.microsecond // 1000:03d}"
