"""Batch jobs from requests to responses: order, types, splitting, polling, retry, cancel, clean-up."""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import msgspec
import pytest

from qwen_core import ChatRequest, ClientSettings
from qwen_core.errors import (
    APIConnectionError,
    BadRequestError,
    BatchError,
    ContentFilterError,
    NotFoundError,
    PermissionDeniedError,
    QwenError,
    QwenWarning,
    ServerError,
    UnsupportedFeatureError,
)
from qwen_core.resources.batches import AsyncQwenBatchJobs, Limits, Outcome, QwenBatchJobs
from qwen_core.resources.sync.files import QwenFiles
from qwen_emulator import Emulator, Failure, Mutated, RawReply, RecordedRequest
from tests.scale.conftest import FAST, KEY, ask, made, numbered, posts, refuse_second, refuse_word

Run = Callable[..., list[Any]]


def run_sync(settings: ClientSettings, requests: list[ChatRequest], **options: Any) -> list[Outcome]:
    tolerant = options.pop("return_exceptions", False)
    return QwenBatchJobs(settings, **FAST, **options).run(requests, return_exceptions=tolerant)


def run_async(settings: ClientSettings, requests: list[ChatRequest], **options: Any) -> list[Outcome]:
    tolerant = options.pop("return_exceptions", False)
    jobs = AsyncQwenBatchJobs(settings, **FAST, **options)
    return asyncio.run(jobs.run(requests, return_exceptions=tolerant))


@pytest.fixture(params=[run_sync, run_async], ids=["sync", "async"])
def run(request: pytest.FixtureRequest) -> Run:
    chosen: Run = request.param
    return chosen


def texts(outcomes: list[Any]) -> list[str]:
    return [type(outcome).__name__ if isinstance(outcome, QwenError) else outcome.text for outcome in outcomes]


def test_batch_responses_are_in_request_order(run: Run, settings: ClientSettings, service: Emulator) -> None:
    answers = run(settings, numbered(7), name="nightly", description="all")
    assert texts(answers) == [str(number) for number in range(7)]
    assert made(service) == (1, 1)
    create = next(request for request in service.requests if request.path.endswith("/batches"))
    assert create.body["metadata"] == {"ds_name": "nightly", "ds_description": "all"}
    assert (create.body["endpoint"], create.body["completion_window"]) == ("/v1/chat/completions", "24h")
    assert create.headers["Authorization"] == f"Bearer {KEY}"


def test_batch_of_no_requests_sends_nothing(run: Run, settings: ClientSettings, service: Emulator) -> None:
    assert run(settings, []) == [] and not service.requests


def test_batch_limits_split_requests_into_jobs(run: Run, settings: ClientSettings, service: Emulator) -> None:
    requests = [*numbered(5), ask("Say 5", "qwen-flash"), ask("Say 6")]
    answers = run(settings, requests, limits=Limits(lines=2))
    assert texts(answers) == [str(number) for number in range(7)]
    assert made(service) == (4, 4)


def test_failed_batch_line_is_one_error(run: Run, settings: ClientSettings, service: Emulator) -> None:
    refuse_word(service, "3")
    answers = run(settings, numbered(5), return_exceptions=True)
    assert texts(answers) == ["0", "1", "2", "ContentFilterError", "4"]
    assert answers[3].batch_id.startswith("batch_")
    with pytest.raises(ContentFilterError):
        run(settings, numbered(5))


def test_unsupported_batch_request_is_refused_before_sending(
    run: Run, settings: ClientSettings, service: Emulator
) -> None:
    requests = [*numbered(2), ask("Hi", server_tools=({"type": "web_search"},))]
    with pytest.raises(UnsupportedFeatureError):
        run(settings, requests)
    assert not service.requests
    assert texts(run(settings, requests, return_exceptions=True)) == ["0", "1", "UnsupportedFeatureError"]


