"""Files too large for a message are uploaded to the service's temporary store, on both protocols."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from qwen_core.errors import QwenError
from qwen_core.prepare import local_files
from qwen_emulator import Emulator, Failure
from tests.media.conftest import KEY, Ask, Make
from tests.media.generated_media import FRAMES, png_image

PNG = png_image()


@pytest.fixture
def small_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lower the inline limit to 100 bytes."""
    monkeypatch.setattr(local_files, "INLINE_LIMIT", 100)


@pytest.mark.usefixtures("small_messages")
def test_large_local_files_are_uploaded(chat: Make, ask: Ask, service: Emulator, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    (tmp_path / "a" / "bild ü.png").write_bytes(PNG)
    (tmp_path / "b" / "bild ü.png").write_bytes(png_image(20, 20))
    blocks = [{"type": "image", "url": str(tmp_path / folder / "bild ü.png")} for folder in ("a", "b")]
    answer = ask(chat(allow_local_files=[str(tmp_path)]), [*blocks, {"type": "text", "text": "What?"}])
    assert "48×32 pixels" in answer and "20×20 pixels" in answer
    policy, *uploads, question = service.requests
    assert (policy.method, policy.path) == ("GET", "/api/v1/uploads")
    assert policy.query == "action=getPolicy&model=qwen3-vl-plus"
    assert policy.headers["Authorization"] == f"Bearer {KEY}"
    assert len(uploads) == 2 and all("Authorization" not in upload.headers for upload in uploads)
    assert PNG in uploads[0].raw
    assert question.headers["X-DashScope-OssResourceResolve"] == "enable"
    assert question.raw.count(b"oss://") == 2 and b"data:" not in question.raw


@pytest.mark.usefixtures("small_messages")
def test_refused_upload_policy_raises_the_services_error(
    chat: Make, ask: Ask, service: Emulator, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    service.reset()
    service._service.settings.api_key = "another"
    try:
        with pytest.raises(QwenError) as caught:
            ask(chat(allow_local_files=True), [{"type": "image", "url": str(tmp_path / "a.png")}])
    finally:
        service._service.settings.api_key = None
    assert caught.value.status_code == 401 and caught.value.model == "qwen3-vl-plus"
    assert len(service.requests) == 1


@pytest.mark.usefixtures("small_messages")
def test_media_upload_show_progress(
    chat: Make, service: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    content = [HumanMessage([{"type": "image", "url": str(tmp_path / "a.png")}, "What?"])]
    chat(allow_local_files=True).invoke(content)
    assert "Uploading" not in capsys.readouterr().err
    chat(allow_local_files=True, show_progress=True).invoke(content)
    assert "Uploading: 100%" in capsys.readouterr().err


def test_nine_megabyte_upload_does_not_block_the_event_loop(chat: Make, service: Emulator, tmp_path: Path) -> None:
    """Upload nine megabytes without blocking the event loop while they are read and sent."""
    path = tmp_path / "a.mp4"
    path.write_bytes(b"\0\0\0\x18ftypisom" + os.urandom(9 * 1024 * 1024))
    longest = 0.0

    async def ask() -> str:
        nonlocal longest
        question = HumanMessage([{"type": "video", "url": str(path)}, "What?"])
        asked = asyncio.ensure_future(chat(allow_local_files=True).ainvoke([question]))
        while not asked.done():
            before = time.thread_time()
            await asyncio.sleep(0.001)
            longest = max(longest, time.thread_time() - before)
        return str(asked.result().content)

    assert "There is a video" in asyncio.run(ask())
    upload = next(request for request in service.requests if request.path == "/temporary-uploads")
    assert path.read_bytes() in upload.raw
    assert longest < 0.2


def test_frames_and_small_files_are_sent_inline(chat: Make, service: Emulator, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    frames = [*FRAMES, str(tmp_path / "a.png")]
    answer = chat(allow_local_files=True).invoke([HumanMessage([{"type": "video", "video": frames}, "What?"])])
    assert "5 frames" in answer.content
    assert len(service.requests) == 1


@pytest.mark.usefixtures("small_messages")
def test_refused_request_uploads_nothing(chat: Make, service: Emulator, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    urls = (str(tmp_path / "a.png"), "http://127.0.0.1/")
    blocks: list[Any] = [{"type": "image", "url": url} for url in urls]
    with pytest.raises(QwenError):
        chat(allow_local_files=True).invoke([HumanMessage(blocks)])
    assert not service.requests


def test_media_download_failure_raises_an_error(chat: Make, service: Emulator) -> None:
    service.reply(Failure(400, "invalid_parameter_error", "Failed to download multimodal content."))
    with pytest.raises(QwenError, match="download"):
        chat().invoke([HumanMessage([{"type": "image", "url": "https://example.com/a.png"}])])
