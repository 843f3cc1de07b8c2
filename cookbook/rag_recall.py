"""Recall over the handbook: how often the passage with the answer is found, without and with a reranker.

Hybrid retrieval (dense and sparse vectors) in Qdrant's embedded store, in LangChain or LlamaIndex, over either
protocol. Without DASHSCOPE_API_KEY it starts the emulator, whose vectors come from no model.

Run: python cookbook/rag_recall.py [--framework langchain] [--protocol dashscope]
Needs: pip install langchain-qdrant llama-index-vector-stores-qdrant ".[all]"
"""

import argparse
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

HANDBOOK = Path(__file__).parent / "data"
CANDIDATES = 10
KEPT = 3

Protocol = Literal["auto", "openai", "dashscope"]
Search = Callable[[str, bool], list[str]]
"""The best passages for a question, without or with a reranker."""


class Question(NamedTuple):
    """A question, and words that stand in a passage that answers it."""

    question: str
    answer: str
    source: str


class Recall(NamedTuple):
    """How many of the questions had the answer in the first passage, and in the first three."""

    first: float
    kept: float


def questions(folder: Path = HANDBOOK) -> list[Question]:
    """The questions with known answers."""
    return [Question(**entry) for entry in json.loads((folder / "questions.json").read_text("utf-8"))]


def passages(folder: Path = HANDBOOK) -> list[tuple[str, str]]:
    """Each paragraph with its heading, and the file it is from."""
    found = []
    for path in sorted(folder.glob("*.md")):
        heading = ""
        for block in path.read_text("utf-8").split("\n\n"):
            if block.startswith("#"):
                heading = block.lstrip("# ").strip()
            elif block.strip():
                found.append((f"{heading}\n{block.strip()}", path.name))
    return found


def with_langchain(protocol: Protocol, folder: Path = HANDBOOK) -> Search:
    """A hybrid store and a reranker in LangChain."""
    from langchain_qdrant import QdrantVectorStore, RetrievalMode

    from langchain_qwen import QwenEmbeddings, QwenRerank, QwenSparseEmbeddings

    texts, sources = zip(*passages(folder), strict=True)
    sparse: Any = QwenSparseEmbeddings()  # has the store's interface, without inheriting it
    store = QdrantVectorStore.from_texts(
        list(texts),
        QwenEmbeddings(protocol=protocol),
        metadatas=[{"source": source} for source in sources],
        sparse_embedding=sparse,
        retrieval_mode=RetrievalMode.HYBRID,
        location=":memory:",
        collection_name="handbook",
    )
    reranker = QwenRerank(protocol=protocol)

    def search(question: str, rerank: bool) -> list[str]:
        found = store.similarity_search(question, k=CANDIDATES)
        ranked = reranker.compress_documents(found, question) if rerank else found
        return [document.page_content for document in ranked]

    return search


def with_llama_index(protocol: Protocol, folder: Path = HANDBOOK) -> Search:
    """A hybrid store and a reranker in LlamaIndex."""
    from llama_index.core.schema import TextNode

    from llama_index_qwen import QwenRerank

    nodes = [TextNode(text=text, metadata={"source": source}) for text, source in passages(folder)]
    retriever = llama_index_store(protocol, nodes).as_retriever(
        vector_store_query_mode="hybrid",
        similarity_top_k=CANDIDATES,
        sparse_top_k=CANDIDATES,
        hybrid_top_k=CANDIDATES,
    )
    reranker = QwenRerank(protocol=protocol)

    def search(question: str, rerank: bool) -> list[str]:
        found = retriever.retrieve(question)
        ranked = reranker.postprocess_nodes(found, query_str=question) if rerank else found
        return [node.node.get_content() for node in ranked]

    return search


def llama_index_store(protocol: Protocol, nodes: list[Any]) -> Any:
    """An index of nodes in a hybrid store."""
    from llama_index.core import StorageContext, VectorStoreIndex
    from llama_index.vector_stores.qdrant import QdrantVectorStore
    from qdrant_client import QdrantClient

    from llama_index_qwen import QwenEmbedding, QwenSparseEmbedding

    sparse = QwenSparseEmbedding()
    store = QdrantVectorStore(
        "handbook",
        client=QdrantClient(":memory:"),
        enable_hybrid=True,
        index_doc_id=False,
        sparse_doc_fn=sparse.encode_documents,
        sparse_query_fn=sparse.encode_queries,
    )
    return VectorStoreIndex(
        nodes,
        storage_context=StorageContext.from_defaults(vector_store=store),
        embed_model=QwenEmbedding(protocol=protocol),
    )


FRAMEWORKS: dict[str, Callable[[Protocol], Search]] = {
    "langchain": with_langchain,
    "llama_index": with_llama_index,
}


def measure(search: Search, asked: list[Question], rerank: bool) -> Recall:
    """The recall over all questions."""
    places = [place_of(question.answer, search(question.question, rerank)) for question in asked]
    return Recall(*(sum(place < depth for place in places) / len(asked) for depth in (1, KEPT)))


def place_of(answer: str, found: list[str]) -> int:
    """Where the first passage with the answer stands; beyond the end if nowhere."""
    return next((place for place, text in enumerate(found) if plain(answer) in plain(text)), len(found) + KEPT)


def plain(text: str) -> str:
    """Lower case, one space between words."""
    return re.sub(r"\s+", " ", text.lower())


@contextmanager
def service() -> Iterator[None]:
    """The real service where there is a key, else an emulator of it."""
    if os.environ.get("DASHSCOPE_API_KEY"):
        yield
        return
    from qwen_emulator import Emulator

    print("No DASHSCOPE_API_KEY is set: starting the emulator, whose vectors come from no model.\n")
    with Emulator() as emulator:
        os.environ["DASHSCOPE_API_KEY"] = "sk-emulator"
        os.environ["DASHSCOPE_API_BASE"] = emulator.base_url
        yield


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--framework", choices=list(FRAMEWORKS), action="append")
    parser.add_argument("--protocol", choices=["openai", "dashscope"], action="append")
    arguments = parser.parse_args()
    asked = questions()
    print(f"{len(asked)} questions, {len(passages())} passages, {CANDIDATES} candidates each\n")
    with service():
        print(f"{'framework':12} {'protocol':10} {'rerank':7} {'recall@1':>9} {'recall@' + str(KEPT):>9}")
        for framework in arguments.framework or FRAMEWORKS:
            for protocol in arguments.protocol or ["openai", "dashscope"]:
                search = FRAMEWORKS[framework](protocol)
                for rerank in (False, True):
                    recall = measure(search, asked, rerank)
                    used = "yes" if rerank else "no"
                    print(f"{framework:12} {protocol:10} {used:7} {recall.first:9.2f} {recall.kept:9.2f}")


if __name__ == "__main__":
    main()
