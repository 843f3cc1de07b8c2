"""Transcribe audio: in one call up to a few minutes, in a task up to hours. The model's id decides.

A task goes on at the service if this process ends. Its id, or a mapping that outlives the process (``tasks``), is
enough to fetch the result later; nothing is submitted twice.
"""

import hashlib
from collections.abc import AsyncGenerator, MutableMapping
from functools import partial
from importlib import import_module
from pathlib import Path

import msgspec

from qwen_core.config.settings import ClientSettings
from qwen_core.execution.exchange import show_warnings
from qwen_core.execution.plan import CallPlan
from qwen_core.execution.speech_plans import RecognitionRoute, cost_of, plan_transcription, recognition_route
from qwen_core.execution.usage_meter import record_usage
from qwen_core.models.catalogue import resolve
from qwen_core.models.pricing import price_list, unit_cost
from qwen_core.prepare.local_files import SentFile
from qwen_core.prepare.speech_audio import PreparedAudio, prepare_audio
from qwen_core.protocols.speech.transcripts import TranscriptionDecoder, decode_result_file, result_link, with_task
from qwen_core.protocols.tasks import Task
from qwen_core.resources.decoded_streams import (
    AsyncDecodedStream,
    async_open_decoded,
    async_send_decoded,
    finalize,
)
from qwen_core.resources.downloads import async_download
from qwen_core.resources.task_journal import as_known_tasks
from qwen_core.resources.tasks import MAX_WAIT_SECONDS, POLL_SECONDS, AsyncQwenTasks
from qwen_core.transports.blocking import async_run
from qwen_core.types.errors import NotFoundError, QwenError, UnsupportedFeatureError
from qwen_core.types.speech import Transcription, TranscriptionChunk, TranscriptionRequest

MAX_RESULT = 256 * 1024 * 1024
"""Bytes of a result file: twelve hours with words have some ten megabytes."""
BLOCK = 1 << 20
NOT_SENT = ("audio", "allow_local_files", "show_progress", "filename")
"""Fields of a request that say nothing of the result."""

KnownTasks = MutableMapping[str, str]
"""Ids of tasks by what was submitted. Plain text, so that it can be stored."""


def source_digest(prepared: PreparedAudio) -> str:
    """Return what identifies the audio: its URL, or the hash of its content."""
    if prepared.upload is None:
        return prepared.url
    digest = hashlib.sha256()
    with prepared.upload.open() as content:
        while block := content.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def task_key(prepared: PreparedAudio, settings: ClientSettings) -> str:
    """Return what identifies a submission: audio, options and account."""
    fields = {
        name: value
        for name, value in msgspec.structs.asdict(prepared.request).items()
        if name not in NOT_SENT and value not in (None, ())
    }
    host = settings.endpoint("dashscope").host
    described = msgspec.json.encode([host, source_digest(prepared), fields], order="sorted")
    return hashlib.sha256(described + settings.resolve_key().encode()).hexdigest()


def with_cost(transcription: Transcription, plan: CallPlan) -> Transcription:
    """Return the transcription with its cost, and count it."""
    cost = cost_of(plan, "second", transcription.seconds, transcription.usage)
    usage = transcription.usage
    record_usage(plan.model, usage.total_tokens if usage else None, cost)
    return msgspec.structs.replace(transcription, cost=cost)


def with_task_cost(transcription: Transcription, model: str | None, settings: ClientSettings) -> Transcription:
    """Return the transcription of a task with its cost, and count it. ``model`` is None if it is not known."""
    if model is None:
        return transcription
    prices = price_list(settings.endpoint("dashscope").host, settings.region)
    cost = None
    if prices is not None and transcription.seconds is not None:
        cost = unit_cost(resolve(model), "second", transcription.seconds, region=prices.region)
    record_usage(model, None, cost)
    return msgspec.structs.replace(transcription, cost=cost)


