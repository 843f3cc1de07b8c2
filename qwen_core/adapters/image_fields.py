"""The fields that both frameworks' tools for images share, and what a chat model reads of a result."""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import Field

from qwen_core.adapters.fields import ConnectionFields
from qwen_core.adapters.retrieval_fields import allowed_files
from qwen_core.config.endpoints import DEFAULT_IMAGE_MODEL
from qwen_core.prepare.media_checks import INLINE_LIMIT
from qwen_core.resources.images import IMAGE_POLL_SECONDS, AsyncQwenImages, OnTask
from qwen_core.resources.sync.images import QwenImages
from qwen_core.types.images import GeneratedImage, ImageRequest, ImageResponse, MediaSource

PROMPT = "What the image shows, or what to change in the images to edit."
IMAGES = "Links of images to edit, such as those of images generated before. Empty to generate a new image."
IMAGES_TO_EDIT = "Links of the images to edit, such as those of images generated before."
SIZE = "Width and height in pixels, such as 1024x1024. Leave it out for the default."
COUNT = "Number of images."
NEGATIVE_PROMPT = "What the image must not show."
GENERATION_OR_EDITING = (
    "Generate images from a description, or edit the images whose links are given. Returns the images and their "
    "links. Look at them, and edit or generate anew if they are not what was asked for."
)


class ImageFields(ConnectionFields):
    """The parameters of a tool for images. ``None``: not sent, so that the model's own default applies."""

    model: str = DEFAULT_IMAGE_MODEL
    """Model name. Unknown names work."""
    download: bool = True
    """Whether images are downloaded. If not, there are links, which are valid for 24 hours."""
    show_images: bool = True
    """Whether the chat model gets the images themselves, and not only their links. False for models that accept
    text only."""
    size: str | None = None
    """``1024x1024`` or ``1024*1024``; the model of the agent can choose another."""
    n: int | None = None
    """Number of images, each of which is billed; the model of the agent can choose another."""
    max_n: int | None = Field(default=None, ge=1)
    """Maximum number of images of one call, whatever the model of the agent asks for."""
    negative_prompt: str | None = None
    """What the images must not show."""
    seed: int | None = None
    """Seed, 0 to 2147483647."""
    prompt_extend: bool | None = None
    """Whether the service rewrites the prompt, which is its default."""
    watermark: bool | None = None
    """Whether there is a watermark."""
    as_task: bool | None = None
    """True submits a task, which can be resumed by its id; None: if the model has nothing else."""
    on_task: OnTask | None = Field(default=None, exclude=True, repr=False)
    """Called with the id of each task that was submitted."""
    poll_seconds: float = Field(default=IMAGE_POLL_SECONDS, gt=0)
    """The longest pause between two polls of a task."""
    show_progress: bool = False
    """Whether tasks show a progress bar."""
    allow_local_files: bool | list[str] = False
    """Whether images to edit given as paths are read from this disk: none, all, or those in these folders."""
    extra_body: dict[str, Any] | None = None
    """Fields to merge into the request's body, unchanged. They override all others."""

    def image_request(
        self,
        prompt: str,
        images: Sequence[MediaSource] | None = None,
        size: str | None = None,
        n: int | None = None,
        negative_prompt: str | None = None,
    ) -> ImageRequest:
        """Return the request. The call's arguments override the fields."""
        count = n or self.n
        if self.max_n is not None and count is not None:
            count = min(count, self.max_n)
        return ImageRequest(
            model=self.model,
            prompt=prompt,
            images=tuple(images or ()),
            size=size or self.size,
            n=count,
            negative_prompt=negative_prompt or self.negative_prompt,
            seed=self.seed,
            prompt_extend=self.prompt_extend,
            watermark=self.watermark,
            as_task=self.as_task,
            allow_local_files=allowed_files(self.allow_local_files),
            extra_body=self.extra_body,
        )

    def image_client(self) -> QwenImages:
        """Return the core's client."""
        return QwenImages(self.client_settings(), **self._client_options())

    def async_image_client(self) -> AsyncQwenImages:
        """Return the core's client that does not block."""
        return AsyncQwenImages(self.client_settings(), **self._client_options())

    def _client_options(self) -> dict[str, Any]:
        names = ("download", "show_progress", "on_task", "poll_seconds")
        return {name: getattr(self, name) for name in names}


def describe_images(response: ImageResponse) -> str:
    """Return what a chat model reads of a result: each image with its link, or its error."""
    count = len(response.succeeded)
    lines = [f"Generated {count} image{'' if count == 1 else 's'}."]
    lines += [f"Image {number}: {describe_image(image)}" for number, image in enumerate(response.images, 1)]
    return "\n".join(lines)


def describe_image(image: GeneratedImage) -> str:
    """Return size, link and expiry of an image, or its error."""
    facts = [image.size] if image.size else []
    if image.url:
        facts.append(f"link {image.url}")
    if image.url and image.expires_at:
        facts.append(f"valid until {datetime.fromtimestamp(image.expires_at, UTC):%Y-%m-%d %H:%M} UTC")
    if image.error:
        facts.append(f"{'not downloaded' if image.url else 'failed'}: {image.error.message}")
    return ", ".join(facts)


def encoded(image: GeneratedImage) -> str | None:
    """Return the content in base64; None if it was not downloaded."""
    return None if image.data is None else base64.b64encode(image.data).decode()


def fits_inline(image: GeneratedImage) -> bool:
    """Return whether a chat can have the image inline."""
    return image.data is not None and len(image.data) * 4 // 3 + 64 <= INLINE_LIMIT
