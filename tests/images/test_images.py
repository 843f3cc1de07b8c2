"""Images and videos over every API: against the emulator, and against composed bytes on a server of its own."""

import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from qwen_core import ClientSettings, ImageRequest, ImageResponse
from qwen_core.errors import (
    APITimeoutError,
    BadRequestError,
    ContentFilterError,
    InvalidResponseError,
    NotFoundError,
    PermissionDeniedError,
    QwenError,
    ServerError,
    TaskError,
    UnsupportedFeatureError,
)
from qwen_core.prepare.media_formats import image_size
from qwen_core.protocols.result_links import link_expiry
from qwen_emulator import Emulator, Failure
from qwen_emulator.drawing import draw
from qwen_emulator.media import read_png
from tests.canned_server import Canned, CannedServer
from tests.images.conftest import KEY, Both

DIRECT = "/api/v1/services/aigc/multimodal-generation/generation"
TASK_OF_DIRECT = "/api/v1/services/aigc/image-generation/generation"
TEXT2IMAGE = "/api/v1/services/aigc/text2image/image-synthesis"
IMAGE2IMAGE = "/api/v1/services/aigc/image2image/image-synthesis"
VIDEO = "/api/v1/services/aigc/video-generation/video-synthesis"

TASK = "9e2b6ef6-285d-4efa-8651-4dbda7d571fa"
POLL = f"/api/v1/tasks/{TASK}"
PNG = draw("a red house", 600, 520)

FAMILIES: list[tuple[str, bool | None, str, dict[str, Any]]] = [
    ("qwen-image-3.0", None, DIRECT, {"n": 2, "size": "512x512"}),
    ("qwen-image-3.0", True, TASK_OF_DIRECT, {"n": 2, "size": "512x512"}),
    ("qwen-image-2.1-turbo", None, DIRECT, {"size": "512*512"}),
    ("qwen-image-2.0", None, DIRECT, {"n": 2, "size": "512x512", "negative_prompt": "people"}),
    ("qwen-image-plus", None, DIRECT, {"size": "1328x1328"}),
    ("qwen-image", True, TEXT2IMAGE, {"size": "1328x1328"}),
    ("wan2.7-image", None, DIRECT, {"size": "1K", "n": 2}),
    ("wan2.7-image-pro", True, TASK_OF_DIRECT, {"size": "1K", "enable_sequential": True, "n": 3}),
    ("wan2.6-t2i", None, DIRECT, {"n": 2}),
    ("wan2.5-t2i-preview", None, TEXT2IMAGE, {"n": 2, "size": "512x512"}),
    ("wanx-v1", None, TEXT2IMAGE, {"n": 4, "size": "512x512", "style": "<sketch>"}),
]
EDITORS: list[tuple[str, str]] = [
    ("qwen-image-3.0", DIRECT),
    ("qwen-image-2.0", DIRECT),
    ("qwen-image-edit", DIRECT),
    ("qwen-image-edit-plus", DIRECT),
    ("wan2.7-image", DIRECT),
    ("wan2.5-i2i-preview", IMAGE2IMAGE),
    ("wanx2.1-imageedit", IMAGE2IMAGE),
]


def colour(data: bytes) -> str | None:
    image = read_png(data)
    return image.colour if image else None


def direct(*contents: list[dict[str, Any]], **usage: Any) -> dict[str, Any]:
    choices = [
        {"finish_reason": "stop", "message": {"role": "assistant", "content": content}} for content in contents
    ]
    return {"request_id": "r-1", "output": {"choices": choices}, "usage": usage}


def task(status: str, usage: dict[str, Any] | None = None, **output: Any) -> dict[str, Any]:
    body = {"request_id": "r-2", "output": {"task_id": TASK, "task_status": status, **output}}
    return body | ({"usage": usage} if usage else {})


def serve_image(server: CannedServer, *paths: str) -> None:
    for path in paths:
        server.on(path, Canned(PNG, content_type="image/png"))


