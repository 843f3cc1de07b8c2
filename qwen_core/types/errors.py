"""The errors, and the one table that classifies the service's error codes and messages.

    QwenError
      AuthenticationError      the key is missing, wrong, or of another region
      PermissionDeniedError    no right to the model or workspace, or the account is overdue
      NotFoundError            no such model
      BadRequestError          the request is invalid
        ContextOverflowError     the input is longer than the model supports
        ContentFilterError       moderation refused the input or withdrew the output
        UnsupportedFeatureError  the request is not supported here; nothing was sent
      RateLimitError           too many requests or tokens for now
      QuotaExceededError       a quota is used up; waiting does not help
      ServerError              the service failed
      APITimeoutError          no response in time
      APIConnectionError       the service was not reached, or the connection broke before any response
      IncompleteStreamError    the response is incomplete; ``partial`` holds what had arrived
      InvalidResponseError     the response cannot be decoded
      BatchError               a batch job ended without a response to the request
      TaskError                a task was canceled before it had a result

Codes and messages come from the "Error codes" pages of both protocols (protocol documents: compatible 6, native
6).
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

if TYPE_CHECKING:
    from qwen_core.types.responses import ChatResponse


class QwenError(Exception):
    """The base of all errors. Says what failed, where, and what to do.

    Attributes:
        message: the service's own words, or ours if nothing was sent.
        status_code: the HTTP status, or None if there was no HTTP response.
        code: the service's error code, under one name for both protocols.
        raw_code: the code as the protocol wrote it.
        request_id: what Alibaba's support asks for.
        retry_after: seconds that the service asked to wait.
        is_retryable: whether the same call may succeed later and cannot be billed twice.
        host: the host that was called.
        model: the model that was requested.
        partial: what had arrived of a streamed response before it failed.
        task_id: the task at the service that failed or was waited for; it can be fetched by this id for 24 hours.
        batch_id: the batch job that the request was in, or the name of its file if a job was refused.
        advice: what to do about errors of this class.
        hint: what to do about this error, instead of the advice.
    """

    is_retryable: bool = False
    batch_id: str | None = None
    task_id: str | None = None
    advice: ClassVar[str] = ""

    def __init__(
        self,
        message: str,
        *,
        status_code: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        host: str | None = None,
        model: str | None = None,
        partial: "ChatResponse | None" = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status_code = status_code
        self.raw_code = code
        self.code = CODE_NAMES.get(code, code) if code else code
        self.request_id = request_id
        self.retry_after = retry_after
        self.host = host
        self.model = model
        self.partial = partial
        self.hint = hint

    def __str__(self) -> str:
        facts = {
            "status": self.status_code,
            "code": self.code,
            "model": self.model,
            "host": self.host,
            "request id": self.request_id,
            "task": self.task_id,
        }
        where = ", ".join(f"{name} {value}" for name, value in facts.items() if value)
        advice = self.hint or self.advice
        return self.message.rstrip() + (f" ({where})" if where else "") + (f" {advice}" if advice else "")

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.__dict__)


def _rebuild(kind: type[QwenError], message: str, state: dict[str, Any]) -> QwenError:
    error = kind(message)
    error.__dict__.update(state)
    return error


class AuthenticationError(QwenError):
    """The API key is missing, wrong, or belongs to another region or billing plan."""

    advice = (
        "Check the API key (api_key=... or DASHSCOPE_API_KEY). A key works only on the hosts of its own region: "
        "set region=... (cn-beijing, ap-southeast-1, us-east-1, ...) to match the key."
    )


class PermissionDeniedError(QwenError):
    """The API key is valid but has no right to this model or workspace, or the account is overdue."""

    advice = "Check in the Model Studio console that the model is enabled, not retired, and the account is paid."


class NotFoundError(QwenError):
    """The model or resource does not exist for this key, on this host."""

    advice = "Check the model's name, and that this region offers it."


class BadRequestError(QwenError):
    """The service rejected the request as invalid."""


class ContextOverflowError(BadRequestError):
    """The input is longer than the model's context window."""

    advice = "Shorten the history or the documents, or choose a model with a larger window."


