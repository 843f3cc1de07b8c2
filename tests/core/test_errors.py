"""Error classification by status, code and message, and the attributes of errors."""

import pickle
import time
from email.utils import formatdate
from typing import Any

import pytest

from qwen_core import errors
from qwen_core.protocols.openai_chat import OpenAICompatible
from qwen_core.transports.base import normalize_headers
from qwen_core.types.errors import QwenError, classify, make_error, retry_after

# (status, code, message) -> class, retryable. Codes and words from the "Error codes" pages of both protocols.
TABLE: list[tuple[int | None, str | None, str, type[QwenError], bool]] = [
    (400, "invalid_parameter_error", "Range of max_tokens should be [1, 8192]", errors.BadRequestError, False),
    (400, "InvalidParameter", "Range of input length should be [1, 30720]", errors.ContextOverflowError, False),
    (400, "InvalidParameter.NotSupportEnableThinking", "no thinking", errors.BadRequestError, False),
    (
        400,
        "data_inspection_failed",
        "Input text data may contain inappropriate content.",
        errors.ContentFilterError,
        False,
    ),
    (400, "DataInspectionFailed", "Output data", errors.ContentFilterError, False),
    (None, "data_inspection_failed", "Output data", errors.ContentFilterError, False),
    (400, "InvalidParameter.DataInspection", "Unable to download the media", errors.BadRequestError, False),
    (400, "Arrearage", "Access denied, account overdue", errors.PermissionDeniedError, False),
    (
        400,
        "invalid_request_error",
        "File parsing in progress, please try again later.",
        errors.BadRequestError,
        True,
    ),
    (400, "InvalidParameter", "Model not exist.", errors.NotFoundError, False),
    (400, "InvalidParameter", "url error, please check url!", errors.BadRequestError, False),
    (400, "ServiceUnavailableError", "Role must be user or assistant", errors.BadRequestError, False),
    (401, "invalid_api_key", "Incorrect API key provided.", errors.AuthenticationError, False),
    (401, "InvalidApiKey", "Invalid API-key provided.", errors.AuthenticationError, False),
    (401, None, "", errors.AuthenticationError, False),
    (403, "access_denied", "Access denied.", errors.PermissionDeniedError, False),
    (403, "Model.AccessDenied", "Model access denied.", errors.PermissionDeniedError, False),
    (403, "AccessDenied.Unpurchased", "Access to model denied.", errors.PermissionDeniedError, False),
    (
        403,
        "AllocationQuota.FreeTierOnly",
        "The free tier of the model has been exhausted.",
        errors.QuotaExceededError,
        False,
    ),
    (403, "insufficient_quota", "The free quota is used up", errors.QuotaExceededError, False),
    (404, "model_not_found", "The model `x` does not exist", errors.NotFoundError, False),
    (404, "model_not_supported", "Unsupported model", errors.NotFoundError, False),
    (404, "ModelNotFound", "The model x does not exist.", errors.NotFoundError, False),
    (429, "limit_requests", "You exceeded your current requests list.", errors.RateLimitError, True),
    (429, "Throttling.RateQuota", "Requests rate limit exceeded", errors.RateLimitError, True),
    (429, "limit_burst_rate", "Request rate increased too quickly.", errors.RateLimitError, True),
    (429, "Throttling.BurstRate", "Request rate increased too quickly.", errors.RateLimitError, True),
    (
        429,
        "insufficient_quota",
        "You exceeded your current quota, please check your plan",
        errors.RateLimitError,
        True,
    ),
    (429, "Throttling.AllocationQuota", "Allocated quota exceeded", errors.RateLimitError, True),
    (429, "Throttling.AllocationQuota", "Free allocated quota exceeded.", errors.QuotaExceededError, False),
    (429, "insufficient_quota", "month allocated quota exceeded", errors.QuotaExceededError, False),
    (400, "Throttling.AllocationQuota", "in a stream", errors.RateLimitError, True),
    (429, "PrepaidBillOverdue", "overdue", errors.PermissionDeniedError, False),
    (429, None, "", errors.RateLimitError, True),
    (500, "internal_error", "An internal error has occured", errors.ServerError, True),
    (500, "InternalError.Algo", "list index out of range", errors.BadRequestError, False),
    (500, "InternalError.Algo", "Expecting ',' delimiter: line 1 column 5", errors.BadRequestError, False),
    (500, "InternalError.Algo.InvalidParameter", "The tool call is not supported.", errors.BadRequestError, False),
    (400, "SystemError", "in a native stream every status is 400", errors.ServerError, True),
    (500, "RequestTimeOut", "Request timed out", errors.APITimeoutError, False),
    (500, "ModelServingError", "Too many requests", errors.ServerError, True),
    (503, "ModelUnavailable", "Model is unavailable", errors.ServerError, True),
    (502, None, "", errors.ServerError, True),
    (504, None, "", errors.ServerError, True),
    (418, None, "", errors.BadRequestError, False),
    (302, None, "", errors.InvalidResponseError, False),
    (None, None, "", errors.ServerError, True),
    (400, "InvalidParameter", "model NOT exist", errors.NotFoundError, False),
]


