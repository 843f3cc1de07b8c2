"""Files: uploaded once, referenced by id, deleted; and as document parts in both frameworks."""

import asyncio
import io
import json
import os
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from llama_index.core.base.llms.types import DocumentBlock, TextBlock

from qwen_core import ClientSettings
from qwen_core.errors import APITimeoutError, BadRequestError, QwenError, UnsupportedFeatureError
from qwen_core.resources import files
from qwen_core.resources.files import KNOWN_FILES, AsyncQwenFiles
from qwen_core.resources.sync.files import QwenFiles
from qwen_emulator import Emulator, Failure, RawReply
from tests.media.conftest import KEY, Ask, Make, ask_llm
from tests.media.generated_media import text64

TEXT = "The lighthouse of Porto Verde was built in 1874. Its keeper is called Amalia Rossi.\r\n"
CONTENT = TEXT.encode() + bytes(range(256))


@pytest.fixture
def settings(service: Emulator) -> ClientSettings:
    return ClientSettings(api_key=KEY, base_url=service.base_url)


@pytest.fixture(autouse=True)
def forget_uploaded_files(monkeypatch: pytest.MonkeyPatch) -> None:
    KNOWN_FILES._by_account.clear()
    monkeypatch.setattr(files, "FIRST_WAIT", 0.001)