# ---- Each family and API, against the emulator ----


@pytest.mark.parametrize(("model", "as_task", "path", "options"), FAMILIES, ids=lambda value: str(value)[:30])
def test_each_family_generates_what_the_prompt_says(
    service: Emulator,
    settings: ClientSettings,
    both: Both,
    model: str,
    as_task: bool | None,
    path: str,
    options: dict[str, Any],
) -> None:
    response = both.generate(settings, model=model, prompt="a purple cat", as_task=as_task, seed=7, **options)
    assert len(response.images) == options.get("n", 1) == response.billed
    for image in response.images:
        assert colour(image.content) == "purple"
        assert (image.mime_type, image.seed, image.prompt, image.error) == ("image/png", 7, "a purple cat", None)
        assert image.size == options.get("size", "1024x1024").replace("*", "x").replace("1K", "1024x1024")
        assert image.expires_at == pytest.approx(time.time() + 86_400, abs=60)
    assert len({image.data for image in response.images}) == len(response.images)
    submitted = [request for request in service.requests if request.method == "POST"]
    assert [request.path for request in submitted] == [path]
    assert (submitted[0].headers.get("X-DashScope-Async") == "enable") == (path != DIRECT)
    assert (response.task_id is not None) == (path != DIRECT)
    downloads = [request for request in service.requests if request.path.startswith("/results")]
    assert len(downloads) == len(response.images)
    assert not any(request.headers.get("Authorization") for request in downloads)


@pytest.mark.parametrize(("model", "path"), EDITORS)
def test_each_family_edits_the_image(
    service: Emulator, settings: ClientSettings, both: Both, model: str, path: str
) -> None:
    request = ImageRequest(model=model, prompt="give it a hat", images=(PNG,))
    response = both.images("edit", settings, request)
    assert colour(response.images[0].content) == "red"
    assert [r.path for r in service.requests if r.method == "POST"] == [path]


def test_link_of_a_result_is_accepted_as_an_image_to_edit(settings: ClientSettings, both: Both) -> None:
    first = both.generate(
        settings, {"download": False}, model="qwen-image-2.0", prompt="a green tree", size="512x512"
    )
    assert first.images[0].data is None
    edited = both.generate(
        settings, model="qwen-image-2.0", prompt="at night", images=(first.images[0].url,), size="512x512"
    )
    assert colour(edited.images[0].content) == "green"


def test_content_of_an_image_that_was_not_downloaded_raises(settings: ClientSettings, both: Both) -> None:
    response = both.generate(settings, {"download": False}, model="qwen-image-2.0", prompt="x", size="512x512")
    with pytest.raises(InvalidResponseError, match="download=True"):
        _ = response.images[0].content


def test_local_files_are_inlined_only_if_they_are_allowed(
    service: Emulator, settings: ClientSettings, both: Both, tmp_path: Path
) -> None:
    file = tmp_path / "house.png"
    file.write_bytes(PNG)
    fields: dict[str, Any] = {
        "model": "qwen-image-2.0",
        "prompt": "at night",
        "images": (file,),
        "size": "512x512",
    }
    with pytest.raises(UnsupportedFeatureError, match="allow_local_files"):
        both.generate(settings, **fields)
    assert not service.requests
    response = both.generate(settings, **fields, allow_local_files=(str(tmp_path),))
    assert colour(response.images[0].content) == "red"


@pytest.mark.parametrize("url", ["http://169.254.169.254/latest", "http://localhost/a.png", "ftp://a/b.png"])
def test_private_urls_are_refused_before_anything_is_sent(
    service: Emulator, settings: ClientSettings, both: Both, url: str
) -> None:
    with pytest.raises(BadRequestError):
        both.generate(settings, model="qwen-image-2.0", prompt="x", images=(url,))
    assert not service.requests