@pytest.mark.parametrize("tell", [True, False])
@pytest.mark.parametrize("ends", ["expired", "failed"])
def test_expired_or_failed_batch_keeps_its_responses(
    run: Run, settings: ClientSettings, service: Emulator, ends: Any, tell: bool
) -> None:
    service.plan_batches(ends=ends, answered=2, tell=tell)
    answers = run(settings, numbered(4), return_exceptions=True)
    rest = "ServerError" if ends == "failed" and tell else "BatchError"
    assert texts(answers) == ["0", "1", rest, rest]


def test_refused_batch_file_raises_typed_errors(run: Run, settings: ClientSettings) -> None:
    with pytest.warns(QwenWarning, match="no batches"):
        answers = run(settings, [ask("1", "qwen3-coder-flash")], return_exceptions=True)
    assert type(answers[0]) is NotFoundError and "not supported by the Batch API" in answers[0].message


def test_batch_test_model(run: Run, settings: ClientSettings) -> None:
    (answer,) = run(settings, [ask("1", "batch-test-model")], endpoint="/v1/chat/ds-test")
    assert answer.text == "This is a test result."


def test_batch_journal_holds_no_api_key_and_no_content(settings: ClientSettings, tmp_path: Path) -> None:
    QwenBatchJobs(settings, journal=tmp_path, **FAST).run([ask("Say confidential")])
    (path,) = tmp_path.glob("*.json")
    assert KEY not in path.read_text() and "confidential" not in path.read_text()
    assert set(json.loads(path.read_text())) == {"key", "files", "created_at"}


def test_batch_journal_resumes_the_same_requests(
    run: Run, settings: ClientSettings, service: Emulator, tmp_path: Path
) -> None:
    for _ in range(2):
        assert texts(run(settings, numbered(3), journal=tmp_path)) == ["0", "1", "2"]
    assert made(service) == (1, 1)
    run(settings, numbered(3), journal=tmp_path, run="another night")
    run(settings, numbered(3))
    assert made(service) == (3, 3)


def test_invalid_batch_journal_is_refused(
    run: Run, settings: ClientSettings, service: Emulator, tmp_path: Path
) -> None:
    run(settings, numbered(1), journal=tmp_path)
    next(tmp_path.glob("*.json")).write_text("{")
    with pytest.raises(BadRequestError, match="cannot be read"):
        run(settings, numbered(1), journal=tmp_path)
    assert made(service) == (1, 1)


def test_missing_batch_job_in_journal_raises_not_found_error(
    run: Run, settings: ClientSettings, service: Emulator, tmp_path: Path
) -> None:
    run(settings, numbered(1), journal=tmp_path)
    service.reset()
    with pytest.raises(NotFoundError, match="30 days"):
        run(settings, numbered(1), journal=tmp_path)
    assert made(service) == (0, 0)


def lose_first_response(path: str, service: Emulator) -> None:
    """Lose the first HTTP response from this path after the service has processed the request."""
    lost: list[RecordedRequest] = []

    def respond(request: RecordedRequest) -> Any:
        if request.method == "POST" and request.path.endswith(path) and not lost:
            lost.append(request)
            return Mutated(None, lambda raw: RawReply(end="reset", send_head=False))
        return None

    service.reply(respond)


@pytest.mark.parametrize("path", ["/files", "/batches"])
def test_lost_http_response_creates_no_duplicate_batch(
    run: Run, settings: ClientSettings, service: Emulator, path: str, tmp_path: Path
) -> None:
    lose_first_response(path, service)
    with pytest.raises(APIConnectionError):
        run(settings, numbered(2), journal=tmp_path)
    assert texts(run(settings, numbered(2), journal=tmp_path)) == ["0", "1"]
    assert made(service) == (1, 1)


def test_batch_rate_limit_is_retried(run: Run, settings: ClientSettings, service: Emulator) -> None:
    busy = Failure.named("rate_limit", headers={"retry-after": "0"})
    service.reply(busy, busy, busy)
    assert texts(run(msgspec.structs.replace(settings, max_retries=3), numbered(2))) == ["0", "1"]
    assert made(service) == (2, 1), "a job that may exist is looked up before it is created again"


