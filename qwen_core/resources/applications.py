"""Call the applications of Model Studio: agents, workflows, knowledge chat services."""

from collections.abc import AsyncGenerator
from functools import partial
from typing import cast

from qwen_core.config.settings import ClientSettings
from qwen_core.execution.exchange import Exchange, show_warnings
from qwen_core.execution.observers import OF_CHATS, with_token_charge
from qwen_core.execution.plan import CallPlan
from qwen_core.execution.retry import OnRetry, async_retry
from qwen_core.execution.service_plans import plan_application
from qwen_core.resources.chat import async_send_chat, async_stream
from qwen_core.types.accumulator import Accumulator
from qwen_core.types.applications import ApplicationRequest
from qwen_core.types.events import Event
from qwen_core.types.requests import ChatRequest
from qwen_core.types.responses import ChatResponse


class AsyncQwenApplications:
    """Calls applications without blocking."""

    def __init__(self, settings: ClientSettings, on_retry: OnRetry | None = None) -> None:
        self.settings = settings
        self.on_retry = on_retry

    async def generate(self, request: ApplicationRequest) -> ChatResponse:
        """Return a complete response. Raises a QwenError.

        ``extras`` may have the ``session_id``, ``thoughts``, ``doc_references`` and ``workflow_messages``.
        """
        plan = plan_application(request, self.settings, asynchronous=True, stream=False)
        show_warnings(plan)
        if plan.must_stream:
            accumulator = Accumulator()
            async for event in self._events(plan):
                accumulator.add(event)
            return accumulator.response()
        exchange = Exchange(plan, with_token_charge(OF_CHATS, self.settings))
        attempt = partial(async_send_chat, exchange)
        return await async_retry(attempt, exchange, self.settings.max_retries, self.on_retry)

    def stream(self, request: ApplicationRequest) -> AsyncGenerator[Event, None]:
        """Yield the events of a response as they arrive. References and thoughts are in the last one.

        Raises a QwenError, with what had arrived as ``partial``.
        """
        plan = plan_application(request, self.settings, asynchronous=True, stream=True)
        show_warnings(plan)
        return self._events(plan)

    def _events(self, plan: CallPlan) -> AsyncGenerator[Event, None]:
        # The request is not read if there is a plan.
        return async_stream(cast(ChatRequest, plan.request), self.settings, self.on_retry, plan)
