"""What embedding models and rerankers share as LlamaIndex components."""

from pydantic import Field

from llama_index_qwen.component import QwenComponent
from qwen_core.adapters.retrieval_fields import INDEXING_RETRIES, RetrievalFields


class RetrievalComponent(QwenComponent, RetrievalFields):
    """A component that is more patient than a chat."""

    max_retries: int = Field(default=INDEXING_RETRIES, ge=0)
    """How often a call that was refused is tried again."""
