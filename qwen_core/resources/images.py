"""Generate and edit images, and generate videos: over one request, or over a task that can be resumed.

Every image is billed when it is finished, even if nobody reads it. So nothing is sent again but what the service
throttled, a poll that fails never creates a task again, and a download that fails keeps its link.
"""

from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from time import time
from typing import TypeVar

import msgspec

from qwen_core.config.settings import ClientSettings
from qwen_core.config.timeouts import as_timeout
from qwen_core.execution.observers import logger
from qwen_core.execution.ordered import async_map_in_order
from qwen_core.execution.retry import Attempts, async_retry
from qwen_core.execution.service_calls import AsyncServiceCalls
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
from qwen_core.prepare.media_formats import HEAD, image_size, sniff
from qwen_core.protocols.images.decode import Source, decode_image_task, decode_images, decode_video_task
from qwen_core.protocols.images.encode import EncodedImages, encode_images, encode_video
from qwen_core.protocols.tasks import Task
from qwen_core.resources.downloads import async_download
from qwen_core.resources.tasks import MAX_WAIT_SECONDS, AsyncQwenTasks, refused
from qwen_core.transports.base import HTTPResponse, normalize_headers
from qwen_core.transports.blocking import async_run
from qwen_core.types.errors import BadRequestError, InvalidResponseError, QwenError
from qwen_core.types.images import (
    GeneratedFile,
    GeneratedImage,
    GeneratedVideo,
    ImageRequest,
    ImageResponse,
    MediaSource,
    VideoRequest,
)
from qwen_core.types.messages import ImagePart, Part

IMAGE_POLL_SECONDS = 3.0
VIDEO_POLL_SECONDS = 15.0
"""The pauses that the references advise."""
LINK_LIFE = 24 * 3600
MAX_IMAGE_BYTES = 64 * 1024 * 1024
MAX_VIDEO_BYTES = 256 * 1024 * 1024
WORKERS = 4
"""Requests of ``generate_all`` and downloads at once."""

OnTask = Callable[[str], object]
"""Called with the id of a task when it was submitted: store it, to resume the task if this process ends."""
FileT = TypeVar("FileT", bound=GeneratedFile)


def with_content(file: FileT, response: HTTPResponse) -> FileT:
    """Return a file with its content. The size of an image, and the type, are what the content says."""
    found: dict[str, object] = {"data": response.body}
    if mime_type := sniff(response.body[:HEAD]):
        found["mime_type"] = mime_type
    elif isinstance(file, GeneratedImage):
        raise InvalidResponseError("The link to an image leads to a file of another kind.")
    if isinstance(file, GeneratedImage) and (size := image_size(response.body)):
        found["width"], found["height"] = size
    return msgspec.structs.replace(file, **found)


def with_expiry(file: FileT) -> FileT:
    """Return a file with the time when its link expires: 24 hours from now if the link does not say."""
    if not file.url or file.expires_at is not None:
        return file
    return msgspec.structs.replace(file, expires_at=int(time()) + LINK_LIFE)


def source_of(settings: ClientSettings, model: str | None) -> Source:
    """Return what the price depends on."""
    return Source(resolve(model) if model else None, settings.endpoint("dashscope").host, settings.region)


async def async_prepared_urls(
    sources: Sequence[tuple[MediaSource, type[Part]]],
    model: str,
    allowed: AllowedFiles,
    settings: ClientSettings,
    show_progress: bool,
) -> tuple[str, ...]:
    """Return the media of a request as URLs, without blocking. Local files that are too large are uploaded."""
    if not sources:
        return ()
    base_url = settings.endpoint("dashscope").base_url
    ready = await async_run(prepare_sources, sources, model, allowed, base_url)
    if not ready.uploads:
        return ready.urls
    await async_run(import_module, "qwen_core.resources.uploads")
    from qwen_core.resources.uploads import AsyncTemporaryStore

    store = AsyncTemporaryStore(settings)
    return ready.with_uploads(await store.put(ready.uploads, model, show_progress=show_progress))


async def async_downloaded(file: FileT, settings: ClientSettings, max_size: int) -> FileT:
    """Return a file with its content, without blocking. If the download fails, its error is in the file."""
    if file.url is None:
        return file
    try:
        return with_content(file, await async_download(file.url, settings, max_size=max_size))
    except QwenError as error:
        return msgspec.structs.replace(file, error=error)


