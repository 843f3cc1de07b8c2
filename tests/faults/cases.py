"""The rows of the fault matrix: the fault, and the outcome that every caller must see.

Faults of the connection and of the body go through every surface. The documented error codes go through the core
alone: what the frameworks make of an error does not depend on its code, and ``everywhere`` rows show that.
"""

from dataclasses import dataclass, replace
from typing import Any

from qwen_core.errors import CODE_NAMES
from qwen_emulator import Failure, RawReply, Reply, faults, payloads
from qwen_emulator.failures import CATALOGUE
from qwen_emulator.script import Mutated

PIECES = ("Once ", "upon ", "a ", "time")
TEXT = "".join(PIECES)
STORY = Reply(PIECES)
TRIES = 3
"""One attempt and the default two retries."""


@dataclass(frozen=True)
class Expected:
    """The expected outcome of a call: the text, or the error and its attributes."""

    text: str | None = TEXT
    error: str = ""
    status: int | None = None
    code: str | None = None
    part: str = ""
    """The partial text on the error."""
    request_id: bool = False
    requests: int = 1


@dataclass(frozen=True)
class Case:
    """One row. ``None`` for a mode or protocol in which the fault cannot occur."""

    name: str
    replies: tuple[Any, ...]
    whole: Expected | None
    stream: Expected | None
    native_whole: Expected | str | None = "same"
    native_stream: Expected | str | None = "same"
    everywhere: bool = True
    stalls: bool = False
    """The service stops sending: a short read timeout is used only then."""

    def expected(self, protocol: str, mode: str) -> Expected | None:
        """Return the expected outcome on this protocol in this mode."""
        both = self.whole if mode == "whole" else self.stream
        if protocol == "openai":
            return both
        native = self.native_whole if mode == "whole" else self.native_stream
        return both if isinstance(native, str) else native


RIGHT = Expected()
SECOND = replace(RIGHT, requests=2)
THIRD = replace(RIGHT, requests=TRIES)


def wrong(error: str, **facts: Any) -> Expected:
    """Return an expected outcome that is an error."""
    return Expected(text=None, error=error, **facts)


def refused(name: str, failure: Failure, error: str, requests: int = 1, **changes: Any) -> Case:
    """Return a case with a permanent error response."""
    facts = {"status": failure.status, "request_id": True, "requests": requests}
    expected = wrong(error, code=CODE_NAMES.get(failure.code, failure.code), **facts)
    return Case(name, (replace(failure, times=9, after_chunks=None),), expected, expected, **changes)


def row(name: str, reply: Any, whole: Expected | None, stream: Expected | None, **changes: Any) -> Case:
    """Return a row whose first reply is the fault; later attempts get the story."""
    return Case(name, reply if isinstance(reply, tuple) else (reply, STORY, STORY), whole, stream, **changes)


# The documented failures by name: error class, number of requests the retry policy allows.
NAMED = {
    "invalid_api_key": ("AuthenticationError", 1),
    "access_denied": ("PermissionDeniedError", 1),
    "free_tier_only": ("QuotaExceededError", 1),
    "arrearage": ("PermissionDeniedError", 1),
    "model_not_found": ("NotFoundError", 1),
    "invalid_parameter": ("BadRequestError", 1),
    "context_overflow": ("ContextOverflowError", 1),
    "data_inspection": ("ContentFilterError", 1),
    "output_inspection": ("ContentFilterError", 1),
    "media_download": ("BadRequestError", 1),
    "file_parsing": ("BadRequestError", TRIES),
    "rate_limit": ("RateLimitError", TRIES),
    "burst_rate": ("RateLimitError", TRIES),
    "token_quota": ("RateLimitError", TRIES),
    "free_quota_exceeded": ("QuotaExceededError", 1),
    "bill_overdue": ("PermissionDeniedError", 1),
    "internal_error": ("ServerError", TRIES),
    "request_timeout": ("APITimeoutError", 1),
    "model_serving_error": ("ServerError", TRIES),
    "model_unavailable": ("ServerError", TRIES),
}

