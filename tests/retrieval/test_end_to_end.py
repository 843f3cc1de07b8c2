"""RAG on real documents: ingestion, hybrid retrieval in Qdrant, rerank, streamed answer with sources, chat."""

import asyncio
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from langchain_qwen import ChatQwen, QwenRerank
from qwen_emulator import Emulator
from tests.retrieval.conftest import both_protocols, needs_native

pytest.importorskip("qdrant_client")
pytest.importorskip("langchain_qdrant")
pytest.importorskip("llama_index.vector_stores.qdrant")

pytestmark = [
    needs_native,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Payload indexes have no effect"),
]

QUESTION = "How many documents can qwen3-rerank sort in one request?"
NEXT_QUESTION = "And how long does an entry of the explicit context cache live?"
ANSWER, NEXT_ANSWER = "500 documents", "five minutes"

FLOORS = {"langchain": ((0.8, 0.95), (0.95, 0.95)), "llama_index": ((0.9, 0.95), (0.9, 0.95))}
"""Recall in the first passage and in the first three, without and with a reranker. The emulator reaches 0.88 and
1.00, 1.00 and 1.00; 1.00 and 1.00, 0.96 and 1.00."""


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


cookbook: Any = load(Path(__file__).parents[2] / "cookbook" / "rag_recall.py")


@both_protocols
@pytest.mark.parametrize("framework", ["langchain", "llama_index"])
def test_rag_recall_reaches_the_floor(framework: str, protocol: str, service: Emulator) -> None:
    search = cookbook.FRAMEWORKS[framework](protocol)
    asked = cookbook.questions()
    assert len(asked) == 24
    for rerank in (False, True):
        recall = cookbook.measure(search, asked, rerank)
        first, kept = FLOORS[framework][rerank]
        assert recall.first >= first and recall.kept >= kept, (framework, protocol, rerank, recall)


@both_protocols
def test_langchain_rag_streams_answers_with_sources(protocol: Any, service: Emulator) -> None:
    from langchain_qdrant import QdrantVectorStore, RetrievalMode

    from langchain_qwen import QwenEmbeddings, QwenSparseEmbeddings

    texts, sources = zip(*cookbook.passages(), strict=True)
    sparse: Any = QwenSparseEmbeddings()
    store = QdrantVectorStore.from_texts(
        list(texts),
        QwenEmbeddings(protocol=protocol),
        metadatas=[{"source": source} for source in sources],
        sparse_embedding=sparse,
        retrieval_mode=RetrievalMode.HYBRID,
        location=":memory:",
        collection_name="docs",
    )
    rerank = QwenRerank(protocol=protocol, top_n=3)
    model = ChatQwen(protocol=protocol)
    history: list[Any] = []

    def turn(question: str) -> tuple[str, list[str], int]:
        found = rerank.compress_documents(store.similarity_search(question, k=10), question)
        context = "\n\n".join(document.page_content for document in found)
        system = SystemMessage(f"Answer from these passages.\n\nContext:\n{context}")
        chunks = list(model.stream([system, *history, HumanMessage(question)]))
        text = "".join(str(chunk.text) for chunk in chunks)
        history.extend([HumanMessage(question), AIMessage(text)])
        return text, [document.metadata["source"] for document in found], len(chunks)

    text, sources_found, chunks = turn(QUESTION)
    assert ANSWER in text and sources_found[0] == "embeddings-and-rerank.md" and chunks > 3
    text, sources_found, chunks = turn(NEXT_QUESTION)
    assert NEXT_ANSWER in text and sources_found[0] == "context-cache.md" and chunks > 3
    assert len(service.last_request.messages) == 4
    store.client.close()


@both_protocols
def test_llama_index_rag_streams_answers_with_sources(protocol: Any, service: Emulator) -> None:
    from llama_index.core.memory import ChatMemoryBuffer
    from llama_index.core.schema import TextNode

    from llama_index_qwen import Qwen
    from llama_index_qwen import QwenRerank as Rerank

    nodes = [TextNode(text=text, metadata={"source": source}) for text, source in cookbook.passages()]
    index = cookbook.llama_index_store(protocol, nodes)
    llm = Qwen(protocol=protocol)
    options: dict[str, Any] = {
        "llm": llm,
        "similarity_top_k": 10,
        "sparse_top_k": 10,
        "hybrid_top_k": 10,
        "vector_store_query_mode": "hybrid",
        "node_postprocessors": [Rerank(protocol=protocol, top_n=3)],
    }
    response: Any = index.as_query_engine(streaming=True, **options).query(QUESTION)
    pieces = list(response.response_gen)
    assert ANSWER in "".join(pieces) and len(pieces) > 3
    assert response.source_nodes[0].node.metadata["source"] == "embeddings-and-rerank.md"
    assert len(response.source_nodes) == 3

    # LlamaIndex's default memory never closes its database.
    engine = index.as_chat_engine(chat_mode="context", memory=ChatMemoryBuffer.from_defaults(llm=llm), **options)
    first: Any = engine.stream_chat(QUESTION)
    assert ANSWER in "".join(first.response_gen)
    second: Any = engine.stream_chat(NEXT_QUESTION)
    assert NEXT_ANSWER in "".join(second.response_gen)
    assert second.source_nodes[0].node.metadata["source"] == "context-cache.md"
    assert [message.role.value for message in engine.chat_history] == ["user", "assistant"] * 2


@both_protocols
def test_llama_index_async_rag_streams_answers_with_sources(protocol: Any, service: Emulator) -> None:
    from llama_index.core import Document, VectorStoreIndex
    from llama_index.core.ingestion import IngestionPipeline

    from llama_index_qwen import Qwen, QwenEmbedding
    from llama_index_qwen import QwenRerank as Rerank

    async def run() -> tuple[str, Any]:
        embedding = QwenEmbedding(protocol=protocol)
        documents = [Document(text=text, metadata={"source": source}) for text, source in cookbook.passages()]
        nodes = await IngestionPipeline(transformations=[embedding]).arun(documents=documents)
        index = VectorStoreIndex(list(nodes), embed_model=embedding)
        engine = index.as_query_engine(
            llm=Qwen(protocol=protocol),
            streaming=True,
            similarity_top_k=10,
            node_postprocessors=[Rerank(protocol=protocol, top_n=3)],
        )
        response: Any = await engine.aquery(QUESTION)
        return "".join([piece async for piece in response.async_response_gen()]), response.source_nodes

    text, found = asyncio.run(run())
    assert ANSWER in text
    assert found[0].node.metadata["source"] == "embeddings-and-rerank.md"
