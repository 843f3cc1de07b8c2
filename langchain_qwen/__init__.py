"""Alibaba's Qwen models for LangChain."""

from langchain_qwen.chat_models import ChatQwen
from langchain_qwen.content_blocks import register
from langchain_qwen.embeddings import QwenEmbeddings

register()

__all__ = ["ChatQwen", "QwenEmbeddings"]
