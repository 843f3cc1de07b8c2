"""Batch result lines become responses and typed errors, in every documented form."""

import json
from typing import Any

import pytest

from qwen_core import ChatResponse, ClientSettings
from qwen_core.errors import (
    BadRequestError,
    BatchError,
    ContentFilterError,
    IncompleteStreamError,
    InvalidResponseError,
    NotFoundError,
    QwenError,
    RateLimitError,
    ServerError,
)
from qwen_core.resources.batches import BatchJob
from qwen_core.resources.batches.lines import prepare
from qwen_core.resources.batches.results import read_results, settle
from qwen_core.resources.batches.schema import JobError, JobErrors
from tests.scale.conftest import numbered

SETTINGS = ClientSettings(api_key="sk", region="cn-beijing")
USAGE = {"completion_tokens": 25, "prompt_tokens": 18, "total_tokens": 43}


def body(**message: Any) -> dict[str, Any]:
    choice = {"finish_reason": "stop", "index": 0, "message": {"content": "Hello", **message}}
    return {
        "id": "chatcmpl-1",
        "model": "qwen-plus",
        "object": "chat.completion",
        "choices": [choice],
        "usage": USAGE,
    }


def response(status: int = 200, **answer: Any) -> dict[str, Any]:
    return {"status_code": status, "request_id": "r-1", "body": answer or body()}


def outcomes(*results: dict[str, Any], job: BatchJob | None = None, count: int = 1) -> list[Any]:
    prepared = prepare(SETTINGS, numbered(count), "/v1/chat/completions")
    data = "\n".join(json.dumps({"id": "x", **result}) for result in results).encode()
    job = job or BatchJob("batch_1", "completed")
    found = settle(prepared.files[0], job, read_results([data, b""]), prepared.plans)
    return [found[place] for place in range(count)]


def test_batch_result_becomes_a_response_with_cost() -> None:
    (answer,) = outcomes({"custom_id": "0", "response": response(), "error": None})
    assert isinstance(answer, ChatResponse)
    assert (answer.text, answer.request_id, answer.usage.total_tokens) == ("Hello", "r-1", 43)
    assert answer.cost is not None and answer.cost.total == pytest.approx((18 * 0.8 + 25 * 2) / 2e6)
    assert answer.extras == {"batch_id": "batch_1"}


def test_batch_results_are_in_request_order() -> None:
    rows = [{"custom_id": str(place), "response": response(**body(content=str(place)))} for place in (2, 0, 1)]
    assert [answer.text for answer in outcomes(*rows, count=3)] == ["0", "1", "2"]


INSPECTION = {"code": "data_inspection_failed", "message": "Input text data may contain inappropriate content."}
ERRORS: list[tuple[dict[str, Any], type[QwenError], int | None]] = [
    ({"response": response(400, error=INSPECTION), "error": None}, ContentFilterError, 400),
    ({"response": response(400, error=INSPECTION), "error": INSPECTION}, ContentFilterError, 400),
    ({"response": None, "error": INSPECTION}, ContentFilterError, None),
    (
        {"response": None, "error": {"error_code": INSPECTION["code"], "error_message": INSPECTION["message"]}},
        ContentFilterError,
        None,
    ),
    ({"response": {"status_code": 429}, "error": {"code": "limit_requests", "message": "m"}}, RateLimitError, 429),
    ({"response": response(500, error={"message": "m", "code": "internal_error"})}, ServerError, 500),
    ({"response": response(404, error={"message": "m", "code": "model_not_found"})}, NotFoundError, 404),
    ({"response": {"status_code": 400}, "error": "strange"}, BadRequestError, 400),
    ({"response": None, "error": {"code": "batch_expired", "message": "m"}}, BatchError, None),
    ({"response": None, "error": {"code": "batch_cancelled", "message": "m"}}, BatchError, None),
    ({"response": None, "error": None}, InvalidResponseError, None),
    ({"response": response(200, choices=[{"message": {"content": "a"}}])}, IncompleteStreamError, None),
]


@pytest.mark.parametrize(("result", "kind", "status"), ERRORS)
def test_batch_result_errors_are_typed(result: dict[str, Any], kind: type[QwenError], status: int | None) -> None:
    (error,) = outcomes({"custom_id": "0", **result})
    assert type(error) is kind
    assert (error.model, error.status_code, error.batch_id) == ("qwen-plus", status, "batch_1")
    assert error.host == "dashscope.aliyuncs.com"


@pytest.mark.parametrize(
    ("status", "retryable"), [("expired", True), ("cancelled", True), ("failed", False), ("completed", False)]
)
def test_missing_batch_result_is_batch_error(status: str, retryable: bool) -> None:
    answer, error = outcomes({"custom_id": "0", "response": response()}, job=BatchJob("batch_1", status), count=2)
    assert isinstance(answer, ChatResponse)
    assert type(error) is BatchError and "batch_1" in error.message
    assert (error.is_retryable, error.code) == (retryable, f"batch_{status}")


def test_refused_batch_file_errors_are_assigned_to_lines() -> None:
    mistake = JobError("invalid_parameter_error", "The temperature is wrong.", "temperature", 2)
    job = BatchJob("batch_1", "failed", errors=JobErrors([mistake]))
    first, second, third = outcomes(job=job, count=3)
    assert type(second) is BadRequestError and second.message == "The temperature is wrong."
    assert type(first) is type(third) is BatchError
    assert "The temperature is wrong." in first.message


def test_unreadable_batch_result_is_an_error_in_its_place() -> None:
    good = b'{"custom_id": "1", "response": {"status_code": 200, "body": {}}}'
    for row in (b'{"custom_id": "0", "resp', b'{"response": null}', b"\xff", b"<html>", b"[" * 5000):
        results = read_results([row + b"\n" + good + b"\n"])
        assert "1" in results and not isinstance(results["1"], InvalidResponseError)
        assert isinstance(results.get("0", (*results.unreadable, None)[0]), InvalidResponseError)
        job, prepared = BatchJob("batch_1", "completed"), prepare(SETTINGS, numbered(2), "/v1/chat/completions")
        found = settle(prepared.files[0], job, results, prepared.plans)
        assert type(found[0]) is InvalidResponseError and found[0].batch_id == "batch_1"
