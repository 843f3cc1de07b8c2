# Generated from qwen_core/resources/tasks.py by scripts/generate_sync.py: do not edit.
"""Submit tasks to the service and wait for them: images, videos and the transcription of long files."""

from collections.abc import Mapping
from datetime import datetime

from qwen_core.config.settings import ClientSettings
from qwen_core.config.timeouts import as_timeout
from qwen_core.execution.retry import Attempts
from qwen_core.execution.service_calls import NO_HEADERS
from qwen_core.execution.sync.retry import retry
from qwen_core.execution.sync.service_calls import ServiceCalls
from qwen_core.protocols.tasks import (
    TASK_HEADERS,
    Task,
    TaskFilter,
    TaskPage,
    TaskRecord,
    page_path,
    task_error,
    task_path,
)
from qwen_core.resources.tasks import (
    MAX_WAIT_SECONDS,
    POLL_SECONDS,
    Poll,
    read_task,
    refused,
)
from qwen_core.transports.base import HTTPResponse
from qwen_core.transports.blocking import sleep
from qwen_core.transports.progress import task_bar
from qwen_core.types.errors import QwenError


class QwenTasks:
    """Submits tasks, polls and cancels them.

    Examples:
        >>> tasks = QwenTasks(ClientSettings())
        >>> task = tasks.wait('the id of a task')  # doctest: +SKIP
    """

    def __init__(self, settings: ClientSettings, *, show_progress: bool = False) -> None:
        self.settings = settings
        self.show_progress = show_progress
        self._calls = ServiceCalls(settings, "dashscope")

    def submit(self, path: str, body: bytes, headers: Mapping[str, str] = NO_HEADERS) -> Task:
        """Submit a task and return it with its id. Only a submission that was throttled is repeated.

        Args:
            path: below the base URL of the native protocol, such as ``/services/audio/asr/transcription``.
            body: JSON.
            headers: further headers.
        """
        attempts = Attempts(as_timeout(self.settings.timeout))

        def attempt() -> HTTPResponse:
            try:
                return self._calls.send_once(
                    "POST", path, body, attempts.deadline.end, {**TASK_HEADERS, **headers}
                )
            except QwenError as error:
                raise refused(error) from error.__cause__

        return read_task(retry(attempt, attempts, self.settings.max_retries), self.settings)

    def get(self, task_id: str) -> Task:
        """Return a task as it is now. An unknown id, or one older than 24 hours, has the status ``UNKNOWN``."""
        return read_task(self._calls.send("GET", task_path(task_id)), self.settings)

    def wait(
        self,
        task_id: str,
        *,
        poll_seconds: float = POLL_SECONDS,
        patience: float = MAX_WAIT_SECONDS,
        title: str = "Task",
    ) -> Task:
        """Return a task once it has succeeded, which leaves out that single results of it may have failed.

        Raise the error that it failed with, NotFoundError if the service does not know it, TaskError if it was
        canceled, and APITimeoutError if it is not finished in time. Errors have its id as ``task_id``.

        Args:
            task_id: of a task of this account on this host, also one that another process submitted.
            poll_seconds: the longest pause between two polls. The first ones follow each other faster.
            patience: seconds to wait.
            title: of the progress bar.
        """
        poll = Poll(task_id, poll_seconds, patience)
        with task_bar(self.show_progress, title) as on_status:
            while True:
                try:
                    task = self.get(task_id)
                except QwenError as error:
                    poll.on_error(error)
                else:
                    poll.on_task()
                    on_status(*task.progress, task.status)
                    if error_of_task := task_error(task):
                        error_of_task.host = self.settings.endpoint("dashscope").host
                        raise error_of_task
                    if task.is_final:
                        return task
                sleep(poll.next_pause())

    def cancel(self, task_id: str) -> None:
        """Cancel a task that is still ``PENDING``. The service refuses it for any other (BadRequestError)."""
        self._calls.send("POST", task_path(task_id, "/cancel"))

    def all(
        self,
        *,
        model: str | None = None,
        status: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[TaskRecord]:
        """Return the account's tasks, those of the last 24 hours unless ``since`` and ``until`` say otherwise."""
        selected = TaskFilter(model, status, since, until)
        records: list[TaskRecord] = []
        number = 1
        while True:
            page = self._calls.fetch("GET", page_path(selected, number), TaskPage)
            records += page.data or ()
            if not page.data or number >= (page.total_page or 1):
                return records
            number += 1
