# Generated from qwen_core/resources/transcription.py by scripts/generate_sync.py: do not edit.
"""Transcribe audio: in one call up to a few minutes, in a task up to hours. The model's id decides."""

from collections.abc import Iterator
from functools import partial
from importlib import import_module
from pathlib import Path

from qwen_core.config.settings import ClientSettings
from qwen_core.execution.exchange import show_warnings
from qwen_core.execution.plan import CallPlan
from qwen_core.execution.speech_plans import RecognitionRoute, plan_transcription, recognition_route
from qwen_core.prepare.local_files import SentFile
from qwen_core.prepare.speech_audio import PreparedAudio, prepare_audio
from qwen_core.protocols.speech.transcripts import TranscriptionDecoder, decode_result_file, result_link, with_task
from qwen_core.protocols.tasks import Task
from qwen_core.resources.decoded_streams import finalize
from qwen_core.resources.sync.decoded_streams import DecodedStream, open_decoded, send_decoded
from qwen_core.resources.sync.downloads import download
from qwen_core.resources.sync.tasks import QwenTasks
from qwen_core.resources.task_journal import as_known_tasks
from qwen_core.resources.tasks import MAX_WAIT_SECONDS, POLL_SECONDS
from qwen_core.resources.transcription import MAX_RESULT, KnownTasks, task_key, with_cost, with_task_cost
from qwen_core.transports.blocking import run
from qwen_core.types.errors import NotFoundError, QwenError, UnsupportedFeatureError
from qwen_core.types.speech import Transcription, TranscriptionChunk, TranscriptionRequest


