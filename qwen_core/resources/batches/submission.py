"""Upload files and submit jobs, each once: every step is in the journal before it begins.

ASSUMED: that a list shows what was just created.
"""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from qwen_core.config.settings import ClientSettings
from qwen_core.execution.observers import logger
from qwen_core.execution.retry import Attempts, async_retry
from qwen_core.execution.service_calls import AsyncServiceCalls, decode_response
from qwen_core.resources.batches.journal import FileRecord, Journal, RunRecord
from qwen_core.resources.batches.lines import BatchFile, Prepared
from qwen_core.resources.batches.options import BatchOptions
from qwen_core.resources.batches.rejections import Refusals, begun, has_no_job, retried
from qwen_core.resources.batches.schema import JOBS, BatchJob, JobList
from qwen_core.resources.files import AsyncQwenFiles
from qwen_core.transports.blocking import async_run
from qwen_core.types.errors import QwenError


class AsyncJobSubmitter:
    """Uploads and submits, without blocking, what a run has not uploaded and submitted yet."""

    def __init__(self, settings: ClientSettings, options: BatchOptions, journal: Journal) -> None:
        self.settings = settings
        self.options = options
        self._journal = journal
        self._files = AsyncQwenFiles(settings)
        self._calls = AsyncServiceCalls(settings)

    async def submit(self, prepared: Prepared, tolerant: bool = False) -> tuple[RunRecord, Refusals]:
        """Return the run with its jobs, and the files that the service refused. Continue where the journal is.

        A refused file is an error of the whole run, unless this is ``tolerant`` and the file has no job for sure.
        """
        refused: Refusals = {}
        with self._journal.locked(prepared.key):
            record = await async_run(self._journal.open, prepared.key, len(prepared.files))
            for file, lines in zip(record.files, prepared.files, strict=True):
                try:
                    attempt = partial(self._submit_file, record, file, lines)
                    await async_retry(attempt, Attempts(), self.settings.max_retries)
                except QwenError as error:
                    if not (tolerant and has_no_job(file, error)):
                        raise
                    refused[file.name] = error
        return record, refused

    async def _submit_file(self, record: RunRecord, file: FileRecord, lines: BatchFile) -> None:
        """Continue where this file was left. A step that began and has no id may have succeeded."""
        if file.retried:
            raise retried(file)
        if file.uploading and not file.file_id:
            file.file_id = await self._find_upload(file.name)
        if not file.file_id:
            file.uploading = True
            await async_run(self._journal.save, record)
            with begun(file, "uploading"):
                file.file_id = await self._upload(file.name, lines)
        if file.submitting and not file.job_id:
            file.job_id = await self._find_job(file.file_id)
        if not file.job_id:
            file.submitting = True
            await async_run(self._journal.save, record)
            with begun(file, "submitting"):
                answer = await self._calls.send_once("POST", JOBS, self.options.new_job(file.file_id))
            file.job_id = decode_response(BatchJob, answer, self.settings).id
            logger.info("%d requests submitted as batch job %s", len(lines.lines), file.job_id)
        await async_run(self._journal.save, record)

    async def _upload(self, name: str, lines: BatchFile) -> str:
        with TemporaryDirectory(prefix="qwen-batch-") as folder:
            path = Path(folder) / "lines.jsonl"
            await async_run(lines.write, path)
            # Not self._files: it knows what it uploaded, and would give another run's file with the same lines.
            uploaded = await AsyncQwenFiles(self.settings).upload(path, name, purpose="batch")
        return uploaded.id

    async def _find_upload(self, name: str) -> str | None:
        files = await self._files.all("batch")
        return next((file.id for file in files if file.filename == name), None)

    async def _find_job(self, file_id: str) -> str | None:
        path = f"{JOBS}?limit=100&input_file_ids={quote(file_id, safe='')}"
        listed = await self._calls.fetch("GET", path, JobList)
        return next((job.id for job in listed.data or () if job.input_file_id == file_id), None)
