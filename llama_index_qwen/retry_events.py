"""What LlamaIndex's instrumentation hears of attempts that failed: one event before each wait."""

from llama_index.core.instrumentation.events import BaseEvent
from llama_index_instrumentation import get_dispatcher
from tenacity import RetryCallState

from qwen_core.execution.retry import error_of, exchange_of

dispatcher = get_dispatcher(__name__)


class QwenRetryEvent(BaseEvent):
    """An attempt failed and another follows."""

    model: str
    attempt: int
    wait: float
    error: str
    status_code: int | None = None
    code: str | None = None
    request_id: str | None = None

    @classmethod
    def class_name(cls) -> str:
        """The name in serialised form."""
        return "QwenRetryEvent"


def tell_of_retry(state: RetryCallState) -> None:
    """Send the event. Holds no message: the service may quote the request in it."""
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
