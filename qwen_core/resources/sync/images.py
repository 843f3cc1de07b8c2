# Generated from qwen_core/resources/images.py by scripts/generate_sync.py: do not edit.
"""Generate and edit images, and generate videos: over one request, or over a task that can be resumed."""

from collections.abc import Sequence
from functools import partial
from importlib import import_module

import msgspec

from qwen_core.config.settings import ClientSettings
from qwen_core.config.timeouts import as_timeout
from qwen_core.execution.observers import logger
from qwen_core.execution.ordered import map_in_order
from qwen_core.execution.retry import Attempts
from qwen_core.execution.sync.retry import retry
from qwen_core.execution.sync.service_calls import ServiceCalls
from qwen_core.models.catalogue import resolve
from qwen_core.models.profile import ModelProfile
from qwen_core.prepare.images import (
    check_image_request,
    check_sides,
    check_video_request,
    prepare_sources,
    video_media,
)
from qwen_core.prepare.local_files import AllowedFiles
from qwen_core.protocols.images.decode import Source, decode_image_task, decode_images, decode_video_task
from qwen_core.protocols.images.encode import EncodedImages, encode_images, encode_video
from qwen_core.protocols.tasks import Task
from qwen_core.resources.images import (
    IMAGE_POLL_SECONDS,
    MAX_IMAGE_BYTES,
    MAX_VIDEO_BYTES,
    VIDEO_POLL_SECONDS,
    WORKERS,
    FileT,
    OnTask,
    source_of,
    with_content,
    with_expiry,
)
from qwen_core.resources.sync.downloads import download
from qwen_core.resources.sync.tasks import QwenTasks
from qwen_core.resources.tasks import MAX_WAIT_SECONDS, refused
from qwen_core.transports.base import HTTPResponse, normalize_headers
from qwen_core.transports.blocking import run
from qwen_core.types.errors import BadRequestError, QwenError
from qwen_core.types.images import (
    GeneratedVideo,
    ImageRequest,
    ImageResponse,
    MediaSource,
    VideoRequest,
)
from qwen_core.types.messages import ImagePart, Part


def prepared_urls(
    sources: Sequence[tuple[MediaSource, type[Part]]],
    model: str,
    allowed: AllowedFiles,
    settings: ClientSettings,
    show_progress: bool,
) -> tuple[str, ...]:
    """Return the media of a request as URLs. Local files that are too large are uploaded."""
    if not sources:
        return ()
    base_url = settings.endpoint("dashscope").base_url
    ready = run(prepare_sources, sources, model, allowed, base_url)
    if not ready.uploads:
        return ready.urls
    run(import_module, "qwen_core.resources.sync.uploads")
    from qwen_core.resources.sync.uploads import TemporaryStore

    store = TemporaryStore(settings)
    return ready.with_uploads(store.put(ready.uploads, model, show_progress=show_progress))


def downloaded(file: FileT, settings: ClientSettings, max_size: int) -> FileT:
    """Return a file with its content. If the download fails, its error is in the file."""
    if file.url is None:
        return file
    try:
        return with_content(file, download(file.url, settings, max_size=max_size))
    except QwenError as error:
        return msgspec.structs.replace(file, error=error)


