"""``from llama_index.llms.qwen import Qwen``: the place where LlamaIndex's users look for a model."""

from llama_index_qwen import Qwen

__all__ = ["Qwen"]
