"""The services for images and videos: one request, or a task."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from qwen_emulator.drawing import VIDEO, draw
from qwen_emulator.failures import Failure
from qwen_emulator.media import decode_data_uri
from qwen_emulator.protocols import NATIVE
from qwen_emulator.protocols.base import json_reply
from qwen_emulator.replies import RawReply
from qwen_emulator.requests import RecordedRequest
from qwen_emulator.results import ROOT as RESULTS
from qwen_emulator.routes.tasks import NOT_ASYNC, is_asynchronous, submit
from qwen_emulator.service import OSS_HEADER, Handler, Service, route
from qwen_emulator.tasks import TaskPlan, TaskResult
from qwen_emulator.validation import images as rules
from qwen_emulator.validation.images import ImageRequest

_ROOT = "/api/v1/services/aigc"
_NAMED = {"1K": (1024, 1024), "2K": (2048, 2048), "4K": (4096, 4096)}
_LARGE = 2_250_000
"""Pixels above which an image of Qwen-Image 3.0 is billed as 2K."""
NOT_SYNC = Failure(
    403,
    "access_denied",
    "current user api does not support asynchronous calls.",
    native_code="AccessDenied",
)
NO_MEDIA = Failure(
    400,
    "InvalidParameter.DataInspection",
    "Unable to download the media resource during the data inspection process.",
)


def direct(service: Service, request: RecordedRequest) -> RawReply:
    """Respond to a request for images on the multimodal endpoint."""
    if is_asynchronous(request):
        return NATIVE.encode_failure(NOT_SYNC, request.request_id)
    return _images(service, request, "multimodal-generation")


def _task(name: str) -> Handler:
    def respond(service: Service, request: RecordedRequest) -> RawReply:
        if not is_asynchronous(request):
            return NATIVE.encode_failure(NOT_ASYNC, request.request_id)
        return _images(service, request, name)

    return respond


def _images(service: Service, request: RecordedRequest, name: str) -> RawReply:
    read = rules.images(request.body, name)
    wanted = None if isinstance(read, Failure) else read
    refused = read if isinstance(read, Failure) else _unreadable(service, request, read)

    def produce() -> RawReply:
        assert wanted is not None, "validate=False cannot draw an invalid request"
        if name == "multimodal-generation":
            output, usage = _messages(_links(service, request, wanted)), _usage(wanted, _count(wanted))
            return json_reply(
                {"output": output, "usage": usage, "request_id": request.request_id}, request.request_id
            )
        return submit(service, request, lambda plan: _finished(service, request, wanted, name, plan))

    return service.other(request, NATIVE, lambda: refused, produce)


def _unreadable(service: Service, request: RecordedRequest, wanted: ImageRequest) -> Failure | None:
    """Return the refusal of images that cannot be read: expired links, files without the header."""
    for url in wanted.images:
        path = urlsplit(url).path
        if path.startswith(RESULTS) and service.results.get(path) is None:
            return NO_MEDIA
        if url.startswith("oss://") and request.headers.get(OSS_HEADER) != "enable":
            return NO_MEDIA
    return None


def _finished(
    service: Service, request: RecordedRequest, wanted: ImageRequest, name: str, plan: TaskPlan
) -> TaskResult:
    links = _links(service, request, wanted)
    results = [
        {"code": plan.code, "message": plan.message} if position in plan.failed_results else _result(link, wanted)
        for position, link in enumerate(links)
    ]
    done = [result for result in results if "url" in result]
    if name == "image-generation":
        output = _messages([result["url"] for result in done]) | {"finished": True}
        return TaskResult(output, _usage(wanted, len(done)), len(links))
    return TaskResult({"results": results}, {"image_count": len(done)}, len(links))


def _result(link: str, wanted: ImageRequest) -> dict[str, Any]:
    rewritten = wanted.parameters.get("prompt_extend", True) and wanted.prompt
    prompts = {"orig_prompt": wanted.prompt, "actual_prompt": f"{wanted.prompt}, in fine detail"}
    return {**(prompts if rewritten else {}), "url": link}


def _links(service: Service, request: RecordedRequest, wanted: ImageRequest) -> list[str]:
    """Draw the images, and return links to them."""
    width, height = _size(wanted)
    images = [data for url in wanted.images if (data := _content(service, url))]
    seed = wanted.parameters.get("seed", 0)
    return [
        service.results.add(
            request,
            f"{position + 1}.png",
            draw(wanted.prompt, width, height, seed + position, images),
            "image/png",
        )
        for position in range(_count(wanted))
    ]


def _content(service: Service, url: str) -> bytes | None:
    """Return an image of a request, if it is inline, an uploaded file, or a result of this emulator."""
    if url.startswith("oss://"):
        return service.files.temporary(url)
    found = service.results.get(urlsplit(url).path)
    return found.data if found else decode_data_uri(url)


def _count(wanted: ImageRequest) -> int:
    series = wanted.parameters.get("enable_sequential") is True and wanted.facts.series
    return int(wanted.parameters.get("n") or series or 1)


def _size(wanted: ImageRequest) -> tuple[int, int]:
    size = wanted.parameters.get("size")
    if size is None:
        return wanted.facts.default_size
    if size in _NAMED:
        return _NAMED[size]
    width, height = size.split("*")
    return int(width), int(height)


def _messages(links: list[str]) -> dict[str, Any]:
    content = [{"image": link} for link in links]
    return {"choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": content}}]}


def _usage(wanted: ImageRequest, count: int) -> dict[str, Any]:
    """Return the usage in the form of the family."""
    width, height = _size(wanted)
    if wanted.facts.usage == "tokens":
        return {
            "image_count": count,
            "size": f"{width}*{height}",
            "input_tokens": len(wanted.prompt),
            "output_tokens": 2 * count,
            "total_tokens": len(wanted.prompt) + 2 * count,
        }
    if wanted.facts.usage == "count":
        return {"image_count": count, "width": width, "height": height}
    scale = "2k" if width * height > _LARGE else "1k"
    return {
        "output_width": width,
        "output_height": height,
        "input_image_count": len(wanted.images),
        "input_image_type": "qima_input_1k",
        "output_image_count": count,
        "output_image_type": f"qima_output_{scale}",
    }


def _video(service: Service, request: RecordedRequest) -> RawReply:
    if not is_asynchronous(request):
        return NATIVE.encode_failure(NOT_ASYNC, request.request_id)

    def finished(plan: TaskPlan) -> TaskResult:
        given = request.body.get("parameters") or {}
        duration = float(given.get("duration") or 5)
        seconds = 5.0 if duration < 0 else duration
        link = service.results.add(request, "video.mp4", VIDEO, "video/mp4")
        usage = {
            "video_count": 1,
            "duration": seconds,
            "input_video_duration": 0.0,
            "output_video_duration": seconds,
            "fps": 30,
            "SR": int(str(given.get("resolution") or "720P")[:-1]),
            "ratio": given.get("ratio") or "16:9",
        }
        return TaskResult({"video_url": link, "orig_prompt": request.body["input"]["prompt"]}, usage)

    return service.other(
        request, NATIVE, lambda: rules.video(request.body), lambda: submit(service, request, finished)
    )


ROUTES = (
    route("POST", f"{_ROOT}/image-generation/generation", _task("image-generation")),
    route("POST", f"{_ROOT}/text2image/image-synthesis", _task("text2image")),
    route("POST", f"{_ROOT}/image2image/image-synthesis", _task("image2image")),
    route("POST", f"{_ROOT}/video-generation/video-synthesis", _video),
)