class QwenImages:
    """Generates and edits images.

    Examples:
        >>> images = QwenImages(ClientSettings())
        >>> response = images.generate(  # doctest: +SKIP
        ...     ImageRequest(model="qwen-image-2.0", prompt="a red house")
        ... )
    """

    def __init__(
        self,
        settings: ClientSettings,
        *,
        download: bool = True,
        show_progress: bool = False,
        on_task: OnTask | None = None,
        workers: int = WORKERS,
        poll_seconds: float = IMAGE_POLL_SECONDS,
        patience: float = MAX_WAIT_SECONDS,
    ) -> None:
        """Create a client.

        Args:
            settings: how the service is reached.
            download: whether images are downloaded. Links are valid for 24 hours.
            show_progress: whether tasks and uploads show a progress bar.
            on_task: called with the id of each task that was submitted.
            workers: how many requests of ``generate_all``, and downloads, are made at once.
            poll_seconds: the longest pause between two polls of a task.
            patience: seconds to wait for a task.
        """
        self.settings = settings
        self.download = download
        self.show_progress = show_progress
        self.on_task = on_task
        self.workers = workers
        self.poll_seconds = poll_seconds
        self.patience = patience
        self._tasks = QwenTasks(settings, show_progress=show_progress)

    def generate(self, request: ImageRequest) -> ImageResponse:
        """Generate images, or edit those in the request, and return them in order.

        An image that failed, or that could not be downloaded, has its error at its position. Raise a QwenError if
        the request failed altogether; that of a task has its id as ``task_id``.
        """
        encoded = self._encoded(request)
        try:
            if encoded.is_task:
                task = self._submit(encoded)
                return self._finished(task.id, request, request.model)
            response = self._send(encoded)
            decoded = decode_images(
                response.body, normalize_headers(response.headers), request, self._source(request.model)
            )
        except QwenError as error:
            raise self._located(error, request.model) from error.__cause__
        return self._with_contents(decoded)

    def edit(self, request: ImageRequest) -> ImageResponse:
        """Edit the images in the request. Raise BadRequestError if it has none."""
        if not request.images:
            raise BadRequestError("There is no image to edit. Pass at least one in `images`.", model=request.model)
        return self.generate(request)

    def generate_all(self, requests: Sequence[ImageRequest]) -> list[ImageResponse | QwenError]:
        """Send several requests side by side, and return the responses, or errors, in order."""
        return map_in_order(self._generate_or_error, list(requests), self.workers)

    def submit(self, request: ImageRequest) -> Task:
        """Submit a task and return it at once. ``resume`` waits for its images."""
        encoded = self._encoded(msgspec.structs.replace(request, as_task=True))
        try:
            return self._submit(encoded)
        except QwenError as error:
            raise self._located(error, request.model) from error.__cause__

    def resume(
        self, task_id: str, *, model: str | None = None, request: ImageRequest | None = None
    ) -> ImageResponse:
        """Wait for a task that was submitted before, in another process too, and return its images.

        Args:
            task_id: of a task of the last 24 hours.
            model: that it was submitted for, for the cost.
            request: that it was submitted for, for the prompt and the seed.
        """
        model = request.model if request else model
        try:
            return self._finished(task_id, request, model)
        except QwenError as error:
            raise self._located(error, model) from error.__cause__

    def _generate_or_error(self, request: ImageRequest) -> ImageResponse | QwenError:
        try:
            return self.generate(request)
        except QwenError as error:
            return error

    def _encoded(self, request: ImageRequest) -> EncodedImages:
        profile = resolve(request.model)
        check_image_request(request, profile)
        encode_images(request, (), profile)  # a wrong API is refused before anything is uploaded
        sources = [(image, ImagePart) for image in request.images]
        urls = prepared_urls(sources, request.model, request.allow_local_files, self.settings, self.show_progress)
        return run(self._encode, request, urls, profile)

    def _encode(self, request: ImageRequest, urls: Sequence[str], profile: ModelProfile) -> EncodedImages:
        check_sides(urls, request, profile)
        return encode_images(request, urls, profile)

    def _send(self, encoded: EncodedImages) -> HTTPResponse:
        """Send a request that is not a task. Only a request that was throttled is sent again."""
        attempts = Attempts(as_timeout(self.settings.timeout))
        calls = ServiceCalls(self.settings, "dashscope")

        def attempt() -> HTTPResponse:
            try:
                return calls.send_once("POST", encoded.path, encoded.body, attempts.deadline.end, encoded.headers)
            except QwenError as error:
                raise refused(error) from error.__cause__

        return retry(attempt, attempts, self.settings.max_retries)

    def _submit(self, encoded: EncodedImages) -> Task:
        return submitted(self._tasks, encoded, self.on_task)

    def _finished(self, task_id: str, request: ImageRequest | None, model: str | None) -> ImageResponse:
        task = self._tasks.wait(task_id, poll_seconds=self.poll_seconds, patience=self.patience, title="Images")
        try:
            decoded = decode_image_task(task, request, self._source(model))
        except QwenError as error:
            error.task_id = task_id
            raise
        return self._with_contents(decoded)

    def _with_contents(self, response: ImageResponse) -> ImageResponse:
        images = [with_expiry(image) for image in response.images]
        if self.download:
            fetch = partial(downloaded, settings=self.settings, max_size=MAX_IMAGE_BYTES)
            images = map_in_order(fetch, images, self.workers)
        return msgspec.structs.replace(response, images=tuple(images))

    def _source(self, model: str | None) -> Source:
        return source_of(self.settings, model)

    def _located(self, error: QwenError, model: str | None) -> QwenError:
        error.host = error.host or self.settings.endpoint("dashscope").host
        error.model = error.model or model
        return error


