"""Watch jobs: which are open, their progress, and when to poll next."""

from collections.abc import Sequence

from qwen_core.execution.observers import logger
from qwen_core.resources.batches.schema import BatchJob
from qwen_core.types.errors import QwenError

FIRST_PAUSE = 2.0
MISSES = 10
"""How many polls in a row may fail before the wait ends with the error."""


class Watch:
    """What is known of the jobs that are waited for."""

    def __init__(self, job_ids: Sequence[str], poll_seconds: float) -> None:
        self._seen: dict[str, BatchJob | None] = dict.fromkeys(job_ids)
        self._pause = min(FIRST_PAUSE, poll_seconds)
        self._longest = poll_seconds
        self._misses = 0
        self._told = 0

    @property
    def open(self) -> list[str]:
        """Return the jobs that have not ended."""
        return [job_id for job_id, job in self._seen.items() if job is None or not job.is_settled]

    def saw(self, job_id: str, job: BatchJob) -> None:
        """Record a poll of a job."""
        self._misses = 0
        self._seen[job_id] = job

    def missed(self, error: QwenError) -> None:
        """Record a failed poll. Raises if the error is permanent, or too many polls failed in a row."""
        self._misses += 1
        if not error.is_retryable or self._misses >= MISSES:
            raise error
        logger.info("Polling a batch job failed and will be retried: %s", error.message)

    def progress(self) -> int:
        """Return how many lines were done since the last call."""
        done = sum(job.done for job in self._seen.values() if job)
        new, self._told = done - self._told, max(done, self._told)
        return max(new, 0)

    def next_pause(self) -> float:
        """Return the seconds until the next poll: longer each time, up to the longest interval."""
        pause = self._pause
        self._pause = min(pause * 2, self._longest)
        return pause

    def jobs(self) -> dict[str, BatchJob]:
        """Return all jobs by id. Call it when none is open."""
        return {job_id: job for job_id, job in self._seen.items() if job is not None}
