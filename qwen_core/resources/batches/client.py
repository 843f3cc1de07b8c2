"""Run batch jobs at half the price: files of requests that the service processes within a day to two weeks.

Sources: compatible 1.2, and the pages "OpenAI compatible: Batch".
"""

from collections.abc import Sequence
from typing import Any

from qwen_core.config.settings import ClientSettings
from qwen_core.execution.service_calls import AsyncServiceCalls, decode_response
from qwen_core.resources.batches.journal import FileRecord, RunRecord, as_journal
from qwen_core.resources.batches.lines import BatchFile, Prepared, prepare
from qwen_core.resources.batches.options import BatchOptions
from qwen_core.resources.batches.rejections import Refusals, refuse
from qwen_core.resources.batches.results import Outcome, failures, merged, read_results, settle
from qwen_core.resources.batches.schema import BatchJob, job_path
from qwen_core.resources.batches.submission import AsyncJobSubmitter
from qwen_core.resources.batches.watch import Watch
from qwen_core.resources.files import AsyncQwenFiles
from qwen_core.transports.blocking import async_run, async_sleep
from qwen_core.transports.progress import progress_bar
from qwen_core.types.errors import NotFoundError, QwenError
from qwen_core.types.requests import ChatRequest

LOST = (
    "The journal names a job that this account does not have, or no more: jobs can be asked after for 30 days. "
    "Delete the run's file in the journal to submit its requests anew."
)


def raise_first(outcomes: Sequence[object]) -> None:
    """Raise the first error, if there is one."""
    for outcome in outcomes:
        if isinstance(outcome, QwenError):
            raise outcome


def in_order(prepared: Prepared, settled: Sequence[dict[int, Outcome]]) -> list[Outcome]:
    """Return one outcome for each request."""
    found: dict[int, Outcome] = {}
    for outcomes in settled:
        found.update(outcomes)
    return [plan if isinstance(plan, QwenError) else found[index] for index, plan in enumerate(prepared.plans)]


