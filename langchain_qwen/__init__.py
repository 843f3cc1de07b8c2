"""Alibaba's Qwen models for LangChain."""

from typing import TYPE_CHECKING

try:
    from langchain_core.rate_limiters import BaseRateLimiter
except ModuleNotFoundError as missing:
    raise ImportError(
        "langchain_qwen needs langchain-core. "
        'Run: pip install ".[langchain]" in the clone, or pip install "langchain-core>=1.6,<2"'
    ) from missing

from langchain_qwen.content_blocks import register
from qwen_core.lazy_names import lazy_names

if TYPE_CHECKING:
    from langchain_qwen.batch import QwenBatch
    from langchain_qwen.chat_models import ChatQwen
    from langchain_qwen.costs import CostCallbackHandler, get_cost_callback
    from langchain_qwen.documents import QwenDocumentParser
    from langchain_qwen.embeddings import QwenEmbeddings, QwenMultiModalEmbeddings, QwenSparseEmbeddings
    from langchain_qwen.images import QwenImageGeneration
    from langchain_qwen.knowledge import ChatQwenApplication, QwenKnowledgeBaseRetriever
    from langchain_qwen.rerank import QwenRerank
    from langchain_qwen.speech import QwenAudioParser, QwenTextToSpeech
    from qwen_core.execution import rate_limits

    class RateLimiter(rate_limits.RateLimiter, BaseRateLimiter):
        """A subclass of LangChain's limiter too for type checkers; at run time it is registered as one below."""

else:
    from qwen_core.execution.rate_limits import RateLimiter

register()
# LangChain accepts only instances of its own limiter class; ours has the interfaces of both frameworks.
BaseRateLimiter.register(RateLimiter)

__all__ = [
    "ChatQwen",
    "ChatQwenApplication",
    "CostCallbackHandler",
    "QwenAudioParser",
    "QwenBatch",
    "QwenDocumentParser",
    "QwenEmbeddings",
    "QwenImageGeneration",
    "QwenKnowledgeBaseRetriever",
    "QwenMultiModalEmbeddings",
    "QwenRerank",
    "QwenSparseEmbeddings",
    "QwenTextToSpeech",
    "RateLimiter",
    "get_cost_callback",
]

__getattr__ = lazy_names(
    __name__,
    {
        "ChatQwen": "langchain_qwen.chat_models",
        "ChatQwenApplication": "langchain_qwen.knowledge",
        "CostCallbackHandler": "langchain_qwen.costs",
        "QwenAudioParser": "langchain_qwen.speech",
        "QwenBatch": "langchain_qwen.batch",
        "QwenDocumentParser": "langchain_qwen.documents",
        "QwenEmbeddings": "langchain_qwen.embeddings",
        "QwenImageGeneration": "langchain_qwen.images",
        "QwenKnowledgeBaseRetriever": "langchain_qwen.knowledge",
        "QwenMultiModalEmbeddings": "langchain_qwen.embeddings",
        "QwenRerank": "langchain_qwen.rerank",
        "QwenSparseEmbeddings": "langchain_qwen.embeddings",
        "QwenTextToSpeech": "langchain_qwen.speech",
        "get_cost_callback": "langchain_qwen.costs",
    },
)
