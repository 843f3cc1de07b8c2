"""Alibaba's Qwen models for LangChain."""

from typing import TYPE_CHECKING

try:
    from langchain_core.rate_limiters import BaseRateLimiter
except ModuleNotFoundError as missing:
    raise ImportError(
        "langchain_qwen needs langchain-core: pip install 'qwen-integrations[langchain]'"
    ) from missing

from langchain_qwen.block_translator import register
from qwen_core.lazy_names import lazy_names

if TYPE_CHECKING:
    from langchain_qwen.batch import QwenBatch
    from langchain_qwen.chat_models import ChatQwen
    from langchain_qwen.costs import CostCallbackHandler, get_cost_callback
    from langchain_qwen.embeddings import QwenEmbeddings
    from langchain_qwen.multimodal_embeddings import QwenMultiModalEmbeddings
    from langchain_qwen.rerank import QwenRerank
    from langchain_qwen.sparse_embeddings import QwenSparseEmbeddings
    from qwen_core.execution import rate_limits

    class RateLimiter(rate_limits.RateLimiter, BaseRateLimiter):
        """To type checkers one of LangChain's too, as which it is registered below."""

else:
    from qwen_core.execution.rate_limits import RateLimiter

register()
# LangChain takes only what calls itself one of its limiters; ours keeps both frameworks' interfaces.
BaseRateLimiter.register(RateLimiter)

__all__ = [
    "ChatQwen",
    "CostCallbackHandler",
    "QwenBatch",
    "QwenEmbeddings",
    "QwenMultiModalEmbeddings",
    "QwenRerank",
    "QwenSparseEmbeddings",
    "RateLimiter",
    "get_cost_callback",
]

__getattr__ = lazy_names(
    __name__,
    {
        "ChatQwen": "langchain_qwen.chat_models",
        "CostCallbackHandler": "langchain_qwen.costs",
        "QwenBatch": "langchain_qwen.batch",
        "QwenEmbeddings": "langchain_qwen.embeddings",
        "QwenMultiModalEmbeddings": "langchain_qwen.multimodal_embeddings",
        "QwenRerank": "langchain_qwen.rerank",
        "QwenSparseEmbeddings": "langchain_qwen.sparse_embeddings",
        "get_cost_callback": "langchain_qwen.costs",
    },
)
