"""Alibaba's Qwen models for LlamaIndex."""

from llama_index_qwen.embeddings import QwenEmbedding
from llama_index_qwen.exceptions import UnusableAnswerError
from llama_index_qwen.llm import Qwen

__all__ = ["Qwen", "QwenEmbedding", "UnusableAnswerError"]