def submitted(tasks: QwenTasks, encoded: EncodedImages, on_task: OnTask | None) -> Task:
    """Submit a task, and tell its id."""
    task = tasks.submit(encoded.path, encoded.body, encoded.headers)
    logger.info("Submitted the task %s.", task.id)
    if on_task is not None:
        on_task(task.id)
    return task


class QwenVideos:
    """Generates videos. It takes 1 to 12 minutes: store the id that ``on_task`` is called with.

    Examples:
        >>> videos = QwenVideos(ClientSettings(), on_task=print)
        >>> video = videos.generate(  # doctest: +SKIP
        ...     VideoRequest(model="wan3.0-video", prompt="a red house at the sea", duration=2)
        ... )
    """

    def __init__(
        self,
        settings: ClientSettings,
        *,
        download: bool = True,
        show_progress: bool = False,
        on_task: OnTask | None = None,
        poll_seconds: float = VIDEO_POLL_SECONDS,
        patience: float = MAX_WAIT_SECONDS,
    ) -> None:
        """Create a client.

        Args:
            settings: how the service is reached.
            download: whether videos are downloaded. Links are valid for 24 hours.
            show_progress: whether tasks and uploads show a progress bar.
            on_task: called with the id of each task that was submitted.
            poll_seconds: the longest pause between two polls of a task.
            patience: seconds to wait for a task.
        """
        self.settings = settings
        self.download = download
        self.show_progress = show_progress
        self.on_task = on_task
        self.poll_seconds = poll_seconds
        self.patience = patience
        self._tasks = QwenTasks(settings, show_progress=show_progress)

    def generate(self, request: VideoRequest) -> GeneratedVideo:
        """Generate a video. If it cannot be downloaded, it has the link and the error."""
        return self.resume((self.submit(request)).id, request=request)

    def submit(self, request: VideoRequest) -> Task:
        """Submit a task and return it at once. ``resume`` waits for its video."""
        check_video_request(request, resolve(request.model))
        media = video_media(request)
        sources = [(source, kind) for _, source, kind in media]
        urls = prepared_urls(sources, request.model, request.allow_local_files, self.settings, self.show_progress)
        types = [kind for kind, _, _ in media]
        encoded = run(encode_video, request, list(zip(types, urls, strict=True)))
        try:
            return submitted(self._tasks, encoded, self.on_task)
        except QwenError as error:
            error.model = error.model or request.model
            raise

    def resume(
        self, task_id: str, *, model: str | None = None, request: VideoRequest | None = None
    ) -> GeneratedVideo:
        """Wait for a task that was submitted before, in another process too, and return its video.

        Args:
            task_id: of a task of the last 24 hours.
            model: that it was submitted for, for the cost.
            request: that it was submitted for, for the prompt and the seed.
        """
        model = request.model if request else model
        try:
            task = self._tasks.wait(task_id, poll_seconds=self.poll_seconds, patience=self.patience, title="Video")
            video = with_expiry(decode_video_task(task, request, source_of(self.settings, model)))
        except QwenError as error:
            error.model = error.model or model
            error.task_id = task_id
            raise
        return downloaded(video, self.settings, MAX_VIDEO_BYTES) if self.download else video
