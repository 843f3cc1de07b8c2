"""The core: knows the wires of Alibaba's Qwen service, knows no framework."""

from qwen_core.client import AsyncQwenClient, QwenClient
from qwen_core.errors import QwenError
from qwen_core.request import (
    ChatRequest,
    EmbeddingRequest,
    EmbeddingResponse,
    MultimodalEmbeddingRequest,
    RerankRequest,
    RerankResponse,
)
from qwen_core.response import ChatResponse
from qwen_core.settings import ClientSettings
from qwen_core.usage_meter import count_usage

__all__ = [
    "AsyncQwenClient",
    "ChatRequest",
    "ChatResponse",
    "ClientSettings",
    "EmbeddingRequest",
    "EmbeddingResponse",
    "MultimodalEmbeddingRequest",
    "QwenClient",
    "QwenError",
    "RerankRequest",
    "RerankResponse",
    "count_usage",
]
