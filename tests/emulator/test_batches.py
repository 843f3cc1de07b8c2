"""The emulator's Batch API, asked with the openai SDK: states over time, limits, refusals and result files."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import openai
import pytest

from qwen_emulator import Emulator, Failure, RecordedRequest

Line = dict[str, Any]


@pytest.fixture
def sdk(emulator: Emulator) -> Any:
    return openai.OpenAI(base_url=emulator.compatible_url, api_key="sk-any", max_retries=0)


def line(number: int, text: str = "Say yes", url: str = "/v1/chat/completions", **body: Any) -> Line:
    asked = {"model": "qwen-plus", "messages": [{"role": "user", "content": text}], **body}
    return {"custom_id": f"r{number}", "method": "POST", "url": url, "body": asked}


def upload(sdk: Any, lines: list[Line]) -> str:
    data = "\n".join(json.dumps(row) for row in lines).encode()
    return str(sdk.files.create(file=("in.jsonl", data), purpose="batch").id)


def create(sdk: Any, lines: list[Line], endpoint: str = "/v1/chat/completions", **options: Any) -> Any:
    wanted: Any = {"completion_window": "24h", **options}
    return sdk.batches.create(input_file_id=upload(sdk, lines), endpoint=endpoint, **wanted)


def rows(sdk: Any, file_id: str) -> list[dict[str, Any]]:
    return [json.loads(row) for row in sdk.files.content(file_id).text.splitlines()]


def test_a_job_from_its_beginning_to_its_end(sdk: Any, emulator: Emulator) -> None:
    emulator.reply(lambda request: answer(request, "no", Failure.named("data_inspection")))
    made = create(sdk, [line(1), line(2, "no"), line(3)], metadata={"ds_name": "nightly"})
    assert (made.status, made.request_counts.total, made.output_file_id) == ("validating", 0, None)
    assert made.id.startswith("batch_") and made.metadata["ds_name"] == "nightly"
    done = sdk.batches.retrieve(made.id)
    assert done.status == "completed"
    assert (done.request_counts.total, done.request_counts.completed, done.request_counts.failed) == (3, 2, 1)
    good, bad = rows(sdk, done.output_file_id), rows(sdk, done.error_file_id)
    assert [row["custom_id"] for row in good] == ["r1", "r3"]
    body = good[0]["response"]["body"]
    assert body["choices"][0]["message"]["content"] and good[0]["error"] is None
    assert set(body["usage"]) == {"prompt_tokens", "completion_tokens", "total_tokens"}
    assert "system_fingerprint" not in body and "logprobs" not in body["choices"][0]
    assert [row["custom_id"] for row in bad] == ["r2"]
    assert bad[0]["response"]["status_code"] == 400 and bad[0]["error"]["code"] == "data_inspection_failed"


def answer(request: RecordedRequest, word: str, failure: Failure) -> Failure | None:
    said = request.messages[-1]["content"] if request.messages else ""
    return failure if said == word else None


def test_states_over_time(sdk: Any, emulator: Emulator) -> None:
    emulator.plan_batches(seconds=float("inf"))
    made = create(sdk, [line(number) for number in range(4)])
    assert sdk.batches.retrieve(made.id).status == "validating"
    emulator.plan_batches(seconds=1e6)
    emulator._service.batches._jobs[made.id].began -= 5e5  # half of the time has passed
    half = sdk.batches.retrieve(made.id)
    assert (half.status, half.request_counts.total, half.request_counts.completed) == ("in_progress", 4, 2)
    assert half.output_file_id is None
    emulator.plan_batches()
    assert sdk.batches.retrieve(made.id).status == "completed"


@pytest.mark.parametrize(("tell", "told"), [(True, 2), (False, 0)])
def test_an_expired_job_keeps_what_was_done(sdk: Any, emulator: Emulator, tell: bool, told: int) -> None:
    emulator.plan_batches(ends="expired", answered=1, tell=tell)
    made = create(sdk, [line(number) for number in range(3)])
    done = sdk.batches.retrieve(made.id)
    assert done.status == "expired" and len(rows(sdk, done.output_file_id)) == 1
    failed = rows(sdk, done.error_file_id) if done.error_file_id else []
    assert [row["error"]["code"] for row in failed] == ["batch_expired"] * told


def test_cancelling(sdk: Any, emulator: Emulator) -> None:
    emulator.plan_batches(seconds=float("inf"))
    made = create(sdk, [line(1), line(2)])
    assert sdk.batches.cancel(made.id).status == "cancelling"
    done = sdk.batches.retrieve(made.id)
    assert done.status == "cancelled" and done.output_file_id is None
    assert done.error_file_id.startswith("file-batch_output-")
    assert (done.request_counts.completed, done.request_counts.failed) == (0, 2)
    with pytest.raises(openai.BadRequestError, match="Cannot cancel"):
        sdk.batches.cancel(made.id)


WRONG_LINES: list[tuple[str, str, Callable[[], list[Line]]]] = [
    ("url_not_found", "/v1/chat/completions", lambda: [line(1), line(2, url="/v1/chat/completion")]),
    ("mismatched_test_url", "/v1/chat/completions", lambda: [line(1), line(2, model="batch-test-model")]),
    ("mismatched_test_url", "/v1/chat/ds-test", lambda: [line(2, url="/v1/chat/ds-test")]),
    ("mismatched_endpoint", "/v1/embeddings", lambda: [line(1)]),
    ("duplicate_custom_id", "/v1/chat/completions", lambda: [line(1), line(1)]),
    ("mismatched_model", "/v1/chat/completions", lambda: [line(1), line(2, model="qwen-flash")]),
    ("model_not_found", "/v1/chat/completions", lambda: [line(1, model="qwen3-coder-flash")]),
    ("invalid_json_line", "/v1/chat/completions", lambda: [line(1), {"custom_id": "2"}]),
    ("invalid_method", "/v1/chat/completions", lambda: [{**line(1), "method": "GET"}]),
    ("missing_required_parameter", "/v1/chat/completions", lambda: [{**line(1), "custom_id": ""}]),
    ("line_too_long", "/v1/chat/completions", lambda: [line(1, "x" * (6 * 1024 * 1024))]),
    ("too_many_requests", "/v1/chat/completions", lambda: [{"custom_id": "r"}] * 50_001),
    ("too_many_requests", "/v1/chat/ds-test", lambda: [free_line(number) for number in range(101)]),
]


def free_line(number: int) -> Line:
    return line(number, url="/v1/chat/ds-test", model="batch-test-model")


@pytest.mark.parametrize(("code", "endpoint", "lines"), WRONG_LINES)
def test_one_wrong_line_fails_the_job(
    sdk: Any, emulator: Emulator, code: str, endpoint: str, lines: Callable[[], list[Line]]
) -> None:
    made = create(sdk, lines(), endpoint)
    failed = sdk.batches.retrieve(made.id)
    assert failed.status == "failed" and failed.output_file_id is None
    assert failed.request_counts.total == 0
    assert code in [error.code for error in failed.errors.data]


WRONG_JOBS: list[tuple[dict[str, Any], str]] = [
    ({"completion_window": "23h"}, "completion_window"),
    ({"completion_window": "15d"}, "completion_window"),
    ({"completion_window": "24"}, "completion_window"),
    ({"endpoint": "/v1/chat/completion"}, "endpoint"),
    ({"metadata": {"ds_name": "x" * 101}}, "ds_name"),
    ({"metadata": {"ds_description": "x" * 201}}, "ds_description"),
]


@pytest.mark.parametrize(("wrong", "named"), WRONG_JOBS)
def test_wrong_jobs_are_refused_at_once(sdk: Any, wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(openai.BadRequestError, match=named):
        create(sdk, [line(1)], **wrong)


@pytest.mark.parametrize("window", ["24h", "336h", "1d", "14d"])
def test_windows(sdk: Any, window: str) -> None:
    assert create(sdk, [line(1)], completion_window=window).completion_window == window


def test_files(sdk: Any) -> None:
    other = sdk.files.create(file=("in.txt", b"x"), purpose="file-extract")
    with pytest.raises(openai.NotFoundError):
        sdk.batches.create(input_file_id=other.id, endpoint="/v1/chat/completions", completion_window="24h")
    with pytest.raises(openai.BadRequestError, match=r"\.jsonl"):
        sdk.files.create(file=("in.txt", b"x"), purpose="batch")
    with pytest.raises(openai.NotFoundError):
        sdk.files.content(upload(sdk, [line(1)]))
    assert [file.purpose for file in sdk.files.list(purpose="batch")] == ["batch"]
    assert len(list(sdk.files.list(limit=1))) == 2


def test_the_list(sdk: Any, emulator: Emulator) -> None:
    empty = httpx.get(f"{emulator.compatible_url}/batches", headers={"Authorization": "Bearer sk"})
    assert empty.json()["data"] is None
    made = [create(sdk, [line(1)], metadata={"ds_name": name}) for name in ("first", "second", "third")]
    assert [job.id for job in sdk.batches.list(limit=2)] == [job.id for job in made[::-1]]
    one = sdk.batches.list(extra_query={"input_file_ids": made[1].input_file_id})
    assert [job.id for job in one] == [made[1].id]
    assert [job.id for job in sdk.batches.list(extra_query={"ds_name": "ir"})] == [made[2].id, made[0].id]
    assert not list(sdk.batches.list(extra_query={"status": "failed,expired"}))
    with pytest.raises(openai.BadRequestError, match="limit"):
        sdk.batches.list(limit=101)


def test_the_test_model_says_always_the_same(sdk: Any) -> None:
    made = create(sdk, [free_line(1), free_line(2)], "/v1/chat/ds-test")
    found = rows(sdk, sdk.batches.retrieve(made.id).output_file_id)
    messages = [row["response"]["body"]["choices"][0]["message"] for row in found]
    assert messages[0] == messages[1] and "role" not in messages[0]


def test_embeddings(sdk: Any) -> None:
    asked = {"model": "text-embedding-v4", "input": "a", "dimensions": 64}
    made = create(
        sdk, [{"custom_id": "1", "method": "POST", "url": "/v1/embeddings", "body": asked}], "/v1/embeddings"
    )
    (row,) = rows(sdk, sdk.batches.retrieve(made.id).output_file_id)
    assert len(row["response"]["body"]["data"][0]["embedding"]) == 64


def test_unknown_jobs_and_resetting(sdk: Any, emulator: Emulator) -> None:
    made = create(sdk, [line(1)])
    emulator.reset()
    for ask in (sdk.batches.retrieve, sdk.batches.cancel):
        with pytest.raises(openai.NotFoundError):
            ask(made.id)


def test_a_scripted_failure_meets_the_next_request(sdk: Any, emulator: Emulator) -> None:
    made = create(sdk, [line(1)])
    emulator.reply(Failure.named("internal_error"))
    with pytest.raises(openai.InternalServerError):
        sdk.batches.retrieve(made.id)
    assert sdk.batches.retrieve(made.id).status == "completed"