class AsyncQwenTranscription:
    """Transcribes audio without blocking.

    Example:
        >>> request = TranscriptionRequest(model='qwen3-asr-flash', audio='https://example.com/a.wav')
        >>> result = await AsyncQwenTranscription(ClientSettings()).transcribe(request)  # doctest: +SKIP
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

    async def transcribe(self, request: TranscriptionRequest) -> Transcription:
        """Return what was said. Raise a QwenError; silence is an empty text, not an error."""
        route = recognition_route(request, self.settings)
        if route.is_task:
            return await self._transcribe_in_task(request, route)
        plan = await self._plan(request, route, stream=False)
        decoder = await async_send_decoded(plan, self.settings, route.decoder)
        return with_cost(finalize(plan, decoder.close), plan)

    async def stream(self, request: TranscriptionRequest) -> AsyncGenerator[TranscriptionChunk, None]:
        """Yield text as it is recognized; the last chunk has the complete transcription. Raise a QwenError.

        Models that transcribe in tasks yield one chunk at the end.
        """
        route = recognition_route(request, self.settings)
        if route.is_task:
            transcription = await self._transcribe_in_task(request, route)
            yield TranscriptionChunk(text=transcription.text, transcription=transcription)
            return
        plan = await self._plan(request, route, stream=True)
        opened: AsyncDecodedStream[TranscriptionDecoder, TranscriptionChunk] = await async_open_decoded(
            plan, self.settings, route.decoder
        )
        try:
            async for chunk in opened:
                if chunk.text:
                    yield chunk
            yield TranscriptionChunk(transcription=with_cost(finalize(plan, opened.decoder.close), plan))
        finally:
            await opened.close()

    async def submit(self, request: TranscriptionRequest) -> str:
        """Submit a file to a model that transcribes in tasks, and return the id of the task.

        If ``tasks`` knows it already, nothing is uploaded or submitted.
        """
        route = recognition_route(request, self.settings)
        if not route.is_task:
            raise UnsupportedFeatureError(
                f"{request.model} does not transcribe in tasks.", hint="Use `transcribe`, or a model for files."
            )
        prepared = await async_run(partial(prepare_audio, request, in_message=False, inline=False))
        key = None if self.tasks is None else await async_run(task_key, prepared, self.settings)
        if self.tasks is not None and key is not None and (known := self.tasks.get(key)):
            return known
        url = await self._url(prepared)
        plan = plan_transcription(prepared.request, route, url, self.settings, asynchronous=True)
        show_warnings(plan)
        tasks = AsyncQwenTasks(self.settings)
        try:
            task = await tasks.submit(plan.encoded.path, plan.encoded.body, plan.encoded.headers)
        except QwenError as error:
            error.model = error.model or request.model
            raise
        if self.tasks is not None and key is not None:
            self.tasks[key] = task.id
        return task.id

    async def resume(
        self, task_id: str, *, model: str | None = None, show_progress: bool = False
    ) -> Transcription:
        """Wait for a task that was submitted before, by any process, and return its transcription.

        Args:
            task_id: the id that ``submit`` returned.
            model: the model it was submitted to, for the cost.
            show_progress: whether a bar shows how long it takes.
        """
        tasks = AsyncQwenTasks(self.settings, show_progress=show_progress)
        task = await tasks.wait(
            task_id, poll_seconds=self.poll_seconds, patience=self.patience, title="Transcription"
        )
        return await self._result(task, model)

    async def cancel(self, task_id: str) -> None:
        """Cancel a task that is still ``PENDING``."""
        await AsyncQwenTasks(self.settings).cancel(task_id)

    async def _transcribe_in_task(self, request: TranscriptionRequest, route: RecognitionRoute) -> Transcription:
        known = set(self.tasks.values()) if self.tasks is not None else set()
        task_id = await self.submit(request)
        try:
            return await self.resume(task_id, model=request.model, show_progress=request.show_progress)
        except QwenError as error:
            error.model = error.model or request.model
            expired = isinstance(error, NotFoundError)
            if expired or error.task_ended:
                self._forget(task_id)
            if not expired or task_id not in known:
                raise
        # The task is older than 24 hours, and so is its result.
        return await self.resume(
            await self.submit(request), model=request.model, show_progress=request.show_progress
        )

    def _forget(self, task_id: str) -> None:
        """Remove a task that has no result from the known ones."""
        if self.tasks is not None:
            for key in [key for key, known in self.tasks.items() if known == task_id]:
                del self.tasks[key]

    async def _result(self, task: Task, model: str | None) -> Transcription:
        try:
            response = await async_download(result_link(task), self.settings, max_size=MAX_RESULT)
            transcription = await async_run(decode_result_file, response.body, task, model)
        except QwenError as error:
            error.host = error.host or self.settings.endpoint("dashscope").host
            raise with_task(error, task) from error.__cause__
        return with_task_cost(transcription, model, self.settings)

    async def _plan(self, request: TranscriptionRequest, route: RecognitionRoute, *, stream: bool) -> CallPlan:
        prepare = partial(prepare_audio, request, in_message=route.is_message, inline=route.takes_data_uris)
        prepared = await async_run(prepare)
        url = await self._url(prepared)
        plan = await async_run(
            partial(
                plan_transcription, prepared.request, route, url, self.settings, asynchronous=True, stream=stream
            )
        )
        show_warnings(plan)
        return plan

    async def _url(self, prepared: PreparedAudio) -> str:
        if prepared.upload is None:
            return prepared.url
        await async_run(import_module, "qwen_core.resources.uploads")
        from qwen_core.resources.uploads import AsyncTemporaryStore

        request = prepared.request
        files: dict[str, SentFile] = {"audio": prepared.upload}
        store = AsyncTemporaryStore(self.settings)
        urls = await store.put(files, request.model, show_progress=request.show_progress)
        return urls["audio"]
