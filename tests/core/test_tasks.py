"""The task client: submit once, poll, fetch, cancel, list; and downloads of results."""

import asyncio
import pickle
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import pytest

from qwen_core import AsyncQwenTasks, ClientSettings, QwenTasks, Task
from qwen_core.errors import (
    APITimeoutError,
    BadRequestError,
    ContentFilterError,
    InvalidResponseError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    TaskError,
)
from qwen_core.execution import retry
from qwen_core.protocols.result_links import download_url
from qwen_core.resources import tasks as resource
from qwen_core.resources.downloads import async_download
from qwen_core.resources.sync.downloads import download
from qwen_emulator import Emulator, Failure
from tests.canned_server import KEY, Canned, CannedServer, canned_server

T = TypeVar("T")
Both = Callable[[Callable[[], T], Callable[[], Awaitable[T]]], T]

TASK = "9e2b6ef6-285d-4efa-8651-4dbda7d571fa"
POLL = f"/api/v1/tasks/{TASK}"
PATH = "/services/audio/asr/transcription"
FAST = {"poll_seconds": 0.01}


@pytest.fixture
def server() -> Iterator[CannedServer]:
    with canned_server() as server:
        yield server


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "backoff", lambda attempt: 0.0)


@pytest.fixture(params=["sync", "async"])
def both(request: pytest.FixtureRequest) -> Both[Any]:
    """Call the one function, or run the other in a loop of its own."""

    def call(sync: Callable[[], T], asynchronous: Callable[[], Awaitable[T]]) -> T:
        async def run() -> T:
            return await asynchronous()

        return sync() if request.param == "sync" else asyncio.run(run())

    return call


def wait(both: Both[Any], settings: ClientSettings, **options: Any) -> Task:
    task: Task = both(
        lambda: QwenTasks(settings).wait(TASK, **{**FAST, **options}),
        lambda: AsyncQwenTasks(settings).wait(TASK, **{**FAST, **options}),
    )
    return task


def running(status: str = "RUNNING", **output: Any) -> dict[str, Any]:
    return {"request_id": "r", "output": {"task_id": TASK, "task_status": status, **output}}


def test_submission_has_the_async_header_and_returns_the_id(server: CannedServer, both: Both[Any]) -> None:
    server.on(f"/api/v1{PATH}", running("PENDING"))
    settings = server.settings()
    task = both(
        lambda: QwenTasks(settings).submit(PATH, b'{"model":"m"}', {"X-More": "1"}),
        lambda: AsyncQwenTasks(settings).submit(PATH, b'{"model":"m"}', {"X-More": "1"}),
    )
    assert (task.id, task.status, task.request_id, task.is_final) == (TASK, "PENDING", "r", False)
    (sent,) = server.requests
    assert sent.body == {"model": "m"}
    assert sent.headers["x-dashscope-async"] == "enable"
    assert (sent.headers["x-more"], sent.headers["authorization"]) == ("1", f"Bearer {KEY}")


@pytest.mark.parametrize(
    ("answer", "error", "attempts"),
    [
        (Canned({"code": "Throttling.RateQuota", "message": "slow"}, 429), RateLimitError, 3),
        (Canned({"code": "InternalError", "message": "no"}, 500), ServerError, 1),
        (Canned({"code": "AccessDenied", "message": "no synchronous calls"}, 403), PermissionDeniedError, 1),
        (Canned({"request_id": "r", "output": {}}), InvalidResponseError, 1),
    ],
)
def test_only_throttled_submissions_are_repeated(
    answer: Canned, error: type[Exception], attempts: int, server: CannedServer, both: Both[Any]
) -> None:
    server.on(f"/api/v1{PATH}", answer)
    settings = server.settings(max_retries=2)
    with pytest.raises(error) as raised:
        both(
            lambda: QwenTasks(settings).submit(PATH, b"{}"),
            lambda: AsyncQwenTasks(settings).submit(PATH, b"{}"),
        )
    assert len(server.requests) == attempts
    assert KEY not in str(raised.value)


