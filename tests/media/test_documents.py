"""Documents: uploaded once, read by their id, deleted; and inside of messages of both frameworks."""

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
from qwen_core.resources.files import KNOWN_FILES, AsyncQwenFiles, QwenFiles
from qwen_emulator import Emulator, Failure, RawReply
from tests.media.conftest import KEY, Ask, Make, ask_llm
from tests.media.made import text64

TEXT = "The lighthouse of Porto Verde was built in 1874. Its keeper is called Amalia Rossi.\r\n"
CONTENT = TEXT.encode() + bytes(range(256))


@pytest.fixture
def settings(service: Emulator) -> ClientSettings:
    return ClientSettings(api_key=KEY, base_url=service.base_url)


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    KNOWN_FILES._by_account.clear()
    monkeypatch.setattr(files, "FIRST_WAIT", 0.001)


class Awaited:
    """An asynchronous object used as if it were synchronous."""

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
    return made if isinstance(made, QwenFiles) else Awaited(made)


def state(status: str) -> RawReply:
    body = json.dumps({"id": "file-fe-1", "filename": "a.txt", "status": status, "status_details": "bad"}).encode()
    return RawReply(200, {"Content-Type": "application/json"}, (body,))


def test_what_arrives_is_what_was_sent(store: Any, service: Emulator, tmp_path: Path) -> None:
    path = tmp_path / 'a "file".bin'
    path.write_bytes(CONTENT * 3000)
    from_path, from_bytes = store.upload(path), store.upload(CONTENT, "b.bin")
    stored = service._service.files
    assert stored.get(from_path.id).data == path.read_bytes()
    assert stored.get(from_bytes.id).data == CONTENT
    assert from_bytes.filename == "b.bin" and from_bytes.bytes == len(CONTENT)
    assert all(request.headers["Authorization"] == f"Bearer {KEY}" for request in service.requests)


def test_the_same_content_is_uploaded_once(store: Any, service: Emulator) -> None:
    first = store.upload(b"one", "a.txt")
    assert store.upload(b"one", "b.txt").id == first.id
    assert store.upload(b"two", "a.txt").id != first.id
    assert [request.method for request in service.requests].count("POST") == 2
    store.delete(first.id)
    assert store.upload(b"one", "a.txt").id != first.id


def test_what_is_gone_is_uploaded_again(store: Any, service: Emulator) -> None:
    first = store.upload(b"one", "a.txt")
    service.reset()
    assert store.upload(b"one", "a.txt").id != ""
    assert [request.method for request in service.requests] == ["GET", "POST"]
    store.delete(first.id)
    store.delete("file-fe-of-nobody")


def test_list_and_clean_up(store: Any, service: Emulator) -> None:
    for number in range(3):
        store.upload(str(number).encode(), f"{number}.txt")
    assert {file.filename for file in store.all()} == {"0.txt", "1.txt", "2.txt"}
    assert store.clean_up() == 3
    assert store.all() == []
    assert store.clean_up() == 0


def test_a_context_cleans_up(settings: ClientSettings, service: Emulator) -> None:
    with QwenFiles(settings) as held:
        held.upload(b"one", "a.txt")

    async def use() -> None:
        async with AsyncQwenFiles(settings) as awaited:
            await awaited.upload(b"two", "b.txt")

    asyncio.run(use())
    assert service._service.files.all() == []


def test_waits_until_parsed(store: Any, service: Emulator) -> None:
    service.reply(state("processing"), state("processing"), state("processed"))
    assert store.upload(b"one", "a.txt").status == "processed"
    assert [request.method for request in service.requests] == ["POST", "GET", "GET"]


def test_does_not_wait_for_ever(store: Any, service: Emulator) -> None:
    service.reply(*[state("processing")] * 20)
    with pytest.raises(APITimeoutError, match=r"a\.txt"):
        store.upload(b"one", "a.txt", patience=0.004)


def test_what_cannot_be_parsed(store: Any, service: Emulator) -> None:
    service.reply(state("error"))
    with pytest.raises(BadRequestError, match="bad"):
        store.upload(b"one", "a.txt")


def test_an_upload_is_not_tried_again(store: Any, service: Emulator) -> None:
    service.reply(Failure(500, "internal_error", "Oh."))
    with pytest.raises(QwenError) as caught:
        store.upload(b"one", "a.txt")
    assert caught.value.host and len(service.requests) == 1


@pytest.mark.parametrize("id", ["", ".", "..", "a\nb", "\ud83d"])
def test_what_is_no_id_leads_nowhere(store: Any, service: Emulator, id: str) -> None:
    for ask in (store.get, store.content, store.delete):
        with pytest.raises(BadRequestError, match="is no id"):
            ask(id)
    assert not service.requests


def test_an_empty_list_may_be_null(store: Any, service: Emulator) -> None:
    body = json.dumps({"data": None, "has_more": None}).encode()
    service.reply(RawReply(200, {"Content-Type": "application/json"}, (body,)))
    assert store.all() == []


def test_a_path_that_is_none(store: Any, service: Emulator) -> None:
    with pytest.raises(BadRequestError, match="cannot be read"):
        store.upload("a\0b")


def test_a_name_that_is_not_utf8(store: Any, service: Emulator, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt"))
    path.write_bytes(CONTENT)
    assert store.upload(path).filename == "caf?.txt"


@pytest.mark.parametrize("cancelled_while", ["opening", "reading"])
def test_a_cancelled_upload_leaves_no_file_open(
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


def test_refused_before_anything_is_sent(store: Any, service: Emulator, tmp_path: Path) -> None:
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


def test_progress(settings: ClientSettings, service: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
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
def test_documents_in_langchain(chat: Make, ask: Ask, service: Emulator, block: dict[str, Any]) -> None:
    model = chat(model="qwen-long")
    assert "1874" in ask(model, [block, QUESTION])
    assert "1874" in ask(model, [block, QUESTION])
    assert len(service._service.files.all()) == 1
    sent = service.last_request.messages
    assert [message["role"] for message in sent] == ["system", "user"]
    assert sent[0]["content"].startswith("fileid://file-fe-")


def test_documents_in_llama_index(llm: Make, service: Emulator, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(TEXT)
    question = TextBlock(text=QUESTION["text"])
    data = DocumentBlock(data=TEXT.encode(), title="a.txt", document_mimetype="text/plain")
    assert "1874" in ask_llm(llm(model="qwen-long"), [data, question])
    local = DocumentBlock(path=path)
    with pytest.raises(UnsupportedFeatureError, match="allow_local_files"):
        ask_llm(llm(model="qwen-long"), [local, question])
    assert "1874" in ask_llm(llm(model="qwen-long", allow_local_files=[str(tmp_path)]), [local, question])


def test_an_id_goes_as_it_is(chat: Make, service: Emulator, settings: ClientSettings) -> None:
    file = QwenFiles(settings).upload(TEXT.encode(), "a.txt")
    answer = chat(model="qwen-long").invoke([HumanMessage([{"type": "file", "file_id": file.id}, QUESTION])])
    assert "1874" in answer.content


def test_documents_by_address(chat: Make, service: Emulator, protocol: str) -> None:
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
