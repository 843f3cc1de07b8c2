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
        task_ended: whether that task has ended without a result, so that waiting for it again is of no use.
        batch_id: the batch job that the request was in, or the name of its file if a job was refused.
        advice: what to do about errors of this class.
        hint: what to do about this error, instead of the advice.
    """

    is_retryable: bool = False
    batch_id: str | None = None
    task_id: str | None = None
    task_ended: bool = False
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


OVERFLOW = (
    # The words of rate limits, which count tokens too.
    r"(?s)\A(?!.*(rate.?limit|per[ _-](second|minute|hour|day)|\b[rt]p[smhd]\b|quota))"
    r".*?("
    r"range of input length should be|input length|available context size"
    r"|maximum (context|prompt|model|sequence) length"
    r"|context_?(length|window|size)_?exceeded|exceed_context_size|(prompt|input)_(is_)?too_long"
    # The input, with or without its size, is too long.
    r"|\b(prompt|inputs?|context|conversation|history|messages?)\b( tokens?| text)?( \([^)]*\))? (is|are|was|were)"
    r" (too (long|large (to process|for))|longer than)"
    # The length of the input exceeds a limit, or the input exceeds a limit of tokens.
    r"|\b(tokens?|prompt|inputs?|messages?) (token )?(count|length|size)\b.{0,60}\bexceed"
    r"|\b(context (window|length|size)|prompt) exceeds? (the )?(limit|max)"
    r"|\b(prompt|inputs?|context|conversation|history|messages?|request|text)\b.{0,60}\bexceed(s|ed)?\b.{0,40}"
    r"\b(context (window|length|size)|token limit|number of tokens)"
    r"|`?inputs`? (tokens \+ `?max_new_tokens`? must be|must have less than)"
    r"|reduce the length of (the |your )?(messages|prompt|input|context|conversation)"
    r"|tokens to keep from the initial prompt is greater than the context"
    r")"
)
"""The wordings of "the input is too long": of Alibaba's service, vLLM, SGLang, llama.cpp, Ollama, LM Studio, TGI
and the APIs behind gateways. A wording that is about ``max_tokens`` alone is not one of them."""

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
        code=r"(model_)?context_?(length|window|size)_?exceeded|exceed_context_size|(prompt|input)_(is_)?too_long",
    ),
    Rule(ContextOverflowError, message=OVERFLOW),
    # llama.cpp and others: what the server was started without, with 500 or 501. It does not go away.
    Rule(
        BadRequestError,
        message=r"\b(input|image|audio|video|operation|feature|model|server|endpoint)s?\b.{0,40}\b"
        r"((is|are) not supported|does not support|not implemented)|was started without",
        status=500,
    ),
    Rule(BadRequestError, status=501),
    Rule(AuthenticationError, code=r"invalid_?api_?key|NOT AUTHORIZED|authentication_?error|unauthorized"),
    Rule(AuthenticationError, message=r"invalid access token"),
    Rule(QuotaExceededError, code=r"AllocationQuota\.FreeTierOnly"),
    Rule(QuotaExceededError, message=r"free (allocated quota|tier)|(hour|week|month) allocated quota exceeded"),
    Rule(QuotaExceededError, code=r"insufficient_quota", status=403),
    Rule(PermissionDeniedError, code=r"Arrearage|CommodityNotPurchased|PrepaidBillOverdue|PostpaidBillOverdue"),
    # Some plans answer 403 with the code AccessDenied. Who is asked to wait will be served later.
    Rule(
        RateLimitError, message=r"rate limit (is |was )?(exceeded|reached)|too many requests, |wait and (re)?try"
    ),
    Rule(
        RateLimitError,
        code=r"Throttling|LimitRequests|limit_requests|limit_burst_rate|insufficient_quota|rate_?limit|"
        r"too_?many_?requests",
    ),
    Rule(NotFoundError, code=r"model_?not_?found|model_not_supported|WorkSpaceNotFound|not_?found"),
    Rule(NotFoundError, message=r"model not exist"),
    Rule(PermissionDeniedError, code=r"(\w+\.)?access_?denied|permission_?(denied|error)|forbidden"),
    # The page "Error codes": the platform has a passing fault, under the code of an invalid request.
    Rule(
        ServerError,
        message=r"no backend server available|(service|server|model) is (temporarily |currently )?"
        r"(unavailable|overloaded|busy)",
    ),
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
    # The page "Error codes": a fault of the link, under the code of the service's own.
    Rule(
        BadRequestError,
        message=r"missing content-length of multimodal url",
        hint="The host of the media URL reports no length. Use a link of another host, or send the file itself.",
    ),
    Rule(APITimeoutError, code=r"RequestTimeOut|ResponseTimeout|InternalError\.Timeout"),
    Rule(BadRequestError, code=r"InternalError\.Algo\.InvalidParameter"),
    Rule(
        ServerError,
        code=r"internal_?error|SystemError|ModelServiceFailed|ModelServingError|ModelUnavailable|"
        r"InvokePluginFailed|RewriteFailed|RetrievalFailed|internal_?server_?error|overloaded|server_?error|"
        r"service_?unavailable",
    ),
    Rule(
        BadRequestError,
        code=r"invalid_?parameter|invalid_request|invalid_value|BadRequest|InvalidURL|InvalidFile|FILE_",
    ),
    Rule(AuthenticationError, status=401),
    Rule(QuotaExceededError, status=402),
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


LONGEST_SEARCH = 8192
"""Characters of a message that are searched: a server may quote all of the request."""
VAGUE = r"error|(invalid_request|bad_?request|internal(_?server)?|server|api|unknown)(_?error)?"
"""Types, and codes that are no more than a type, which tell less than the HTTP status (recorded: 401 with
``"type": "invalid_request_error", "code": null``)."""
VAGUE_CODE = r"(invalid_request|bad_?request)(_?error)?"


def is_telling(status: int | None) -> bool:
    """Return whether an HTTP status says what happened. 400 does not: a native stream has it for every error."""
    return status is not None and (status in (401, 402, 403, 404, 408, 429) or status >= 500)


def deciding_name(status: int | None, code: str | None, kind: str | None) -> str:
    """Return the code that decides the class of an error, or its type if it has no code; "" if the status decides.

    A code that is a number is a status (vLLM, llama.cpp), so that the type says more.
    """
    is_code = bool(code) and not re.match(r"[45]\d\d( |\Z)", code or "")
    name, vague = (code, VAGUE_CODE) if is_code else (kind, VAGUE)
    return "" if not name or (is_telling(status) and re.fullmatch(vague, name, re.IGNORECASE)) else name


def classify(status: int | None, code: str | None, message: str, kind: str | None = None) -> Rule:
    """Return the rule for an error. Codes decide before statuses: in a native stream every status is 400.

    ``kind`` is the type of the error, which decides only if neither a code nor the status does.
    """
    name = deciding_name(status, code, kind)
    message = message[:LONGEST_SEARCH]
    for rule, code_pattern, message_pattern in _patterns():
        if rule.status is not None and rule.status != status:
            continue
        if rule.code and not code_pattern.match(name):
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
    kind: str | None = None,
    text: str = "",
    request_id: str | None = None,
    headers: Mapping[str, str] | None = None,
    partial: "ChatResponse | None" = None,
) -> QwenError:
    """Return the typed error for what the service reported.

    ``kind`` is the type that was reported beside the code. ``text`` is all that was reported, if ``message`` is a
    part of it. ``headers`` are the response's, with lower-case names.
    """
    rule = classify(status, code, text or message, kind)
    headers = headers or {}
    error = rule.error(
        message or f"The service responded with HTTP status {status} and no message.",
        status_code=status,
        code=code or kind,
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