class AsyncQwenBatchJobs:
    """Runs requests as batch jobs without blocking the event loop. Use an object from one thread at a time.

    Examples:
        >>> jobs = AsyncQwenBatchJobs(ClientSettings(), journal='journal')
        >>> outcomes = await jobs.run(requests, return_exceptions=True)  # doctest: +SKIP
    """

    def __init__(self, settings: ClientSettings, **options: Any) -> None:
        """Take the fields of ``BatchOptions`` as ``options``."""
        self.settings = settings
        self.options = BatchOptions(**options)
        self._journal = as_journal(self.options.journal)
        self._files = AsyncQwenFiles(settings)
        self._calls = AsyncServiceCalls(settings)
        self._submitter = AsyncJobSubmitter(settings, self.options, self._journal)

    async def run(
        self, requests: Sequence[ChatRequest], *, return_exceptions: bool = False, origin: Sequence[str] = ()
    ) -> list[Outcome]:
        """Return the responses, in order, once all jobs are done; days may pass.

        Args:
            requests: of any model that has batches. Those that a file has no room for go into further jobs.
            return_exceptions: return errors instead of responses, also for all in a file that the service refuses;
                the same call submits that file anew. Otherwise the first one is raised: before anything is sent,
                where a request cannot be; at once, where a file is refused; else when all is done. Nothing is
                lost, because the same call with True returns the other responses without a new job. What is out of
                reach, or throttled for longer than retries last, is raised either way; the same call goes on.
            origin: tells runs of the same requests apart: a run with another origin is another run.
        """
        prepared = await self._prepare(requests, origin)
        if not return_exceptions:
            raise_first(prepared.plans)
        await async_run(self._journal.mark_retried, origin)
        record, refused = await self._submitter.submit(prepared, return_exceptions)
        jobs = await self._wait(record, prepared.sent)
        files = zip(record.files, prepared.files, strict=True)
        settled = [await self._settle(*of_one, jobs, refused, prepared) for of_one in files]
        outcomes = in_order(prepared, settled)
        if not return_exceptions:
            raise_first(outcomes)
        return outcomes

    async def retry_failed(
        self, requests: Sequence[ChatRequest], outcomes: Sequence[Outcome], *, return_exceptions: bool = False
    ) -> list[Outcome]:
        """Run those requests once more whose outcome is an error, and return all outcomes."""
        indexes, origin = failures(requests, outcomes)
        failed = [requests[index] for index in indexes]
        return merged(
            outcomes, indexes, await self.run(failed, return_exceptions=return_exceptions, origin=origin)
        )

    async def submit(self, requests: Sequence[ChatRequest]) -> list[BatchJob]:
        """Upload and submit without waiting; ``run`` with the same requests waits and returns the responses."""
        prepared = await self._prepare(requests)
        raise_first(prepared.plans)
        record, _ = await self._submitter.submit(prepared)
        return [await self.get(file.job_id) for file in record.files if file.job_id]

    async def cancel(self, requests: Sequence[ChatRequest]) -> list[BatchJob]:
        """Cancel the jobs of these requests. What is done by then is charged, and ``run`` still returns it."""
        jobs: list[BatchJob] = []
        for record in await self._records(requests):
            jobs += await self._cancel(record)
        return jobs

    async def clean_up(self, requests: Sequence[ChatRequest] | None = None) -> int:
        """Delete the files of these requests and of their results, which the service keeps without end.

        The record of the run goes too, and a job that still runs is cancelled. None: all runs of the journal,
        retries included. Return the number of files.
        """
        count = 0
        for record in await self._records(requests):
            jobs = await self._cancel(record)
            files = [file.file_id for file in record.files]
            files += [file for job in jobs for file in (job.output_file_id, job.error_file_id)]
            for file_id in filter(None, files):
                await self._files.delete(file_id)
                count += 1
            await async_run(self._journal.forget, record.key)
        return count

    async def get(self, job_id: str) -> BatchJob:
        """Return one job."""
        return await self._calls.fetch("GET", job_path(job_id), BatchJob)

    async def _prepare(self, requests: Sequence[ChatRequest], origin: Sequence[str] = ()) -> Prepared:
        options = self.options
        beside = [options.completion_window, options.run, *origin]
        return await async_run(prepare, self.settings, requests, options.endpoint, options.limits, beside)

    async def _records(self, requests: Sequence[ChatRequest] | None) -> list[RunRecord]:
        if requests is None:
            return await async_run(self._journal.all)
        prepared = await self._prepare(requests)
        record = await async_run(self._journal.find, prepared.key)
        return [record] if record else []

    async def _cancel(self, record: RunRecord) -> list[BatchJob]:
        jobs = []
        for job_id in [file.job_id for file in record.files if file.job_id]:
            job = await self.get(job_id)
            if not job.is_settled:
                answer = await self._calls.send("POST", job_path(job_id, "/cancel"))
                job = decode_response(BatchJob, answer, self.settings)
            jobs.append(job)
        return jobs

    async def _wait(self, record: RunRecord, count: int) -> dict[str, BatchJob]:
        watch = Watch([file.job_id for file in record.files if file.job_id], self.options.poll_seconds)
        with progress_bar(count, self.options.show_progress, "Batch", "request") as on_progress:
            while True:
                for job_id in watch.open:
                    try:
                        watch.saw(job_id, await self.get(job_id))
                    except NotFoundError as error:
                        error.hint = LOST
                        raise
                    except QwenError as error:
                        watch.missed(error)
                if on_progress:
                    on_progress(watch.progress())
                if not watch.open:
                    return watch.jobs()
                await async_sleep(watch.next_pause())

    async def _settle(
        self,
        file: FileRecord,
        lines: BatchFile,
        jobs: dict[str, BatchJob],
        refused: Refusals,
        prepared: Prepared,
    ) -> dict[int, Outcome]:
        if file.job_id is None:
            return await async_run(refuse, lines, file.name, refused[file.name], prepared)
        job = jobs[file.job_id]
        ids = [file_id for file_id in (job.output_file_id, job.error_file_id) if file_id]
        contents = [await self._files.content(file_id) for file_id in ids]
        results = await async_run(read_results, contents)
        return await async_run(settle, lines, job, results, prepared.plans)
