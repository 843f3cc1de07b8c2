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

MARK = {"type": "ephemeral"}

CACHEABLE_PARTS = ("text", "image", "image_url")
"""Blocks that can bear a cache mark (compatible, section 2.5)."""


class QwenPromptCachingMiddleware(AgentMiddleware[Any, Any, Any]):
    """Has the service cache what an agent sends again and again: its tools, its system prompt, its conversation.

    Two marks of the four that count: one at the end of the system prompt, which tools precede, and one at the end
    of the conversation so far, with which the next call begins. A prefix that is cached costs a tenth, and a
    quarter more than usual when it is written; prefixes of less than 1024 tokens are not cached.

    Only ``ChatQwen`` is concerned: a request to any other model passes unchanged. The marks are made on copies of
    the request's own messages, after what other middleware has left of them.

    Args:
        system_prompt: whether to mark the system prompt.
        conversation: whether to mark the end of the conversation.
    """

    def __init__(self, *, system_prompt: bool = True, conversation: bool = True) -> None:
        super().__init__()
        self.system_prompt = system_prompt
        self.conversation = conversation

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """Call the model with the marks."""
        return handler(self.marked(request))

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        """Call the model with the marks, without blocking."""
        return await handler(self.marked(request))

    def marked(self, request: ModelRequest[Any]) -> ModelRequest[Any]:
        """The request with the marks; the request itself where it is not for this provider."""
        if not isinstance(request.model, ChatQwen):
            return request
        system = request.system_message
        if self.system_prompt and system is not None:
            request = request.override(system_message=with_mark(system) or system)
        if self.conversation:
            request = request.override(messages=with_last_marked(request.messages))
        return request


def with_last_marked(messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """The conversation with a mark on its last message that can bear one."""
    for place in range(len(messages) - 1, -1, -1):
        if (message := with_mark(messages[place])) is not None:
            return [*messages[:place], message, *messages[place + 1 :]]
    return list(messages)


def with_mark(message: M) -> M | None:
    """A copy of the message with a mark at the end of its content; None where nothing can bear one."""
    content = message.content
    if isinstance(content, str):
        blocks: list[Any] = [{"type": "text", "text": content}] if content else []
    else:
        blocks = [{"type": "text", "text": block} if isinstance(block, str) else block for block in content]
    for place in range(len(blocks) - 1, -1, -1):
        block = blocks[place]
        if block.get("type") in CACHEABLE_PARTS and (block.get("type") != "text" or block.get("text")):
            blocks[place] = {**block, "cache_control": MARK}
            return message.model_copy(update={"content": blocks})
    return None
