"""``from llama_index.embeddings.qwen import QwenEmbedding``: the place where LlamaIndex's users look for one."""

from llama_index_qwen import QwenEmbedding

__all__ = ["QwenEmbedding"]
