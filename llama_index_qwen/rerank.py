"""``QwenRerank``: a node postprocessor for LlamaIndex that sorts nodes by relevance."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from llama_index.core.callbacks import CBEventType, EventPayload
from llama_index.core.instrumentation.events.rerank import ReRankEndEvent, ReRankStartEvent
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import BaseNode, ImageNode, MetadataMode, Node, NodeWithScore, QueryBundle
from llama_index_instrumentation import get_dispatcher
from pydantic import ConfigDict

from llama_index_qwen.component import RetrievalComponent
from llama_index_qwen.messages import image_part, media_url
from qwen_core.adapters.retrieval_fields import RerankFields
from qwen_core.models.catalogue import resolve
from qwen_core.resources.client import AsyncQwenClient
from qwen_core.resources.sync.client import QwenClient
from qwen_core.types.messages import ImagePart, Part, TextPart
from qwen_core.types.requests import RerankRequest, RerankResponse
from qwen_core.types.warnings import warn

dispatcher = get_dispatcher(__name__)


class QwenRerank(RetrievalComponent, RerankFields, BaseNodePostprocessor):
    """Sorts nodes by their relevance to the query, with the relevance as their score.

    Without ``top_n`` all nodes are kept. If there are more nodes than the model's limit, several calls make one
    ranking. Images are sent to vision models.

    Examples:
        >>> engine = index.as_query_engine(  # doctest: +SKIP
        ...     similarity_top_k=20, node_postprocessors=[QwenRerank(top_n=4)]
        ... )
    """

    model_config = ConfigDict(
        extra="forbid", populate_by_name=True, arbitrary_types_allowed=True, protected_namespaces=()
    )

    @classmethod
    def class_name(cls) -> str:
        """Return the name in serialized form."""
        return "QwenRerank"

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        query = require_query(query_bundle)
        if not nodes:
            return []
        with self._events(nodes, query) as ranked:
            response = QwenClient(self.client_settings()).rerank(self._request(nodes, query))
            ranked += scored_nodes(nodes, response)
        return ranked

    async def _apostprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        query = require_query(query_bundle)
        if not nodes:
            return []
        with self._events(nodes, query) as ranked:
            response = await AsyncQwenClient(self.client_settings()).rerank(self._request(nodes, query))
            ranked += scored_nodes(nodes, response)
        return ranked

    def _request(self, nodes: Sequence[NodeWithScore], query: QueryBundle) -> RerankRequest:
        has_vision = "image" in resolve(self.model).input_modalities
        query_part: str | Part = query.query_str
        if has_vision and query.image_path and not query.query_str:
            query_part = image_part(query.image_path)
        elif query.image_path:
            reason = "a query is one text or one image" if has_vision else f"{self.model} does not accept images"
            warn(f"Left out the image of the query: {reason}.")
        return self.rerank_request(query_part, [document(node, has_vision) for node in nodes])

    @contextmanager
    def _events(self, nodes: list[NodeWithScore], query: QueryBundle) -> Iterator[list[NodeWithScore]]:
        """Send the events of the start and, even after an error, of the end of the ranking."""
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


def require_query(query: QueryBundle | None) -> QueryBundle:
    """Return the query. Raises ValueError if there is none."""
    if query is None:
        raise ValueError("A reranker needs the query. Pass query_bundle or query_str.")
    return query


def scored_nodes(nodes: Sequence[NodeWithScore], response: RerankResponse) -> list[NodeWithScore]:
    """Return the nodes in the order of the ranking, each with its new score."""
    return [NodeWithScore(node=nodes[result.index].node, score=result.score) for result in response.results]


def document(scored: NodeWithScore, has_vision: bool) -> Part:
    """Return what is ranked: the image if the model has vision, else the text with its metadata."""
    node = scored.node
    if has_vision and (url := image_url(node)):
        return ImagePart(url)
    return TextPart(node.get_content(metadata_mode=MetadataMode.EMBED))


def image_url(node: BaseNode) -> str | None:
    """Return the URL of a node's image, if it has one: an ``ImageNode``, ``ImageDocument`` or another ``Node``."""
    if isinstance(node, ImageNode) and (node.image or node.image_path or node.image_url):
        data = node.image.encode() if isinstance(node.image, str) else None
        return media_url(data, node.image_path, node.image_url, node.image_mimetype)
    if isinstance(node, Node) and (image := node.image_resource) and (image.data or image.path or image.url):
        return media_url(image.data, image.path, image.url, image.mimetype)
    return None