@pytest.mark.parametrize(("status", "code", "message", "kind", "retryable"), TABLE)
def test_classify_maps_status_and_code_to_error_class_and_retryable(
    status: int | None, code: str | None, message: str, kind: type[QwenError], retryable: bool
) -> None:
    error = make_error(status, code, message)
    assert type(error) is kind
    assert error.is_retryable is retryable


def test_error_text_has_message_status_code_request_id_host_and_hint() -> None:
    error = make_error(401, "invalid_api_key", "Incorrect API key provided.", request_id="r-1")
    error.host, error.model = "dashscope.aliyuncs.com", "qwen-plus"
    text = str(error)
    for wanted in ("Incorrect API key", "401", "invalid_api_key", "r-1", "dashscope.aliyuncs.com", "region="):
        assert wanted in text


def test_errors_pickle_with_all_attributes() -> None:
    error = make_error(429, "limit_requests", "slow down", request_id="r", headers={"retry-after": "7"})
    error.is_retryable = False
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is errors.RateLimitError
    assert copy.__dict__ == error.__dict__
    assert (copy.retry_after, copy.is_retryable, str(copy)) == (7.0, False, str(error))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-4"}, 0.0),
        ({"retry-after-ms": "soon", "retry-after": "3"}, 3.0),
        ({"retry-after": "Wed, 21 Oct 99999 07:28:00 GMT"}, None),
        ({"retry-after": "Mon, 23 Nov 2026 10:00:10 GMT", "date": "Mon, 23 Nov 2026 10:00:00 GMT"}, 10.0),
        ({"retry-after": "Mon, 23 Nov 2020 10:00:10 GMT"}, 0.0),
        ({"retry-after": "Mon, 23 Nov 2020 10:00:10 GMT", "date": "no date"}, 0.0),
        ({"Retry-After": formatdate(time.time() + 3600, usegmt=True)}, pytest.approx(3600, abs=900)),
    ],
)
def test_retry_after_is_parsed_from_headers(headers: dict[str, str], seconds: Any) -> None:
    assert retry_after(normalize_headers(headers)) == seconds


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (
            400,
            b'data: {"error":{"code":"data_inspection_failed","message":"Input"},"id":"chatcmpl-abc"}\n\n',
            errors.ContentFilterError,
            "Input",
        ),
        (502, b"<html>Bad Gateway</html>", errors.ServerError, "Bad Gateway"),
        (500, b"", errors.ServerError, "500"),
        (400, b'{"code":"InvalidParameter","message":"m","request_id":"r"}', errors.BadRequestError, "m"),
        (429, b"[1]", errors.RateLimitError, "429"),
        (302, b"", errors.InvalidResponseError, "set base_url"),
        (400, b'id:1\nevent:error\n:HTTP_STATUS/400\ndata: {"message":"m"}', errors.BadRequestError, "m (status"),
        # Gateways and self-hosted servers: Ollama's native routes, FastAPI under vLLM and SGLang.
        (404, b'{"error":"model qwen3 not found"}', errors.NotFoundError, "model qwen3 not found (status"),
        (404, b'{"detail":"Not Found"}', errors.NotFoundError, "Not Found (status 404"),
        (400, b'{"detail":"the maximum context length is 9"}', errors.ContextOverflowError, "context length is 9"),
        (400, b'{"error":{"code":"x","reason":"why"}}', errors.BadRequestError, "why"),
    ],
)
def test_error_body_variants_are_decoded(status: int, body: bytes, kind: type[QwenError], words: str) -> None:
    error = OpenAICompatible().error(status, body, {"x-request-id": "r"})
    assert type(error) is kind
    assert words in str(error)
    assert error.request_id in ("r", "abc")


def test_native_data_inspection_file_error_is_not_content_filter_error() -> None:
    assert classify(400, "InvalidParameter.DataInspection", "").error is errors.BadRequestError
