"""Observe exchanges: write the log, charge a token limit, count usage.

The log is one logger, ``qwen_core``, with one record for each thing that happened to a call. The facts are fields
of the record (``extra``), so that a structured formatter writes them without parsing: ``event`` (answered, failed,
retry), ``model``, ``protocol``, ``host``, ``attempt``, ``duration``, ``request_id``, ``input_tokens``,
``output_tokens``, ``error``, ``status``, ``code``, ``wait``. Never a key, and never the content, unless
``QWEN_LOG_CONTENT=1`` asks for it: then ``request`` and ``response`` hold it, at DEBUG.

Quiet by default: responses and failures, which the caller sees anyway, are DEBUG, retries INFO.
"""

import logging
import os
from collections.abc import Callable, Sequence
from typing import Any

from qwen_core.config.settings import ClientSettings
from qwen_core.execution.exchange import Exchange, Observer
from qwen_core.execution.usage_meter import record_usage
from qwen_core.types.errors import QwenError
from qwen_core.types.usage import Usage

CONTENT_VARIABLE = "QWEN_LOG_CONTENT"

logger = logging.getLogger("qwen_core")
logger.addHandler(logging.NullHandler())


class CallLog(Observer):
    """Writes the log."""

    def on_response(
        self, exchange: Exchange, usage: Usage | None, request_id: str | None, text: Callable[[], str]
    ) -> None:
        """Log a complete response at DEBUG."""
        if not logger.isEnabledFor(logging.DEBUG):
            return
        fields = call_facts(exchange, "answered")
        fields["request_id"] = request_id
        fields["input_tokens"] = usage.input_tokens if usage else None
        fields["output_tokens"] = usage.output_tokens if usage else None
        if os.environ.get(CONTENT_VARIABLE) == "1":
            fields["request"] = exchange.plan.encoded.body.decode()
            fields["response"] = text()
        logger.debug(
            "%s answered over %s in %.2f s, attempt %d (request id %s)",
            exchange.plan.model,
            exchange.plan.protocol.name,
            exchange.elapsed(),
            exchange.attempt,
            request_id,
            extra=fields,
        )

    def on_error(self, exchange: Exchange, error: QwenError) -> None:
        """Log a failed attempt at DEBUG."""
        if not logger.isEnabledFor(logging.DEBUG):
            return
        logger.debug(
            "%s failed over %s after %.2f s, attempt %d: %s (status %s, code %s, request id %s)",
            exchange.plan.model,
            exchange.plan.protocol.name,
            exchange.elapsed(),
            exchange.attempt,
            type(error).__name__,
            error.status_code,
            error.code,
            error.request_id,
            extra={**call_facts(exchange, "failed"), **error_facts(error)},
        )

    def on_retry(self, exchange: Exchange, error: QwenError, wait: float) -> None:
        """Log at INFO that another attempt follows."""
        logger.info(
            "Attempt %d failed with %s (status %s, code %s, request id %s); next in %.1f s",
            exchange.attempt,
            type(error).__name__,
            error.status_code,
            error.code,
            error.request_id,
            wait,
            extra={**call_facts(exchange, "retry"), **error_facts(error), "wait": wait},
        )


class TokenCharge(Observer):
    """Reports the tokens of each response to a rate limiter."""

    def __init__(self, spend: Callable[[int], object]) -> None:
        self._spend = spend

    def on_response(
        self, exchange: Exchange, usage: Usage | None, request_id: str | None, text: Callable[[], str]
    ) -> None:
        """Charge the total tokens, if the service reported them."""
        if usage is not None and usage.total_tokens:
            self._spend(usage.total_tokens)

    def on_error(self, exchange: Exchange, error: QwenError) -> None:
        """Charge what a broken-off response had used."""
        if error.partial is not None:
            self.on_response(exchange, error.partial.usage, error.request_id, str)


class PartialCount(Observer):
    """Adds responses that broke off to the usage meters that are running: they are billed, but not reported."""

    def on_error(self, exchange: Exchange, error: QwenError) -> None:
        """Count what had been generated, at an unknown price if the usage is unknown."""
        if error.partial is not None:
            usage = error.partial.usage
            record_usage(exchange.plan.model, usage.total_tokens if usage else None, error.partial.cost)


class UsageCount(Observer):
    """Adds each response to the usage meters that are running (``count_usage``)."""

    def on_response(
        self, exchange: Exchange, usage: Usage | None, request_id: str | None, text: Callable[[], str]
    ) -> None:
        """Count the tokens and their cost."""
        plan = exchange.plan
        record_usage(plan.model, usage.total_tokens if usage else None, plan.pricing.cost(usage))


LOG = CallLog()
OF_CHATS = (LOG, PartialCount())
OF_BATCHES = (LOG, UsageCount())
"""Neither framework reports the usage of embeddings and rerankers, so that it is counted here."""


def with_token_charge(observers: Sequence[Observer], settings: ClientSettings) -> Sequence[Observer]:
    """Return the observers, and one that charges the rate limiter of these settings."""
    return observers if settings.spend is None else (*observers, TokenCharge(settings.spend))


def call_facts(exchange: Exchange, event: str) -> dict[str, Any]:
    """Return the fields of every record."""
    plan = exchange.plan
    return {
        "event": event,
        "model": plan.model,
        "protocol": plan.protocol.name,
        "host": plan.host,
        "attempt": exchange.attempt,
        "duration": round(exchange.elapsed(), 4),
    }


def error_facts(error: QwenError) -> dict[str, Any]:
    """Return the fields of an error. Not its message: the service may quote the request in it."""
    return {
        "error": type(error).__name__,
        "status": error.status_code,
        "code": error.code,
        "request_id": error.request_id,
    }
