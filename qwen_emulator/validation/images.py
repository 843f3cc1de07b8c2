"""What the services for images and videos refuse."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from qwen_emulator.failures import Failure, invalid_parameter
from qwen_emulator.models import ImageFacts, exists, image_facts
from qwen_emulator.validation.native import not_found, outline

_SIZE = re.compile(r"(\d+)\*(\d+)")
_MAX_SEED = 2**31 - 1
_FRAMES = ("first_frame", "last_frame")
_REFERENCES = {"reference_image": 10, "reference_video": 5, "reference_audio": None}
_VIDEO = re.compile(r"wanx?[\d.]*-(t2v|i2v|r2v|kf2v|video)", re.IGNORECASE)
_RESOLUTIONS = ("480P", "720P", "1080P")
URL_ERROR = "url error, please check url！"


class ImageRequest(NamedTuple):
    """A request for images, of either form."""

    facts: ImageFacts
    prompt: str
    images: tuple[str, ...]
    parameters: Mapping[str, Any]


Problem = str | None


def contents(body: Any) -> tuple[str, tuple[str, ...]] | str:
    """Return prompt and images of one user message; or what is wrong with it."""
    messages = body["input"].get("messages")
    if not isinstance(messages, list) or len(messages) != 1 or messages[0].get("role") != "user":
        return "input.messages must have exactly one message of the role user"
    items = messages[0].get("content")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        return "input.messages.content must be a list of objects"
    texts = [item["text"] for item in items if "text" in item]
    if len(texts) != 1 or not isinstance(texts[0], str) or not texts[0].strip():
        return "input.messages.content must have exactly one text"
    images = [item["image"] for item in items[:-1] if "image" in item]
    if len(images) != len(items) - 1 or not all(map(is_image, images)):
        return "input.messages.content must have images, and then the text"
    return texts[0], tuple(images)


def is_image(value: Any) -> bool:
    """Return whether a value is the URL of an image, or base64 with its type."""
    return isinstance(value, str) and bool(re.match(r"https?://|oss://|data:image/[\w.+-]+;base64,", value))


def images(body: Any, service: str) -> ImageRequest | Failure:
    """Validate a request for images, and return its content. ``service`` is a segment of the path."""
    if refused := outline(body):
        return refused
    facts = image_facts(body["model"])
    if facts is None or not exists(body["model"]):
        return not_found(body["model"])
    if service not in ([facts.task] if facts.task else []) and not (
        facts.direct and service == "multimodal-generation"
    ):
        return invalid_parameter(URL_ERROR)
    if service in ("multimodal-generation", "image-generation"):
        read = contents(body)
        if isinstance(read, str):
            return invalid_parameter(read)
    else:
        held = body["input"]
        found = held.get(facts.source) if facts.source else []
        listed = found if isinstance(found, list) else [found]
        if not all(map(is_image, listed)):
            return invalid_parameter(f"input.{facts.source} must have URLs")
        if not isinstance(held.get("prompt", ""), str) or (
            facts.source in (None, "images") and not held.get("prompt")
        ):
            return invalid_parameter("input.prompt must be set")
        read = str(held.get("prompt") or ""), tuple(listed)
    request = ImageRequest(facts, *read, body.get("parameters") or {})
    problem = next((found for rule in _RULES if (found := rule(request))), None)
    return invalid_parameter(problem) if problem else request


def count_right(request: ImageRequest) -> Problem:
    """Require a number of images that the family has."""
    n = request.parameters.get("n", 1)
    series = request.parameters.get("enable_sequential") is True and request.facts.series
    most = series or request.facts.most
    if type(n) is not int or not 1 <= n <= most:
        return "n must be 1" if most == 1 else f"n must be in [1, {most}]"
    return None


def images_right(request: ImageRequest) -> Problem:
    """Require as many images as the family edits."""
    fewest, most = request.facts.images
    if not fewest <= len(request.images) <= most:
        return f"the number of images must be in [{fewest}, {most}]"
    boxes = request.parameters.get("bbox_list")
    if boxes is not None and len(boxes) != len(request.images):
        return "bbox_list must have one item for each image"
    return None


def size_right(request: ImageRequest) -> Problem:
    """Require a size that the family has, with a star."""
    size = request.parameters.get("size")
    if size is None or size in request.facts.named_sizes:
        return None
    found = _SIZE.fullmatch(size) if isinstance(size, str) else None
    if found is None:
        return f"size {size!r} is invalid, it should be width*height"
    width, height = int(found[1]), int(found[2])
    facts = request.facts
    if facts.sizes and size not in facts.sizes:
        return f"size must be in {list(facts.sizes)}"
    if facts.area and not facts.area[0] <= width * height <= facts.area[1]:
        return f"the area of size must be in {list(facts.area)}"
    if facts.ratio and max(width, height) > facts.ratio * min(width, height):
        return f"the ratio of size must be at most {facts.ratio}"
    return None


def values_right(request: ImageRequest) -> Problem:
    """Require the documented ranges of the other parameters."""
    given = request.parameters
    seed = given.get("seed")
    if seed is not None and (type(seed) is not int or not 0 <= seed <= _MAX_SEED):
        return f"seed must be in [0, {_MAX_SEED}]"
    if given.get("prompt_extend_mode") == "agent" and request.images:
        return "prompt_extend_mode agent does not support images"
    for name in ("prompt_extend", "enable_thinking", "thinking_mode", "enable_sequential", "watermark"):
        if given.get(name) not in (None, True, False):
            return f"{name} must be a bool"
    return None


_RULES: Iterable[Callable[[ImageRequest], Problem]] = (count_right, images_right, size_right, values_right)


def video(body: Any) -> Failure | None:
    """Validate a request for a video."""
    if refused := outline(body):
        return refused
    if not _VIDEO.match(body["model"]) or not exists(body["model"]):
        return not_found(body["model"])
    held, given = body["input"], body.get("parameters") or {}
    if not isinstance(held.get("prompt"), str) or len(held["prompt"]) > 20_000:
        return invalid_parameter("input.prompt must be a string of at most 20000 characters")
    media = held.get("media") or []
    kinds = [item.get("type") for item in media]
    if any(kind not in (*_FRAMES, *_REFERENCES, "file", "link") for kind in kinds):
        return invalid_parameter(f"input.media.type must be in {[*_FRAMES, *_REFERENCES]}")
    if set(kinds) & set(_FRAMES) and set(kinds) & set(_REFERENCES):
        return invalid_parameter("input.media: frames and references exclude one another")
    if any(most and kinds.count(kind) > most for kind, most in _REFERENCES.items()):
        return invalid_parameter("input.media has too many references")
    if given.get("resolution") not in (None, *_RESOLUTIONS):
        return invalid_parameter(f"resolution must be in {list(_RESOLUTIONS)}")
    duration = given.get("duration")
    if duration is not None and duration != -1 and not 2 <= duration <= 30:
        return invalid_parameter("duration must be in [2, 30] or -1")
    return None
