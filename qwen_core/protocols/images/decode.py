"""Decode responses and finished tasks that hold images or videos.

Where the links stand depends on the API: in the content of messages, in ``results``, or in ``video_url``. All of
them are read, so that a task can be resumed by its id alone.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from qwen_core.models.pricing import price_list, unit_cost
from qwen_core.models.profile import ModelProfile
from qwen_core.protocols.error_decoding import decode_body, decode_error, invalid_response
from qwen_core.protocols.result_links import link_expiry, link_mime_type
from qwen_core.protocols.tasks import Task
from qwen_core.types.errors import InvalidResponseError, make_error
from qwen_core.types.images import GeneratedImage, GeneratedVideo, ImageRequest, ImageResponse, VideoRequest
from qwen_core.types.usage import Cost, as_integer


class ImageBody(msgspec.Struct):
    """The body of a response that is not a task."""

    output: dict[str, Any] | None = None
    usage: dict[str, Any] | None = None
    request_id: str | None = None
    code: str | None = None


_decode_json = msgspec.json.Decoder(ImageBody).decode


class Source(msgspec.Struct, frozen=True):
    """Who generated: the host and region decide the price."""

    profile: ModelProfile | None
    host: str
    region: str | None = None

    def cost(self, unit: Any, quantity: float, variant: str | None = None) -> Cost | None:
        """Return what so many units cost, or None if the price is unknown."""
        prices = price_list(self.host, self.region) if self.profile else None
        if self.profile is None or prices is None:
            return None
        return unit_cost(self.profile, unit, quantity, region=prices.region, variant=variant)


def decode_images(
    payload: bytes, headers: Mapping[str, str], request: ImageRequest, source: Source
) -> ImageResponse:
    """Decode a response that is not a task."""
    body = decode_body(_decode_json, payload, headers)
    if body.output is None:
        if body.code:
            raise decode_error(200, payload, headers)
        raise invalid_response(payload, "it has no output")
    request_id = body.request_id or headers.get("x-request-id")
    return image_response(body.output, body.usage or {}, request, source, request_id=request_id)


def decode_image_task(task: Task, request: ImageRequest | None, source: Source) -> ImageResponse:
    """Decode a task that succeeded. Without its request, prompt and seed are unknown."""
    return image_response(
        task.output, task.usage or {}, request, source, request_id=task.request_id, task_id=task.id
    )


def image_response(
    output: dict[str, Any],
    usage: dict[str, Any],
    request: ImageRequest | None,
    source: Source,
    *,
    request_id: str | None,
    task_id: str | None = None,
) -> ImageResponse:
    """Return the images in an ``output``. Raise InvalidResponseError if there is neither an image nor an error."""
    size = reported_size(usage)
    price = source.cost("image", 1)
    images = tuple(decode_image(item, request, size, price) for item in found_items(output))
    if not images:
        raise InvalidResponseError(
            "The response has no images.", model=request.model if request else None, request_id=request_id
        )
    billed = first_integer(usage, "image_count", "output_image_count")
    if billed is None:
        billed = sum(image.url is not None for image in images)
    return ImageResponse(
        images=images,
        model=source.profile.name if source.profile else None,
        billed=billed,
        cost=source.cost("image", billed),
        request_id=request_id,
        task_id=task_id,
        usage=usage,
        raw=output,
    )


def found_items(output: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the results in order, each with ``url``, or ``code`` and ``message``.

    Several images are several items of one message, or several choices with one item each.
    """
    for choice in dicts(output.get("choices")):
        message = choice.get("message")
        content = message.get("content") if isinstance(message, dict) else None
        for item in dicts(content):
            if isinstance(item.get("image"), str):
                yield {"url": item["image"]}
    yield from dicts(output.get("results"))


def dicts(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects of a list; nothing for any other value."""
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


def decode_image(
    item: dict[str, Any], request: ImageRequest | None, size: tuple[int, int] | None, price: Cost | None
) -> GeneratedImage:
    """Decode one result."""
    prompt = text_of(item, "orig_prompt") or (request.prompt if request else None)
    url = text_of(item, "url")
    if url is None:
        code, message = text_of(item, "code"), text_of(item, "message")
        error = make_error(None, code, message or f"The image failed with the code {code}.")
        error.model = request.model if request else None
        return GeneratedImage(prompt=prompt, error=error)
    width, height = size or (None, None)
    return GeneratedImage(
        url=url,
        expires_at=link_expiry(url),
        mime_type=link_mime_type(url) or "image/png",
        width=width,
        height=height,
        prompt=prompt,
        actual_prompt=text_of(item, "actual_prompt"),
        seed=request.seed if request else None,
        cost=price,
    )


def decode_video_task(task: Task, request: VideoRequest | None, source: Source) -> GeneratedVideo:
    """Decode a task that generated a video."""
    output, usage = task.output, task.usage or {}
    url = text_of(output, "video_url")
    if url is None:
        raise InvalidResponseError(
            "The task has no video_url.", model=request.model if request else None, request_id=task.request_id
        )
    seconds, resolution = first_number(usage, "duration", "output_video_duration"), usage.get("SR")
    variant = f"{resolution}P" if isinstance(resolution, int) else None
    return GeneratedVideo(
        url=url,
        expires_at=link_expiry(url),
        mime_type=link_mime_type(url) or "video/mp4",
        prompt=text_of(output, "orig_prompt") or (request.prompt if request else None),
        actual_prompt=text_of(output, "actual_prompt"),
        seed=request.seed if request else None,
        cost=None if seconds is None else source.cost("second", seconds, variant),
        seconds=seconds,
        resolution=variant,
        model=source.profile.name if source.profile else None,
        request_id=task.request_id,
        task_id=task.id,
        usage=usage,
        raw=output,
    )


def text_of(item: dict[str, Any], name: str) -> str | None:
    """Return a text that is not empty, else None."""
    value = item.get(name)
    return value if isinstance(value, str) and value else None


def reported_size(usage: dict[str, Any]) -> tuple[int, int] | None:
    """Return the size of the images: each family writes it in another way."""
    width = first_integer(usage, "output_width", "width")
    height = first_integer(usage, "output_height", "height")
    if width and height:
        return width, height
    parts = str(usage.get("size") or "").split("*")
    return (int(parts[0]), int(parts[1])) if len(parts) == 2 and all(map(str.isdecimal, parts)) else None


def first_integer(usage: dict[str, Any], *names: str) -> int | None:
    """Return the first of these counts that is there."""
    return next((count for name in names if (count := as_integer(usage.get(name))) is not None), None)


def first_number(usage: dict[str, Any], *names: str) -> float | None:
    """Return the first of these numbers that is there."""
    values = (usage.get(name) for name in names)
    return next((float(value) for value in values if isinstance(value, int | float)), None)
