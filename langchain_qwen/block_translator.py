"""Tells LangChain how to read messages of this provider. What reads them is imported with the first of them."""

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages import content as types
from langchain_core.messages.block_translators import register_translator

PROVIDER = "qwen"


def translate(message: AIMessage) -> list[types.ContentBlock]:
    """The blocks of a whole message."""
    from langchain_qwen.content_blocks import content_blocks

    return content_blocks(message)


def translate_chunk(message: AIMessageChunk) -> list[types.ContentBlock]:
    """The blocks of a chunk."""
    from langchain_qwen.content_blocks import chunk_content_blocks

    return chunk_content_blocks(message)


def register() -> None:
    """Let LangChain know the two."""
    register_translator(PROVIDER, translate, translate_chunk)