# Further documented codes (compatible 6, native 6.3): status, code, message, error, requests.
DOCUMENTED: tuple[tuple[int, str, str, str, int], ...] = (
    (400, "InvalidParameter.NotSupportEnableThinking", "No thinking here.", "BadRequestError", 1),
    (400, "InvalidURL.ConnectionTimeout", "Failed to download multimodal content", "BadRequestError", 1),
    (400, "BadRequest.EmptyInput", "The input is empty.", "BadRequestError", 1),
    (400, "BadRequest.TooLarge", "Payload too large.", "BadRequestError", 1),
    (400, "InvalidFile.Format", "The file format is wrong.", "BadRequestError", 1),
    (400, "UnsupportedOperation", "The operation is unsupported.", "BadRequestError", 1),
    (400, "FaqRuleBlocked", "Blocked by a rule.", "ContentFilterError", 1),
    (400, "CustomRoleBlocked", "Blocked by a rule.", "ContentFilterError", 1),
    (400, "IPInfringementSuspect", "Suspected infringement.", "ContentFilterError", 1),
    (400, "ServiceUnavailableError", "Role must be user or assistant", "BadRequestError", 1),
    (400, "InvalidParameter", "Model not exist.", "NotFoundError", 1),
    (400, "Throttling.AllocationQuota", "Voices: quota exceeded.", "RateLimitError", TRIES),
    (401, "NOT AUTHORIZED", "Workspace is not authorized.", "AuthenticationError", 1),
    (401, "", "invalid access token or token expired", "AuthenticationError", 1),
    (403, "AccessDenied.Unpurchased", "Access to model denied.", "PermissionDeniedError", 1),
    (403, "Model.AccessDenied", "Model access denied.", "PermissionDeniedError", 1),
    (403, "Workspace.AccessDenied", "Workspace access denied.", "PermissionDeniedError", 1),
    (403, "App.AccessDenied", "App access denied.", "PermissionDeniedError", 1),
    (403, "Endpoint.AccessDenied", "This snapshot is retired.", "PermissionDeniedError", 1),
    (403, "insufficient_quota", "Quota exceeded.", "QuotaExceededError", 1),
    (404, "model_not_supported", "Unsupported model xxx for OpenAI compatibility mode.", "NotFoundError", 1),
    (404, "WorkSpaceNotFound", "WorkSpace can not be found.", "NotFoundError", 1),
    (409, "Conflict", "It exists already.", "BadRequestError", 1),
    (429, "Throttling", "Requests throttling triggered.", "RateLimitError", TRIES),
    (429, "Throttling.Concurrency", "Too many at once.", "RateLimitError", TRIES),
    (429, "Throttling.ServiceOverloaded", "Overloaded.", "RateLimitError", TRIES),
    (429, "LimitRequests", "You exceeded your current requests list.", "RateLimitError", TRIES),
    (429, "insufficient_quota", "month allocated quota exceeded.", "QuotaExceededError", 1),
    (429, "PrepaidBillOverdue", "The prepaid bill is overdue.", "PermissionDeniedError", 1),
    (429, "CommodityNotPurchased", "Not purchased.", "PermissionDeniedError", 1),
    (500, "InternalError.Algo", "list index out of range", "BadRequestError", 1),
    (500, "InternalError.Algo", "Expecting ',' delimiter: line 1", "BadRequestError", 1),
    (500, "InternalError.Algo", "inference error", "ServerError", TRIES),
    (500, "InternalError.Timeout", "timed out", "APITimeoutError", 1),
    (500, "ResponseTimeout", "Response timed out.", "APITimeoutError", 1),
    (500, "SystemError", "An system error has occured.", "ServerError", TRIES),
    (500, "ModelServiceFailed", "Failed to request model service.", "ServerError", TRIES),
    (500, "InvokePluginFailed", "Failed to invoke plugin.", "ServerError", TRIES),
    (500, "RewriteFailed", "Failed to rewrite content for prompt.", "ServerError", TRIES),
    (500, "RetrievalFailed", "Failed to retrieve data.", "ServerError", TRIES),
    (503, "ModelServingError", "Throttled due to capacity limits.", "ServerError", TRIES),
    (400, "InvalidParameter", "Total message token length exceed model limit.", "ContextOverflowError", 1),
    (400, "InvalidParameter", "The input is longer than the model's context length.", "ContextOverflowError", 1),
    (403, "AccessDenied", "Rate limit exceeded. Please wait and try again.", "RateLimitError", TRIES),
    (400, "InvalidParameter", "No backend server available", "ServerError", TRIES),
    (500, "InternalError.Algo", "Missing Content-Length of multimodal url.", "BadRequestError", 1),
)