def test_failed_batch_polls_are_retried(run: Run, settings: ClientSettings, service: Emulator) -> None:
    seen = []

    def respond(request: RecordedRequest) -> Failure | None:
        seen.append(request)
        is_look = request.method == "GET" and "/batches/" in request.path
        return Failure.named("internal_error") if is_look and len(seen) < 6 else None

    service.reply(respond)
    assert texts(run(settings, numbered(2))) == ["0", "1"]
    assert made(service) == (1, 1)
    service.reply(lambda request: Failure.named("internal_error") if "/batches/" in request.path else None)
    with pytest.raises(ServerError):
        run(settings, numbered(1))
    service.reply(lambda request: Failure.named("access_denied") if "/batches/" in request.path else None)
    with pytest.raises(QwenError, match="denied"):
        run(settings, numbered(1))


def test_batch_show_progress(
    run: Run, settings: ClientSettings, service: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    run(settings, numbered(3))
    assert capsys.readouterr().err == ""
    run(settings, numbered(3), show_progress=True)
    assert "Batch: 100%" in (shown := capsys.readouterr().err) and "3/3" in shown


def test_retry_failed_retries_only_failed_requests(
    settings: ClientSettings, service: Emulator, tmp_path: Path
) -> None:
    def work() -> tuple[list[Any], list[Any]]:
        jobs = QwenBatchJobs(settings, journal=tmp_path, **FAST)
        first = jobs.run(numbered(4), return_exceptions=True)
        return first, jobs.retry_failed(numbered(4), first, return_exceptions=True)

    service.plan_batches(ends="expired", answered=2)
    first, second = work()
    assert texts(first) == ["0", "1", "BatchError", "BatchError"]
    assert texts(second) == ["0", "1", "2", "3"]
    assert made(service) == (2, 2)
    assert texts(work()[1]) == ["0", "1", "2", "3"], "a retry is resumed like the first run"
    assert made(service) == (2, 2)


def test_retry_failed_creates_a_new_batch_each_time(
    settings: ClientSettings, service: Emulator, tmp_path: Path
) -> None:
    jobs = AsyncQwenBatchJobs(settings, journal=tmp_path, **FAST)

    async def work() -> list[list[Any]]:
        outcomes = [await jobs.run(numbered(3), return_exceptions=True)]
        for _ in range(2):
            outcomes.append(await jobs.retry_failed(numbered(3), outcomes[-1], return_exceptions=True))
        return outcomes

    refuse_word(service, "1")
    assert [texts(outcome) for outcome in asyncio.run(work())] == [["0", "ContentFilterError", "2"]] * 3
    assert made(service) == (3, 3)
    with pytest.raises(BadRequestError):
        QwenBatchJobs(settings).retry_failed(numbered(1), [])


def test_batch_submit_does_not_wait(settings: ClientSettings, service: Emulator) -> None:
    service.plan_batches(seconds=float("inf"))
    jobs = QwenBatchJobs(settings, **FAST)
    (job,) = jobs.submit(numbered(2))
    assert job.status == "validating" and not job.is_settled
    service.plan_batches()
    assert texts(jobs.run(numbered(2))) == ["0", "1"]
    assert made(service) == (1, 1)


def test_batch_cancel(settings: ClientSettings, service: Emulator) -> None:
    service.plan_batches(seconds=float("inf"))
    jobs = AsyncQwenBatchJobs(settings, **FAST)

    async def work() -> tuple[list[Any], list[Any], list[Any]]:
        assert await jobs.cancel(numbered(2)) == []
        await jobs.submit(numbered(2))
        cancelled = await jobs.cancel(numbered(2))
        outcomes = await jobs.run(numbered(2), return_exceptions=True)
        return cancelled, outcomes, await jobs.cancel(numbered(2))

    cancelled, outcomes, again = asyncio.run(work())
    assert [job.status for job in cancelled] == ["cancelling"]
    assert [type(outcome) for outcome in outcomes] == [BatchError] * 2
    assert all(outcome.is_retryable for outcome in outcomes)
    assert [job.status for job in again] == ["cancelled"] and posts(service, "/cancel") == 1


def test_batch_clean_up_deletes_its_files(settings: ClientSettings, service: Emulator, tmp_path: Path) -> None:
    jobs = QwenBatchJobs(settings, journal=tmp_path, **FAST)
    jobs.run(numbered(2))
    assert len(QwenFiles(settings).all()) == 2
    assert jobs.clean_up(numbered(2)) == 2
    assert not QwenFiles(settings).all() and not list(tmp_path.iterdir())
    assert jobs.clean_up(numbered(2)) == 0


@pytest.mark.parametrize("kept", [True, False])
def test_batch_clean_up_without_requests_deletes_all_files(
    settings: ClientSettings, service: Emulator, tmp_path: Path, kept: bool
) -> None:
    refuse_word(service, "1")
    jobs = AsyncQwenBatchJobs(settings, journal=tmp_path if kept else None, **FAST)

    async def work() -> int:
        first = await jobs.run(numbered(2), return_exceptions=True)
        await jobs.retry_failed(numbered(2), first, return_exceptions=True)
        return await jobs.clean_up()

    assert asyncio.run(work()) == 5 and not QwenFiles(settings).all()
    assert not list(tmp_path.glob("*.json"))


@pytest.mark.parametrize("kept", [True, False])
def test_concurrent_runs_of_the_same_batch_are_refused(
    settings: ClientSettings, service: Emulator, tmp_path: Path, kept: bool
) -> None:
    first = AsyncQwenBatchJobs(settings, journal=tmp_path if kept else None, **FAST)
    second = AsyncQwenBatchJobs(settings, journal=tmp_path, **FAST) if kept else first

    async def work() -> list[Any]:
        both = (jobs.run(numbered(2)) for jobs in (first, second))
        return await asyncio.gather(*both, return_exceptions=True)

    outcomes = asyncio.run(work())
    (refused,) = [outcome for outcome in outcomes if isinstance(outcome, BadRequestError)]
    assert "submitted already" in refused.message and made(service) == (1, 1)
    assert texts(asyncio.run(second.run(numbered(2)))) == ["0", "1"]


def test_concurrent_runs_of_the_same_batch_in_threads_are_refused(
    settings: ClientSettings, service: Emulator
) -> None:
    jobs = QwenBatchJobs(settings, **FAST)
    with ThreadPoolExecutor() as threads:
        seconds: list[Future[list[Outcome]]] = []

        def respond(request: RecordedRequest) -> None:
            if request.path.endswith("/files") and not seconds:
                seconds.append(threads.submit(jobs.run, numbered(2)))
                wait(seconds, timeout=5)

        service.reply(respond)
        assert texts(jobs.run(numbered(2))) == ["0", "1"]
        assert isinstance(seconds[0].exception(), BadRequestError)
    assert made(service) == (1, 1)


def test_unwritable_batch_journal_is_refused(
    run: Run, settings: ClientSettings, service: Emulator, tmp_path: Path
) -> None:
    (tmp_path / "journal").touch()
    with pytest.raises(BadRequestError, match="cannot be written"):
        run(settings, numbered(1), journal=tmp_path / "journal")
    assert not service.requests


@pytest.mark.parametrize("options", [{"poll_seconds": -1}, {"poll_seconds": float("nan")}, {"name": "\ud83d"}])
def test_invalid_batch_options_are_refused_in_the_constructor(
    settings: ClientSettings, options: dict[str, Any]
) -> None:
    for kind in (QwenBatchJobs, AsyncQwenBatchJobs):
        with pytest.raises(BadRequestError):
            kind(settings, **options)


def test_unknown_batch_option_is_refused(settings: ClientSettings) -> None:
    with pytest.raises(TypeError):
        QwenBatchJobs(settings, journl="x")


async def test_batch_run_does_not_block_the_event_loop(settings: ClientSettings, service: Emulator) -> None:
    """Check the event loop while requests are written and jobs are polled."""
    service.plan_batches(seconds=float("inf"))
    pause, longest, loop = 2.0, 0.0, asyncio.get_running_loop()
    working = asyncio.ensure_future(AsyncQwenBatchJobs(settings, poll_seconds=pause).run(numbered(300)))
    end = loop.time() + pause
    while loop.time() < end or not any("/batches/" in request.path for request in service.requests):
        before = loop.time()
        await asyncio.sleep(0.005)
        longest = max(longest, loop.time() - before)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert longest < pause * 0.75


TWO_FILES: dict[str, Any] = {"limits": Limits(lines=2), "return_exceptions": True}


@pytest.mark.parametrize("path", ["/files", "/batches"])
def test_refused_batch_file_does_not_affect_other_files(
    run: Run, settings: ClientSettings, service: Emulator, path: str, tmp_path: Path
) -> None:
    refuse_second(service, path)
    answers = run(settings, numbered(4), journal=tmp_path, **TWO_FILES)
    assert texts(answers) == ["0", "1", "PermissionDeniedError", "PermissionDeniedError"]
    assert answers[2] is not answers[3] and "overdue" in answers[2].message
    assert (answers[3].model, answers[3].batch_id) == ("qwen-plus", answers[2].batch_id)
    service.reply(lambda request: None)
    before = made(service)
    assert texts(run(settings, numbered(4), journal=tmp_path, **TWO_FILES)) == ["0", "1", "2", "3"]
    assert made(service) == (before[0] + (path == "/files"), before[1] + 1), "only what was refused is created"


@pytest.mark.parametrize("path", ["/files", "/batches"])
def test_retried_batch_file_is_not_submitted_again(
    settings: ClientSettings, service: Emulator, path: str, tmp_path: Path
) -> None:
    async def work() -> tuple[list[Any], list[Any]]:
        jobs = AsyncQwenBatchJobs(settings, journal=tmp_path, limits=Limits(lines=2), **FAST)
        first = await jobs.run(numbered(4), return_exceptions=True)
        return first, await jobs.retry_failed(numbered(4), first, return_exceptions=True)

    refuse_second(service, path)
    assert texts(asyncio.run(work())[1]) == ["0", "1", "PermissionDeniedError", "PermissionDeniedError"]
    service.reply(lambda request: None)
    first, second = asyncio.run(work())
    assert texts(first) == ["0", "1", "BatchError", "BatchError"]
    assert texts(second) == ["0", "1", "2", "3"]
    before = made(service)
    assert texts(asyncio.run(work())[1]) == ["0", "1", "2", "3"]
    assert made(service) == before


def test_refused_batch_file_raises_without_return_exceptions(
    run: Run, settings: ClientSettings, service: Emulator, tmp_path: Path
) -> None:
    refuse_second(service, "/batches")
    with pytest.raises(PermissionDeniedError):
        run(settings, numbered(4), journal=tmp_path, limits=Limits(lines=2))
    service.reply(lambda request: None)
    assert texts(run(settings, numbered(4), journal=tmp_path, **TWO_FILES)) == ["0", "1", "2", "3"]
    assert made(service) == (2, 3)


@pytest.mark.parametrize("failure", ["rate_limit", "internal_error"])
def test_uncertain_batch_creation_failure_is_raised(
    run: Run, settings: ClientSettings, service: Emulator, tmp_path: Path, failure: str
) -> None:
    refuse_second(service, "/batches", failure)
    with pytest.raises(QwenError, match=r"later|limit"):
        run(settings, numbered(4), journal=tmp_path, **TWO_FILES)
    lose_first_response("/batches", service)
    with pytest.raises(APIConnectionError):
        run(settings, numbered(4), journal=tmp_path, **TWO_FILES)
    assert texts(run(settings, numbered(4), journal=tmp_path, **TWO_FILES)) == ["0", "1", "2", "3"]
    assert made(service) == (2, 3)
