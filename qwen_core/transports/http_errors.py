"""Map the exceptions of the HTTP library to the errors of this package, and hide keys in what they hold."""

from contextlib import suppress
from typing import Any

from qwen_core.types.error_translation import ErrorTranslation, with_cause
from qwen_core.types.errors import (
    APIConnectionError,
    APITimeoutError,
    IncompleteStreamError,
    InvalidResponseError,
    QwenError,
)

SECRET_HEADERS = ("authorization", "proxy-authorization", "api-key", "x-api-key", "cookie")


def map_http_exception(error: BaseException, http: Any) -> BaseException | None:
    """Return the error for what the HTTP library raises or lets through, with that as the cause; else None."""
    if isinstance(error, (http.HTTPError, http.StreamError, http.InvalidURL)):
        hide_keys(error)
        return with_cause(map_network_exception(error, http), error)
    if isinstance(error, OSError):
        return with_cause(APIConnectionError(f"The connection failed: {error}"), error)
    return None


def map_network_exception(error: BaseException, http: Any, *timeouts: type[Exception]) -> QwenError:
    """Return the error for a failure of the network. Silence of the peer is a timeout; a failed connect is not."""
    if isinstance(error, (http.ConnectTimeout, http.PoolTimeout)):
        return APIConnectionError(f"Could not connect in time: {describe(error)}")
    if isinstance(error, http.DecodingError):
        return InvalidResponseError(f"The response cannot be read: {describe(error)}")
    if isinstance(error, (http.TimeoutException, *timeouts)):
        return APITimeoutError(f"The service did not respond in time: {describe(error)}")
    return APIConnectionError(f"The connection failed: {describe(error)}")


def describe(error: BaseException) -> str:
    """Return an error's message and class; some have no message."""
    return f"{error} [{type(error).__name__}]" if str(error) else type(error).__name__


def _map_interruption(error: BaseException) -> BaseException | None:
    if not isinstance(error, APIConnectionError):
        return None
    incomplete = IncompleteStreamError(f"The response is incomplete. {error.message}")
    incomplete.is_retryable = False
    return with_cause(incomplete, error.__cause__)


INTERRUPTIONS = ErrorTranslation(_map_interruption)
"""For a body that breaks off: the response has been written, and billed, so that it is not requested again."""


def total_timeout_error() -> APITimeoutError:
    """Return the error for a call whose time is up although the service still writes."""
    return APITimeoutError("The response was not complete in time: the total timeout is over.")


def hide_keys(error: BaseException) -> None:
    """Remove keys from the requests that an SDK's exception holds on to: exceptions are logged and stored."""
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        link = pending.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        pending += [link.__cause__, link.__context__]
        # The frames of an SDK hold the headers, and tools that show errors show local variables.
        link.__traceback__ = None
        for request in requests_of(link):
            for name in SECRET_HEADERS:
                if name in request.headers:
                    request.headers[name] = "[hidden]"


def requests_of(error: BaseException) -> list[Any]:
    """Return the requests behind an exception of an HTTP library or SDK, and those that were redirected."""
    response = getattr(error, "response", None)
    redirects = getattr(response, "history", ())
    requests = [request_of(holder) for holder in (error, response, *redirects)]
    return [request for request in requests if request is not None]


def request_of(holder: Any) -> Any:
    """Return the request of an exception or response, or None. The HTTP library raises if there is none."""
    with suppress(RuntimeError):
        return getattr(holder, "request", None)
    return None