CODES: tuple[Case, ...] = (
    *(
        refused(f"{CATALOGUE[name].status} {name}", CATALOGUE[name], error, requests, everywhere=False)
        for name, (error, requests) in NAMED.items()
    ),
    *(
        refused(
            f"{status} {code or 'no code'}: {message}",
            Failure(status, code, message),
            error,
            requests,
            everywhere=False,
        )
        for status, code, message, error, requests in DOCUMENTED
        if code
    ),
)

EVERY = 9
HUGE = "x" * (4 * 1024 * 1024)


def replace_header(reply: Reply) -> Mutated:
    """Return a body with content-encoding gzip that is not compressed."""
    return Mutated(
        reply, lambda raw: replace(raw, headers={**payloads.unmeasured(raw), "content-encoding": "gzip"})
    )


RATE = CATALOGUE["rate_limit"]


def after(seconds: str, times: int) -> Failure:
    """Return a 429 response with Retry-After."""
    return faults.failing(429, retry_after=seconds, times=times)


REPEATED: tuple[Case, ...] = (
    refused("429 permanently", RATE, "RateLimitError", TRIES),
    refused("503 permanently", CATALOGUE["model_serving_error"], "ServerError", TRIES),
    refused("401 permanently", CATALOGUE["invalid_api_key"], "AuthenticationError"),
    row("429 once", (RATE, STORY), SECOND, SECOND),
    row("429 twice", (replace(RATE, times=2), STORY), THIRD, THIRD),
    row("429 once, Retry-After in seconds", (after("0.05", 1), STORY), SECOND, SECOND),
    row("429 twice, Retry-After 0", (after("0", 2), STORY), THIRD, THIRD, everywhere=False),
    row(
        "429 once, Retry-After date in the past",
        (after("Wed, 21 Oct 2015 07:28:00 GMT", 1), STORY),
        SECOND,
        SECOND,
        everywhere=False,
    ),
    row("429 once, invalid Retry-After", (after("soon", 1), STORY), SECOND, SECOND, everywhere=False),
    refused(
        "429, Retry-After after the deadline",
        replace(RATE, headers={"retry-after": "30"}),
        "RateLimitError",
        everywhere=False,
    ),
    row("500 once", (faults.failing(500), STORY), SECOND, SECOND),
    row("503 twice", (faults.failing(503, times=2), STORY), THIRD, THIRD, everywhere=False),
)

BROKEN = wrong("APIConnectionError", requests=TRIES)
SILENT = wrong("APITimeoutError")
CUT = wrong("IncompleteStreamError", part=PIECES[0], request_id=True)
CUT_NATIVE = replace(CUT, part=PIECES[0] + PIECES[1])
CUT_WHOLE = wrong("IncompleteStreamError")
MOVED = wrong("InvalidResponseError", status=302)


def breaking(name: str, fault: Any, whole: Expected | None, **changes: Any) -> Case:
    """Return a stream that breaks after two chunks: on the OpenAI-compatible protocol the first one is empty."""
    return row(name, fault, whole, replace(CUT, **changes), native_stream=replace(CUT_NATIVE, **changes))


