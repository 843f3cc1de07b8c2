"""The fields of the frameworks' retrievers over knowledge bases, and their conversion for the core."""

from typing import Any, Self

from pydantic import Field, model_validator

from qwen_core.adapters.fields import ConnectionFields
from qwen_core.execution.ordered import DEFAULT_CONCURRENCY
from qwen_core.resources.knowledge import KnowledgeOptions
from qwen_core.types.knowledge import KnowledgeNode, KnowledgeRequest


class KnowledgeFields(ConnectionFields):
    """The parameters of a search in knowledge bases. Knowledge bases are on the host of their ``workspace``."""

    index_id: str | list[str] | None = None
    """Id of the knowledge base, or of several, which are searched side by side."""
    agent_id: str | None = None
    """Id of a published search service (``aid-...``) instead: it searches its bases and reranks by itself."""
    agent_version: str | None = None
    """Version of the service: a draft, or an older one. None: the published one."""
    top_k: int | None = Field(default=None, ge=1)
    """Number of chunks to retrieve from each base; None: the service's own default."""
    limit: int | None = Field(default=None, ge=1)
    """Number of best chunks to return; None: all that were retrieved."""
    score_threshold: float | None = None
    """Lowest score of a chunk to return: a raw similarity, or a score from 0 to 1 after reranking."""
    metadata_filter: dict[str, str | list[str]] | None = None
    """Values by metadata key, such as ``doc_name``: keys are joined by AND, the values of one key by OR. The API
    has no filter: this one is applied to the chunks that were retrieved, so raise ``top_k`` with it."""
    rerank_model: str | None = None
    """Reranker that sorts the chunks of all bases, such as ``qwen3-rerank``; None: sorted by their own scores."""
    rerank_instruct: str | None = None
    """Instruction for the reranker: a sentence, in English."""
    max_concurrency: int = Field(default=DEFAULT_CONCURRENCY, ge=1)
    """Maximum number of concurrent calls."""
    extra_body: dict[str, Any] | None = None
    """Fields to merge into the request's body, unchanged. They override all others."""

    @model_validator(mode="after")
    def _check_target(self) -> Self:
        if bool(self.index_ids()) == bool(self.agent_id):
            raise ValueError(
                "Set either index_id (one or more knowledge bases) or agent_id (a published search service)."
            )
        return self

    def index_ids(self) -> list[str]:
        """Return the ids of the knowledge bases."""
        if not self.index_id:
            return []
        return [self.index_id] if isinstance(self.index_id, str) else list(self.index_id)

    def knowledge_request(self, query: str, images: tuple[str, ...] = ()) -> KnowledgeRequest:
        """Return the request for this query. Its base or service is given to ``search_all``."""
        return KnowledgeRequest(
            query=query,
            images=images,
            top_k=self.top_k,
            agent_version=self.agent_version,
            extra_body=self.extra_body,
        )

    def knowledge_options(self) -> KnowledgeOptions:
        """Return what is done with the chunks that are found."""
        return KnowledgeOptions(
            metadata_filter=self.metadata_filter,
            score_threshold=self.score_threshold,
            rerank_model=self.rerank_model,
            rerank_instruct=self.rerank_instruct,
            limit=self.limit,
        )


def node_metadata(node: KnowledgeNode) -> dict[str, Any]:
    """Return the metadata of a chunk, with its source, page and images under one name each."""
    values = {"source": node.url or node.name, "page": node.page, "images": list(node.images)}
    return {**node.metadata, **{name: value for name, value in values.items() if value is not None}}