def test_wait_polls_until_the_task_has_succeeded(server: CannedServer, both: Both[Any]) -> None:
    metrics = {"TOTAL": 4, "SUCCEEDED": 3, "FAILED": 1}
    server.on(
        POLL,
        running("PENDING"),
        running("RUNNING", submit_time="2024-03-01 17:38:24.817", task_metrics={"TOTAL": 4}),
        running("RUNNING"),
        {
            **running("SUCCEEDED", results=[{"url": "http://a"}], task_metrics=metrics),
            "usage": {"image_count": 3},
        },
    )
    task = wait(both, server.settings())
    assert task.output["results"] == [{"url": "http://a"}]
    assert (task.usage, task.progress, task.is_final) == ({"image_count": 3}, (4, 4), True)
    assert server.paths("GET") == [POLL] * 4 and not server.paths("POST")


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (running("FAILED", code="FILE_403_FORBIDDEN", message="no right"), BadRequestError, "no right"),
        (running("FAILED", code="DataInspectionFailed", message="bad"), ContentFilterError, "bad"),
        (running("FAILED", code="InternalError.Timeout", message="late"), APITimeoutError, "late"),
        (running("FAILED"), ServerError, "failed"),
        (running("CANCELED"), TaskError, "canceled"),
        (running("UNKNOWN"), NotFoundError, "24 hours"),
        (
            {"task_id": TASK, "task_status": "FAILED", "code": "InvalidFile.X", "message": "m"},
            BadRequestError,
            "m",
        ),
    ],
)
def test_task_that_ends_without_result_raises_a_typed_error_with_its_id(
    answer: dict[str, Any], error: type[Exception], text: str, server: CannedServer, both: Both[Any]
) -> None:
    server.on(POLL, running(), answer)
    with pytest.raises(error, match=text) as raised:
        wait(both, server.settings())
    assert raised.value.task_id == TASK  # type: ignore[attr-defined]
    assert TASK in str(raised.value)
    assert pickle.loads(pickle.dumps(raised.value)).task_id == TASK


def test_failed_polls_are_repeated_and_the_task_is_never_submitted_again(
    server: CannedServer, both: Both[Any]
) -> None:
    throttled = Canned({"code": "Throttling.RateQuota", "message": "slow"}, 429)
    server.on(POLL, running(), throttled, throttled, Canned(b"oops", 502), running("SUCCEEDED"))
    assert wait(both, server.settings()).status == "SUCCEEDED"
    assert not server.paths("POST")


def test_wait_gives_up_after_many_failed_polls_in_a_row(server: CannedServer, both: Both[Any]) -> None:
    server.on(POLL, Canned({"code": "Throttling", "message": "slow"}, 429))
    with pytest.raises(RateLimitError) as raised:
        wait(both, server.settings())
    assert raised.value.task_id == TASK
    assert len(server.requests) == resource.MISSES


def test_patience_ends_with_an_error_that_names_the_task(server: CannedServer, both: Both[Any]) -> None:
    server.on(POLL, running())
    with pytest.raises(APITimeoutError, match="0 seconds") as raised:
        wait(both, server.settings(), patience=0.05)
    assert raised.value.task_id == TASK and 1 < len(server.requests) < 15


def test_poll_pauses_grow_up_to_the_limit() -> None:
    poll = resource.Poll("t", 3.0, 100.0)
    assert [round(poll.next_pause(), 2) for _ in range(5)] == [1.0, 1.5, 2.25, 3.0, 3.0]
    assert resource.Poll("t", 10.0, 0.5).next_pause() <= 0.5


