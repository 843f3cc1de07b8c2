"""``QwenBatch``: many conversations through the service's Batch API, at half the price."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse
from llama_index.core.llms.callbacks import llm_chat_callback

from llama_index_qwen.chat_calls import chat_request, one_call_only
from llama_index_qwen.llm import Qwen
from llama_index_qwen.responses import to_response
from qwen_core.errors import QwenError
from qwen_core.resources.batches import AsyncQwenBatchJobs, BatchJob, Outcome, QwenBatchJobs
from qwen_core.resources.batches.journal import as_journal
from qwen_core.resources.batches.results import failures, merged
from qwen_core.types.requests import ChatRequest

Conversation = str | Sequence[ChatMessage]


class QwenBatch:
    """Runs a model over many conversations as batch jobs. Answers take minutes to days and cost half.

    Args:
        llm: the model, with all that is set on it.
        options: the fields of ``qwen_core.BatchOptions``. With ``journal="folder"`` a process that was
            killed and is started again on the same conversations uploads and submits nothing twice.

    Example:
        >>> batch = QwenBatch(Qwen(enable_thinking=False), journal="journal")
        >>> answers = batch.chat(["One?", "Two?"], return_exceptions=True)  # doctest: +SKIP
    """

    def __init__(self, llm: Qwen, **options: Any) -> None:
        self._llm, self._given = llm, options
        shared = {**options, "journal": as_journal(options.get("journal"))}
        self._jobs = QwenBatchJobs(llm.client_settings(), **shared)
        self._async_jobs = AsyncQwenBatchJobs(llm.client_settings(), **shared)

    def __reduce__(self) -> tuple[Any, ...]:
        # Made anew of its model, which knows how to leave out the key.
        return partial(type(self), **self._given), (self._llm,)

    def chat(
        self, conversations: Sequence[Conversation], *, return_exceptions: bool = False, **kwargs: Any
    ) -> list[ChatResponse | QwenError]:
        """The answers in order, once all jobs are done. Of errors see ``QwenBatchJobs.run``.

        LlamaIndex's events and callbacks tell of each as of a chat, with its usage and cost, whenever it is given.
        ``kwargs`` are those of ``Qwen.chat``: ``tools``, ``response_format``, ...
        """
        requests = self._requests(conversations, kwargs)
        outcomes = self._jobs.run(requests, return_exceptions=return_exceptions)
        return self._responses(conversations, kwargs, requests, outcomes)

    async def achat(
        self, conversations: Sequence[Conversation], *, return_exceptions: bool = False, **kwargs: Any
    ) -> list[ChatResponse | QwenError]:
        """The same without blocking."""
        requests = self._requests(conversations, kwargs)
        outcomes = await self._async_jobs.run(requests, return_exceptions=return_exceptions)
        return self._responses(conversations, kwargs, requests, outcomes)

    def retry_failed(
        self,
        conversations: Sequence[Conversation],
        answers: Sequence[ChatResponse | QwenError],
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[ChatResponse | QwenError]:
        """The answers with those conversations run once more whose answer is an error."""
        places, origin = failures(conversations, answers)
        failed = [conversations[place] for place in places]
        requests = self._requests(failed, kwargs)
        outcomes = self._jobs.run(requests, return_exceptions=return_exceptions, origin=origin)
        return merged(answers, places, self._responses(failed, kwargs, requests, outcomes))

    async def aretry_failed(
        self,
        conversations: Sequence[Conversation],
        answers: Sequence[ChatResponse | QwenError],
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[ChatResponse | QwenError]:
        """The same without blocking."""
        places, origin = failures(conversations, answers)
        failed = [conversations[place] for place in places]
        requests = self._requests(failed, kwargs)
        outcomes = await self._async_jobs.run(requests, return_exceptions=return_exceptions, origin=origin)
        return merged(answers, places, self._responses(failed, kwargs, requests, outcomes))

    def submit(self, conversations: Sequence[Conversation], **kwargs: Any) -> list[BatchJob]:
        """Upload and submit without waiting; ``chat`` with the same conversations waits and gives the answers."""
        return self._jobs.submit(self._requests(conversations, kwargs))

    async def asubmit(self, conversations: Sequence[Conversation], **kwargs: Any) -> list[BatchJob]:
        """The same without blocking."""
        return await self._async_jobs.submit(self._requests(conversations, kwargs))

    def cancel(self, conversations: Sequence[Conversation], **kwargs: Any) -> list[BatchJob]:
        """Cancel the jobs of these conversations. What is answered by then is charged, and ``chat`` gives it."""
        return self._jobs.cancel(self._requests(conversations, kwargs))

    async def acancel(self, conversations: Sequence[Conversation], **kwargs: Any) -> list[BatchJob]:
        """The same without blocking."""
        return await self._async_jobs.cancel(self._requests(conversations, kwargs))

    def clean_up(self, conversations: Sequence[Conversation] | None = None, **kwargs: Any) -> int:
        """Delete the files of these conversations and of their results at the service, and the run's record.

        None: of all runs of the journal, retries included. Gives the number of files.
        """
        return self._jobs.clean_up(None if conversations is None else self._requests(conversations, kwargs))

    async def aclean_up(self, conversations: Sequence[Conversation] | None = None, **kwargs: Any) -> int:
        """The same without blocking."""
        requests = None if conversations is None else self._requests(conversations, kwargs)
        return await self._async_jobs.clean_up(requests)

    def _requests(self, conversations: Sequence[Conversation], options: dict[str, Any]) -> list[ChatRequest]:
        return [chat_request(self._llm, messages_of(conversation), options) for conversation in conversations]

    def _responses(
        self,
        conversations: Sequence[Conversation],
        options: dict[str, Any],
        requests: Sequence[ChatRequest],
        outcomes: Sequence[Outcome],
    ) -> list[ChatResponse | QwenError]:
        answered = AnsweredChat(self._llm)
        given: list[ChatResponse | QwenError] = []
        for conversation, request, outcome in zip(conversations, requests, outcomes, strict=True):
            answered.outcome, answered.single_call = outcome, one_call_only(request)
            try:
                given.append(answered.chat(messages_of(conversation), **options))
            except QwenError as error:
                given.append(error)
        return given


class AnsweredChat:
    """A model whose answer is there already: events and callbacks are LlamaIndex's own."""

    rate_limiter = None

    def __init__(self, llm: Qwen) -> None:
        self.callback_manager = llm.callback_manager
        self.outcome: Outcome | None = None
        self.single_call = False
        self._payload = llm.to_payload()

    def to_payload(self) -> dict[str, Any]:
        """What events say of the model."""
        return self._payload

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """The outcome, raised where it is an error."""
        if isinstance(self.outcome, QwenError):
            raise self.outcome
        assert self.outcome is not None
        return to_response(self.outcome, single_call=self.single_call)


def messages_of(conversation: Conversation) -> Sequence[ChatMessage]:
    """A text as a conversation."""
    return [ChatMessage(role="user", content=conversation)] if isinstance(conversation, str) else conversation