class SyncFacade:
    """An async object with a sync interface."""

    def __init__(self, wrapped: AsyncQwenFiles) -> None:
        self.wrapped = wrapped

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method: Callable[..., Awaitable[Any]] = getattr(self.wrapped, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            async def run() -> Any:
                return await method(*args, **kwargs)

            return asyncio.run(run())

        return call


@pytest.fixture(params=[QwenFiles, AsyncQwenFiles])
def store(request: pytest.FixtureRequest, settings: ClientSettings) -> Any:
    made = request.param(settings)
    return made if isinstance(made, QwenFiles) else SyncFacade(made)


def state(status: str) -> RawReply:
    body = json.dumps({"id": "file-fe-1", "filename": "a.txt", "status": status, "status_details": "bad"}).encode()
    return RawReply(200, {"Content-Type": "application/json"}, (body,))


def test_uploaded_file_content_is_unchanged(store: Any, service: Emulator, tmp_path: Path) -> None:
    path = tmp_path / 'a "file".bin'
    path.write_bytes(CONTENT * 3000)
    from_path, from_bytes = store.upload(path), store.upload(CONTENT, "b.bin")
    stored = service._service.files
    assert stored.get(from_path.id).data == path.read_bytes()
    assert stored.get(from_bytes.id).data == CONTENT
    assert from_bytes.filename == "b.bin" and from_bytes.bytes == len(CONTENT)
    assert all(request.headers["Authorization"] == f"Bearer {KEY}" for request in service.requests)


def test_file_with_the_same_content_is_uploaded_once(store: Any, service: Emulator) -> None:
    first = store.upload(b"one", "a.txt")
    assert store.upload(b"one", "b.txt").id == first.id
    assert store.upload(b"two", "a.txt").id != first.id
    assert [request.method for request in service.requests].count("POST") == 2
    store.delete(first.id)
    assert store.upload(b"one", "a.txt").id != first.id


def test_deleted_file_is_uploaded_again(store: Any, service: Emulator) -> None:
    first = store.upload(b"one", "a.txt")
    service.reset()
    assert store.upload(b"one", "a.txt").id != ""
    assert [request.method for request in service.requests] == ["GET", "POST"]
    store.delete(first.id)
    store.delete("file-fe-of-nobody")


def test_files_list_and_clean_up(store: Any, service: Emulator) -> None:
    for number in range(3):
        store.upload(str(number).encode(), f"{number}.txt")
    assert {file.filename for file in store.all()} == {"0.txt", "1.txt", "2.txt"}
    assert store.clean_up() == 3
    assert store.all() == []
    assert store.clean_up() == 0


def test_files_context_manager_cleans_up(settings: ClientSettings, service: Emulator) -> None:
    with QwenFiles(settings) as held:
        held.upload(b"one", "a.txt")

    async def use() -> None:
        async with AsyncQwenFiles(settings) as awaited:
            await awaited.upload(b"two", "b.txt")

    asyncio.run(use())
    assert service._service.files.all() == []


def test_upload_waits_until_processed(store: Any, service: Emulator) -> None:
    service.reply(state("processing"), state("processing"), state("processed"))
    assert store.upload(b"one", "a.txt").status == "processed"
    assert [request.method for request in service.requests] == ["POST", "GET", "GET"]


def test_upload_wait_times_out(store: Any, service: Emulator) -> None:
    service.reply(*[state("processing")] * 20)
    with pytest.raises(APITimeoutError, match=r"a\.txt"):
        store.upload(b"one", "a.txt", patience=0.004)


def test_upload_processing_error_raises_bad_request_error(store: Any, service: Emulator) -> None:
    service.reply(state("error"))
    with pytest.raises(BadRequestError, match="bad"):
        store.upload(b"one", "a.txt")


def test_upload_is_not_retried(store: Any, service: Emulator) -> None:
    service.reply(Failure(500, "internal_error", "Oh."))
    with pytest.raises(QwenError) as caught:
        store.upload(b"one", "a.txt")
    assert caught.value.host and len(service.requests) == 1


@pytest.mark.parametrize("id", ["", ".", "..", "a\nb", "\ud83d"])
def test_invalid_file_id_is_refused(store: Any, service: Emulator, id: str) -> None:
    for ask in (store.get, store.content, store.delete):
        with pytest.raises(BadRequestError, match="is not a valid id"):
            ask(id)
    assert not service.requests


def test_null_file_list_is_empty(store: Any, service: Emulator) -> None:
    body = json.dumps({"data": None, "has_more": None}).encode()
    service.reply(RawReply(200, {"Content-Type": "application/json"}, (body,)))
    assert store.all() == []


def test_upload_of_invalid_path_is_refused(store: Any, service: Emulator) -> None:
    with pytest.raises(BadRequestError, match="cannot be read"):
        store.upload("a\0b")


def test_upload_of_non_utf8_file_name(store: Any, service: Emulator, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt"))
    path.write_bytes(CONTENT)
    assert store.upload(path).filename == "caf?.txt"


@pytest.mark.parametrize("cancelled_while", ["opening", "reading"])
def test_cancelled_upload_closes_its_files(
    settings: ClientSettings, service: Emulator, tmp_path: Path, cancelled_while: str
) -> None:
    begun, may_go_on = threading.Event(), threading.Event()
    opened: list[io.FileIO] = []

    def pause() -> None:
        begun.set()
        may_go_on.wait(5)

    class SlowContent(io.FileIO):
        def read(self, size: int | None = -1) -> bytes:
            if cancelled_while == "reading" and len(opened) > 1:
                pause()
            return super().read(-1 if size is None else size)

    class SlowPath(type(Path())):  # type: ignore[misc]
        def open(self, *_: Any) -> SlowContent:
            content = SlowContent(self)
            opened.append(content)
            if cancelled_while == "opening" and len(opened) > 1:
                pause()
            return content

    (tmp_path / "a.txt").write_bytes(CONTENT)

    async def work() -> None:
        upload = asyncio.create_task(AsyncQwenFiles(settings).upload(SlowPath(tmp_path / "a.txt")))
        await asyncio.to_thread(begun.wait, 5)
        upload.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(upload, 2)
        may_go_on.set()

    asyncio.run(work())
    assert len(opened) == 2 and all(file.closed for file in opened)


def test_invalid_upload_is_refused_without_a_request(store: Any, service: Emulator, tmp_path: Path) -> None:
    large = tmp_path / "large.pdf"
    with large.open("wb") as file:
        file.truncate(151 * 1024 * 1024)
    for content, purpose in (
        (large, "file-extract"),
        (b"", "file-extract"),
        (tmp_path / "no", "batch"),
        (b"x", "y"),
    ):
        with pytest.raises(BadRequestError):
            store.upload(content, purpose=purpose)
    assert not service.requests


def test_upload_show_progress(
    settings: ClientSettings, service: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    QwenFiles(settings, show_progress=True).upload(CONTENT * 5000, "a.bin")
    assert "Uploading: 100%" in capsys.readouterr().err


DATA = text64(TEXT.encode())
BLOCKS = [
    {"type": "file", "base64": DATA, "mime_type": "text/plain", "filename": "a.txt"},
    {"type": "file", "source_type": "base64", "data": DATA, "mime_type": "text/plain"},
    {
        "type": "file",
        "file": {"file_data": f"data:text/plain;base64,{DATA}", "filename": "a.txt"},
    },
    {"type": "document", "source": {"type": "base64", "data": DATA, "media_type": "text/plain"}},
]
QUESTION = {"type": "text", "text": "When was the lighthouse of Porto Verde built?"}


@pytest.mark.parametrize("block", BLOCKS, ids=["v1", "v0", "OpenAI", "Anthropic"])
def test_langchain_file_blocks_are_uploaded(
    chat: Make, ask: Ask, service: Emulator, block: dict[str, Any]
) -> None:
    model = chat(model="qwen-long")
    assert "1874" in ask(model, [block, QUESTION])
    assert "1874" in ask(model, [block, QUESTION])
    assert len(service._service.files.all()) == 1
    sent = service.last_request.messages
    assert [message["role"] for message in sent] == ["system", "user"]
    assert sent[0]["content"].startswith("fileid://file-fe-")


def test_llama_index_document_blocks_are_uploaded(llm: Make, service: Emulator, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(TEXT)
    question = TextBlock(text=QUESTION["text"])
    data = DocumentBlock(data=TEXT.encode(), title="a.txt", document_mimetype="text/plain")
    assert "1874" in ask_llm(llm(model="qwen-long"), [data, question])
    local = DocumentBlock(path=path)
    with pytest.raises(UnsupportedFeatureError, match="allow_local_files"):
        ask_llm(llm(model="qwen-long"), [local, question])
    assert "1874" in ask_llm(llm(model="qwen-long", allow_local_files=[str(tmp_path)]), [local, question])


def test_file_id_is_sent_unchanged(chat: Make, service: Emulator, settings: ClientSettings) -> None:
    file = QwenFiles(settings).upload(TEXT.encode(), "a.txt")
    answer = chat(model="qwen-long").invoke([HumanMessage([{"type": "file", "file_id": file.id}, QUESTION])])
    assert "1874" in answer.content


def test_document_url_is_sent(chat: Make, service: Emulator, protocol: str) -> None:
    block = {"type": "file", "url": "https://example.com/a.pdf"}
    chat(model="qwen-doc-turbo" if protocol == "dashscope" else "qwen3.8-max").invoke(
        [HumanMessage([block, QUESTION])]
    )
    sent = service.last_request.messages[0]["content"][0]
    assert sent == (
        {"type": "doc_url", "doc_url": ["https://example.com/a.pdf"], "file_parsing_strategy": "auto"}
        if protocol == "dashscope"
        else {"type": "file", "file": {"file_url": "https://example.com/a.pdf"}}
    )
