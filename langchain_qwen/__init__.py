"""Alibaba's Qwen models for LangChain."""

try:
    from langchain_core.rate_limiters import BaseRateLimiter
except ModuleNotFoundError as missing:
    raise ImportError(
        "langchain_qwen needs langchain-core: pip install 'qwen-integrations[langchain]'"
    ) from missing

from langchain_qwen.chat_models import ChatQwen
from langchain_qwen.content_blocks import register
from langchain_qwen.costs import CostCallbackHandler, get_cost_callback
from langchain_qwen.embeddings import QwenEmbeddings
from langchain_qwen.multimodal_embeddings import QwenMultiModalEmbeddings
from langchain_qwen.rerank import QwenRerank
from langchain_qwen.sparse_embeddings import QwenSparseEmbeddings
from qwen_core.rate_limits import RateLimiter

register()
# LangChain takes only what calls itself one of its limiters; ours keeps both frameworks' interfaces.
BaseRateLimiter.register(RateLimiter)

__all__ = [
    "ChatQwen",
    "CostCallbackHandler",
    "QwenEmbeddings",
    "QwenMultiModalEmbeddings",
    "QwenRerank",
    "QwenSparseEmbeddings",
    "RateLimiter",
    "get_cost_callback",
]
