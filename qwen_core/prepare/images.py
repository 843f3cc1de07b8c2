"""Validate requests for images and videos against the documented limits, and prepare the media in them.

Every image that is generated is billed, so that what the service would refuse or cut is refused here.
"""

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from qwen_core.config.endpoints import host_of
from qwen_core.models.profile import ImageLimits, ModelProfile
from qwen_core.models.tokens import estimate_tokens
from qwen_core.prepare.kinds import refuse_unless
from qwen_core.prepare.local_files import AllowedFiles, LocalFile
from qwen_core.prepare.media import prepare_media
from qwen_core.prepare.media_checks import DATA_URI_HEADER, decode_base64
from qwen_core.prepare.media_formats import HEAD, image_size, sniff
from qwen_core.protocols.images.encode import SIZE
from qwen_core.types.errors import BadRequestError
from qwen_core.types.images import ImageRequest, MediaSource, VideoRequest
from qwen_core.types.messages import AudioPart, ImagePart, Message, Part, VideoPart, part_urls
from qwen_core.types.requests import ChatRequest

TOKEN_TOLERANCE = 1.1
"""Token counts are estimated: a prompt is refused if it is surely too long."""
MAX_SEED = 2**31 - 1
MAX_VIDEO_PROMPT = 20_000
MAX_REFERENCES = {"reference_images": 10, "reference_videos": 5}


class PreparedMedia(NamedTuple):
    """The URLs of the media in order, and the files to upload first, by the URL that refers to each."""

    urls: tuple[str, ...]
    uploads: Mapping[str, LocalFile]

    def with_uploads(self, uploaded: Mapping[str, str]) -> tuple[str, ...]:
        """Return the URLs with those of the uploaded files."""
        return tuple(uploaded.get(url, url) for url in self.urls)


def check_image_request(request: ImageRequest, profile: ModelProfile) -> None:
    """Raise BadRequestError for what exceeds a documented limit of the model. Nothing was sent then."""
    refuse_unless(profile, "image")
    limits = profile.image_limits or ImageLimits()
    for problem in limit_problems(request, limits):
        raise BadRequestError(f"{problem} Nothing was sent.", model=request.model)


def limit_problems(request: ImageRequest, limits: ImageLimits) -> Iterator[str]:
    """Yield what exceeds a limit, with the documented number."""
    for name in ("n", "seed"):
        value = getattr(request, name)
        if value is not None and type(value) is not int:
            yield f"{name} must be an integer (got {value!r})."
    yield from prompt_problems(request, limits)
    yield from count_problems(request, limits)
    yield from size_problems(request, limits)
    if request.seed is not None and not 0 <= request.seed <= MAX_SEED:
        yield f"seed must be from 0 to {MAX_SEED} (got {request.seed})."


def prompt_problems(request: ImageRequest, limits: ImageLimits) -> Iterator[str]:
    """Yield what is wrong with the texts. The service cuts a prompt that is too long, or refuses it."""
    model, length = request.model, len(request.prompt)
    if not request.prompt.strip() and limits.input_field == "images":
        yield "prompt must not be empty."
    if limits.prompt_characters is not None and length > limits.prompt_characters:
        yield f"A prompt for {model} can have at most {limits.prompt_characters} characters (got {length})."
    if limits.prompt_tokens is not None and length > limits.prompt_tokens // 2:
        tokens = estimate_tokens(request.prompt)
        if tokens > limits.prompt_tokens * TOKEN_TOLERANCE:
            yield f"A prompt for {model} can have at most {limits.prompt_tokens} tokens (got about {tokens})."
    longest, negative = limits.negative_prompt_characters, len(request.negative_prompt or "")
    if longest is not None and negative > longest:
        yield f"A negative_prompt for {model} can have at most {longest} characters (got {negative})."


def count_problems(request: ImageRequest, limits: ImageLimits) -> Iterator[str]:
    """Yield what is wrong with the number of images in the request, or to generate."""
    model, images = request.model, len(request.images)
    if images < limits.min_images:
        yield f"{model} edits images: pass at least {limits.min_images} in `images` (got {images})."
    if limits.max_images == 0 and images:
        yield f"{model} generates images from text only: `images` must be empty (got {images})."
    elif limits.max_images is not None and images > limits.max_images:
        yield f"{model} accepts at most {limits.max_images} images to edit (got {images})."
    most = limits.max_series if request.enable_sequential and limits.max_series else limits.max_n
    if request.n is not None and (request.n < 1 or (most is not None and request.n > most)):
        allowed = f"from 1 to {most} for {model}" if most else "at least 1"
        yield f"n must be {allowed} (got {request.n})."
    boxes = request.bbox_list
    if boxes is not None and len(boxes) != images:
        yield f"bbox_list must have an item for each of the {images} images (got {len(boxes)})."


