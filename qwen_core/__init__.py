"""The core: knows the wires of Alibaba's Qwen service, knows no framework."""

from typing import TYPE_CHECKING

from qwen_core.lazy_names import lazy_names

if TYPE_CHECKING:
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

__getattr__ = lazy_names(
    __name__,
    {
        "AsyncQwenClient": "qwen_core.client",
        "ChatRequest": "qwen_core.request",
        "ChatResponse": "qwen_core.response",
        "ClientSettings": "qwen_core.settings",
        "EmbeddingRequest": "qwen_core.request",
        "EmbeddingResponse": "qwen_core.request",
        "MultimodalEmbeddingRequest": "qwen_core.request",
        "QwenClient": "qwen_core.client",
        "QwenError": "qwen_core.errors",
        "RerankRequest": "qwen_core.request",
        "RerankResponse": "qwen_core.request",
        "count_usage": "qwen_core.usage_meter",
    },
)
