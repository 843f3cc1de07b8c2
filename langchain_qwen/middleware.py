"""Middleware for LangChain's agents. Needs ``langchain`` beside ``langchain-core``: import it by name."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

try:
    from langchain.agents.middleware.types import AgentMiddleware, ModelRequest, ModelResponse
except ModuleNotFoundError as missing:
    raise ImportError("langchain_qwen.middleware needs langchain: pip install langchain") from missing
from langchain_core.messages import AnyMessage, BaseMessage

from langchain_qwen.chat_models import ChatQwen

M = TypeVar("M", bound=BaseMessage)

CACHE_CONTROL = {"type": "ephemeral"}

CACHEABLE = ("text", "image", "image_url")
"""Content blocks that can have a prompt cache breakpoint (compatible, section 2.5)."""


class QwenPromptCachingMiddleware(AgentMiddleware[Any, Any, Any]):
    """Has the service cache what an agent sends with each call: its tools, system prompt and conversation.

    It sets two of the four prompt cache breakpoints that count: one at the end of the system prompt, which tools
    precede, and one at the end of the conversation so far, with which the next call begins. A cached prefix costs
    a tenth when it is read, and a quarter more than usual when it is written; prefixes of less than 1024 tokens
    are not cached.

    Requests to models other than ``ChatQwen`` are unchanged. The breakpoints are set on copies of the messages,
    after other middleware has processed them.

    Args:
        system_prompt: whether to set a breakpoint at the end of the system prompt.
        conversation: whether to set a breakpoint at the end of the conversation.
    """

    def __init__(self, *, system_prompt: bool = True, conversation: bool = True) -> None:
        super().__init__()
        self.system_prompt = system_prompt
        self.conversation = conversation

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """Call the model with the breakpoints."""
        return handler(self.with_breakpoints(request))

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        """Call the model with the breakpoints, without blocking."""
        return await handler(self.with_breakpoints(request))

    def with_breakpoints(self, request: ModelRequest[Any]) -> ModelRequest[Any]:
        """Return the request with breakpoints; the request itself if it is for another provider."""
        if not isinstance(request.model, ChatQwen):
            return request
        system = request.system_message
        if self.system_prompt and system is not None:
            request = request.override(system_message=with_breakpoint(system) or system)
        if self.conversation:
            request = request.override(messages=with_last_breakpoint(request.messages))
        return request


def with_last_breakpoint(messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """Return the conversation with a breakpoint on the last message that can have one."""
    for index in range(len(messages) - 1, -1, -1):
        if (message := with_breakpoint(messages[index])) is not None:
            return [*messages[:index], message, *messages[index + 1 :]]
    return list(messages)


def with_breakpoint(message: M) -> M | None:
    """Return a copy of the message with a breakpoint at the end of its content; None if it cannot have one."""
    content = message.content
    if isinstance(content, str):
        blocks: list[Any] = [{"type": "text", "text": content}] if content else []
    else:
        blocks = [{"type": "text", "text": block} if isinstance(block, str) else block for block in content]
    for index in range(len(blocks) - 1, -1, -1):
        block = blocks[index]
        if block.get("type") in CACHEABLE and (block.get("type") != "text" or block.get("text")):
            blocks[index] = {**block, "cache_control": CACHE_CONTROL}
            return message.model_copy(update={"content": blocks})
    return None
