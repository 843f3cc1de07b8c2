"""Encode requests for images and videos. Their media are URLs by now."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from qwen_core.models.profile import ModelProfile
from qwen_core.protocols.base import EncodedRequest
from qwen_core.protocols.dashscope.encode import merge_extra
from qwen_core.protocols.messages import oss_headers, with_values
from qwen_core.types.errors import UnsupportedFeatureError
from qwen_core.types.images import ImageRequest, VideoRequest
from qwen_core.types.json import encode_json
from qwen_core.types.messages import ImagePart, Message

ROOT = "/services/aigc"
DIRECT = "multimodal-generation"
DIRECT_AS_TASK = "image-generation"
PATHS = {
    DIRECT: f"{ROOT}/multimodal-generation/generation",
    DIRECT_AS_TASK: f"{ROOT}/image-generation/generation",
    "text2image": f"{ROOT}/text2image/image-synthesis",
    "image2image": f"{ROOT}/image2image/image-synthesis",
    "video-synthesis": f"{ROOT}/video-generation/video-synthesis",
}
IMAGE_APIS = (DIRECT, "text2image", "image2image")
PARAMETERS = (
    "size", "n", "seed", "prompt_extend", "prompt_extend_mode", "enable_thinking", "thinking_mode",
    "enable_sequential", "bbox_list", "color_palette", "watermark", "style",
)  # fmt: skip
VIDEO_PARAMETERS = ("resolution", "ratio", "duration", "audio", "seed", "watermark")
SIZE = re.compile(r"\s*(\d{1,5})\s*[x×X*]\s*(\d{1,5})\s*")


class EncodedImages(EncodedRequest, frozen=True, kw_only=True):
    """A request as it is sent, and whether it is a task."""

    is_task: bool


def image_api(request: ImageRequest, profile: ModelProfile) -> str:
    """Return the API of a request, as a key of ``PATHS``. Models that are not listed have the newest one.

    Raise UnsupportedFeatureError for a task of a model that has none, and the other way round.
    """
    api = request.api or profile.media_api or DIRECT
    if api not in IMAGE_APIS:
        raise UnsupportedFeatureError(
            f"The API of images must be one of {', '.join(IMAGE_APIS)} (got {api!r}).", model=request.model
        )
    if api != DIRECT:
        if request.as_task is False:
            raise UnsupportedFeatureError(
                f"{request.model} generates images as a task only.", hint="Leave out as_task=False."
            )
        return api
    if not request.as_task:
        return DIRECT
    limits = profile.image_limits
    if limits is not None and limits.task_api is None:
        raise UnsupportedFeatureError(
            f"{request.model} generates images in one request only, not as a task.", hint="Leave out as_task."
        )
    return limits.task_api or DIRECT_AS_TASK if limits else DIRECT_AS_TASK


def star_size(size: str | None) -> str | None:
    """Return a size as the service writes it, ``1024*1024``. A name such as ``2K`` stays as it is."""
    found = SIZE.fullmatch(size) if size else None
    return f"{int(found[1])}*{int(found[2])}" if found else size


def encode_images(request: ImageRequest, urls: Sequence[str], profile: ModelProfile) -> EncodedImages:
    """Encode a request whose images have these URLs."""
    api = image_api(request, profile)
    parameters = with_values({}, **{name: getattr(request, name) for name in PARAMETERS})
    if request.size:
        parameters["size"] = star_size(request.size)
    if api in (DIRECT, DIRECT_AS_TASK):
        content = [*({"image": url} for url in urls), {"text": request.prompt}]
        body_input: dict[str, Any] = {"messages": [{"role": "user", "content": content}]}
        with_values(parameters, negative_prompt=request.negative_prompt)
    else:
        body_input = with_values({}, prompt=request.prompt or None, negative_prompt=request.negative_prompt)
        if urls:
            field = profile.image_limits.input_field if profile.image_limits else "images"
            body_input[field] = list(urls) if field == "images" else urls[0]
    body = finished_body(request.model, body_input, parameters, request.extra_body)
    return EncodedImages(path=PATHS[api], body=encode_json(body), headers=url_headers(urls), is_task=api != DIRECT)


def encode_video(request: VideoRequest, media: Sequence[tuple[str, str]]) -> EncodedImages:
    """Encode a request for a video whose media have these types and URLs."""
    parameters = with_values({}, **{name: getattr(request, name) for name in VIDEO_PARAMETERS})
    body_input: dict[str, Any] = {"prompt": request.prompt}
    if media:
        body_input["media"] = [{"type": kind, "url": url} for kind, url in media]
    body = finished_body(request.model, body_input, parameters, request.extra_body)
    headers = url_headers([url for _, url in media])
    return EncodedImages(path=PATHS["video-synthesis"], body=encode_json(body), headers=headers, is_task=True)


def finished_body(
    model: str, body_input: dict[str, Any], parameters: dict[str, Any], extra: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the body, with the user's own fields merged into it."""
    body = {"model": model, "input": body_input, "parameters": parameters}
    merge_extra(body, extra)
    return body


def url_headers(urls: Sequence[str]) -> dict[str, str]:
    """Return the headers that URLs of temporary storage require."""
    return dict(oss_headers([Message("user", tuple(ImagePart(url) for url in urls))]))
