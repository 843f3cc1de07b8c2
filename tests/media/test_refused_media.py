"""Media that must not leave this machine or that the service rejects: a clear error and no request."""

import logging
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from llama_index.core.base.llms.types import ChatMessage, DocumentBlock, ImageBlock, TextBlock, ToolCallBlock

from qwen_core.errors import BadRequestError, QwenWarning, UnsupportedFeatureError
from qwen_core.prepare import media_checks as checks
from qwen_emulator import Emulator
from tests.media.conftest import Ask, Make
from tests.media.generated_media import data_uri, png_image, text64, wav_audio

SECRET = "the-secret-in-the-file"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """Create a file that must not be sent."""
    path = tmp_path / "passwd"
    path.write_text(SECRET)
    return path


@pytest.fixture
def opened_files(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Record every file that is opened."""
    opened: list[Any] = []
    real = os.open

    def spy(path: Any, *args: Any, **kwargs: Any) -> int:
        opened.append(path)
        return real(path, *args, **kwargs)

    monkeypatch.setattr("qwen_core.prepare.local_files.os.open", spy)
    return opened


ADDRESSES = [
    "http://169.254.169.254/latest/meta-data/",
    "http://100.100.100.200/latest/meta-data/",
    "http://127.0.0.1:8080/a.png",
    "http://localhost/a.png",
    "http://a.localhost./a.png",
    "https://10.1.2.3/a.png",
    "https://192.168.0.1/a.png",
    "http://[::1]/a.png",
    "http://[fe80::1%25eth0]/a.png",
    "http://[::ffff:169.254.169.254]/a.png",
    "http://[64:ff9b::a9fe:a9fe]/a.png",
    "http://2852039166/a.png",
    "http://0xa9.0xfe.0xa9.0xfe/a.png",
    "http://0251.0376.0251.0376/a.png",
    "http://169.254.43518/a.png",
    "http://１６９.254.169.254/a.png",
    "http://metadata.google.internal/a.png",
    "http://0.0.0.0/a.png",
    "http://user:password@127.0.0.1/a.png",
    "http://example.com\\@127.0.0.1/a.png",
]


@pytest.mark.parametrize("url", ADDRESSES)
def test_private_media_urls_are_refused(chat: Make, ask: Ask, service: Emulator, url: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        ask(chat(allow_local_files=True), [{"type": "image_url", "image_url": {"url": url}}])
    assert "password" not in str(caught.value)
    assert not service.requests


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a.png?x=1",
        "http://8.8.8.8/a.png",
        "oss://folder/a.png",
        "https://[2606:4700::1]/a.png",
    ],
)
def test_public_media_urls_are_sent_unchanged(chat: Make, service: Emulator, url: str) -> None:
    chat().invoke([HumanMessage([{"type": "image_url", "image_url": {"url": url}}, "What?"])])
    assert url in str(service.last_request.messages)


NAMES = ["file://{}", "{}", "file://localhost{}", "{}/../passwd"]


@pytest.mark.parametrize("form", NAMES)
def test_local_files_are_refused_without_allow_local_files(
    chat: Make, ask: Ask, service: Emulator, secret: Path, opened_files: list[Any], form: str
) -> None:
    for block in (
        {"image": form.format(secret)},
        {"type": "image", "url": form.format(secret)},
        {"type": "video", "video": [form.format(secret)] * 4},
        {"type": "file", "url": form.format(secret)},
    ):
        with pytest.raises(UnsupportedFeatureError, match="allow_local_files"):
            ask(chat(), [block, {"type": "text", "text": "What is this?"}])
    assert not service.requests
    assert not opened_files


def test_etc_passwd_as_image_is_refused(chat: Make, service: Emulator, opened_files: list[Any]) -> None:
    with pytest.raises(UnsupportedFeatureError):
        chat().invoke([HumanMessage([{"image": "file:///etc/passwd"}])])
    # Allowed, but not an image.
    with pytest.raises(BadRequestError, match="not a valid image file"):
        chat(allow_local_files=True).invoke([HumanMessage([{"image": "file:///etc/passwd"}])])
    assert not service.requests


def test_file_path_in_text_is_sent_as_text(chat: Make, ask: Ask, service: Emulator, secret: Path) -> None:
    ask(chat(allow_local_files=True), [{"type": "text", "text": str(secret)}])
    assert str(secret) in str(service.last_request.messages)
    assert SECRET not in service.last_request.raw.decode()
    assert len(service.requests) == 1


def test_allow_local_files_folders_are_enforced(
    chat: Make, service: Emulator, tmp_path: Path, opened_files: list[Any]
) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / "a.png").write_bytes(png_image())
    (inside / "link.png").symlink_to(outside / "a.png")
    (inside / "folder").symlink_to(outside)
    model = chat(allow_local_files=[str(inside)])
    for path in (
        outside / "a.png",
        inside / "link.png",
        inside / "folder" / "a.png",
        f"{inside}/../outside/a.png",
        f"file://{inside}/%2e%2e/outside/a.png",
        f"{inside}-not/a.png",
        "file://server/share/a.png",
        f"{inside}/a.png\0",
    ):
        with pytest.raises(BadRequestError):
            model.invoke([HumanMessage([{"type": "image", "url": str(path)}])])
    assert not service.requests
    assert not opened_files
    model.invoke([HumanMessage([{"type": "image", "url": str(inside / "a.png")}])])
    assert text64(png_image()) in service.last_request.raw.decode()


@pytest.mark.parametrize("kind", ["folder", "pipe", "empty", "missing"])
def test_local_path_that_is_not_a_regular_file_is_refused(
    chat: Make, service: Emulator, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "a.png"
    make: dict[str, Callable[[], None]] = {
        "folder": path.mkdir,
        "pipe": lambda: os.mkfifo(path),
        "empty": path.touch,
        "missing": lambda: None,
    }
    make[kind]()
    with pytest.raises(BadRequestError):
        chat(allow_local_files=True).invoke([HumanMessage([{"type": "image", "url": str(path)}])])
    assert not service.requests


@pytest.mark.parametrize(("kind", "name"), [("image", "a.png"), ("audio", "a.wav"), ("video", "a.mp4")])
def test_oversized_local_files_are_refused(
    chat: Make, service: Emulator, tmp_path: Path, kind: str, name: str
) -> None:
    path = tmp_path / name
    with path.open("wb") as file:
        file.write(png_image() if kind == "image" else wav_audio())
        file.truncate(101 * checks.MEGABYTE)
    with pytest.raises(BadRequestError, match=r"at most \d+ MB"):
        chat(allow_local_files=True).invoke([HumanMessage([{"type": kind, "url": str(path)}])])
    assert not service.requests


def test_text_file_with_image_name_is_refused(chat: Make, service: Emulator, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_text(SECRET)
    with pytest.raises(BadRequestError, match="not a valid image file"):
        chat(allow_local_files=True).invoke([HumanMessage([{"type": "image", "url": str(path)}])])
    assert not service.requests


def jpeg(width: int, height: int) -> bytes:
    """Return a JPEG up to its frame: two segments, then the one with the size."""
    tables = b"\xff\xdb\x00\x04\xff\xc0"
    return (
        b"\xff\xd8\xff\xe0\x00\x10JFIF"
        + bytes(10)
        + tables
        + b"\xff\xc0\x00\x11\x08"
        + struct.pack(">HH", height, width)
    )


BROKEN = {
    "truncated": png_image()[:60],
    "text": b"this is no picture",
    "empty": b"",
    "tiny PNG": png_image(4, 4),
    "PNG strip": png_image(4000, 10),
    "tiny JPEG": jpeg(4, 40),
    "JPEG strip": jpeg(4000, 10),
    "tiny GIF": b"GIF89a" + struct.pack("<HH", 40, 4) + bytes(9),
    "tiny BMP": b"BM" + bytes(16) + struct.pack("<ii", 40, -4) + bytes(28),
}


@pytest.mark.parametrize(
    "content",
    [jpeg(40, 40), b"GIF89a" + struct.pack("<HH", 40, 40), b"BM" + bytes(16) + struct.pack("<ii", 40, 40)],
)
def test_images_of_other_formats_are_sent(chat: Make, service: Emulator, content: bytes) -> None:
    service.reply("A picture.")
    picture_block = {"type": "image", "base64": text64(content), "mime_type": "image/jpeg"}
    assert chat().invoke([HumanMessage([picture_block])]).content == "A picture."


@pytest.mark.parametrize("name", BROKEN)
def test_invalid_images_are_refused(chat: Make, ask: Ask, service: Emulator, name: str) -> None:
    with pytest.raises(BadRequestError, match="image"):
        ask(chat(), [{"type": "image", "base64": text64(BROKEN[name]), "mime_type": "image/png"}])
    assert not service.requests


@pytest.mark.parametrize("text", ["data:image/png;base64,%%%%", "data:image/png,abc", "data:image/png;base64,AAA"])
def test_invalid_base64_is_refused(chat: Make, service: Emulator, text: str) -> None:
    with pytest.raises(BadRequestError):
        chat().invoke([HumanMessage([{"type": "image_url", "image_url": {"url": text}}])])
    assert not service.requests


@pytest.mark.parametrize("url", ["ftp://example.com/a.png", "javascript:alert(1)", "gopher://a.com/", "http:"])
def test_media_urls_of_other_schemes_are_refused(chat: Make, service: Emulator, url: str) -> None:
    with pytest.raises(BadRequestError):
        chat(allow_local_files=True).invoke([HumanMessage([{"type": "image", "url": url}])])
    assert not service.requests


def test_oversized_data_uri_is_refused_without_decoding(
    chat: Make, ask: Ask, service: Emulator, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "decode_base64", lambda *_: pytest.fail("was decoded"))
    url = "data:image/png;base64," + "QUJD" * (25 * checks.MEGABYTE)
    with caplog.at_level(logging.DEBUG), pytest.raises(BadRequestError, match="10 MB") as caught:
        ask(chat(), [{"type": "image_url", "image_url": {"url": url}}])
    assert not service.requests
    assert len(str(caught.value)) < 500
    assert "QUJDQUJD" not in caplog.text


def test_request_over_the_total_media_size_is_refused(chat: Make, service: Emulator) -> None:
    url = data_uri(wav_audio(seconds=450), "audio/wav")
    with pytest.raises(BadRequestError, match="64 MB"):
        chat().invoke([HumanMessage([{"type": "audio", "url": url}] * 8)])
    assert not service.requests


def test_media_content_is_not_quoted_in_the_error(chat: Make, service: Emulator) -> None:
    """Pass base64 as a URL: it is read as a path, and the error must not quote it."""
    text = text64(png_image())
    with pytest.raises(UnsupportedFeatureError) as caught:
        chat().invoke([HumanMessage([{"type": "image_url", "image_url": {"url": text * 4}}])])
    assert text[:40] not in str(caught.value)


def test_llama_index_refuses_local_files_and_private_urls(
    llm: Make, service: Emulator, secret: Path, opened_files: list[Any]
) -> None:
    for block in (
        ImageBlock(path=secret),
        ImageBlock(url=secret.as_uri()),
        ImageBlock(url="http://169.254.169.254/"),
    ):
        with pytest.raises(BadRequestError):
            llm().chat([ChatMessage(role="user", blocks=[TextBlock(text="What?"), block])])
    assert not service.requests
    assert not opened_files


UNSEEN = r"qwen-plus is documented to accept text only. The image in messages"


def test_image_for_text_only_model_warns(chat: Make, llm: Make, service: Emulator) -> None:
    """Send a user's image: the documentation may be outdated. Replace a tool's, unless repairs are off."""
    block = {"type": "image", "base64": text64(png_image()), "mime_type": "image/png"}
    asked = AIMessage("", tool_calls=[{"name": "look", "args": {}, "id": "c1"}])
    image = ImageBlock(url=data_uri(png_image()))
    call = ToolCallBlock(tool_call_id="c1", tool_name="look", tool_kwargs={})
    result = ChatMessage(role="tool", blocks=[image], additional_kwargs={"tool_call_id": "c1"})
    shown = [HumanMessage("Look."), asked, ToolMessage([block], tool_call_id="c1")]
    seen = [ChatMessage("Look."), ChatMessage(role="assistant", blocks=[call]), result]
    model, other = chat(model="qwen-plus"), llm(model="qwen-plus")
    exact = {"model": "qwen-plus", "repair_history": False}
    ways: list[tuple[int, Callable[[], object]]] = [
        (0, lambda: model.invoke([HumanMessage([block])])),
        (2, lambda: chat(**exact).invoke(shown)),
        (0, lambda: other.chat([ChatMessage(role="user", blocks=[image])])),
        (2, lambda: llm(**exact).chat(seen)),
    ]
    for place, ask in ways:
        with pytest.warns(QwenWarning, match=rf"{UNSEEN}\[{place}\]"), pytest.raises(BadRequestError):
            ask()
        assert text64(png_image()) in service.last_request.raw.decode()
    replaced: list[Callable[[], object]] = [lambda: model.invoke(shown), lambda: other.chat(seen)]
    for ask in replaced:
        with pytest.warns(QwenWarning, match="A tool returned image content, but qwen-plus reads text only"):
            ask()
        sent = service.last_request.raw.decode()
        assert "[image omitted: qwen-plus reads text only]" in sent and text64(png_image()) not in sent


@pytest.mark.parametrize("protocol", ["openai"])
def test_document_for_model_without_document_input_warns(chat: Make, llm: Make) -> None:
    url = "https://files.example/a.pdf"
    asks: list[Callable[[], object]] = [
        lambda: chat().invoke([HumanMessage([{"type": "file", "url": url}, {"type": "text", "text": "?"}])]),
        lambda: llm().chat([ChatMessage(role="user", blocks=[DocumentBlock(url=url), TextBlock(text="?")])]),
    ]
    for ask in asks:
        with pytest.warns(QwenWarning, match=r"The document in messages\[0\] was sent"):
            ask()
