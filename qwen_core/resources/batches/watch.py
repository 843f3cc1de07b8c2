"""Jobs while they are waited for: which are still open, how far they are, and when to look again."""

from collections.abc import Sequence

from qwen_core.execution.observers import logger
from qwen_core.resources.batches.schema import BatchJob
from qwen_core.types.errors import QwenError

FIRST_PAUSE = 2.0
MISSES = 10
"""How often in a row a look may fail before the wait is given up."""


class Watch:
    """What was seen of some jobs."""

    def __init__(self, job_ids: Sequence[str], poll_seconds: float) -> None:
        self._seen: dict[str, BatchJob | None] = dict.fromkeys(job_ids)
        self._pause = min(FIRST_PAUSE, poll_seconds)
        self._longest = poll_seconds
        self._misses = 0
        self._told = 0

    @property
    def open(self) -> list[str]:
        """The jobs that are not settled."""
        return [job_id for job_id, job in self._seen.items() if job is None or not job.is_settled]

    def saw(self, job_id: str, job: BatchJob) -> None:
        """A job was looked at."""
        self._misses = 0
        self._seen[job_id] = job

    def missed(self, error: QwenError) -> None:
        """A look failed. Raises where that is for good, or has been so for long."""
        self._misses += 1
        if not error.is_retryable or self._misses >= MISSES:
            raise error
        logger.info("A batch job could not be looked at, and will be again: %s", error.message)

    def progress(self) -> int:
        """The lines that were done since this was asked last."""
        done = sum(job.done for job in self._seen.values() if job)
        new, self._told = done - self._told, max(done, self._told)
        return max(new, 0)

    def next_pause(self) -> float:
        """Seconds until the next look: longer each time, up to the longest."""
        pause = self._pause
        self._pause = min(pause * 2, self._longest)
        return pause

    def jobs(self) -> dict[str, BatchJob]:
        """All jobs by their ids. Asked when none is open."""
        return {job_id: job for job_id, job in self._seen.items() if job is not None}