@pytest.mark.parametrize("source", ["", b"", b"not an image", "data:image/png;base64,@@", "javascript:alert(1)"])
def test_source_that_is_not_an_image_is_refused_before_anything_is_sent(
    service: Emulator, settings: ClientSettings, both: Both, source: str | bytes
) -> None:
    with pytest.raises(BadRequestError):
        both.generate(settings, model="qwen-image-2.0", prompt="x", images=(PNG, source), size="512x512")
    assert not service.requests


def test_large_file_is_uploaded_first(
    service: Emulator, settings: ClientSettings, both: Both, tmp_path: Path
) -> None:
    file = tmp_path / "large.png"
    file.write_bytes(PNG[:-12] + b"\0\x80\0\0tEXt" + bytes(8_388_608) + b"\0\0\0\0" + PNG[-12:])
    response = both.generate(
        settings, model="qwen-image-2.0", prompt="at night", images=(file,), size="512x512", allow_local_files=True
    )
    assert colour(response.images[0].content) == "red"
    sent = next(request for request in service.requests if request.path == DIRECT)
    assert sent.headers["X-DashScope-OssResourceResolve"] == "enable"


def test_requests_side_by_side_have_errors_at_their_positions(settings: ClientSettings, both: Both) -> None:
    requests = [
        ImageRequest(model="qwen-image-2.0", prompt="red", size="512x512"),
        ImageRequest(model="qwen-image-2.0", prompt="red", size="10x10"),
        ImageRequest(model="wan2.5-t2i-preview", prompt="blue", size="512x512"),
    ]
    first, second, third = both.images("generate_all", settings, requests, workers=3)
    assert isinstance(second, BadRequestError)
    assert [colour(response.images[0].content) for response in (first, third)] == ["red", "blue"]


# ---- Cost and usage ----


def test_cost_is_by_image_and_the_failed_one_is_free(
    service: Emulator, settings: ClientSettings, both: Both
) -> None:
    response = both.generate(settings, model="qwen-image-3.0", prompt="x", n=2, size="512x512")
    assert response.cost is not None and response.cost.total == pytest.approx(0.06)
    assert [image.cost.total for image in response.images if image.cost] == [0.03, 0.03]
    assert response.usage["output_image_count"] == 2


def test_cost_is_unknown_without_a_price(settings: ClientSettings, both: Both) -> None:
    assert both.generate(settings, model="wan2.6-t2i", prompt="x").cost is None


# ---- Tasks ----


def test_failed_image_of_four_is_an_error_in_its_place(
    service: Emulator, settings: ClientSettings, both: Both
) -> None:
    service.plan_tasks(failed_results=[1], code="DataInspectionFailed", message="It is inappropriate.")
    response = both.generate(settings, model="wan2.5-t2i-preview", prompt="red", n=4, size="512x512")
    assert [image.error is None for image in response.images] == [True, False, True, True]
    assert [colour(image.content) for image in response.succeeded] == ["red"] * 3
    assert response.billed == 3
    (error,) = response.errors
    assert isinstance(error, ContentFilterError)
    with pytest.raises(ContentFilterError, match="inappropriate"):
        _ = response.images[1].content


@pytest.mark.parametrize(
    ("plan", "error"),
    [
        ({"ends": "FAILED", "code": "DataInspectionFailed", "message": "Input data ..."}, ContentFilterError),
        ({"ends": "FAILED", "code": "IPInfringementSuspect", "message": "Input data ..."}, ContentFilterError),
        ({"ends": "FAILED", "code": "InternalError.Timeout"}, APITimeoutError),
        ({"ends": "CANCELED"}, TaskError),
        ({"ends": "UNKNOWN"}, NotFoundError),
    ],
    ids=lambda value: str(value)[:40],
)
@pytest.mark.parametrize(("model", "as_task"), [("qwen-image-3.0", True), ("wanx-v1", None)])
def test_task_that_ends_without_images_raises_with_its_id(
    service: Emulator,
    settings: ClientSettings,
    both: Both,
    plan: dict[str, Any],
    error: type[QwenError],
    model: str,
    as_task: bool | None,
) -> None:
    service.plan_tasks(**plan)
    seen: list[str] = []
    with pytest.raises(error) as raised:
        both.generate(settings, {"on_task": seen.append}, model=model, prompt="x", as_task=as_task, size="512x512")
    assert [raised.value.task_id] == seen
    assert raised.value.model == model
    assert KEY not in str(raised.value)


