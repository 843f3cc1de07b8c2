"""The kit for frameworks: what the adapters of LangChain and LlamaIndex do alike."""