class AsyncQwenImages:
    """Generates and edits images without blocking.

    Examples:
        >>> images = AsyncQwenImages(ClientSettings())
        >>> response = await images.generate(  # doctest: +SKIP
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
        self._tasks = AsyncQwenTasks(settings, show_progress=show_progress)

    async def generate(self, request: ImageRequest) -> ImageResponse:
        """Generate images, or edit those in the request, and return them in order.

        An image that failed, or that could not be downloaded, has its error at its position. Raise a QwenError if
        the request failed altogether; that of a task has its id as ``task_id``.
        """
        encoded = await self._encoded(request)
        try:
            if encoded.is_task:
                task = await self._submit(encoded)
                return await self._finished(task.id, request, request.model)
            response = await self._send(encoded)
            decoded = decode_images(
                response.body, normalize_headers(response.headers), request, self._source(request.model)
            )
        except QwenError as error:
            raise self._located(error, request.model) from error.__cause__
        return await self._with_contents(decoded)

    async def edit(self, request: ImageRequest) -> ImageResponse:
        """Edit the images in the request. Raise BadRequestError if it has none."""
        if not request.images:
            raise BadRequestError("There is no image to edit. Pass at least one in `images`.", model=request.model)
        return await self.generate(request)

    async def generate_all(self, requests: Sequence[ImageRequest]) -> list[ImageResponse | QwenError]:
        """Send several requests side by side, and return the responses, or errors, in order."""
        return await async_map_in_order(self._generate_or_error, list(requests), self.workers)

    async def submit(self, request: ImageRequest) -> Task:
        """Submit a task and return it at once. ``resume`` waits for its images."""
        encoded = await self._encoded(msgspec.structs.replace(request, as_task=True))
        try:
            return await self._submit(encoded)
        except QwenError as error:
            raise self._located(error, request.model) from error.__cause__

    async def resume(
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
            return await self._finished(task_id, request, model)
        except QwenError as error:
            raise self._located(error, model) from error.__cause__

    async def _generate_or_error(self, request: ImageRequest) -> ImageResponse | QwenError:
        try:
            return await self.generate(request)
        except QwenError as error:
            return error

    async def _encoded(self, request: ImageRequest) -> EncodedImages:
        profile = resolve(request.model)
        check_image_request(request, profile)
        encode_images(request, (), profile)  # a wrong API is refused before anything is uploaded
        sources = [(image, ImagePart) for image in request.images]
        urls = await async_prepared_urls(
            sources, request.model, request.allow_local_files, self.settings, self.show_progress
        )
        return await async_run(self._encode, request, urls, profile)

    def _encode(self, request: ImageRequest, urls: Sequence[str], profile: ModelProfile) -> EncodedImages:
        check_sides(urls, request, profile)
        return encode_images(request, urls, profile)

    async def _send(self, encoded: EncodedImages) -> HTTPResponse:
        """Send a request that is not a task. Only a request that was throttled is sent again."""
        attempts = Attempts(as_timeout(self.settings.timeout))
        calls = AsyncServiceCalls(self.settings, "dashscope")

        async def attempt() -> HTTPResponse:
            try:
                return await calls.send_once(
                    "POST", encoded.path, encoded.body, attempts.deadline.end, encoded.headers
                )
            except QwenError as error:
                raise refused(error) from error.__cause__

        return await async_retry(attempt, attempts, self.settings.max_retries)

    async def _submit(self, encoded: EncodedImages) -> Task:
        return await async_submitted(self._tasks, encoded, self.on_task)

    async def _finished(self, task_id: str, request: ImageRequest | None, model: str | None) -> ImageResponse:
        task = await self._tasks.wait(
            task_id, poll_seconds=self.poll_seconds, patience=self.patience, title="Images"
        )
        try:
            decoded = decode_image_task(task, request, self._source(model))
        except QwenError as error:
            error.task_id = task_id
            raise
        return await self._with_contents(decoded)

    async def _with_contents(self, response: ImageResponse) -> ImageResponse:
        images = [with_expiry(image) for image in response.images]
        if self.download:
            fetch = partial(async_downloaded, settings=self.settings, max_size=MAX_IMAGE_BYTES)
            images = await async_map_in_order(fetch, images, self.workers)
        return msgspec.structs.replace(response, images=tuple(images))

    def _source(self, model: str | None) -> Source:
        return source_of(self.settings, model)

    def _located(self, error: QwenError, model: str | None) -> QwenError:
        error.host = error.host or self.settings.endpoint("dashscope").host
        error.model = error.model or model
        return error


async def async_submitted(tasks: AsyncQwenTasks, encoded: EncodedImages, on_task: OnTask | None) -> Task:
    """Submit a task without blocking, and tell its id."""
    task = await tasks.submit(encoded.path, encoded.body, encoded.headers)
    logger.info("Submitted the task %s.", task.id)
    if on_task is not None:
        on_task(task.id)
    return task


class AsyncQwenVideos:
    """Generates videos without blocking. It takes 1 to 12 minutes: store the id that ``on_task`` is called with.

    Examples:
        >>> videos = AsyncQwenVideos(ClientSettings(), on_task=print)
        >>> video = await videos.generate(  # doctest: +SKIP
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
        self._tasks = AsyncQwenTasks(settings, show_progress=show_progress)

    async def generate(self, request: VideoRequest) -> GeneratedVideo:
        """Generate a video. If it cannot be downloaded, it has the link and the error."""
        return await self.resume((await self.submit(request)).id, request=request)

    async def submit(self, request: VideoRequest) -> Task:
        """Submit a task and return it at once. ``resume`` waits for its video."""
        check_video_request(request, resolve(request.model))
        media = video_media(request)
        sources = [(source, kind) for _, source, kind in media]
        urls = await async_prepared_urls(
            sources, request.model, request.allow_local_files, self.settings, self.show_progress
        )
        types = [kind for kind, _, _ in media]
        encoded = await async_run(encode_video, request, list(zip(types, urls, strict=True)))
        try:
            return await async_submitted(self._tasks, encoded, self.on_task)
        except QwenError as error:
            error.model = error.model or request.model
            raise

    async def resume(
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
            task = await self._tasks.wait(
                task_id, poll_seconds=self.poll_seconds, patience=self.patience, title="Video"
            )
            video = with_expiry(decode_video_task(task, request, source_of(self.settings, model)))
        except QwenError as error:
            error.model = error.model or model
            error.task_id = task_id
            raise
        return await async_downloaded(video, self.settings, MAX_VIDEO_BYTES) if self.download else video
