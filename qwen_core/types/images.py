"""Images and videos that the service generates: what to generate, and the results.

Options have the service's names. Which of them a model supports depends on its family (``protocols.images``).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from qwen_core.types.errors import InvalidResponseError, QwenError
from qwen_core.types.usage import Cost

MediaSource = str | Path | bytes
"""A URL (https, ``data:``, ``oss:``), a path, or the content of a file."""


class ImageRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Images to generate from a prompt, or to edit by one.

    Attributes:
        model: its id determines the API.
        prompt: what to draw, or what to change.
        images: images to edit, in the order that the prompt refers to. None: an image is generated.
        api: overrides the API in the catalog, for a model that is not listed: ``multimodal-generation``,
            ``text2image`` or ``image2image``.
        as_task: True submits a task and polls it, which can be resumed; False sends one request and waits. None:
            one request if the model's API has that, else a task.
        size: ``1024x1024``, ``1024*1024``, or a name such as ``2K`` if the model has names. None: the model's
            default.
        n: number of images. Each one that is generated is billed.
        negative_prompt: what the image must not show.
        seed: 0 to 2147483647.
        prompt_extend: whether the service rewrites the prompt, which is its default.
        prompt_extend_mode: ``direct`` or ``agent``, for models that have it.
        enable_thinking: whether the model thinks about the prompt, for models that have it.
        thinking_mode: the same for other models.
        enable_sequential: whether the images are a series, up to ``n``.
        bbox_list: for each image the boxes to edit, each ``[x1, y1, x2, y2]`` in pixels.
        color_palette: colors as ``{"hex": ..., "ratio": "25.00%"}``.
        watermark: whether there is a watermark.
        style: of the oldest models, such as ``<sketch>``.
        extra_body: fields to merge into the body; they override all others.
        allow_local_files: whether paths are read: none, all, or those in these folders.
    """

    model: str
    prompt: str
    images: tuple[MediaSource, ...] = ()
    api: str | None = None
    as_task: bool | None = None
    size: str | None = None
    n: int | None = None
    negative_prompt: str | None = None
    seed: int | None = None
    prompt_extend: bool | None = None
    prompt_extend_mode: str | None = None
    enable_thinking: bool | None = None
    thinking_mode: bool | None = None
    enable_sequential: bool | None = None
    bbox_list: tuple[Any, ...] | None = None
    color_palette: tuple[Mapping[str, str], ...] | None = None
    watermark: bool | None = None
    style: str | None = None
    extra_body: Mapping[str, Any] | None = None
    allow_local_files: bool | tuple[str, ...] = False


class GeneratedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that the service generated, or the error in its place.

    Attributes:
        url: the service's link, valid for 24 hours.
        expires_at: when the link expires, in Unix seconds.
        data: the content, if it was downloaded.
        mime_type: of the content.
        prompt: as it was sent; None: unknown.
        actual_prompt: as the service rewrote it; None: it was not, or the service does not say.
        seed: that was requested.
        cost: by list price; None: unknown. A file that failed is not billed.
        error: why there is no file, or why it was not downloaded: then there is the ``url``.
    """

    url: str | None = None
    expires_at: int | None = None
    data: bytes | None = None
    mime_type: str
    prompt: str | None = None
    actual_prompt: str | None = None
    seed: int | None = None
    cost: Cost | None = None
    error: QwenError | None = None

    @property
    def content(self) -> bytes:
        """Return the content. Raise the error in its place, or InvalidResponseError if it was not downloaded."""
        if self.data is None:
            raise self.error or InvalidResponseError("The file was not downloaded. Set download=True.")
        return self.data


class GeneratedImage(GeneratedFile, frozen=True, kw_only=True):
    """An image. ``width`` and ``height`` are in pixels; None: unknown."""

    mime_type: str = "image/png"
    width: int | None = None
    height: int | None = None

    @property
    def size(self) -> str | None:
        """Return the size as ``1024x1024``; None: unknown."""
        return f"{self.width}x{self.height}" if self.width and self.height else None


class ImageResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The images of one request, each at its position; one that failed has an ``error``.

    Attributes:
        images: all of them.
        model: that was requested; None: unknown, of a task that was resumed.
        billed: number of images that are billed; None: unknown.
        cost: of all, by list price; None: unknown.
        request_id: what Alibaba's support asks for.
        task_id: of a task.
        usage: as the service counts it.
        raw: the service's ``output``.
    """

    images: tuple[GeneratedImage, ...]
    model: str | None = None
    billed: int | None = None
    cost: Cost | None = None
    request_id: str | None = None
    task_id: str | None = None
    usage: dict[str, Any] = msgspec.field(default_factory=dict)
    raw: dict[str, Any] = msgspec.field(default_factory=dict)

    @property
    def succeeded(self) -> tuple[GeneratedImage, ...]:
        """Return the images that were generated."""
        return tuple(image for image in self.images if image.url)

    @property
    def errors(self) -> tuple[QwenError, ...]:
        """Return the errors of the others, and of downloads."""
        return tuple(image.error for image in self.images if image.error)


class VideoRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A video to generate. It is always a task.

    Attributes:
        model: its id determines the API.
        prompt: what to show.
        first_frame: image that the video begins with. Frames and references exclude one another.
        last_frame: image that it ends with.
        reference_images: images of what it shows, up to 10.
        reference_videos: videos of what it shows, up to 5 of at most 15 seconds.
        reference_audio: audio that it follows.
        resolution: ``480P``, ``720P`` or ``1080P``.
        ratio: ``adaptive``, ``16:9``, ...
        duration: seconds, 2 to 30; -1: the model decides.
        audio: whether the video has audio.
        seed: 0 to 2147483647.
        watermark: whether there is a watermark.
        extra_body: fields to merge into the body; they override all others. Older models have their images in
            ``{"input": {"img_url": ...}}``.
        allow_local_files: whether paths are read: none, all, or those in these folders.
    """

    model: str
    prompt: str
    first_frame: MediaSource | None = None
    last_frame: MediaSource | None = None
    reference_images: tuple[MediaSource, ...] = ()
    reference_videos: tuple[MediaSource, ...] = ()
    reference_audio: tuple[MediaSource, ...] = ()
    resolution: str | None = None
    ratio: str | None = None
    duration: int | None = None
    audio: bool | None = None
    seed: int | None = None
    watermark: bool | None = None
    extra_body: Mapping[str, Any] | None = None
    allow_local_files: bool | tuple[str, ...] = False


class GeneratedVideo(GeneratedFile, frozen=True, kw_only=True):
    """A video. ``seconds`` is what is billed, ``resolution`` its price class, such as ``720P``."""

    mime_type: str = "video/mp4"
    seconds: float | None = None
    resolution: str | None = None
    model: str | None = None
    request_id: str | None = None
    task_id: str | None = None
    usage: dict[str, Any] = msgspec.field(default_factory=dict)
    raw: dict[str, Any] = msgspec.field(default_factory=dict)
