# Generated from qwen_core/resources/applications.py by scripts/generate_sync.py: do not edit.
"""Call the applications of Model Studio: agents, workflows, knowledge chat services."""

from collections.abc import Iterator
from functools import partial
from typing import cast

from qwen_core.config.settings import ClientSettings
from qwen_core.execution.exchange import Exchange, show_warnings
from qwen_core.execution.observers import OF_CHATS, with_token_charge
from qwen_core.execution.plan import CallPlan
from qwen_core.execution.retry import OnRetry
from qwen_core.execution.service_plans import plan_application
from qwen_core.execution.sync.retry import retry
from qwen_core.resources.sync.chat import send_chat, stream
from qwen_core.types.accumulator import Accumulator
from qwen_core.types.applications import ApplicationRequest
from qwen_core.types.events import Event
from qwen_core.types.requests import ChatRequest
from qwen_core.types.responses import ChatResponse


class QwenApplications:
    """Calls applications."""

    def __init__(self, settings: ClientSettings, on_retry: OnRetry | None = None) -> None:
        self.settings = settings
        self.on_retry = on_retry

    def generate(self, request: ApplicationRequest) -> ChatResponse:
        """Return a complete response. Raises a QwenError.

        ``extras`` may have the ``session_id``, ``thoughts``, ``doc_references`` and ``workflow_messages``.
        """
        plan = plan_application(request, self.settings, asynchronous=False, stream=False)
        show_warnings(plan)
        if plan.must_stream:
            accumulator = Accumulator()
            for event in self._events(plan):
                accumulator.add(event)
            return accumulator.response()
        exchange = Exchange(plan, with_token_charge(OF_CHATS, self.settings))
        attempt = partial(send_chat, exchange)
        return retry(attempt, exchange, self.settings.max_retries, self.on_retry)

    def stream(self, request: ApplicationRequest) -> Iterator[Event]:
        """Yield the events of a response as they arrive. References and thoughts are in the last one.

        Raises a QwenError, with what had arrived as ``partial``.
        """
        plan = plan_application(request, self.settings, asynchronous=False, stream=True)
        show_warnings(plan)
        return self._events(plan)

    def _events(self, plan: CallPlan) -> Iterator[Event]:
        # The request is not read if there is a plan.
        return stream(cast(ChatRequest, plan.request), self.settings, self.on_retry, plan)