class ContentFilterError(BadRequestError):
    """Moderation refused the input, or withdrew the output.

    ``blocked`` tells which. A flagged message that stays in the history makes every later call fail too:
    ``history_is_poisoned`` says that there is one, which has to be removed. A withdrawn response is in ``partial``
    as far as it arrived; do not show it, nor add it to the history.
    """

    advice = "Remove or rephrase the flagged text; while it stays in the history, later calls fail too."

    @property
    def blocked(self) -> Literal["input", "output"] | None:
        """What moderation stopped; None if the service did not say."""
        message = self.message.lower()
        if "input" in message:
            return "input"
        return "output" if "output" in message or self.partial is not None else None

    @property
    def history_is_poisoned(self) -> bool:
        """Whether the conversation would be refused if it were sent unchanged."""
        return self.blocked != "output"


class UnsupportedFeatureError(BadRequestError):
    """The request is not supported by this protocol or installation. Nothing was sent."""


class RateLimitError(QwenError):
    """Too many requests or tokens for the moment."""

    is_retryable = True
    advice = "Wait and retry, or lower the concurrency."


class QuotaExceededError(QwenError):
    """A quota is used up. Waiting does not help."""

    advice = "Switch off the free-tier-only mode, buy quota, or wait for the plan's next period."


class ServerError(QwenError):
    """The service failed."""

    is_retryable = True
    advice = "The service failed; retry the call."


class APITimeoutError(QwenError):
    """No response arrived in time. Not retried: the service may have done, and billed, the work."""

    advice = "Raise timeout=..., or stream."


class APIConnectionError(QwenError):
    """The service was not reached, or the connection broke before any response."""

    is_retryable = True
    advice = "Check the network, the proxy and base_url."


class IncompleteStreamError(QwenError):
    """The response ended without a finish reason. ``partial`` holds what had arrived."""

    advice = "What arrived is in the error's `partial`; retry for a complete response."


class InvalidResponseError(QwenError):
    """The response cannot be decoded. The host may not be a Qwen service."""

    advice = "Check base_url and protocol."


class BatchError(QwenError):
    """A batch job failed, expired or was cancelled before it processed the request. Nothing was billed for it."""

    advice = "Completed responses are kept; retry_failed submits the rest again."


class TaskError(QwenError):
    """A task was canceled before it had a result."""

    advice = "Submit it again."


class QwenWarning(UserWarning):
    """Something was changed to make the request supported, which may change the response."""


class Rule(NamedTuple):
    """One row of the classification. A row matches if all that it states holds."""

    error: type[QwenError]
    code: str = ""
    message: str = ""
    status: int | None = None
    retryable: bool | None = None
    hint: str | None = None


# The first row that matches decides. Codes are compared without case, from the start of the code; messages
# are searched, as short substrings because the documents' wording changes.
RULES: tuple[Rule, ...] = (
    Rule(
        BadRequestError,
        code=r"InvalidParameter\.DataInspection",
        hint="The media URL could not be downloaded.",
    ),
    Rule(
        ContentFilterError,
        code=r"data_?inspection_?failed",
        message=r"output (\w+ )?data may contain",
        hint="The response was withdrawn: do not show it, and leave it out of the history.",
    ),
    Rule(
        ContentFilterError,
        code=r"data_?inspection_?failed|FaqRuleBlocked|CustomRoleBlocked|IPInfringementSuspect",
    ),
    Rule(ContentFilterError, message=r"data may contain inappropriate content"),
    Rule(
        ContextOverflowError,
        # The last is llama.cpp's (server-context.cpp, b11434).
        message=r"range of input length should be|maximum context length|input length|available context size",
    ),
    Rule(AuthenticationError, code=r"invalid_?api_?key|NOT AUTHORIZED"),
    Rule(AuthenticationError, message=r"invalid access token"),
    Rule(QuotaExceededError, code=r"AllocationQuota\.FreeTierOnly"),
    Rule(QuotaExceededError, message=r"free (allocated quota|tier)|(hour|week|month) allocated quota exceeded"),
    Rule(QuotaExceededError, code=r"insufficient_quota", status=403),
    Rule(PermissionDeniedError, code=r"Arrearage|CommodityNotPurchased|PrepaidBillOverdue|PostpaidBillOverdue"),
    Rule(RateLimitError, code=r"Throttling|LimitRequests|limit_requests|limit_burst_rate|insufficient_quota"),
    Rule(NotFoundError, code=r"model_?not_?found|model_not_supported|WorkSpaceNotFound|NotFound"),
    Rule(NotFoundError, message=r"model not exist"),
    Rule(PermissionDeniedError, code=r"(\w+\.)?access_?denied"),
    Rule(
        BadRequestError,
        message=r"file parsing in progress",
        retryable=True,
        hint="Retry in a few seconds.",
    ),
    Rule(
        BadRequestError,
        code=r"internal_?error",
        message=r"list index out of range|role must be in|expecting ',' delimiter|role must be user or assistant",
        hint="The history is not in the form that the model supports, or has tool arguments that are not JSON.",
    ),
    Rule(BadRequestError, message=r"role must be user or assistant"),
    Rule(APITimeoutError, code=r"RequestTimeOut|ResponseTimeout|InternalError\.Timeout"),
    Rule(BadRequestError, code=r"InternalError\.Algo\.InvalidParameter"),
    Rule(
        ServerError,
        code=r"internal_?error|SystemError|ModelServiceFailed|ModelServingError|ModelUnavailable|"
        r"InvokePluginFailed|RewriteFailed|RetrievalFailed|internal_server_error",
    ),
    Rule(
        BadRequestError,
        code=r"invalid_?parameter|invalid_request|invalid_value|BadRequest|InvalidURL|InvalidFile|FILE_",
    ),
    Rule(AuthenticationError, status=401),
    Rule(PermissionDeniedError, status=403),
    Rule(NotFoundError, status=404),
    Rule(APITimeoutError, status=408),
    Rule(RateLimitError, status=429),
)