def size_problems(request: ImageRequest, limits: ImageLimits) -> Iterator[str]:
    """Yield what is wrong with the size."""
    if request.size is None:
        return
    found = SIZE.fullmatch(request.size)
    if found is None:
        # The names of models that are not listed, and of newer ones, are the service's to know.
        if limits.min_pixels is not None and request.size.upper() not in limits.sizes:
            names = f" or {', '.join(limits.sizes)}" if limits.sizes else ""
            yield f"size must be <width>x<height>{names} for {request.model} (got {request.size!r})."
        elif not re.fullmatch(r"\w{1,20}", request.size):
            yield f"size must be <width>x<height>, such as 1024x1024 (got {request.size!r})."
        return
    width, height = int(found[1]), int(found[2])
    if limits.min_pixels is None or limits.max_pixels is None:
        if limits.sizes and f"{width}*{height}" not in limits.sizes:
            known = ", ".join(limits.sizes).replace("*", "x")
            yield f"size must be one of {known} for {request.model} (got {width}x{height})."
        return
    if not limits.min_pixels <= width * height <= limits.max_pixels:
        yield (
            f"An image of {request.model} can have {limits.min_pixels} to {limits.max_pixels} pixels "
            f"(got {width}x{height}, {width * height} pixels)."
        )
    elif limits.max_ratio and max(width, height) > limits.max_ratio * min(width, height):
        yield (
            f"The longer side of an image of {request.model} can be at most {limits.max_ratio} times the shorter "
            f"(got {width}x{height})."
        )


def check_sides(urls: Sequence[str], request: ImageRequest, profile: ModelProfile) -> None:
    """Raise BadRequestError for an inline image to edit whose sides are outside the model's limits."""
    limits = profile.image_limits
    if limits is None or limits.min_side is None or limits.max_side is None:
        return
    for position, url in enumerate(urls, 1):
        header = DATA_URI_HEADER.match(url)
        size = image_size(decode_base64(url[header.end() :], "image")) if header else None
        if size and not (limits.min_side <= min(size) and max(size) <= limits.max_side):
            raise BadRequestError(
                f"Image {position} has {size[0]}x{size[1]} pixels; {request.model} accepts sides of "
                f"{limits.min_side} to {limits.max_side}. Nothing was sent.",
                model=request.model,
            )


def check_video_request(request: VideoRequest, profile: ModelProfile) -> None:
    """Raise BadRequestError for a request for a video that the service would refuse."""
    refuse_unless(profile, "video")
    references = request.reference_images or request.reference_videos or request.reference_audio
    if references and (request.first_frame is not None or request.last_frame is not None):
        raise BadRequestError(
            "A video has either frames or references. Pass first_frame and last_frame, or these."
        )
    if len(request.prompt) > MAX_VIDEO_PROMPT:
        raise BadRequestError(
            f"A prompt for a video can have at most {MAX_VIDEO_PROMPT} characters (got {len(request.prompt)})."
        )
    for name, most in MAX_REFERENCES.items():
        if (count := len(getattr(request, name))) > most:
            raise BadRequestError(f"{name} can have at most {most} items (got {count}).")


def video_media(request: VideoRequest) -> list[tuple[str, MediaSource, type[Part]]]:
    """Return the media of a request in order: the type by the service's name, the source, and the kind of part."""
    frames = (("first_frame", request.first_frame), ("last_frame", request.last_frame))
    return [
        *((kind, source, ImagePart) for kind, source in frames if source is not None),
        *(("reference_image", source, ImagePart) for source in request.reference_images),
        *(("reference_video", source, VideoPart) for source in request.reference_videos),
        *(("reference_audio", source, AudioPart) for source in request.reference_audio),
    ]


def prepare_sources(
    sources: Sequence[tuple[MediaSource, type[Part]]], model: str, allowed: AllowedFiles, base_url: str
) -> PreparedMedia:
    """Return the media as validated URLs, with local files inlined or marked for upload. Block while reading them.

    A link to the host of ``base_url`` is accepted as it is: the service generated that file.
    """
    urls = [source_url(source) for source, _ in sources]
    parts = [
        kind(url)  # type: ignore[call-arg]  # the three parts are made of a URL
        for url, (_, kind) in zip(urls, sources, strict=True)
        if not is_own_link(url, base_url)
    ]
    if not parts:
        return PreparedMedia(tuple(urls), {})
    request = ChatRequest(model=model, messages=(Message("user", tuple(parts)),), allow_local_files=allowed)
    ready = prepare_media(request)
    checked = iter([url for part in ready.request.messages[0].parts for url in part_urls(part)])
    return PreparedMedia(
        tuple(url if is_own_link(url, base_url) else next(checked) for url in urls), ready.uploads
    )


def source_url(source: MediaSource) -> str:
    """Return a source as a URL or path. Raise BadRequestError if it is empty."""
    if not source:
        raise BadRequestError("An image or video to send is empty. Pass a URL, a path or the content of a file.")
    if not isinstance(source, bytes):
        return str(source)
    return f"data:{sniff(source[:HEAD]) or ''};base64,{base64.b64encode(source).decode()}"


def is_own_link(url: str, base_url: str) -> bool:
    """Return whether a URL leads to the host of ``base_url``."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc == host_of(base_url)
