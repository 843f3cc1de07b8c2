# Generated from qwen_core/resources/batches/submission.py by scripts/generate_sync.py: do not edit.
"""Upload files and submit jobs, each once: every step is in the journal before it begins."""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from qwen_core.config.settings import ClientSettings
from qwen_core.execution.observers import logger
from qwen_core.execution.retry import Attempts
from qwen_core.execution.service_calls import decode_response
from qwen_core.execution.sync.retry import retry
from qwen_core.execution.sync.service_calls import ServiceCalls
from qwen_core.resources.batches.journal import FileRecord, Journal, RunRecord
from qwen_core.resources.batches.lines import BatchFile, Prepared
from qwen_core.resources.batches.options import BatchOptions
from qwen_core.resources.batches.rejections import Refusals, begun, has_no_job, retried
from qwen_core.resources.batches.schema import JOBS, BatchJob, JobList
from qwen_core.resources.sync.files import QwenFiles
from qwen_core.transports.blocking import run
from qwen_core.types.errors import QwenError


class JobSubmitter:
    """Uploads and submits, what a run has not uploaded and submitted yet."""

    def __init__(self, settings: ClientSettings, options: BatchOptions, journal: Journal) -> None:
        self.settings = settings
        self.options = options
        self._journal = journal
        self._files = QwenFiles(settings)
        self._calls = ServiceCalls(settings)

    def submit(self, prepared: Prepared, tolerant: bool = False) -> tuple[RunRecord, Refusals]:
        """Return the run with its jobs, and the files that the service refused. Continue where the journal is.

        A refused file is an error of the whole run, unless this is ``tolerant`` and the file has no job for sure.
        """
        refused: Refusals = {}
        with self._journal.locked(prepared.key):
            record = run(self._journal.open, prepared.key, len(prepared.files))
            for file, lines in zip(record.files, prepared.files, strict=True):
                try:
                    attempt = partial(self._submit_file, record, file, lines)
                    retry(attempt, Attempts(), self.settings.max_retries)
                except QwenError as error:
                    if not (tolerant and has_no_job(file, error)):
                        raise
                    refused[file.name] = error
        return record, refused

    def _submit_file(self, record: RunRecord, file: FileRecord, lines: BatchFile) -> None:
        """Continue where this file was left. A step that began and has no id may have succeeded."""
        if file.retried:
            raise retried(file)
        if file.uploading and not file.file_id:
            file.file_id = self._find_upload(file.name)
        if not file.file_id:
            file.uploading = True
            run(self._journal.save, record)
            with begun(file, "uploading"):
                file.file_id = self._upload(file.name, lines)
        if file.submitting and not file.job_id:
            file.job_id = self._find_job(file.file_id)
        if not file.job_id:
            file.submitting = True
            run(self._journal.save, record)
            with begun(file, "submitting"):
                answer = self._calls.send_once("POST", JOBS, self.options.new_job(file.file_id))
            file.job_id = decode_response(BatchJob, answer, self.settings).id
            logger.info("%d requests submitted as batch job %s", len(lines.lines), file.job_id)
        run(self._journal.save, record)

    def _upload(self, name: str, lines: BatchFile) -> str:
        with TemporaryDirectory(prefix="qwen-batch-") as folder:
            path = Path(folder) / "lines.jsonl"
            run(lines.write, path)
            # Not self._files: it knows what it uploaded, and would give another run's file with the same lines.
            uploaded = QwenFiles(self.settings).upload(path, name, purpose="batch")
        return uploaded.id

    def _find_upload(self, name: str) -> str | None:
        files = self._files.all("batch")
        return next((file.id for file in files if file.filename == name), None)

    def _find_job(self, file_id: str) -> str | None:
        path = f"{JOBS}?limit=100&input_file_ids={quote(file_id, safe='')}"
        listed = self._calls.fetch("GET", path, JobList)
        return next((job.id for job in listed.data or () if job.input_file_id == file_id), None)