# The service's own pairs: native codes and the compatible protocol's codes.
CODE_NAMES = {
    "InvalidApiKey": "invalid_api_key",
    "AccessDenied": "access_denied",
    "ModelNotFound": "model_not_found",
    "Throttling.RateQuota": "limit_requests",
    "LimitRequests": "limit_requests",
    "Throttling.BurstRate": "limit_burst_rate",
    "Throttling.AllocationQuota": "insufficient_quota",
    "DataInspectionFailed": "data_inspection_failed",
    "InvalidParameter": "invalid_parameter_error",
    "InternalError": "internal_error",
}


@cache
def _patterns() -> tuple[tuple[Rule, re.Pattern[str], re.Pattern[str]], ...]:
    """Return the rules with their patterns, compiled at the first error: at import they would cost 3 ms."""
    return tuple(
        (rule, re.compile(rule.code, re.IGNORECASE), re.compile(rule.message, re.IGNORECASE)) for rule in RULES
    )


def classify(status: int | None, code: str | None, message: str) -> Rule:
    """Return the rule for an error. Codes decide before statuses: in a native stream every status is 400."""
    for rule, code_pattern, message_pattern in _patterns():
        if rule.status is not None and rule.status != status:
            continue
        if rule.code and not code_pattern.match(code or ""):
            continue
        if rule.message and not message_pattern.search(message):
            continue
        return rule
    if status is None or status >= 500:
        return Rule(ServerError)
    if 300 <= status < 400:
        return Rule(InvalidResponseError, hint="Redirects are not followed: set base_url to the final URL.")
    return Rule(BadRequestError)


def make_error(
    status: int | None,
    code: str | None,
    message: str,
    *,
    request_id: str | None = None,
    headers: Mapping[str, str] | None = None,
    partial: "ChatResponse | None" = None,
) -> QwenError:
    """Return the typed error for what the service reported.

    ``headers`` are the response's, with lower-case names.
    """
    rule = classify(status, code, message)
    headers = headers or {}
    error = rule.error(
        message or f"The service responded with HTTP status {status} and no message.",
        status_code=status,
        code=code,
        request_id=request_id or headers.get("x-request-id"),
        retry_after=retry_after(headers),
        partial=partial,
        hint=rule.hint,
    )
    if rule.retryable is not None:
        error.is_retryable = rule.retryable
    return error


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds to wait from ``retry-after-ms`` or ``retry-after`` (seconds, or an HTTP date)."""
    seconds = headers.get("retry-after")
    for text, unit in ((headers.get("retry-after-ms"), 1000), (seconds, 1)):
        with suppress(TypeError, ValueError):
            return max(0.0, float(text or "") / unit)
    if seconds is None:
        return None
    with suppress(OverflowError, ValueError):
        return _seconds_between(headers.get("date", ""), seconds)
    return None


def _seconds_between(start: str, end: str) -> float | None:
    """Return the seconds from one HTTP date to another, at least 0; None if one of them is not a date."""
    from email.utils import mktime_tz, parsedate_tz

    first, last = parsedate_tz(start), parsedate_tz(end)
    if first is None or last is None:
        return None
    return max(0.0, float(mktime_tz(last) - mktime_tz(first)))