@pytest.mark.parametrize("failure", ["rate_limit", "internal_error"])
def test_failed_poll_never_creates_a_second_task(server: CannedServer, both: Both, failure: str) -> None:
    status, code = {"rate_limit": (429, "Throttling.RateQuota"), "internal_error": (500, "InternalError")}[failure]
    server.on(TEXT2IMAGE, task("PENDING"))
    server.on(
        POLL,
        Canned({"code": code, "message": "later"}, status),
        task("RUNNING"),
        Canned({"code": code, "message": "later"}, status),
        task("SUCCEEDED", {"image_count": 1}, results=[{"url": "{server}/a.png"}]),
    )
    serve_image(server, "/a.png")
    response = both.generate(server.settings(), model="wanx2.1-t2i-turbo", prompt="x")
    assert response.images[0].data == PNG
    assert server.paths("POST") == [TEXT2IMAGE]


def test_throttled_submission_is_repeated_and_a_broken_one_is_not(
    service: Emulator, settings: ClientSettings, both: Both
) -> None:
    for model, as_task in (("qwen-image-3.0", False), ("qwen-image-3.0", True)):
        service.reset()
        service.reply(Failure.named("rate_limit"))
        response = both.generate(settings, model=model, prompt="red", as_task=as_task, size="512x512")
        assert colour(response.images[0].content) == "red"
        service.reset()
        service.reply(Failure.named("internal_error"))
        with pytest.raises(ServerError) as raised:
            both.generate(settings, model=model, prompt="red", as_task=as_task, size="512x512")
        assert not raised.value.is_retryable
        assert len(service.requests) == 1


def test_task_is_submitted_and_resumed_by_its_id(service: Emulator, settings: ClientSettings, both: Both) -> None:
    request = ImageRequest(model="qwen-image-3.0", prompt="red", n=2, size="512x512")
    submitted = both.images("submit", settings, request)
    assert submitted.status == "PENDING"
    response = both.images("resume", settings, submitted.id, model="qwen-image-3.0")
    assert [colour(image.content) for image in response.images] == ["red", "red"]
    assert response.cost is not None and response.cost.total == pytest.approx(0.06)
    assert response.task_id == submitted.id
    again = both.images("resume", settings, submitted.id, request=request)
    assert again.images[0].prompt == "red"
    assert sum(request.method == "POST" for request in service.requests) == 1


def test_timeout_leaves_the_id_to_resume_by(service: Emulator, settings: ClientSettings, both: Both) -> None:
    service.plan_tasks(polls=1000)
    with pytest.raises(APITimeoutError) as raised:
        both.generate(settings, {"patience": 0.05}, model="wanx-v1", prompt="red", size="512x512")
    service.plan_tasks(polls=0)
    assert raised.value.task_id
    response = both.images("resume", settings, raised.value.task_id)
    assert colour(response.images[0].content) == "red"


KILLED = """
import sys
from qwen_core import ClientSettings, ImageRequest, QwenImages
images = QwenImages(
    ClientSettings(api_key="sk-x", base_url=sys.argv[1]),
    poll_seconds=0.02,
    on_task=lambda task_id: print(task_id, flush=True),
)
images.generate(ImageRequest(model="qwen-image-3.0", prompt="a red house", size="512x512", as_task=True))
"""


