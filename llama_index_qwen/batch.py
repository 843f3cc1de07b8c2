"""``QwenBatch``: many conversations by the service's Batch API, at half the price."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse
from llama_index.core.llms.callbacks import llm_chat_callback

from llama_index_qwen.llm import Qwen, keeps_single_call
from llama_index_qwen.responses import to_response
from qwen_core.adapters.batches import BatchJobPair, FailedInputs
from qwen_core.errors import QwenError
from qwen_core.resources.batches import BatchJob, Outcome
from qwen_core.types.requests import ChatRequest

Conversation = str | Sequence[ChatMessage]


class QwenBatch:
    """Runs a model over many conversations as batch jobs. Responses take minutes to days and cost half.

    Args:
        llm: The model.
        options: The fields of ``qwen_core.BatchOptions``. With ``journal="folder"``, a process that was killed and
            is restarted on the same conversations does not upload or submit anything twice.

    Examples:
        >>> batch = QwenBatch(Qwen(enable_thinking=False), journal="journal")
        >>> answers = batch.chat(["One?", "Two?"], return_exceptions=True)  # doctest: +SKIP
    """

    def __init__(self, llm: Qwen, **options: Any) -> None:
        self._llm, self._batch_options = llm, options
        self._jobs = BatchJobPair(llm.client_settings(), options)

    def __reduce__(self) -> tuple[Any, ...]:
        # Rebuilt from its model, which pickles without its API key.
        return partial(type(self), **self._batch_options), (self._llm,)

    def chat(
        self, conversations: Sequence[Conversation], *, return_exceptions: bool = False, **kwargs: Any
    ) -> list[ChatResponse | QwenError]:
        """Return the responses in order, when all jobs are done.

        Each response is a chat for LlamaIndex's events and callbacks, with its usage and cost, when it is
        returned.

        Args:
            conversations: messages or texts.
            return_exceptions: return errors among the responses instead of raising; see ``QwenBatchJobs.run``.
            kwargs: the arguments of ``Qwen.chat``: ``tools``, ``response_format``, ...
        """
        requests = self._requests(conversations, kwargs)
        outcomes = self._jobs.sync.run(requests, return_exceptions=return_exceptions)
        return self._responses(conversations, kwargs, requests, outcomes)

    async def achat(
        self, conversations: Sequence[Conversation], *, return_exceptions: bool = False, **kwargs: Any
    ) -> list[ChatResponse | QwenError]:
        """Return the responses in order, without blocking; arguments as for ``chat``."""
        requests = self._requests(conversations, kwargs)
        outcomes = await self._jobs.asynchronous.run(requests, return_exceptions=return_exceptions)
        return self._responses(conversations, kwargs, requests, outcomes)

    def retry_failed(
        self,
        conversations: Sequence[Conversation],
        answers: Sequence[ChatResponse | QwenError],
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[ChatResponse | QwenError]:
        """Run those conversations once more whose response is an error, and return all responses."""
        failed = FailedInputs(conversations, answers)
        requests = self._requests(failed.inputs, kwargs)
        outcomes = self._jobs.sync.run(requests, return_exceptions=return_exceptions, origin=failed.origin)
        return failed.merge(self._responses(failed.inputs, kwargs, requests, outcomes))

    async def aretry_failed(
        self,
        conversations: Sequence[Conversation],
        answers: Sequence[ChatResponse | QwenError],
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[ChatResponse | QwenError]:
        """Run those conversations once more whose response is an error, without blocking."""
        failed = FailedInputs(conversations, answers)
        requests = self._requests(failed.inputs, kwargs)
        outcomes = await self._jobs.asynchronous.run(
            requests, return_exceptions=return_exceptions, origin=failed.origin
        )
        return failed.merge(self._responses(failed.inputs, kwargs, requests, outcomes))

    def submit(self, conversations: Sequence[Conversation], **kwargs: Any) -> list[BatchJob]:
        """Upload and submit without waiting; ``chat`` with the same conversations waits for the responses."""
        return self._jobs.sync.submit(self._requests(conversations, kwargs))

    async def asubmit(self, conversations: Sequence[Conversation], **kwargs: Any) -> list[BatchJob]:
        """Upload and submit without waiting; ``achat`` with the same conversations waits for the responses."""
        return await self._jobs.asynchronous.submit(self._requests(conversations, kwargs))

    def cancel(self, conversations: Sequence[Conversation], **kwargs: Any) -> list[BatchJob]:
        """Cancel the jobs of these conversations.

        Responses finished by then are charged, and ``chat`` still returns them.
        """
        return self._jobs.sync.cancel(self._requests(conversations, kwargs))

    async def acancel(self, conversations: Sequence[Conversation], **kwargs: Any) -> list[BatchJob]:
        """Cancel the jobs of these conversations without blocking. Responses finished by then are charged."""
        return await self._jobs.asynchronous.cancel(self._requests(conversations, kwargs))

    def clean_up(self, conversations: Sequence[Conversation] | None = None, **kwargs: Any) -> int:
        """Delete the service's files of these conversations and their results, and the record of the run.

        Returns the number of deleted files.

        Args:
            conversations: the conversations; None: those of all runs of the journal, including retries.
            kwargs: the arguments of ``Qwen.chat``.
        """
        return self._jobs.sync.clean_up(None if conversations is None else self._requests(conversations, kwargs))

    async def aclean_up(self, conversations: Sequence[Conversation] | None = None, **kwargs: Any) -> int:
        """Delete the service's files of these conversations without blocking; return their number."""
        requests = None if conversations is None else self._requests(conversations, kwargs)
        return await self._jobs.asynchronous.clean_up(requests)

    def _requests(self, conversations: Sequence[Conversation], options: dict[str, Any]) -> list[ChatRequest]:
        return [self._llm._build_request(messages_of(conversation), options) for conversation in conversations]

    def _responses(
        self,
        conversations: Sequence[Conversation],
        options: dict[str, Any],
        requests: Sequence[ChatRequest],
        outcomes: Sequence[Outcome],
    ) -> list[ChatResponse | QwenError]:
        chat = BatchedChat(self._llm)
        responses: list[ChatResponse | QwenError] = []
        for conversation, request, outcome in zip(conversations, requests, outcomes, strict=True):
            chat.outcome, chat.single_call = outcome, keeps_single_call(request)
            try:
                responses.append(chat.chat(messages_of(conversation), **options))
            except QwenError as error:
                responses.append(error)
        return responses


class BatchedChat:
    """A model whose response is there already: events and callbacks are LlamaIndex's own."""

    rate_limiter = None

    def __init__(self, llm: Qwen) -> None:
        self.callback_manager = llm.callback_manager
        self.outcome: Outcome | None = None
        self.single_call = False
        self._payload = llm.to_payload()

    def to_payload(self) -> dict[str, Any]:
        """Return the model's payload for events."""
        return self._payload

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Return the response, or raise its error."""
        if isinstance(self.outcome, QwenError):
            raise self.outcome
        assert self.outcome is not None
        return to_response(self.outcome, single_call=self.single_call)


def messages_of(conversation: Conversation) -> Sequence[ChatMessage]:
    """Return a conversation as messages."""
    return [ChatMessage(role="user", content=conversation)] if isinstance(conversation, str) else conversation
