"""Errors as the service, its gateways and other servers word and nest them, on exact bytes."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from qwen_core import AsyncQwenClient, ChatRequest, ClientSettings, QwenClient, errors
from qwen_core.protocols.error_decoding import decode_error, undecodable
from qwen_core.protocols.sse import EventStreamParser
from qwen_core.types.errors import QwenError, make_error
from qwen_core.types.messages import Message, TextPart
from qwen_core.types.requests import EmbeddingRequest
from tests.canned_server import Canned, CannedServer, canned_server, event_stream

COMPATIBLE, NATIVE = "/compatible-mode/v1", "/api/v1/services/aigc"
PATHS = {"openai": f"{COMPATIBLE}/chat/completions", "dashscope": f"{NATIVE}/text-generation/generation"}
REQUEST = ChatRequest(model="qwen-plus", messages=(Message("user", (TextPart("Hi"),)),))
ID = "bfc150f6-f18e-4aac-bdfc-7d6444b59309"

TOO_LONG = [
    "Range of input length should be [1, 983616]",
    "<400> InternalError.Algo.InvalidParameter: Total message token length exceed model limit (10000000 tokens).",
    "The decoder prompt (length 5000) is longer than the maximum model length of 4096.",
    "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
    "Input length (5000) exceeds the maximum allowed length (4096).",
    "Requested token count exceeds the model's maximum context length of 4096 tokens.",
    "This model's maximum context length is 4096 tokens. However, your messages resulted in 5000 tokens.",
    "request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it",
    "input (15000 tokens) is too large to process. increase the physical batch size",
    "the input length exceeds the context length",
    "prompt is too long: 210000 tokens > 200000 maximum",
    "Input is too long for requested model.",
    "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    "prompt token count of 130000 exceeds the limit of 128000",
    "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
    "Invalid request: Your request exceeded model token limit: 262144",
    "invalid params, context window exceeds limit",
    "Prompt exceeds max length",
    "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens",
    "`inputs` must have less than 4096 tokens. Given: 5000",
    "Please reduce the length of the messages or completion.",
    "Too many tokens: tokens to keep from the initial prompt is greater than the context length",
    "litellm.ContextWindowExceededError: the upstream refused the request",
    "Prompt contains 5000 tokens and 0 draft tokens, too large for model with 4096 maximum context length",
]
TOO_LONG_CODES = [
    "context_length_exceeded",
    "ContextWindowExceededError",
    "model_context_window_exceeded",
    "exceed_context_size_error",
    "prompt_too_long",
]
NOT_TOO_LONG = [
    (400, "invalid_parameter_error", "max_tokens must be at least 1, got -904.", errors.BadRequestError),
    (400, "invalid_parameter_error", "Range of max_tokens should be [1, 8192]", errors.BadRequestError),
    (400, None, "max_tokens (9000) exceeds the output token limit of the model", errors.BadRequestError),
    (400, "InvalidParameter", "The tool name exceeds the limit of 64 characters", errors.BadRequestError),
    (400, "BadRequest.TooLarge", "Payload Too Large", errors.BadRequestError),
    (413, None, "Request Entity Too Large", errors.BadRequestError),
    (400, "InvalidParameter", "The image is too large to process", errors.BadRequestError),
    (429, None, "Request too large on tokens per minute (TPM): Limit 6000, Requested 9000", errors.RateLimitError),
    (429, "limit_requests", "The token count exceeded the limit per minute", errors.RateLimitError),
    (
        429,
        "insufficient_quota",
        "The input token count exceeds the free allocated quota",
        errors.QuotaExceededError,
    ),
    (429, "Throttling.AllocationQuota", "Allocated quota exceeded, input tokens", errors.RateLimitError),
]


@pytest.mark.parametrize("message", TOO_LONG)
@pytest.mark.parametrize("status", [400, 413, 500, None])
def test_every_wording_of_too_long_input_is_context_overflow(status: int | None, message: str) -> None:
    error = make_error(status, "InvalidParameter", message)
    assert type(error) is errors.ContextOverflowError and not error.is_retryable


@pytest.mark.parametrize("code", TOO_LONG_CODES)
def test_codes_and_types_of_too_long_input_are_context_overflow(code: str) -> None:
    for body in (
        {"error": {"code": code, "message": "No."}},
        {"error": {"code": 400, "type": code, "message": "No."}},
        {"error": {"code": None, "type": code, "message": "No."}},
        {"code": code, "message": "No."},
    ):
        assert type(decode_error(400, json.dumps(body).encode(), {})) is errors.ContextOverflowError


@pytest.mark.parametrize(("status", "code", "message", "kind"), NOT_TOO_LONG)
def test_limits_of_other_things_are_not_context_overflow(
    status: int, code: str | None, message: str, kind: type[QwenError]
) -> None:
    assert type(make_error(status, code, message)) is kind


WAITING = "Rate limit exceeded. Please wait and try again, or upgrade your API plan."
CLASSES: list[tuple[int | None, str | None, str, type[QwenError], bool]] = [
    (403, "AccessDenied", WAITING, errors.RateLimitError, True),
    (403, "access_denied", WAITING, errors.RateLimitError, True),
    (403, None, "Too many requests, please slow down.", errors.RateLimitError, True),
    (None, "AccessDenied", WAITING, errors.RateLimitError, True),
    (400, "Model.AccessDenied", "Rate limit reached for requests", errors.RateLimitError, True),
    (403, "AccessDenied", "Access denied.", errors.PermissionDeniedError, False),
    (403, "AllocationQuota.FreeTierOnly", WAITING, errors.QuotaExceededError, False),
    (400, "InvalidParameter", "No backend server available", errors.ServerError, True),
    (400, "InvalidParameter", "The model is currently overloaded.", errors.ServerError, True),
    (400, "InvalidParameter", "The backend is invalid.", errors.BadRequestError, False),
    (500, "InternalError.Algo", "Missing Content-Length of multimodal url.", errors.BadRequestError, False),
    (400, "InternalError.Algo", "Missing Content-Length of multimodal url", errors.BadRequestError, False),
    (402, None, "Insufficient balance", errors.QuotaExceededError, False),
]


@pytest.mark.parametrize(("status", "code", "message", "kind", "retryable"), CLASSES)
def test_message_decides_where_a_code_has_two_meanings(
    status: int | None, code: str | None, message: str, kind: type[QwenError], retryable: bool
) -> None:
    error = make_error(status, code, message)
    assert (type(error), error.is_retryable) == (kind, retryable)


def test_missing_content_length_says_to_use_another_link() -> None:
    assert "another host" in str(
        make_error(500, "InternalError.Algo", "Missing Content-Length of multimodal url.")
    )


INNER = {
    "error": {
        "code": "invalid_parameter_error",
        "param": None,
        "message": "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 983616]",
        "type": "invalid_request_error",
    },
    "id": "x",
}
MODERATED = {"code": "data_inspection_failed", "message": "Input data may contain inappropriate content."}


def unescaped(inner: Any, code: str = "InvalidParameter") -> bytes:
    """Return an error event with another error in its message, unescaped, as captured in 2026-08."""
    text = json.dumps(inner)
    return f'event:error\ndata:{{"request_id":"{ID}","code":"{code}","message":"data: {text}"}}\n\n'.encode()


def test_unescaped_error_in_an_error_event_is_read() -> None:
    error = decode_error(400, unescaped(INNER), {})
    assert type(error) is errors.ContextOverflowError
    assert (error.code, error.request_id) == ("invalid_parameter_error", ID)
    assert error.message == INNER["error"]["message"]


NESTED: list[tuple[bytes, type[QwenError], str]] = [
    (unescaped({"error": MODERATED}), errors.ContentFilterError, "data_inspection_failed"),
    (unescaped(MODERATED), errors.ContentFilterError, "data_inspection_failed"),
    (
        json.dumps({"code": "X", "message": json.dumps({"error": MODERATED}), "request_id": ID}).encode(),
        errors.ContentFilterError,
        "data_inspection_failed",
    ),
    (
        json.dumps({"error": {"message": "data: " + json.dumps(MODERATED)}, "request_id": ID}).encode(),
        errors.ContentFilterError,
        "data_inspection_failed",
    ),
    (
        json.dumps({"error": {"error": {"error": MODERATED}}, "request_id": ID}).encode(),
        errors.ContentFilterError,
        "data_inspection_failed",
    ),
    (
        json.dumps({"detail": {"error": MODERATED}, "request_id": ID}).encode(),
        errors.ContentFilterError,
        "data_inspection_failed",
    ),
    (
        json.dumps({"errors": [MODERATED], "request_id": ID}).encode(),
        errors.ContentFilterError,
        "data_inspection_failed",
    ),
    (
        json.dumps(
            {"error": {"message": "The upstream failed: " + json.dumps(INNER) + " (tried once)"}, "request_id": ID}
        ).encode(),
        errors.ContextOverflowError,
        "invalid_parameter_error",
    ),
    (
        f'{{"code":"Arrearage","message":"The account "main" is overdue.","request_id":"{ID}"}}'.encode(),
        errors.PermissionDeniedError,
        "Arrearage",
    ),
    (
        b"x" * 900 + b'{"request_id":"' + ID.encode() + b'","code":"Throttling","message":"a "b" c"}',
        errors.RateLimitError,
        "Throttling",
    ),
]


@pytest.mark.parametrize(("body", "kind", "code"), NESTED)
def test_innermost_error_of_a_body_decides(body: bytes, kind: type[QwenError], code: str) -> None:
    error = decode_error(400, body, {})
    assert (type(error), error.code, error.request_id) == (kind, code, ID)
    assert len(str(error)) < 700


def test_json_that_a_message_quotes_is_not_an_error() -> None:
    message = 'The arguments {"code": "data_inspection_failed", "message": "m"} are not an object.'
    error = decode_error(400, json.dumps({"code": "InvalidParameter", "message": message}).encode(), {})
    assert (type(error), error.message) == (errors.BadRequestError, message)


def test_hostile_nesting_ends() -> None:
    deep = "No."
    for _ in range(12):
        deep = json.dumps({"error": {"message": deep, "code": "x"}})
    assert type(decode_error(400, deep.encode(), {})) is errors.BadRequestError
    begin = time.process_time()
    assert type(decode_error(400, b"{" * 1_000_000, {})) is errors.BadRequestError
    assert type(decode_error(400, b'{"message":"' * 80_000, {})) is errors.BadRequestError
    assert type(decode_error(400, b"prompt exceeds tokens " * 40_000, {})) is errors.BadRequestError
    assert time.process_time() - begin < 1


@pytest.mark.parametrize(
    ("comment", "status"),
    [
        (b"429 TOO_MANY_REQUESTS", 429),
        (b"429", 429),
        (b" 503 Service Unavailable", 503),
        (b"200", None),
        (b"200 OK", None),
        (b"4290", None),
        (b"TOO_MANY", None),
    ],
)
def test_status_comment_may_carry_its_reason_phrase(comment: bytes, status: int | None) -> None:
    parser = EventStreamParser()
    parser.feed(b"event:error\n:HTTP_STATUS/" + comment + b'\ndata:{"code":"X"}\n\n')
    assert parser.status == status


def test_stream_payload_that_is_not_json_gives_its_error() -> None:
    payload = unescaped({"error": MODERATED}).split(b"data:", 1)[1]
    error = undecodable(payload, "reason", 429)
    assert (type(error), error.status_code, error.request_id) == (errors.ContentFilterError, 429, ID)
    assert type(undecodable(b'{"choices":[{"delta":{"content":"ab', "r", None)) is errors.InvalidResponseError


@pytest.fixture(scope="module")
def server() -> Iterator[CannedServer]:
    with canned_server() as found:
        yield found


def ask_chat(settings: ClientSettings) -> Any:
    return QwenClient(settings).generate(REQUEST)


def ask_stream(settings: ClientSettings) -> Any:
    return list(QwenClient(settings).stream(REQUEST))


def ask_embedding(settings: ClientSettings) -> Any:
    return QwenClient(settings).embed(EmbeddingRequest(model="text-embedding-v4", texts=("a",)))


STATUSES = [
    (400, errors.BadRequestError),
    (401, errors.AuthenticationError),
    (403, errors.PermissionDeniedError),
    (404, errors.NotFoundError),
    (408, errors.APITimeoutError),
    (422, errors.BadRequestError),
    (429, errors.RateLimitError),
    (500, errors.ServerError),
    (502, errors.ServerError),
    (503, errors.ServerError),
]
CODELESS: list[dict[str, Any]] = [
    {"error": {"message": "No.", "type": kind, **code}, "request_id": ID}
    for kind in ("invalid_request_error", "BadRequestError", "api_error")
    for code in ({"code": None}, {"code": ""}, {})
]


@pytest.mark.parametrize(("status", "kind"), STATUSES)
@pytest.mark.parametrize("ask", [ask_chat, ask_stream, ask_embedding])
def test_status_overrides_a_type_without_a_code(
    ask: Callable[[ClientSettings], Any], status: int, kind: type[QwenError], server: CannedServer
) -> None:
    settings = server.settings(protocol="openai")
    for body in CODELESS:
        for path in (PATHS["openai"], f"{COMPATIBLE}/embeddings"):
            server.on(path, Canned(body, status))
        with pytest.raises(kind) as caught:
            ask(settings)
        assert type(caught.value) is kind
        assert (caught.value.status_code, caught.value.request_id) == (status, ID)


@pytest.mark.parametrize("protocol", ["openai", "dashscope"])
async def test_nested_errors_are_read_in_every_form_of_response(protocol: Any, server: CannedServer) -> None:
    settings = server.settings(protocol=protocol)
    frame = unescaped(INNER).decode()
    plain = frame.split("data:", 1)[1].strip()
    for canned in (
        Canned(plain, 400),
        Canned(frame, 400, "text/event-stream"),
        Canned(frame, 200, "text/event-stream"),
        Canned(plain, 200),
        event_stream(plain),
    ):
        server.on(PATHS[protocol], canned)
        for ask in (ask_chat, ask_stream):
            with pytest.raises(errors.ContextOverflowError) as caught:
                ask(settings)
            assert (caught.value.code, caught.value.request_id) == ("invalid_parameter_error", ID)
        with pytest.raises(errors.ContextOverflowError):
            await AsyncQwenClient(settings).generate(REQUEST)


@pytest.mark.parametrize("protocol", ["openai", "dashscope"])
def test_codeless_rate_limit_is_retried(
    protocol: Any, server: CannedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qwen_core.execution.retry.backoff", lambda attempt: 0.0)
    server.on(PATHS[protocol], Canned(CODELESS[0], 429))
    before = len(server.requests)
    with pytest.raises(errors.RateLimitError):
        ask_chat(server.settings(protocol=protocol, max_retries=2))
    assert len(server.requests) - before == 3
