"""The documented failures of the service, by name, with their code and text on either protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from qwen_emulator.replies import Reply


@dataclass(frozen=True)
class Failure:
    """An error as the service sends it, in the envelope of the request's protocol.

    Without ``after_chunks`` the error replaces the response, under its HTTP status. With ``after_chunks=N`` a
    streaming request gets N chunks of ``reply`` (or of the default reply) and then the error as an SSE event; a
    request that does not stream gets the plain HTTP error.
    """

    status: int
    code: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)
    after_chunks: int | None = None
    times: int = 1
    """Number of consecutive requests that get this failure."""
    type: str | None = None
    """``type`` of the compatible envelope; default: the code."""
    native_code: str | None = None
    """Code on the native protocol, if the protocols differ."""
    native_message: str | None = None
    reply: Reply | None = None
    """Reply that an ``after_chunks`` failure interrupts."""

    @classmethod
    def named(cls, name: str, **changes: Any) -> Failure:
        """Return a documented failure of the catalogue, e.g. ``Failure.named("rate_limit")``."""
        if name not in CATALOGUE:
            raise KeyError(f"Unknown failure {name!r}. Use one of {', '.join(sorted(CATALOGUE))}.")
        return replace(CATALOGUE[name], **changes)


CATALOGUE: dict[str, Failure] = {
    "invalid_api_key": Failure(
        401,
        "invalid_api_key",
        "Incorrect API key provided. ",
        type="invalid_request_error",
        native_code="InvalidApiKey",
        native_message="Invalid API-key provided.",
    ),
    "access_denied": Failure(403, "access_denied", "Access denied.", native_code="AccessDenied"),
    "free_tier_only": Failure(
        403,
        "AllocationQuota.FreeTierOnly",
        "The free tier of the model has been exhausted. If you wish to continue access the model on a paid "
        'basis, please disable the "use free tier only" mode in the management console.',
    ),
    "arrearage": Failure(400, "Arrearage", "Access denied, please make sure your account is in good standing."),
    "model_not_found": Failure(
        404,
        "model_not_found",
        "The model does not exist or you do not have access to it.",
        type="invalid_request_error",
        native_code="ModelNotFound",
        native_message="Model can not be found.",
    ),
    "invalid_parameter": Failure(
        400,
        "invalid_parameter_error",
        "<400> InternalError.Algo.InvalidParameter: Range of max_tokens should be [1, 131072]",
        type="invalid_request_error",
        native_code="InvalidParameter",
    ),
    "context_overflow": Failure(
        400,
        "invalid_parameter_error",
        "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 991808]",
        type="invalid_request_error",
        native_code="InvalidParameter",
    ),
    "data_inspection": Failure(
        400,
        "data_inspection_failed",
        "Input text data may contain inappropriate content.",
        native_code="DataInspectionFailed",
        native_message="Input data may contain inappropriate content.",
    ),
    "output_inspection": Failure(
        400,
        "data_inspection_failed",
        "Output data may contain inappropriate content.",
        native_code="DataInspectionFailed",
        after_chunks=2,
    ),
    "media_download": Failure(
        400,
        "InvalidParameter.DataInspection",
        "Unable to download the media resource during the data inspection process.",
    ),
    "file_parsing": Failure(
        400,
        "invalid_parameter_error",
        "File parsing in progress, please try again later.",
        type="invalid_request_error",
        native_code="InvalidParameter",
    ),
    "rate_limit": Failure(
        429,
        "limit_requests",
        "You have exceeded your current request limit.",
        native_code="Throttling.RateQuota",
        native_message="Requests rate limit exceeded, please try again later.",
    ),
    "burst_rate": Failure(
        429,
        "limit_burst_rate",
        "Request rate increased too quickly. To ensure system stability, please adjust your client logic to "
        "scale requests more smoothly over time.",
        native_code="Throttling.BurstRate",
    ),
    "token_quota": Failure(
        429,
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
        native_code="Throttling.AllocationQuota",
        native_message="Allocated quota exceeded, please increase your quota limit.",
    ),
    "free_quota_exceeded": Failure(
        429,
        "insufficient_quota",
        "Free allocated quota exceeded.",
        native_code="Throttling.AllocationQuota",
    ),
    "bill_overdue": Failure(429, "PostpaidBillOverdue", "The postpaid bill is overdue."),
    "internal_error": Failure(
        500,
        "internal_error",
        "<500> InternalError.Algo: An internal error has occured during execution, please try again later or "
        "contact service support.",
        native_code="InternalError",
        native_message="An internal error has occured, please try again later or contact service support.",
    ),
    "request_timeout": Failure(500, "RequestTimeOut", "Request timed out, please try again later."),
    "model_serving_error": Failure(
        503,
        "ModelServingError",
        "Too many requests. Your requests are being throttled due to system capacity limits. Please try again "
        "later.",
    ),
    "model_unavailable": Failure(503, "ModelUnavailable", "Model is unavailable, please try again later."),
}


def invalid_parameter(message: str) -> Failure:
    """Return the refusal of an invalid parameter."""
    return Failure(
        400, "invalid_parameter_error", message, type="invalid_request_error", native_code="InvalidParameter"
    )


def refused_by_model(message: str) -> Failure:
    """Return a refusal from behind the gateway, whose message begins with an inner code."""
    return invalid_parameter(f"<400> InternalError.Algo.InvalidParameter: {message}")