def test_progress_bar_shows_results_and_status(
    server: CannedServer, both: Both[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    metrics = {"TOTAL": 2, "SUCCEEDED": 2, "FAILED": 0}
    server.on(POLL, running(), running("SUCCEEDED", task_metrics=metrics))
    settings = server.settings()
    both(
        lambda: QwenTasks(settings, show_progress=True).wait(TASK, **FAST, title="Images"),
        lambda: AsyncQwenTasks(settings, show_progress=True).wait(TASK, **FAST, title="Images"),
    )
    shown = capsys.readouterr().err
    assert "Images" in shown and "2/2" in shown and "SUCCEEDED" in shown


def test_list_reads_all_pages_and_sends_the_filter(server: CannedServer, both: Both[Any]) -> None:
    record = {"task_id": "a", "status": "SUCCEEDED", "model_name": "m", "gmt_create": 1709260684485, "x": 1}
    server.on(
        "/api/v1/tasks",
        {"total": 2, "data": [record], "total_page": 2, "page_no": 1},
        {"total": 2, "data": [{**record, "task_id": "b"}], "total_page": 2, "page_no": 2},
    )
    since = datetime(2026, 11, 27, 16, 0, tzinfo=UTC)
    settings = server.settings()
    records = both(
        lambda: QwenTasks(settings).all(model="m", status="SUCCEEDED", since=since),
        lambda: AsyncQwenTasks(settings).all(model="m", status="SUCCEEDED", since=since),
    )
    assert [record.task_id for record in records] == ["a", "b"]
    query = server.requests[0].path.partition("?")[2]
    assert query == "model_name=m&status=SUCCEEDED&start_time=20261128000000&page_no=1&page_size=100"


@pytest.fixture
def tasks(qwen_emulator: Emulator) -> QwenTasks:
    return QwenTasks(ClientSettings(api_key=KEY, base_url=qwen_emulator.base_url, max_retries=0))


def test_emulator_does_not_know_a_task(tasks: QwenTasks) -> None:
    assert tasks.get("1111").status == "UNKNOWN"
    with pytest.raises(BadRequestError, match="PENDING status"):
        tasks.cancel("1111")
    assert tasks.all() == []


@pytest.mark.parametrize("task_id", ["", "..", "a b\n"])
def test_invalid_ids_are_refused_before_anything_is_sent(
    task_id: str, tasks: QwenTasks, qwen_emulator: Emulator
) -> None:
    with pytest.raises(BadRequestError):
        tasks.get(task_id)
    assert not qwen_emulator.requests


BASE = "https://dashscope.aliyuncs.com/api/v1"
LOCAL = "http://127.0.0.1:8000/api/v1"


@pytest.mark.parametrize(
    ("link", "base", "url"),
    [
        ("http://a.oss-cn-x.aliyuncs.com/f?E=1", BASE, "https://a.oss-cn-x.aliyuncs.com/f?E=1"),
        ("https://a.aliyuncs.com/f", LOCAL, "https://a.aliyuncs.com/f"),
        ("http://127.0.0.1:8000/results/f?S=%2B", LOCAL, "http://127.0.0.1:8000/results/f?S=%2B"),
        ("http://gateway.example/f", "https://gateway.example/api/v1", "https://gateway.example/f"),
    ],
)
def test_links_of_the_service_are_downloaded_over_https(link: str, base: str, url: str) -> None:
    assert download_url(link, base) == url


@pytest.mark.parametrize(
    "link",
    [
        "http://evil.example/a.png",
        "https://aliyuncs.com.evil.example/a",
        "https://evilaliyuncs.com/a",
        "http://127.0.0.1:8001/a",
        "http://169.254.169.254/latest/meta-data",
        "https://user:pw@a.aliyuncs.com/a",
        "https://a.aliyuncs.com:8443/a",
        "https://a.aliyuncs.com\\@evil.example/",
        "file:///etc/passwd",
        "https://a.aliyuncs.com/ x",
        "oss://key",
        "",
        "https://[bad",
    ],
)
def test_links_to_other_hosts_are_refused(link: str) -> None:
    with pytest.raises(InvalidResponseError, match="Nothing was downloaded"):
        download_url(link, LOCAL)


def test_downloads_carry_no_key_and_are_bounded(server: CannedServer, both: Both[Any]) -> None:
    server.on("/file", Canned(b"x" * 2_000_000, content_type="audio/wav"))
    settings, link = (
        server.settings(default_headers=(("X-Mine", "1"),)),
        f"{server.url}/file?Signature=a%2Fb%2Bc%3D",
    )
    response = both(lambda: download(link, settings), lambda: async_download(link, settings))
    assert len(response.body) == 2_000_000 and response.headers["content-type"] == "audio/wav"
    assert "authorization" not in server.requests[0].headers and "x-mine" not in server.requests[0].headers
    assert parse_qs(urlsplit(server.requests[0].path).query) == {"Signature": ["a/b+c="]}
    with pytest.raises(InvalidResponseError, match="longer than"):
        both(
            lambda: download(link, settings, max_size=1 << 20),
            lambda: async_download(link, settings, max_size=1 << 20),
        )


@pytest.mark.parametrize("status", [403, 404])
def test_expired_link_says_so(status: int, server: CannedServer, both: Both[Any]) -> None:
    server.on("/file", Canned(b"<Error><Code>AccessDenied</Code></Error>", status, "application/xml"))
    settings, link = server.settings(), f"{server.url}/file"
    with pytest.raises(NotFoundError, match="24 hours"):
        both(lambda: download(link, settings), lambda: async_download(link, settings))


def test_redirects_of_a_download_are_not_followed(server: CannedServer, both: Both[Any]) -> None:
    server.on("/file", Canned(b"", 302, headers=(("Location", "http://169.254.169.254/"),)))
    settings, link = server.settings(), f"{server.url}/file"
    with pytest.raises(InvalidResponseError, match="Redirects are not followed"):
        both(lambda: download(link, settings), lambda: async_download(link, settings))


def test_a_scripted_failure_meets_a_poll(tasks: QwenTasks, qwen_emulator: Emulator) -> None:
    qwen_emulator.reply(Failure.named("invalid_api_key"))
    with pytest.raises(Exception, match="API key"):
        tasks.get("1111")