def test_process_killed_while_polling_is_resumed_and_nothing_is_created_twice(
    service: Emulator, settings: ClientSettings
) -> None:
    service.plan_tasks(polls=10_000)
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, service.base_url], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        task_id = process.stdout.readline().strip()
        while not any(request.path.endswith(task_id) for request in service.requests):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
    service.plan_tasks(polls=1)
    response = Both(False).images("resume", settings, task_id)
    assert colour(response.images[0].content) == "red"
    assert sum(request.method == "POST" for request in service.requests) == 1


# ---- Composed bytes ----


def test_items_of_one_message_and_of_several_choices_are_all_read(server: CannedServer, both: Both) -> None:
    one, two = {"image": "{server}/1.png", "type": "image"}, {"image": "{server}/2.png"}
    serve_image(server, "/1.png", "/2.png")
    for body in (direct([one, two], image_count=2, width=600, height=520), direct([one], [two])):
        server.on(DIRECT, body)
        response = both.generate(server.settings(), model="qwen-image-2.0", prompt="x", n=2)
        assert [image.size for image in response.images] == ["600x520", "600x520"]
        assert [image.url for image in response.images] == [f"{server.url}/{n}.png" for n in (1, 2)]
        assert (response.billed, response.request_id) == (2, "r-1")


def test_body_of_the_direct_request_has_images_before_the_one_text(server: CannedServer, both: Both) -> None:
    serve_image(server, "/a.png")
    server.on(DIRECT, direct([{"image": "{server}/a.png"}]))
    both.generate(
        server.settings(),
        model="wan2.7-image",
        prompt="swap the colors",
        images=("https://example.com/1.png", "oss://folder/2.png"),
        size="1024x1024",
        n=1,
        seed=3,
        watermark=False,
        bbox_list=([], [[1, 2, 3, 4]]),
        extra_body={"new_option": True},
    )
    request = server.requests[0]
    assert request.body == {
        "model": "wan2.7-image",
        "input": {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"image": "https://example.com/1.png"},
                        {"image": "oss://folder/2.png"},
                        {"text": "swap the colors"},
                    ],
                }
            ]
        },
        "parameters": {
            "size": "1024*1024",
            "n": 1,
            "seed": 3,
            "watermark": False,
            "bbox_list": [[], [[1, 2, 3, 4]]],
            "new_option": True,
        },
    }
    assert request.headers["x-dashscope-ossresourceresolve"] == "enable"
    assert "x-dashscope-async" not in request.headers
    assert request.headers["authorization"].startswith("Bearer sk-")


def test_body_of_a_task_is_the_captured_one(server: CannedServer, both: Both) -> None:
    server.on(TEXT2IMAGE, task("PENDING"))
    both.images(
        "submit",
        server.settings(),
        ImageRequest(model="wanx-v1", prompt="a cat", style="<sketch>", size="1024x1024", n=4, seed=42),
    )
    assert server.requests[0].body == {
        "model": "wanx-v1",
        "input": {"prompt": "a cat"},
        "parameters": {"style": "<sketch>", "size": "1024*1024", "n": 4, "seed": 42},
    }
    assert server.requests[0].headers["x-dashscope-async"] == "enable"


def test_translation_of_an_image_is_sent_as_captured(server: CannedServer, both: Both) -> None:
    server.on(IMAGE2IMAGE, task("PENDING"))
    languages = {"source_lang": "zh", "target_lang": "en", "ext": {"config": {"imageSegment": False}}}
    both.images(
        "submit",
        server.settings(),
        ImageRequest(
            model="qwen-mt-image",
            prompt="",
            images=("https://example.com/a.png",),
            extra_body={"input": languages},
        ),
    )
    assert server.requests[0].body["input"] == {"image_url": "https://example.com/a.png", **languages}


