"""An event of LlamaIndex's instrumentation for each retry, sent before the wait."""

from llama_index.core.instrumentation.events import BaseEvent
from llama_index_instrumentation import get_dispatcher
from tenacity import RetryCallState

from qwen_core.execution.retry import error_of, exchange_of

dispatcher = get_dispatcher(__name__)


class QwenRetryEvent(BaseEvent):
    """A failed attempt that will be retried."""

    model: str
    attempt: int
    wait: float
    error: str
    status_code: int | None = None
    code: str | None = None
    request_id: str | None = None

    @classmethod
    def class_name(cls) -> str:
        """Return the name in serialized form."""
        return "QwenRetryEvent"


def send_retry_event(state: RetryCallState) -> None:
    """Send the event, without the error's message, in which the service may quote the request."""
    error = error_of(state)
    if error is None:
        return
    dispatcher.event(
        QwenRetryEvent(
            model=exchange_of(state).plan.model,
            attempt=state.attempt_number,
            wait=state.upcoming_sleep,
            error=type(error).__name__,
            status_code=error.status_code,
            code=error.code,
            request_id=error.request_id,
        )
    )
