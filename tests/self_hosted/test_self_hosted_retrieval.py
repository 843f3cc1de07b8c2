"""Embeddings and rerankers on self-hosted servers."""

import pytest

from langchain_qwen import QwenEmbeddings, QwenRerank
from llama_index_qwen import QwenEmbedding
from llama_index_qwen import QwenRerank as NodeRerank
from qwen_emulator import Emulator

EMBEDDER = "Qwen/Qwen3-Embedding-0.6B"


async def test_self_hosted_embeddings(service: Emulator, server: str) -> None:
    model = QwenEmbeddings(model=EMBEDDER, base_url=service.self_hosted_url(server), server=server, dimensions=8)
    vectors = model.embed_documents(["a", "b"])
    assert vectors == await model.aembed_documents(["a", "b"])
    assert [len(vector) for vector in vectors] == [8, 8]
    index = QwenEmbedding(model=EMBEDDER, base_url=service.self_hosted_url(server), dimensions=8)
    assert index.get_text_embedding("a") == vectors[0]
    assert all("Authorization" not in request.headers for request in service.requests)


def test_self_hosted_instruct_is_prepended_to_queries_only(service: Emulator) -> None:
    model = QwenEmbeddings(model=EMBEDDER, base_url=service.self_hosted_url(), server="vllm", instruct="Find it")
    model.embed_query("cats")
    assert service.last_request.body["input"] == ["Instruct: Find it\nQuery:cats"]
    model.embed_documents(["cats"])
    assert service.last_request.body["input"] == ["cats"]


@pytest.mark.parametrize("server", ["vllm", "sglang", "llama.cpp"])
async def test_self_hosted_rerank(service: Emulator, server: str) -> None:
    url, documents = service.self_hosted_url(server), ["The moon is far.", "A cat sleeps."]
    model = QwenRerank(model="Qwen/Qwen3-Reranker-0.6B", base_url=url, server=server, top_n=1)
    assert [found.index for found in model.rerank("cat", documents)] == [1]
    assert [found.index for found in await model.arerank("cat", documents)] == [1]
    assert service.last_request.path == f"/{server}/v1/rerank"
    assert NodeRerank(model="Qwen/Qwen3-Reranker-0.6B", base_url=url).model
