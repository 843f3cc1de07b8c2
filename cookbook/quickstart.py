"""Show both frameworks in a minute: a LangChain chain that streams, then LlamaIndex answering from documents.

With DASHSCOPE_API_KEY set it talks to the real service; without, it starts the emulator on this machine.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from llama_index.core import Document, VectorStoreIndex
from llama_index.core.base.response.schema import StreamingResponse
from llama_index.core.node_parser import MarkdownNodeParser

from langchain_qwen import ChatQwen
from llama_index_qwen import Qwen, QwenEmbedding

HANDBOOK = Path(__file__).parent / "data"
QUESTION = "What happens when a key is used on the host of another region?"
TEXT_FILES = {".md", ".txt", ".rst"}


@contextmanager
def service() -> Iterator[None]:
    """Use the real service if there is a key, else start an emulator of it."""
    if os.environ.get("DASHSCOPE_API_KEY"):
        yield
        return
    from qwen_emulator import Emulator

    print("No DASHSCOPE_API_KEY is set: starting the emulator, whose answers come from no model.\n")
    with Emulator(delay=0.01) as emulator:
        os.environ["DASHSCOPE_API_KEY"] = "sk-emulator"
        os.environ["DASHSCOPE_API_BASE"] = emulator.base_url
        yield


def chain() -> None:
    """Run prompt, model and parser, and print the answer as it arrives."""
    page = HANDBOOK / "context-cache.md"
    question = "How long does an entry of the explicit cache live?"
    print("LangChain: prompt | ChatQwen() | StrOutputParser()")
    print(f"Question: {question} (with the text of {page.name})\nAnswer:   ", end="")
    prompt = ChatPromptTemplate.from_template(
        "Answer in one sentence, from the text only.\n\nText:\n{text}\n\nQuestion: {question}"
    )
    answer = prompt | ChatQwen() | StrOutputParser()
    with get_usage_metadata_callback() as usage:
        for chunk in answer.stream({"text": page.read_text("utf-8"), "question": question}):
            print(chunk, end="", flush=True)
    for model, tokens in usage.usage_metadata.items():
        print(f"\n[{model}: {tokens['input_tokens']} tokens in, with the page; {tokens['output_tokens']} out]\n")


def read(folder: Path) -> list[Document]:
    """Return the text files of a folder and of those below it."""
    if not folder.is_dir():
        sys.exit(f"{folder} is not a folder. Use: make demo DOCS=path/to/a/folder")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in TEXT_FILES and path.is_file())
    if not files:
        sys.exit(f"{folder} holds no text files ({', '.join(sorted(TEXT_FILES))}).")
    return [
        Document(text=path.read_text("utf-8", "replace"), metadata={"file": str(path.relative_to(folder))})
        for path in files
    ]


def rag(documents: list[Document], folder: Path, question: str) -> None:
    """Embed the documents, retrieve the passages that fit the question, and answer from them."""
    print(f"LlamaIndex: {len(documents)} documents from {folder} -> QwenEmbedding() -> Qwen()")
    index = VectorStoreIndex.from_documents(
        documents,
        transformations=[MarkdownNodeParser()],
        embed_model=QwenEmbedding(),
        show_progress=sys.stdout.isatty(),
    )
    engine = index.as_query_engine(llm=Qwen(), streaming=True, similarity_top_k=3)
    print(f"Question: {question}\nAnswer:   ", end="")
    response = engine.query(question)
    if isinstance(response, StreamingResponse):
        response.print_response_stream()
    print("\nSources:")
    for source in response.source_nodes:
        heading = source.node.get_content().strip().splitlines()[0].lstrip("# ")
        print(f"  {source.node.metadata['file']} ({source.score:.2f}): {heading}")


def main() -> None:
    """Run both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--docs", type=Path, default=HANDBOOK, help="a folder of text files")
    parser.add_argument("--question", default="", help="what to ask of the documents")
    arguments = parser.parse_args()
    own = arguments.docs.resolve() != HANDBOOK.resolve()
    question = arguments.question or ("What are these documents about?" if own else QUESTION)
    documents = read(arguments.docs)  # what is wrong with the folder is said before anything is asked
    with service():
        chain()
        rag(documents, arguments.docs, question)


if __name__ == "__main__":
    main()