class QwenTranscription:
    """Transcribes audio.

    Example:
        >>> request = TranscriptionRequest(model='qwen3-asr-flash', audio='https://example.com/a.wav')
        >>> result = QwenTranscription(ClientSettings()).transcribe(request)  # doctest: +SKIP
    """

    def __init__(
        self,
        settings: ClientSettings,
        *,
        tasks: KnownTasks | str | Path | None = None,
        poll_seconds: float = POLL_SECONDS,
        patience: float = MAX_WAIT_SECONDS,
    ) -> None:
        """Take settings, and how tasks are waited for.

        Args:
            settings: how the service is reached.
            tasks: a file, or a mapping of your own, that keeps the ids of tasks. The same audio with the same
                options then resumes its task, in another process too, instead of submitting another one.
            poll_seconds: the longest pause between two polls of a task.
            patience: seconds to wait for a task.
        """
        self.settings = settings
        self.tasks: KnownTasks | None = as_known_tasks(tasks)
        self.poll_seconds = poll_seconds
        self.patience = patience

    def transcribe(self, request: TranscriptionRequest) -> Transcription:
        """Return what was said. Raise a QwenError; silence is an empty text, not an error."""
        route = recognition_route(request, self.settings)
        if route.is_task:
            return self._transcribe_in_task(request, route)
        plan = self._plan(request, route, stream=False)
        decoder = send_decoded(plan, self.settings, route.decoder)
        return with_cost(finalize(plan, decoder.close), plan)

    def stream(self, request: TranscriptionRequest) -> Iterator[TranscriptionChunk]:
        """Yield text as it is recognized; the last chunk has the complete transcription. Raise a QwenError.

        Models that transcribe in tasks yield one chunk at the end.
        """
        route = recognition_route(request, self.settings)
        if route.is_task:
            transcription = self._transcribe_in_task(request, route)
            yield TranscriptionChunk(text=transcription.text, transcription=transcription)
            return
        plan = self._plan(request, route, stream=True)
        opened: DecodedStream[TranscriptionDecoder, TranscriptionChunk] = open_decoded(
            plan, self.settings, route.decoder
        )
        try:
            for chunk in opened:
                if chunk.text:
                    yield chunk
            yield TranscriptionChunk(transcription=with_cost(finalize(plan, opened.decoder.close), plan))
        finally:
            opened.close()

    def submit(self, request: TranscriptionRequest) -> str:
        """Submit a file to a model that transcribes in tasks, and return the id of the task.

        If ``tasks`` knows it already, nothing is uploaded or submitted.
        """
        route = recognition_route(request, self.settings)
        if not route.is_task:
            raise UnsupportedFeatureError(
                f"{request.model} does not transcribe in tasks.", hint="Use `transcribe`, or a model for files."
            )
        prepared = run(partial(prepare_audio, request, in_message=False, inline=False))
        key = None if self.tasks is None else run(task_key, prepared, self.settings)
        if self.tasks is not None and key is not None and (known := self.tasks.get(key)):
            return known
        url = self._url(prepared)
        plan = plan_transcription(prepared.request, route, url, self.settings, asynchronous=False)
        show_warnings(plan)
        tasks = QwenTasks(self.settings)
        try:
            task = tasks.submit(plan.encoded.path, plan.encoded.body, plan.encoded.headers)
        except QwenError as error:
            error.model = error.model or request.model
            raise
        if self.tasks is not None and key is not None:
            self.tasks[key] = task.id
        return task.id

    def resume(self, task_id: str, *, model: str | None = None, show_progress: bool = False) -> Transcription:
        """Wait for a task that was submitted before, by any process, and return its transcription.

        Args:
            task_id: the id that ``submit`` returned.
            model: the model it was submitted to, for the cost.
            show_progress: whether a bar shows how long it takes.
        """
        tasks = QwenTasks(self.settings, show_progress=show_progress)
        task = tasks.wait(task_id, poll_seconds=self.poll_seconds, patience=self.patience, title="Transcription")
        return self._result(task, model)

    def cancel(self, task_id: str) -> None:
        """Cancel a task that is still ``PENDING``."""
        QwenTasks(self.settings).cancel(task_id)

    def _transcribe_in_task(self, request: TranscriptionRequest, route: RecognitionRoute) -> Transcription:
        known = set(self.tasks.values()) if self.tasks is not None else set()
        task_id = self.submit(request)
        try:
            return self.resume(task_id, model=request.model, show_progress=request.show_progress)
        except QwenError as error:
            error.model = error.model or request.model
            expired = isinstance(error, NotFoundError)
            if expired or error.task_ended:
                self._forget(task_id)
            if not expired or task_id not in known:
                raise
        # The task is older than 24 hours, and so is its result.
        return self.resume(self.submit(request), model=request.model, show_progress=request.show_progress)

    def _forget(self, task_id: str) -> None:
        """Remove a task that has no result from the known ones."""
        if self.tasks is not None:
            for key in [key for key, known in self.tasks.items() if known == task_id]:
                del self.tasks[key]

    def _result(self, task: Task, model: str | None) -> Transcription:
        try:
            response = download(result_link(task), self.settings, max_size=MAX_RESULT)
            transcription = run(decode_result_file, response.body, task, model)
        except QwenError as error:
            error.host = error.host or self.settings.endpoint("dashscope").host
            raise with_task(error, task) from error.__cause__
        return with_task_cost(transcription, model, self.settings)

    def _plan(self, request: TranscriptionRequest, route: RecognitionRoute, *, stream: bool) -> CallPlan:
        prepare = partial(prepare_audio, request, in_message=route.is_message, inline=route.takes_data_uris)
        prepared = run(prepare)
        url = self._url(prepared)
        plan = run(
            partial(
                plan_transcription, prepared.request, route, url, self.settings, asynchronous=False, stream=stream
            )
        )
        show_warnings(plan)
        return plan

    def _url(self, prepared: PreparedAudio) -> str:
        if prepared.upload is None:
            return prepared.url
        run(import_module, "qwen_core.resources.sync.uploads")
        from qwen_core.resources.sync.uploads import TemporaryStore

        request = prepared.request
        files: dict[str, SentFile] = {"audio": prepared.upload}
        store = TemporaryStore(self.settings)
        urls = store.put(files, request.model, show_progress=request.show_progress)
        return urls["audio"]
