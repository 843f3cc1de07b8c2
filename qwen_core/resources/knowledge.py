"""Search the knowledge bases of Model Studio."""

from collections.abc import Sequence

import msgspec

from qwen_core.config.settings import ClientSettings
from qwen_core.execution.ordered import DEFAULT_CONCURRENCY, async_map_in_order
from qwen_core.execution.planned_calls import async_call_plan
from qwen_core.execution.retry import OnRetry
from qwen_core.execution.service_plans import plan_knowledge
from qwen_core.protocols.knowledge import decode_knowledge
from qwen_core.resources.client import AsyncQwenClient
from qwen_core.types.errors import BadRequestError
from qwen_core.types.knowledge import (
    KnowledgeNode,
    KnowledgeRequest,
    KnowledgeResponse,
    MetadataFilter,
    matches,
)
from qwen_core.types.messages import TextPart
from qwen_core.types.requests import Ranked, RerankRequest


class KnowledgeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is done with the chunks that the bases return: filter, rerank, cut.

    The REST API of the bases has none of these. ``rerank_model`` gives chunks of several bases scores that can be
    compared; without it they are sorted by their raw similarity.
    """

    metadata_filter: MetadataFilter | None = None
    score_threshold: float | None = None
    rerank_model: str | None = None
    rerank_instruct: str | None = None
    limit: int | None = None


def check_targets(index_ids: Sequence[str], agent_id: str | None) -> None:
    """Raise BadRequestError unless there are bases or a service to search."""
    if bool(index_ids) == bool(agent_id):
        raise BadRequestError(
            "Set either index_id (one or more knowledge bases) or agent_id (a published search service)."
        )


def base_requests(
    request: KnowledgeRequest, index_ids: Sequence[str], agent_id: str | None
) -> list[KnowledgeRequest]:
    """Return one request for each base, or the one for the service."""
    check_targets(index_ids, agent_id)
    if agent_id:
        return [msgspec.structs.replace(request, agent_id=agent_id, index_id=None, top_k=None)]
    return [msgspec.structs.replace(request, index_id=index_id) for index_id in dict.fromkeys(index_ids)]


def merge_responses(responses: Sequence[KnowledgeResponse], options: KnowledgeOptions) -> KnowledgeResponse:
    """Return the chunks of all responses that pass the filter, without repetitions. One base keeps its order."""
    nodes: dict[object, KnowledgeNode] = {}
    for response in responses:
        for node in response.nodes:
            if matches(node.metadata, options.metadata_filter):
                nodes.setdefault(node.id or (node.name, node.text), node)
    merged = list(nodes.values())
    if len(responses) > 1:
        merged.sort(key=lambda node: -(node.score or 0.0))
    totals = [response.total for response in responses]
    return KnowledgeResponse(
        nodes=tuple(merged),
        total=None if None in totals else sum(total or 0 for total in totals),
        request_id=responses[-1].request_id if responses else None,
    )


def rerank_request(query: str, nodes: Sequence[KnowledgeNode], options: KnowledgeOptions) -> RerankRequest:
    """Return the request to rank the chunks."""
    return RerankRequest(
        model=options.rerank_model or "",
        query=TextPart(query),
        documents=tuple(TextPart(node.text) for node in nodes),
        instruct=options.rerank_instruct,
    )


def ranked_nodes(nodes: Sequence[KnowledgeNode], ranking: Sequence[Ranked]) -> tuple[KnowledgeNode, ...]:
    """Return the chunks in the order of the ranking, with its scores."""
    return tuple(msgspec.structs.replace(nodes[rank.index], score=rank.score) for rank in ranking)


def cut_nodes(response: KnowledgeResponse, options: KnowledgeOptions) -> KnowledgeResponse:
    """Return the best chunks: those above the threshold, and no more than the limit."""
    nodes = response.nodes
    if (threshold := options.score_threshold) is not None:
        nodes = tuple(node for node in nodes if node.score is not None and node.score >= threshold)
    return msgspec.structs.replace(response, nodes=nodes[: options.limit])


class AsyncQwenKnowledge:
    """Searches knowledge bases without blocking."""

    def __init__(self, settings: ClientSettings, on_retry: OnRetry | None = None) -> None:
        self.settings = settings
        self.on_retry = on_retry

    async def search(self, request: KnowledgeRequest) -> KnowledgeResponse:
        """Return the chunks that one base or service finds, best first. Raises a QwenError."""
        plan = plan_knowledge(request, self.settings, asynchronous=True)
        return await async_call_plan(plan, self.settings, decode_knowledge, self.on_retry)

    async def search_all(
        self,
        request: KnowledgeRequest,
        index_ids: Sequence[str] = (),
        agent_id: str | None = None,
        options: KnowledgeOptions | None = None,
        *,
        workers: int = DEFAULT_CONCURRENCY,
    ) -> KnowledgeResponse:
        """Return the chunks of several bases, or of a service, filtered and reranked. Raises a QwenError.

        Args:
            request: what is searched for.
            index_ids: the knowledge bases, which are searched side by side.
            agent_id: a search service instead, which searches and reranks by itself.
            options: what is done with the chunks.
            workers: how many calls are made at once.
        """
        options = options or KnowledgeOptions()
        requests = base_requests(request, index_ids, agent_id)
        responses = await async_map_in_order(self.search, requests, workers)
        merged = merge_responses(responses, options)
        if options.rerank_model and merged.nodes:
            client = AsyncQwenClient(self.settings, self.on_retry)
            ranking = await client.rerank(rerank_request(request.query, merged.nodes, options), workers=workers)
            merged = msgspec.structs.replace(merged, nodes=ranked_nodes(merged.nodes, ranking.results))
        return cut_nodes(merged, options)
