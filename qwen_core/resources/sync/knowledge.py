# Generated from qwen_core/resources/knowledge.py by scripts/generate_sync.py: do not edit.
"""Search the knowledge bases of Model Studio."""

from collections.abc import Sequence

import msgspec

from qwen_core.config.settings import ClientSettings
from qwen_core.execution.ordered import DEFAULT_CONCURRENCY, map_in_order
from qwen_core.execution.retry import OnRetry
from qwen_core.execution.service_plans import plan_knowledge
from qwen_core.execution.sync.planned_calls import call_plan
from qwen_core.protocols.knowledge import decode_knowledge
from qwen_core.resources.knowledge import (
    KnowledgeOptions,
    base_requests,
    cut_nodes,
    merge_responses,
    ranked_nodes,
    rerank_request,
)
from qwen_core.resources.sync.client import QwenClient
from qwen_core.types.knowledge import (
    KnowledgeRequest,
    KnowledgeResponse,
)


class QwenKnowledge:
    """Searches knowledge bases."""

    def __init__(self, settings: ClientSettings, on_retry: OnRetry | None = None) -> None:
        self.settings = settings
        self.on_retry = on_retry

    def search(self, request: KnowledgeRequest) -> KnowledgeResponse:
        """Return the chunks that one base or service finds, best first. Raises a QwenError."""
        plan = plan_knowledge(request, self.settings, asynchronous=False)
        return call_plan(plan, self.settings, decode_knowledge, self.on_retry)

    def search_all(
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
        responses = map_in_order(self.search, requests, workers)
        merged = merge_responses(responses, options)
        if options.rerank_model and merged.nodes:
            client = QwenClient(self.settings, self.on_retry)
            ranking = client.rerank(rerank_request(request.query, merged.nodes, options), workers=workers)
            merged = msgspec.structs.replace(merged, nodes=ranked_nodes(merged.nodes, ranking.results))
        return cut_nodes(merged, options)