CONNECTION: tuple[Case, ...] = (
    row("reset before headers, once", faults.reset_before_headers(), SECOND, SECOND),
    row("reset before headers, permanently", (faults.reset_before_headers(),) * TRIES, BROKEN, BROKEN),
    row("closed before headers, once", faults.closed_before_headers(), SECOND, SECOND),
    row("stall before headers", faults.stall_before_headers(), SILENT, SILENT, stalls=True),
    row("stall after headers", faults.stall_after_headers(), SILENT, SILENT, everywhere=False, stalls=True),
    replace(
        breaking("stall in mid-stream", faults.stall_after(STORY, 2), SILENT, error="APITimeoutError"), stalls=True
    ),
    breaking("reset in mid-stream", faults.reset_after(STORY, 2), CUT_WHOLE),
    breaking("truncated in mid-stream", faults.cut_after(STORY, 2), CUT_WHOLE),
    breaking("clean close in mid-stream", faults.cut_after(STORY, 2, "close"), CUT_WHOLE),
    row("truncated before the first event, once", faults.cut_after(STORY, 0), CUT_WHOLE, SECOND),
    row("truncated after the finish reason", faults.cut_after(STORY, 6), None, RIGHT),
    row("reset after the finish reason", faults.reset_after(STORY, 6), None, RIGHT),
    row("stall after the finish reason", faults.stall_after(STORY, 6), None, RIGHT, everywhere=False, stalls=True),
    row("stall after the last event", faults.stall_after(STORY, 99), None, RIGHT, everywhere=False, stalls=True),
    row("redirect", RawReply(302, {"location": "http://127.0.0.1:9/"}), MOVED, MOVED),
    row("one byte per segment", faults.byte_by_byte(STORY), RIGHT, RIGHT),
    row("slow chunks", faults.slow(STORY, 0.02), RIGHT, RIGHT, everywhere=False),
)

NO_JSON = wrong("InvalidResponseError")
BAD_GATEWAY = wrong("ServerError", status=502, requests=TRIES)
BAD_REQUEST = wrong("BadRequestError", status=400)
UNAVAILABLE = wrong("ServerError", status=503, requests=TRIES)
NOTHING = wrong("IncompleteStreamError", requests=TRIES)
FILTERED = CATALOGUE["output_inspection"]
INTERNAL = CATALOGUE["internal_error"]


def mid_stream(name: str, failure: Failure, error: str, whole: Expected, **changes: Any) -> Case:
    """Return an error event after two chunks; a complete response has it as its HTTP error instead."""
    reply = replace(failure, after_chunks=2, reply=STORY)
    return row(
        name,
        (reply, STORY, STORY),
        whole,
        wrong(error, code=failure.code, part=CUT.part, request_id=True),
        native_stream=wrong(
            error,
            status=failure.status,
            code=failure.code,
            part=CUT_NATIVE.part,
            request_id=True,
        ),
        **changes,
    )


def body(name: str, reply: Any, expected: Expected, **changes: Any) -> Case:
    """Return a row that sends the same body to all three attempts, streamed or not."""
    return row(name, (reply,) * TRIES, expected, expected, **changes)


ERRORS: tuple[Case, ...] = (
    mid_stream("error event in mid-stream", INTERNAL, "ServerError", SECOND),
    mid_stream(
        "output moderated in mid-stream",
        FILTERED,
        "ContentFilterError",
        wrong("ContentFilterError", status=400, code="data_inspection_failed", request_id=True),
        native_whole=wrong("ContentFilterError", status=400, code="data_inspection_failed", request_id=True),
    ),
    row("429 as the first event, once", (replace(RATE, after_chunks=0), STORY), SECOND, SECOND),
    row(
        "429 as the first event, permanently",
        (replace(RATE, after_chunks=0, times=EVERY),),
        wrong("RateLimitError", status=429, code=RATE.code, request_id=True, requests=TRIES),
        wrong("RateLimitError", code=RATE.code, request_id=True, requests=TRIES),
        native_whole=wrong("RateLimitError", status=429, code=RATE.code, request_id=True, requests=TRIES),
        native_stream=wrong("RateLimitError", status=429, code=RATE.code, request_id=True, requests=TRIES),
    ),
    row(
        "bare error line in mid-stream",
        faults.bare_error_after(STORY, 2),
        RIGHT,
        wrong("ServerError", code="internal_error", part=CUT.part, request_id=True),
        native_stream=wrong("ServerError", code="internal_error", part=CUT_NATIVE.part, request_id=True),
    ),
    row("status 200, error body, once", (faults.error_in_success(), STORY), SECOND, SECOND),
    row(
        "status 200, not found as body",
        (faults.error_in_success(name="model_not_found"),),
        wrong("NotFoundError", code="model_not_found", request_id=True),
        wrong("NotFoundError", code="model_not_found", request_id=True),
        native_whole=wrong("NotFoundError", code="model_not_found", request_id=True),
        native_stream=wrong("NotFoundError", code="model_not_found", request_id=True),
    ),
)

