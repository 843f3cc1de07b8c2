"""``QwenRerank``: a node postprocessor for LlamaIndex that puts the most relevant nodes first."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from llama_index.core.callbacks import CBEventType, EventPayload
from llama_index.core.instrumentation.events.rerank import ReRankEndEvent, ReRankStartEvent
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import BaseNode, ImageNode, MetadataMode, Node, NodeWithScore, QueryBundle
from llama_index_instrumentation import get_dispatcher
from pydantic import ConfigDict

from llama_index_qwen.media import media_url
from llama_index_qwen.multimodal_embeddings import image_part
from llama_index_qwen.retrieval_component import RetrievalComponent
from qwen_core.adapters.retrieval_fields import RerankFields
from qwen_core.models.catalogue import resolve
from qwen_core.resources.client import AsyncQwenClient
from qwen_core.resources.sync.client import QwenClient
from qwen_core.types.messages import ImagePart, Part, TextPart
from qwen_core.types.requests import RerankRequest, RerankResponse
from qwen_core.types.warnings import warn

dispatcher = get_dispatcher(__name__)


class QwenRerank(RetrievalComponent, RerankFields, BaseNodePostprocessor):
    """Puts nodes in the order of their relevance to the question, with the relevance as their score.

    Without ``top_n`` all nodes are kept. More nodes than the model takes at once go in several calls and make one
    ranking. Images are shown to models that see.

    Example:
        >>> engine = index.as_query_engine(  # doctest: +SKIP
        ...     similarity_top_k=20, node_postprocessors=[QwenRerank(top_n=4)]
        ... )
    """

    model_config = ConfigDict(
        extra="forbid", populate_by_name=True, arbitrary_types_allowed=True, protected_namespaces=()
    )

    @classmethod
    def class_name(cls) -> str:
        """The name in serialised form."""
        return "QwenRerank"

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        query = asked(query_bundle)
        if not nodes:
            return []
        with self._events(nodes, query) as ranked:
            answer = QwenClient(self.client_settings()).rerank(self._request(nodes, query))
            ranked += in_new_order(nodes, answer)
        return ranked

    async def _apostprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        query = asked(query_bundle)
        if not nodes:
            return []
        with self._events(nodes, query) as ranked:
            answer = await AsyncQwenClient(self.client_settings()).rerank(self._request(nodes, query))
            ranked += in_new_order(nodes, answer)
        return ranked

    def _request(self, nodes: Sequence[NodeWithScore], query: QueryBundle) -> RerankRequest:
        sees = "image" in resolve(self.model).input_modalities
        wanted: str | Part = query.query_str
        if sees and query.image_path and not query.query_str:
            wanted = image_part(query.image_path)
        elif query.image_path:
            why = "a question is one text or one image" if sees else f"{self.model} sees no images"
            warn(f"The image of the question is left out: {why}.")
        return self.rerank_request(wanted, [document(node, sees) for node in nodes])

    @contextmanager
    def _events(self, nodes: list[NodeWithScore], query: QueryBundle) -> Iterator[list[NodeWithScore]]:
        """Tell of the beginning, and in any case of the end, of what happens inside."""
        ranked: list[NodeWithScore] = []
        top_n = self.top_n or len(nodes)
        dispatcher.event(ReRankStartEvent(query=query, nodes=nodes, top_n=top_n, model_name=self.model))
        payload: dict[str, Any] = {
            EventPayload.NODES: nodes,
            EventPayload.MODEL_NAME: self.model,
            EventPayload.QUERY_STR: query.query_str,
            EventPayload.TOP_K: top_n,
        }
        try:
            with self.callback_manager.event(CBEventType.RERANKING, payload=payload) as event:
                yield ranked
                event.on_end(payload={EventPayload.NODES: ranked})
        finally:
            dispatcher.event(ReRankEndEvent(nodes=ranked))


def asked(query: QueryBundle | None) -> QueryBundle:
    """The question, without which nothing is relevant."""
    if query is None:
        raise ValueError("A reranker needs the question: give query_bundle or query_str.")
    return query


def in_new_order(nodes: Sequence[NodeWithScore], answer: RerankResponse) -> list[NodeWithScore]:
    """The same nodes in the order of the ranking, in new envelopes."""
    return [NodeWithScore(node=nodes[result.index].node, score=result.score) for result in answer.results]


def document(found: NodeWithScore, sees: bool) -> Part:
    """What is ranked: an image where the model sees it, else the text with its metadata."""
    node = found.node
    if sees and (url := image_url(node)):
        return ImagePart(url)
    return TextPart(node.get_content(metadata_mode=MetadataMode.EMBED))


def image_url(node: BaseNode) -> str | None:
    """Where a node's image is, if it has one: an ``ImageNode``, an ``ImageDocument``, or another ``Node``."""
    if isinstance(node, ImageNode) and (node.image or node.image_path or node.image_url):
        data = node.image.encode() if isinstance(node.image, str) else None
        return media_url(data, node.image_path, node.image_url, node.image_mimetype)
    if isinstance(node, Node) and (image := node.image_resource) and (image.data or image.path or image.url):
        return media_url(image.data, image.path, image.url, image.mimetype)
    return None
