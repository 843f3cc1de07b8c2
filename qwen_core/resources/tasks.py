"""Submit tasks to the service and wait for them: images, videos and the transcription of long files.

A task is submitted once. Its id is all that is needed to go on with it, in another process too: a poll that fails
never submits it again.
"""

from collections.abc import Mapping
from datetime import datetime
from time import monotonic

from qwen_core.config.settings import ClientSettings
from qwen_core.config.timeouts import as_timeout
from qwen_core.execution.observers import logger
from qwen_core.execution.retry import Attempts, async_retry
from qwen_core.execution.service_calls import NO_HEADERS, AsyncServiceCalls
from qwen_core.protocols.tasks import (
    TASK_HEADERS,
    Task,
    TaskFilter,
    TaskPage,
    TaskRecord,
    decode_task,
    page_path,
    task_error,
    task_path,
)
from qwen_core.transports.base import HTTPResponse, normalize_headers
from qwen_core.transports.blocking import async_sleep
from qwen_core.transports.progress import task_bar
from qwen_core.types.errors import APITimeoutError, QwenError, RateLimitError

FIRST_PAUSE = 1.0
POLL_SECONDS = 10.0
GROWTH = 1.5
MAX_WAIT_SECONDS = 3600.0
MISSES = 10
"""How many polls in a row may fail before the wait is given up."""


class Poll:
    """The polls of one task: when the next one is due, and when to give up.

    ``poll_seconds`` is the longest pause between two of them, ``patience`` how long to wait altogether.
    """

    def __init__(self, task_id: str, poll_seconds: float, patience: float) -> None:
        self.task_id = task_id
        self._pause = min(FIRST_PAUSE, poll_seconds)
        self._longest = poll_seconds
        self._patience = patience
        self._end = monotonic() + patience
        self._misses = 0

    def on_task(self) -> None:
        """Take note that a poll succeeded."""
        self._misses = 0

    def on_error(self, error: QwenError) -> None:
        """Take note that a poll failed. Raise if it failed for good, or if polls have failed for long."""
        self._misses += 1
        if not error.is_retryable or self._misses >= MISSES:
            error.task_id = self.task_id
            raise error
        logger.info("A task could not be polled, and will be polled again: %s", error.message)

    def next_pause(self) -> float:
        """Return the seconds until the next poll. Raise APITimeoutError when patience is over."""
        left = self._end - monotonic()
        if left <= 0:
            error = APITimeoutError(
                f"The task {self.task_id} was not finished within {self._patience:.0f} seconds.",
                hint="It goes on at the service: wait for it again by its id (`task_id` of this error).",
            )
            error.task_id = self.task_id
            raise error
        pause = self._pause
        self._pause = min(pause * GROWTH, self._longest)
        return min(pause, left)


def refused(error: QwenError) -> QwenError:
    """Return the error of a submission, not retryable unless the service refused to take it.

    A connection that breaks or a server that fails may have made the task all the same.
    """
    if not isinstance(error, RateLimitError):
        error.is_retryable = False
    return error


def read_task(response: HTTPResponse, settings: ClientSettings) -> Task:
    """Return the task in a response."""
    try:
        return decode_task(response.body, normalize_headers(response.headers))
    except QwenError as error:
        error.host = settings.endpoint("dashscope").host
        raise


class AsyncQwenTasks:
    """Submits tasks, polls and cancels them without blocking.

    Examples:
        >>> tasks = AsyncQwenTasks(ClientSettings())
        >>> task = await tasks.wait('the id of a task')  # doctest: +SKIP
    """

    def __init__(self, settings: ClientSettings, *, show_progress: bool = False) -> None:
        self.settings = settings
        self.show_progress = show_progress
        self._calls = AsyncServiceCalls(settings, "dashscope")

    async def submit(self, path: str, body: bytes, headers: Mapping[str, str] = NO_HEADERS) -> Task:
        """Submit a task and return it with its id. Only a submission that was throttled is repeated.

        Args:
            path: below the base URL of the native protocol, such as ``/services/audio/asr/transcription``.
            body: JSON.
            headers: further headers.
        """
        attempts = Attempts(as_timeout(self.settings.timeout))

        async def attempt() -> HTTPResponse:
            try:
                return await self._calls.send_once(
                    "POST", path, body, attempts.deadline.end, {**TASK_HEADERS, **headers}
                )
            except QwenError as error:
                raise refused(error) from error.__cause__

        return read_task(await async_retry(attempt, attempts, self.settings.max_retries), self.settings)

    async def get(self, task_id: str) -> Task:
        """Return a task as it is now. An unknown id, or one older than 24 hours, has the status ``UNKNOWN``."""
        return read_task(await self._calls.send("GET", task_path(task_id)), self.settings)

    async def wait(
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
                    task = await self.get(task_id)
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
                await async_sleep(poll.next_pause())

    async def cancel(self, task_id: str) -> None:
        """Cancel a task that is still ``PENDING``. The service refuses it for any other (BadRequestError)."""
        await self._calls.send("POST", task_path(task_id, "/cancel"))

    async def all(
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
            page = await self._calls.fetch("GET", page_path(selected, number), TaskPage)
            records += page.data or ()
            if not page.data or number >= (page.total_page or 1):
                return records
            number += 1