BODIES: tuple[Case, ...] = (
    body("502 with an HTML page", faults.html(502), BAD_GATEWAY),
    row("502 with an HTML page, once", (faults.html(502), STORY), SECOND, SECOND),
    body("503 without a body", faults.empty(503), UNAVAILABLE),
    body("503 with an endless body", faults.endless_error(503), UNAVAILABLE),
    body("400 with an HTML page", faults.html(400), BAD_REQUEST),
    body("400 without a body", faults.empty(400), BAD_REQUEST),
    body("200 with an HTML page", faults.html(200), NO_JSON),
    body("200 with plain text", faults.not_json(), NO_JSON),
    row("200 without a body", (faults.empty(),) * TRIES, NO_JSON, NOTHING),
    row("200 without an event", (faults.empty(content_type="text/event-stream"),) * TRIES, None, NOTHING),
    row(
        "malformed JSON in an event",
        faults.malformed(STORY, 2),
        RIGHT,
        wrong("InvalidResponseError", part=CUT.part),
        native_stream=wrong("InvalidResponseError", part=CUT_NATIVE.part),
    ),
    row("truncated last event", faults.truncated(STORY), None, RIGHT, native_stream=replace(CUT, part=TEXT)),
    row("truncated complete body", faults.truncated(STORY), NO_JSON, None),
    row(
        "no finish reason, [DONE]", faults.without_finish(STORY), replace(CUT, part=TEXT), replace(CUT, part=TEXT)
    ),
    row(
        "no finish reason, no [DONE]",
        faults.without_finish(STORY, done=False),
        replace(CUT, part=TEXT),
        replace(CUT, part=TEXT),
    ),
    row("partial response", faults.partial_answer(STORY), replace(CUT, part=TEXT), replace(CUT, part=TEXT)),
    row("no [DONE]", faults.without_done(STORY), RIGHT, RIGHT),
    row("JSON instead of SSE", faults.json_for_stream(STORY), RIGHT, RIGHT),
    row("SSE instead of JSON", faults.stream_for_json(STORY), RIGHT, RIGHT, native_whole=None),
    row("all events in one segment", faults.at_once(STORY), RIGHT, RIGHT, everywhere=False),
    row("segments of 7 bytes", faults.in_segments(STORY, 7), RIGHT, RIGHT, everywhere=False),
    row("CRLF", faults.crlf(STORY), RIGHT, RIGHT),
    row("CRLF, one byte per segment", faults.crlf(faults.byte_by_byte(STORY)), RIGHT, RIGHT, everywhere=False),
    row("comments", faults.comments(STORY), RIGHT, RIGHT),
    row("byte order mark", faults.bom(STORY), RIGHT, RIGHT),
    row("data: without a space", faults.without_spaces(STORY), RIGHT, RIGHT, everywhere=False),
    row("no blank lines", faults.without_blank_lines(STORY), None, None, native_stream=RIGHT),
    row("gzip", faults.gzipped(STORY), RIGHT, RIGHT),
    row("invalid gzip", replace_header(STORY), wrong("InvalidResponseError"), wrong("InvalidResponseError")),
    row("no usage", faults.without_usage(STORY), RIGHT, RIGHT),
    row("usage everywhere", faults.usage_everywhere(STORY), RIGHT, RIGHT, everywhere=False),
    row("unknown fields", faults.unknown_fields(STORY), RIGHT, RIGHT),
    row("choices: null", faults.choices_null(Reply(("", *PIECES)), 0), None, RIGHT),
    row("choices: []", faults.choices_empty(Reply(("", *PIECES)), 0), None, RIGHT),
    row("finish reason sent twice", faults.doubled_finish(STORY), RIGHT, RIGHT),
    row(
        "line separators in the text",
        Reply((faults.LINE_SEPARATORS,)),
        replace(RIGHT, text=faults.LINE_SEPARATORS),
        replace(RIGHT, text=faults.LINE_SEPARATORS),
    ),
    row("chunk of 4 MB", faults.huge_chunk(), replace(RIGHT, text=HUGE), replace(RIGHT, text=HUGE)),
)

CASES: tuple[Case, ...] = (*CONNECTION, *ERRORS, *BODIES, *REPEATED, *CODES)
