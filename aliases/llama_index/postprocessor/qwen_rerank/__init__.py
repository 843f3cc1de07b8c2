"""``from llama_index.postprocessor.qwen_rerank import QwenRerank``: where LlamaIndex's users look for one."""

from llama_index_qwen import QwenRerank

__all__ = ["QwenRerank"]
