"""Alibaba's Qwen models for LlamaIndex."""

from typing import TYPE_CHECKING

try:
    import llama_index.core  # noqa: F401
except ModuleNotFoundError as missing:
    raise ImportError(
        "llama_index_qwen needs llama-index-core. "
        'Run: pip install ".[llama-index]" in the clone, or pip install "llama-index-core>=0.14.5,<0.15"'
    ) from missing

from qwen_core.lazy_names import lazy_names

if TYPE_CHECKING:
    from llama_index_qwen.batch import QwenBatch
    from llama_index_qwen.costs import CostEventHandler, count_costs
    from llama_index_qwen.documents import QwenDocumentReader
    from llama_index_qwen.embeddings import QwenEmbedding, QwenMultiModalEmbedding, QwenSparseEmbedding
    from llama_index_qwen.errors import UnusableAnswerError
    from llama_index_qwen.images import QwenImageToolSpec
    from llama_index_qwen.knowledge import QwenApplication, QwenKnowledgeBaseRetriever
    from llama_index_qwen.llm import Qwen
    from llama_index_qwen.rerank import QwenRerank
    from llama_index_qwen.speech import QwenAudioReader, QwenSpeechToolSpec
    from qwen_core.execution.rate_limits import RateLimiter

__all__ = [
    "CostEventHandler",
    "Qwen",
    "QwenApplication",
    "QwenAudioReader",
    "QwenBatch",
    "QwenDocumentReader",
    "QwenEmbedding",
    "QwenImageToolSpec",
    "QwenKnowledgeBaseRetriever",
    "QwenMultiModalEmbedding",
    "QwenRerank",
    "QwenSparseEmbedding",
    "QwenSpeechToolSpec",
    "RateLimiter",
    "UnusableAnswerError",
    "count_costs",
]

__getattr__ = lazy_names(
    __name__,
    {
        "CostEventHandler": "llama_index_qwen.costs",
        "Qwen": "llama_index_qwen.llm",
        "QwenApplication": "llama_index_qwen.knowledge",
        "QwenAudioReader": "llama_index_qwen.speech",
        "QwenBatch": "llama_index_qwen.batch",
        "QwenDocumentReader": "llama_index_qwen.documents",
        "QwenEmbedding": "llama_index_qwen.embeddings",
        "QwenImageToolSpec": "llama_index_qwen.images",
        "QwenKnowledgeBaseRetriever": "llama_index_qwen.knowledge",
        "QwenMultiModalEmbedding": "llama_index_qwen.embeddings",
        "QwenRerank": "llama_index_qwen.rerank",
        "QwenSparseEmbedding": "llama_index_qwen.embeddings",
        "QwenSpeechToolSpec": "llama_index_qwen.speech",
        "RateLimiter": "qwen_core.execution.rate_limits",
        "UnusableAnswerError": "llama_index_qwen.errors",
        "count_costs": "llama_index_qwen.costs",
    },
)
