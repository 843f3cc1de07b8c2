"""Knowledge bases and applications of Model Studio for LangChain: a retriever, and a chat model."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from typing import Any

from langchain_core.callbacks import (
    AsyncCallbackManagerForLLMRun,
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForLLMRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document
from langchain_core.language_models import LangSmithParams
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict

from langchain_qwen.chat_models import LANGCHAIN_OPTIONS
from langchain_qwen.content_blocks import PROVIDER
from langchain_qwen.errors import langchain_errors, to_langchain
from langchain_qwen.pydantic_internals import BriefRepr
from qwen_core.adapters.application_fields import ApplicationFields
from qwen_core.adapters.knowledge_fields import KnowledgeFields, node_metadata
from qwen_core.errors import QwenError
from qwen_core.resources.applications import AsyncQwenApplications
from qwen_core.resources.knowledge import AsyncQwenKnowledge
from qwen_core.resources.sync.applications import QwenApplications
from qwen_core.resources.sync.knowledge import QwenKnowledge
from qwen_core.types.applications import ApplicationRequest
from qwen_core.types.events import Event
from qwen_core.types.knowledge import KnowledgeNode, KnowledgeResponse


class QwenKnowledgeBaseRetriever(BriefRepr, KnowledgeFields, BaseRetriever):
    """Retrieves chunks from hosted knowledge bases.

    A document's ``id`` is the chunk's; its metadata has the score (``score``), the name of the document
    (``doc_name``), ``page``, ``images``, ``source``, and what else the service knows of it.

    Example:
        >>> retriever = QwenKnowledgeBaseRetriever(index_id="thie5bysoj", workspace="llm-...")  # doctest: +SKIP
        >>> retriever.invoke("Which phone is light?")[0].metadata["doc_name"]  # doctest: +SKIP
        'phones'
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True, arbitrary_types_allowed=True)

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, images: Sequence[str] = ()
    ) -> list[Document]:
        with langchain_errors:
            knowledge = QwenKnowledge(self.client_settings())
            response = knowledge.search_all(
                self.knowledge_request(query, tuple(images)),
                self.index_ids(),
                self.agent_id,
                self.knowledge_options(),
                workers=self.max_concurrency,
            )
        return to_documents(response)

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, images: Sequence[str] = ()
    ) -> list[Document]:
        with langchain_errors:
            knowledge = AsyncQwenKnowledge(self.client_settings())
            response = await knowledge.search_all(
                self.knowledge_request(query, tuple(images)),
                self.index_ids(),
                self.agent_id,
                self.knowledge_options(),
                workers=self.max_concurrency,
            )
        return to_documents(response)


def to_documents(response: KnowledgeResponse) -> list[Document]:
    """Convert the chunks that a search found."""
    return [to_document(node) for node in response.nodes]


def to_document(node: KnowledgeNode) -> Document:
    """Convert one chunk."""
    score = {} if node.score is None else {"score": node.score}
    return Document(id=node.id, page_content=node.text, metadata={**node_metadata(node), **score})


class ChatQwenApplication(BriefRepr, ApplicationFields, BaseChatModel):
    """An application of Model Studio as a chat model: an agent, a workflow, or a knowledge chat service.

    The response's ``response_metadata`` has the ``session_id`` to continue with, ``thoughts`` and
    ``workflow_messages``, and ``doc_references`` with their texts. Its ``content_blocks`` have the references as
    citations, as those of a web search.

    Example:
        >>> app = ChatQwenApplication(app_id="b7250cba...", use_previous_session=True)  # doctest: +SKIP
        >>> first = app.invoke("Which phones are there?")  # doctest: +SKIP
        >>> app.invoke([first, ("user", "Which is the lightest?")]).content  # doctest: +SKIP
        'The X1<ref>[1]</ref>.'
    """

    model_config = ConfigDict(
        extra="forbid", populate_by_name=True, arbitrary_types_allowed=True, protected_namespaces=()
    )

    streaming: bool | None = None
    """True: ``invoke`` uses the streaming API. False: ``stream`` does not."""

    @property
    def _llm_type(self) -> str:
        return "qwen-application"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return self.identifying_params()

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        return LangSmithParams(ls_provider=PROVIDER, ls_model_name=self.app_id, ls_model_type="chat")

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        from langchain_qwen.output import to_result

        with langchain_errors:
            applications = QwenApplications(self.client_settings(), run_manager.on_retry if run_manager else None)
            return to_result(applications.generate(self._build_request(messages, stop, kwargs)))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        from langchain_qwen.output import to_result

        with langchain_errors:
            on_retry = run_manager.on_retry if run_manager else None
            applications = AsyncQwenApplications(self.client_settings(), on_retry)
            return to_result(await applications.generate(self._build_request(messages, stop, kwargs)))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        from langchain_qwen.output import to_chunk

        return map(to_chunk, self._events(messages, stop, run_manager, kwargs))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        from langchain_qwen.output import to_chunk

        on_retry = run_manager.on_retry if run_manager else None
        try:
            applications = AsyncQwenApplications(self.client_settings(), on_retry)
            async with aclosing(applications.stream(self._build_request(messages, stop, kwargs))) as events:
                async for event in events:
                    yield to_chunk(event)
        except QwenError as error:
            raise to_langchain(error) from error.__cause__

    def _events(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        run_manager: CallbackManagerForLLMRun | None,
        options: dict[str, Any],
    ) -> Iterator[Event]:
        try:
            applications = QwenApplications(self.client_settings(), run_manager.on_retry if run_manager else None)
            yield from applications.stream(self._build_request(messages, stop, options))
        except QwenError as error:
            raise to_langchain(error) from error.__cause__

    def _build_request(
        self, messages: list[BaseMessage], stop: list[str] | None, options: dict[str, Any]
    ) -> ApplicationRequest:
        """Return the request of a call, whose own arguments override the model's fields."""
        from langchain_qwen.messages import from_langchain

        overrides = {name: value for name, value in options.items() if name not in LANGCHAIN_OPTIONS}
        if stop is not None:
            overrides["stop"] = stop
        return self.application_request(from_langchain(messages), overrides, previous_session(messages))


def previous_session(messages: Sequence[BaseMessage]) -> str | None:
    """Return the session of the last response in the messages, if it is of an application."""
    last = next((message for message in reversed(messages) if isinstance(message, AIMessage)), None)
    session = last.response_metadata.get("session_id") if last else None
    return session if isinstance(session, str) else None
