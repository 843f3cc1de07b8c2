"""Knowledge bases and applications of Model Studio for LlamaIndex: a retriever, and an LLM."""

from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    LLMMetadata,
    MessageRole,
)
from llama_index.core.callbacks import CallbackManager
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.custom import CustomLLM
from llama_index.core.schema import NodeRelationship, NodeWithScore, QueryBundle, RelatedNodeInfo, TextNode
from pydantic import ConfigDict

from llama_index_qwen.component import QwenComponent
from qwen_core.adapters.application_fields import ApplicationFields
from qwen_core.adapters.knowledge_fields import KnowledgeFields, node_metadata
from qwen_core.resources.applications import AsyncQwenApplications
from qwen_core.resources.knowledge import AsyncQwenKnowledge
from qwen_core.resources.sync.applications import QwenApplications
from qwen_core.resources.sync.knowledge import QwenKnowledge
from qwen_core.types import responses
from qwen_core.types.applications import ApplicationRequest
from qwen_core.types.knowledge import KnowledgeNode, KnowledgeRequest, KnowledgeResponse

SHOWN_METADATA = ("doc_name", "title", "page")
"""Metadata that models are shown with the text of a node."""


class KnowledgeSettings(QwenComponent, KnowledgeFields):
    """The fields of ``QwenKnowledgeBaseRetriever``, because LlamaIndex's retrievers have none."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, arbitrary_types_allowed=True)

    @classmethod
    def class_name(cls) -> str:
        """Return the name in serialized form."""
        return "QwenKnowledgeBaseRetriever"


class QwenKnowledgeBaseRetriever(BaseRetriever):
    """Retrieves chunks from hosted knowledge bases.

    A node's id is the chunk's, its score the service's or the reranker's; its metadata has the name of the
    document (``doc_name``), ``page``, ``images``, ``source``, and what else the service knows of it.

    Example:
        >>> retriever = QwenKnowledgeBaseRetriever(index_id="thie5bysoj", workspace="llm-...")  # doctest: +SKIP
        >>> retriever.retrieve("Which phone is light?")[0].metadata["doc_name"]  # doctest: +SKIP
        'phones'
    """

    def __init__(
        self,
        *,
        index_id: str | list[str] | None = None,
        agent_id: str | None = None,
        agent_version: str | None = None,
        top_k: int | None = None,
        limit: int | None = None,
        score_threshold: float | None = None,
        metadata_filter: Mapping[str, str | list[str]] | None = None,
        rerank_model: str | None = None,
        rerank_instruct: str | None = None,
        callback_manager: CallbackManager | None = None,
        verbose: bool = False,
        **connection: Any,
    ) -> None:
        """Create a retriever. Nothing is sent before it is used.

        Args:
            index_id: id of the knowledge base, or of several, which are searched side by side.
            agent_id: id of a published search service instead, which searches its bases and reranks by itself.
            agent_version: version of the service.
            top_k: number of chunks to retrieve from each base.
            limit: number of best chunks to return.
            score_threshold: lowest score of a chunk to return.
            metadata_filter: values by metadata key, applied to the chunks that were retrieved.
            rerank_model: reranker that sorts the chunks of all bases.
            rerank_instruct: instruction for the reranker.
            callback_manager: LlamaIndex's callbacks.
            verbose: whether LlamaIndex prints what it does.
            **connection: fields of ``ConnectionFields``, ``max_concurrency`` and ``extra_body``.
        """
        self.settings = KnowledgeSettings(
            index_id=index_id,
            agent_id=agent_id,
            agent_version=agent_version,
            top_k=top_k,
            limit=limit,
            score_threshold=score_threshold,
            metadata_filter=None if metadata_filter is None else dict(metadata_filter),
            rerank_model=rerank_model,
            rerank_instruct=rerank_instruct,
            **connection,
        )
        super().__init__(callback_manager=callback_manager, verbose=verbose)

    def __repr__(self) -> str:
        return repr(self.settings).replace("KnowledgeSettings", "QwenKnowledgeBaseRetriever", 1)

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        settings = self.settings
        response = QwenKnowledge(settings.client_settings()).search_all(
            self._request(query_bundle),
            settings.index_ids(),
            settings.agent_id,
            settings.knowledge_options(),
            workers=settings.max_concurrency,
        )
        return to_nodes(response)

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        settings = self.settings
        response = await AsyncQwenKnowledge(settings.client_settings()).search_all(
            self._request(query_bundle),
            settings.index_ids(),
            settings.agent_id,
            settings.knowledge_options(),
            workers=settings.max_concurrency,
        )
        return to_nodes(response)

    def _request(self, query: QueryBundle) -> KnowledgeRequest:
        return self.settings.knowledge_request(query.query_str, (query.image_path,) if query.image_path else ())


def to_nodes(response: KnowledgeResponse) -> list[NodeWithScore]:
    """Convert the chunks that a search found."""
    return [NodeWithScore(node=to_node(node), score=node.score) for node in response.nodes]


def to_node(node: KnowledgeNode) -> TextNode:
    """Convert one chunk. Models are shown the name, title and page of its document, and no URLs or ids."""
    metadata = node_metadata(node)
    hidden = [name for name in metadata if name not in SHOWN_METADATA]
    named: dict[str, Any] = {"id_": node.id} if node.id else {}
    if document := metadata.get("doc_id"):
        named["relationships"] = {NodeRelationship.SOURCE: RelatedNodeInfo(node_id=str(document))}
    return TextNode(
        text=node.text,
        metadata=metadata,
        excluded_embed_metadata_keys=hidden,
        excluded_llm_metadata_keys=hidden,
        **named,
    )


class QwenApplication(QwenComponent, ApplicationFields, CustomLLM):
    """An application of Model Studio as an LLM: an agent, a workflow, or a knowledge chat service.

    A response's ``raw`` has the ``session_id`` to continue with, ``thoughts`` and ``workflow_messages``, and
    ``doc_references`` with their texts. Its message has the references as ``CitationBlock``, as those of a web
    search.

    Example:
        >>> app = QwenApplication(app_id="b7250cba...")  # doctest: +SKIP
        >>> first = app.complete("Which phones are there?")  # doctest: +SKIP
        >>> app.complete("Which is the lightest?", session_id=first.raw["session_id"]).text  # doctest: +SKIP
        'The X1<ref>[1]</ref>.'
    """

    model_config = ConfigDict(
        extra="forbid", populate_by_name=True, arbitrary_types_allowed=True, protected_namespaces=()
    )

    @classmethod
    def class_name(cls) -> str:
        """Return the name in serialized form."""
        return "QwenApplication"

    @property
    def metadata(self) -> LLMMetadata:
        """LlamaIndex's defaults: the service does not tell the limits of an application."""
        return LLMMetadata(is_chat_model=True, model_name=self.app_id)

    def _messages(self, prompt: str, formatted: bool) -> list[ChatMessage]:
        if not formatted and self.completion_to_prompt is not None:
            prompt = self.completion_to_prompt(prompt)
        return [ChatMessage(role=MessageRole.USER, content=prompt)]

    def _build_request(self, messages: Sequence[ChatMessage], options: Mapping[str, Any]) -> ApplicationRequest:
        """Return the request of a call, whose own arguments override the fields."""
        from llama_index_qwen.messages import from_llama_index

        return self.application_request(from_llama_index(messages), options, previous_session(messages))

    def _chat(self, messages: Sequence[ChatMessage], options: Mapping[str, Any]) -> ChatResponse:
        from llama_index_qwen.retry_events import send_retry_event

        applications = QwenApplications(self.client_settings(), send_retry_event)
        return to_chat_response(applications.generate(self._build_request(messages, options)))

    async def _achat(self, messages: Sequence[ChatMessage], options: Mapping[str, Any]) -> ChatResponse:
        from llama_index_qwen.retry_events import send_retry_event

        applications = AsyncQwenApplications(self.client_settings(), send_retry_event)
        response = await applications.generate(self._build_request(messages, options))
        return to_chat_response(response)

    def _stream_chat(
        self, messages: Sequence[ChatMessage], options: Mapping[str, Any]
    ) -> Generator[ChatResponse, None, None]:
        from llama_index_qwen.responses import ChunkBuilder
        from llama_index_qwen.retry_events import send_retry_event

        chunks = ChunkBuilder(single_call=False)
        applications = QwenApplications(self.client_settings(), send_retry_event)
        for event in applications.stream(self._build_request(messages, options)):
            if chunk := chunks.add(event):
                yield keep_session(chunk)

    async def _astream_chat(
        self, messages: Sequence[ChatMessage], options: Mapping[str, Any]
    ) -> AsyncGenerator[ChatResponse, None]:
        from llama_index_qwen.responses import ChunkBuilder
        from llama_index_qwen.retry_events import send_retry_event

        chunks = ChunkBuilder(single_call=False)
        applications = AsyncQwenApplications(self.client_settings(), send_retry_event)
        async with aclosing(applications.stream(self._build_request(messages, options))) as events:
            async for event in events:
                if chunk := chunks.add(event):
                    yield keep_session(chunk)

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Return the response to a conversation. Arguments of the call override the fields."""
        return self._chat(messages, kwargs)

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Return the response to a conversation, without blocking."""
        return await self._achat(messages, kwargs)

    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """Stream the response; the last chunk is complete and has references and usage."""
        return self._stream_chat(messages, kwargs)

    @llm_chat_callback()
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        """Stream the response without blocking."""
        return self._astream_chat(messages, kwargs)

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Return the response to a text."""
        from llama_index_qwen.responses import to_completion

        return to_completion(self._chat(self._messages(prompt, formatted), kwargs))

    @llm_completion_callback()
    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Return the response to a text, without blocking."""
        from llama_index_qwen.responses import to_completion

        return to_completion(await self._achat(self._messages(prompt, formatted), kwargs))

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        """Stream the response to a text."""
        from llama_index_qwen.responses import to_completion

        return (to_completion(chunk) for chunk in self._stream_chat(self._messages(prompt, formatted), kwargs))

    @llm_completion_callback()
    async def astream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponseAsyncGen:
        """Stream the response to a text without blocking."""
        from llama_index_qwen.responses import to_completion

        chunks = self._astream_chat(self._messages(prompt, formatted), kwargs)
        return (to_completion(chunk) async for chunk in chunks)


def to_chat_response(response: responses.ChatResponse) -> ChatResponse:
    """Convert the response of an application."""
    from llama_index_qwen.responses import to_response

    return keep_session(to_response(response))


def keep_session(response: ChatResponse) -> ChatResponse:
    """Note the session in the message too, where ``use_previous_session`` finds it in a later call."""
    session = response.raw.get("session_id") if isinstance(response.raw, dict) else None
    if session:
        response.message.additional_kwargs["session_id"] = session
    return response


def previous_session(messages: Sequence[ChatMessage]) -> str | None:
    """Return the session of the last response in the messages, if it is of an application."""
    last = next((message for message in reversed(messages) if message.role == MessageRole.ASSISTANT), None)
    session = last.additional_kwargs.get("session_id") if last else None
    return session if isinstance(session, str) else None