def test_wan_task_has_its_images_in_choices(server: CannedServer, both: Both) -> None:
    serve_image(server, "/a.png")
    server.on(TASK_OF_DIRECT, task("PENDING"))
    content = [{"type": "image", "image": "{server}/a.png"}]
    server.on(
        POLL,
        task(
            "SUCCEEDED",
            {"image_count": 1, "size": "1488*704", "input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
            choices=[{"finish_reason": "stop", "message": {"role": "assistant", "content": content}}],
            finished=True,
        ),
    )
    response = both.generate(
        server.settings(), {"download": False}, model="wan2.7-image", prompt="x", as_task=True
    )
    assert (response.images[0].size, response.images[0].data) == ("1488x704", None)


def test_partly_failed_task_keeps_the_order(server: CannedServer, both: Both) -> None:
    serve_image(server, "/a1.png")
    server.on(TEXT2IMAGE, task("PENDING"))
    results = [
        {"code": "InternalError.Timeout", "message": "too slow"},
        {"url": "{server}/a1.png", "orig_prompt": "x", "actual_prompt": "a detailed x"},
    ]
    metrics = {"TOTAL": 2, "SUCCEEDED": 1, "FAILED": 1}
    server.on(POLL, task("SUCCEEDED", {"image_count": 1}, results=results, task_metrics=metrics))
    response = both.generate(server.settings(), model="wan2.5-t2i-preview", prompt="x", n=2)
    assert isinstance(response.images[0].error, APITimeoutError)
    assert response.images[1].actual_prompt == "a detailed x"
    assert (response.billed, len(response.succeeded)) == (1, 1)


@pytest.mark.parametrize(
    "url",
    ["http://evil.example/a.png", "file:///etc/passwd", "https://dashscope.aliyuncs.com.evil.example/a.png", "x"],
)
def test_link_to_a_foreign_host_is_not_followed(server: CannedServer, both: Both, url: str) -> None:
    server.on(DIRECT, direct([{"image": url}, {"image": "{server}/a.png"}]))
    serve_image(server, "/a.png")
    response = both.generate(server.settings(), model="qwen-image-2.0", prompt="x", n=2)
    assert isinstance(response.images[0].error, InvalidResponseError)
    assert (response.images[0].data, response.images[0].url) == (None, url)
    assert response.images[1].data == PNG
    with pytest.raises(InvalidResponseError, match="not the service's"):
        _ = response.images[0].content


def test_expired_link_and_a_file_of_another_kind_are_errors_in_place(server: CannedServer, both: Both) -> None:
    server.on(DIRECT, direct([{"image": "{server}/old.png"}, {"image": "{server}/page.png"}]))
    server.on("/old.png", Canned("<Error/>", 403, "application/xml"))
    server.on("/page.png", Canned("<html>no</html>", content_type="text/html"))
    response = both.generate(server.settings(), model="qwen-image-2.0", prompt="x", n=2)
    assert isinstance(response.images[0].error, NotFoundError)
    assert isinstance(response.images[1].error, InvalidResponseError)
    assert len(response.errors) == 2


def test_download_is_bounded(server: CannedServer, both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("qwen_core.resources.images", "qwen_core.resources.sync.images"):
        monkeypatch.setattr(f"{module}.MAX_IMAGE_BYTES", 1 << 20)
    server.on(DIRECT, direct([{"image": "{server}/large.png"}]))
    server.on("/large.png", Canned(PNG + bytes(2 << 20), content_type="image/png"))
    response = both.generate(server.settings(), model="qwen-image-2.0", prompt="x")
    assert "longer than 1 MiB" in str(response.images[0].error)


def test_response_without_images_is_an_error(server: CannedServer, both: Both) -> None:
    bodies: list[dict[str, Any]] = [direct([{"text": "no"}]), direct(), {"output": {}}, {"request_id": "r"}]
    for body in bodies:
        server.on(DIRECT, body)
        with pytest.raises(InvalidResponseError):
            both.generate(server.settings(), model="qwen-image-2.0", prompt="x")


def test_error_in_a_body_with_status_200_is_raised(server: CannedServer, both: Both) -> None:
    server.on(DIRECT, {"request_id": "r", "code": "InvalidParameter", "message": "n must be 1"})
    with pytest.raises(BadRequestError, match="n must be 1"):
        both.generate(server.settings(), model="qwen-image-2.0", prompt="x")


def test_service_without_synchronous_calls_says_so(server: CannedServer, both: Both) -> None:
    body = {"code": "AccessDenied", "message": "current user api does not support synchronous calls."}
    server.on(DIRECT, Canned(body, 403))
    with pytest.raises(PermissionDeniedError):
        both.generate(server.settings(), model="an-unknown-image-model", prompt="x")


def test_moderation_refuses_the_prompt(service: Emulator, settings: ClientSettings, both: Both) -> None:
    service.reply(Failure.named("data_inspection"))
    with pytest.raises(ContentFilterError) as raised:
        both.generate(settings, model="qwen-image-2.0", prompt="x")
    assert raised.value.model == "qwen-image-2.0"


# ---- Videos ----


def test_video_is_generated_with_its_frames(service: Emulator, settings: ClientSettings, both: Both) -> None:
    beijing = ClientSettings(api_key=KEY, base_url=service.base_url, region="cn-beijing")
    video = both.video(
        beijing,
        model="wan3.0-video",
        prompt="it opens",
        first_frame=PNG,
        duration=3,
        resolution="720P",
        ratio="16:9",
    )
    assert video.content[4:8] == b"ftyp"
    assert (video.seconds, video.resolution, video.mime_type, video.prompt) == (
        3.0,
        "720P",
        "video/mp4",
        "it opens",
    )
    assert video.cost is not None and video.cost.total == pytest.approx(3 * 0.082513)
    sent = next(request for request in service.requests if request.path == VIDEO)
    (media,) = sent.body["input"]["media"]
    assert media["type"] == "first_frame" and media["url"].startswith("data:image/png;base64,")
    assert sent.parameters == {"duration": 3, "resolution": "720P", "ratio": "16:9"}


def test_video_refuses_frames_together_with_references(settings: ClientSettings, both: Both) -> None:
    with pytest.raises(BadRequestError, match="either frames or references"):
        both.video(settings, model="wan3.0-video", prompt="x", first_frame=PNG, reference_images=(PNG,))


# ---- Kinds and links ----


@pytest.mark.parametrize(("model", "word"), [("qwen-plus", "chat"), ("wan3.0-video", "video")])
def test_model_of_another_kind_is_refused(settings: ClientSettings, both: Both, model: str, word: str) -> None:
    with pytest.raises(UnsupportedFeatureError, match=word):
        both.generate(settings, model=model, prompt="x")


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("https://a/b.png?Expires=1766113409&Signature=x", 1766113409),
        (
            "https://a/b.png?x-oss-date=20261128T000000Z&x-oss-expires=86400&x-oss-signature=x",
            int(datetime(2026, 11, 29, tzinfo=UTC).timestamp()),
        ),
        ("https://a/b.png", None),
        ("https://a/b.png?Expires=never", None),
        ("https://[/b.png?Expires=1", None),
    ],
)
def test_expiry_is_read_from_the_link(link: str, expected: int | None) -> None:
    assert link_expiry(link) == expected


def test_emulator_draws_the_requested_size() -> None:
    assert image_size(draw("x", 333, 77)) == (333, 77)
    assert colour(draw("a blue car on a yellow field", 64, 64)) == "yellow"
    assert colour(draw("without a color", 64, 64)) == colour(draw("without a color", 64, 64))


def test_response_without_a_request_has_no_prompt(settings: ClientSettings) -> None:
    response: ImageResponse = Both(False).generate(settings, model="qwen-image-2.0", prompt="x", size="512x512")
    assert response.raw["choices"]
    assert "sk-" not in repr(response.images[0].url)
