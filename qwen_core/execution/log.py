"""What the library says of itself: one logger, ``qwen_core``, one record for each thing that happened to a call.

The facts are fields of the record (``extra``), so that a structured formatter writes them without parsing:
``event`` (answered, failed, retry), ``model``, ``protocol``, ``host``, ``attempt``, ``duration``, ``request_id``,
``input_tokens``, ``output_tokens``, ``error``, ``status``, ``code``, ``wait``. Never a key, and never what was
said, unless ``QWEN_LOG_CONTENT=1`` asks for it: then ``request`` and ``response`` hold it, at DEBUG.

Quiet by default: answers and failures, which the caller sees anyway, are DEBUG, retries INFO.
"""

import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qwen_core.execution.call import Call
    from qwen_core.types.errors import QwenError
    from qwen_core.types.usage import Usage

CONTENT_VARIABLE = "QWEN_LOG_CONTENT"

logger = logging.getLogger("qwen_core")
logger.addHandler(logging.NullHandler())


def facts(call: "Call", event: str) -> dict[str, Any]:
    """What every record tells."""
    return {
        "event": event,
        "model": call.model,
        "protocol": call.protocol.name,
        "host": call.host,
        "attempt": call.attempt,
        "duration": round(call.elapsed(), 4),
    }


def log_answer(call: "Call", usage: "Usage | None", request_id: str | None, text: Callable[[], str]) -> None:
    """A whole answer came. ``text`` makes what was said, where that is written down."""
    if not logger.isEnabledFor(logging.DEBUG):
        return
    fields = facts(call, "answered")
    fields["request_id"] = request_id
    fields["input_tokens"] = usage.input_tokens if usage else None
    fields["output_tokens"] = usage.output_tokens if usage else None
    if os.environ.get(CONTENT_VARIABLE) == "1":
        fields["request"] = call.encoded.body.decode()
        fields["response"] = text()
    logger.debug(
        "%s answered over %s in %.2f s, attempt %d (request id %s)",
        call.model,
        call.protocol.name,
        call.elapsed(),
        call.attempt,
        request_id,
        extra=fields,
    )


def log_failure(call: "Call", error: "QwenError") -> None:
    """An attempt failed."""
    if not logger.isEnabledFor(logging.DEBUG):
        return
    logger.debug(
        "%s failed over %s after %.2f s, attempt %d: %s (status %s, code %s, request id %s)",
        call.model,
        call.protocol.name,
        call.elapsed(),
        call.attempt,
        type(error).__name__,
        error.status_code,
        error.code,
        error.request_id,
        extra={**facts(call, "failed"), **error_facts(error)},
    )


def log_retry(call: "Call", error: "QwenError", wait: float) -> None:
    """Another attempt follows."""
    logger.info(
        "Attempt %d failed with %s (status %s, code %s, request id %s); next in %.1f s",
        call.attempt,
        type(error).__name__,
        error.status_code,
        error.code,
        error.request_id,
        wait,
        extra={**facts(call, "retry"), **error_facts(error), "wait": wait},
    )


def error_facts(error: "QwenError") -> dict[str, Any]:
    """What is told of an error. Not its message: the service may quote the request in it."""
    return {
        "error": type(error).__name__,
        "status": error.status_code,
        "code": error.code,
        "request_id": error.request_id,
    }
